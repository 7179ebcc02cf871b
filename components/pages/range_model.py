"""What the Data range page knows: measured ranges, their smoothing, the limits of a frame."""

from __future__ import annotations

import dataclasses
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np

from fibsem_dash.errors import RunError
from fibsem_dash.registration.data_range import (
    FrameRange,
    StackRange,
    combine_ranges,
    measure_frame,
    range_key,
)
from fibsem_dash.registration.frame_levels import FrameLevels
from fibsem_dash.registration.frames import FrameInfo
from fibsem_dash.settings import DataRangeSettings

LARGEST_SHARE = 0.49
"""Bound of both thresholds."""

SAMPLE = 60
"""Frames that are measured at once."""


def sample_of(frames: Sequence[FrameInfo], n: int = SAMPLE) -> list[FrameInfo]:
    """Choose every k-th usable frame so that about n are taken, the last one included."""
    usable = [frame for frame in frames if frame.usable]
    if len(usable) <= n:
        return usable
    places = np.unique(np.linspace(0, len(usable) - 1, n).round().astype(int))
    return [usable[i] for i in places]


@dataclass(frozen=True)
class Pixels:
    """Which pixels of the frames are looked at: a detector, or its mixture with detector B."""

    detector: str
    fraction_b: float = 0.0

    def key(self, frame: FrameInfo, settings: DataRangeSettings) -> str:
        """Return what the range of a frame depends on: its file as it is now, and the settings."""
        known = range_key(frame, self.detector, settings)
        return f"{known} {self.fraction_b:g} {frame.path}"


class KeptRanges:
    """Ranges that visitors of the server have measured, those used last up to some number.

    Parameters
    ----------
    most : int
        How many are kept; one takes about 0.5 kB.
    """

    def __init__(self, most: int = 50_000) -> None:
        self._most = most
        self._lock = Lock()
        self._kept: OrderedDict[str, FrameRange] = OrderedDict()

    def get(self, key: str) -> FrameRange | None:
        """Return the range that was kept under a key, if any."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def add(self, key: str, found: FrameRange) -> None:
        """Keep a range; a frame that could not be read is looked at again by whoever asks."""
        if found.reason:
            return
        with self._lock:
            self._kept[key] = found
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)


SHARED = KeptRanges()
"""What all visitors have measured: a range is the same for all, and a page needs some dozens."""


class MeasuredRanges:
    """Ranges of frames by everything they depend on, so that going back costs nothing.

    Parameters
    ----------
    shared : KeptRanges, optional
        Where ranges are kept for other visitors; one for the process by default.
    """

    def __init__(self, shared: KeptRanges | None = None) -> None:
        self._known: dict[str, FrameRange] = {}
        self._shared = SHARED if shared is None else shared

    def missing(
        self, frames: Sequence[FrameInfo], pixels: Pixels, settings: DataRangeSettings
    ) -> list[FrameInfo]:
        """Return the frames whose range is not known yet."""
        return [f for f in frames if not self._knows(pixels.key(f, settings))]

    def _knows(self, key: str) -> bool:
        if key not in self._known and (found := self._shared.get(key)) is not None:
            self._known[key] = found
        return key in self._known

    def add(self, key: str, found: FrameRange) -> None:
        """Keep the range of a frame."""
        self._known[key] = found
        self._shared.add(key, found)

    def get(
        self, frames: Sequence[FrameInfo], pixels: Pixels, settings: DataRangeSettings
    ) -> list[tuple[FrameInfo, FrameRange]]:
        """Return the frames whose range is known, in order."""
        pairs = [(f, self._known.get(pixels.key(f, settings))) for f in frames]
        return [(frame, found) for frame, found in pairs if found is not None]


def measure(
    frames: Sequence[FrameInfo],
    pixels: Pixels,
    settings: DataRangeSettings,
    stop: Callable[[], bool],
) -> Iterator[tuple[str, FrameRange]]:
    """Measure frames on some threads; yield (key, range) in order."""

    def one(frame: FrameInfo) -> tuple[str, FrameRange] | None:
        if stop():
            return None
        found = measure_frame(frame, pixels.detector, settings, pixels.fraction_b)
        return pixels.key(frame, settings), found

    # The files are read and counted without Python's lock.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for found in pool.map(one, frames):
            if found is None:
                return
            yield found


def fit(
    known: Sequence[tuple[FrameInfo, FrameRange]], settings: DataRangeSettings, n_frames: int
) -> tuple[np.ndarray[Any, Any], StackRange]:
    """Smooth the measured ranges; return frame numbers and ranges, one per readable frame.

    The window counts frames of the stack, also where only some are measured.

    Raises
    ------
    RunError
        When no frame could be read.
    """
    good = [(frame, found) for frame, found in known if not found.reason]
    if not good:
        reasons = [found.reason for _, found in known]
        raise RunError(
            "no frame could be measured",
            found=reasons[0] if reasons else "no usable frame",
            remedy="Look at the list of problems on the Data page.",
        )
    every = max(n_frames / len(good), 1.0)
    window = max(round(settings.window / every), settings.order + 2, 3)
    thinned = dataclasses.replace(settings, window=window)
    low = np.array([found.minimum for _, found in good])
    high = np.array([found.maximum for _, found in good])
    numbers = np.array([frame.index for frame, _ in good])
    return numbers, combine_ranges(low, high, thinned)


def limits_at(
    frame: int, numbers: np.ndarray[Any, Any], levels: StackRange, sliding: bool
) -> tuple[float, float]:
    """Return the grey levels that the 8-bit image of a frame spans."""
    if not sliding:
        return levels.global_minimum, levels.global_maximum
    return (
        float(np.interp(frame, numbers, levels.sliding_minimum)),
        float(np.interp(frame, numbers, levels.sliding_maximum)),
    )


def shares_outside(levels: FrameLevels, low: float, high: float) -> tuple[float, float]:
    """Return limits that were set by hand as thresholds: shares of a frame's pixels outside.

    They have three digits and stay within the bounds of the settings.
    """
    below, above = (
        min(float(f"{share:.3g}"), LARGEST_SHARE) for share in levels.outside(low, high)
    )
    return below, above
