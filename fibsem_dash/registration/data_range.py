"""Grey-level range of every frame, and its smoothing along the stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fibsem_dash.compute.executor import describe_error
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.image.thresholds import intensity_range
from fibsem_dash.registration.cache import ResultCache, as_float, content_key
from fibsem_dash.registration.chain import smooth_savgol
from fibsem_dash.registration.frames import FrameInfo, require_unchanged
from fibsem_dash.registration.mixture import open_mixture
from fibsem_dash.settings import DataRangeSettings
from fibsem_dash.transforms.matrices import Array

KIND = "ranges"


@dataclass(frozen=True)
class RangeBatch:
    """Some frames whose range is wanted."""

    frames: tuple[FrameInfo, ...]
    detector: str
    settings: DataRangeSettings
    cache_folder: str


@dataclass(frozen=True)
class FrameRange:
    """Grey levels of one frame, counts; NaN and a reason where it could not be read."""

    index: int
    minimum: float
    maximum: float
    reused: bool
    reason: str = ""


@dataclass(frozen=True)
class StackRange:
    """Grey levels of the stack.

    Attributes
    ----------
    minimum, maximum : (n,) float64 array
        Per frame, counts; NaN where a frame is not used.
    sliding_minimum, sliding_maximum : (n,) float64 array
        Smoothed along the stack, counts.
    global_minimum, global_maximum : float
        One range for all frames, counts.
    warnings : tuple of str
        What was adapted to the length of the stack.
    """

    minimum: Array
    maximum: Array
    sliding_minimum: Array
    sliding_maximum: Array
    global_minimum: float
    global_maximum: float
    warnings: tuple[str, ...] = ()


def range_key(frame: FrameInfo, detector: str, settings: DataRangeSettings) -> str:
    """Return the key of a frame's range: the file and the settings that the range depends on."""
    s = settings
    used = (s.thr_min, s.thr_max, s.method, s.nbins if s.method != "quantile" else 0)
    return content_key(KIND, frame.identity, detector, used)


def measure_batch(batch: RangeBatch) -> list[FrameRange]:
    """Measure the range of several frames, or take it from the cache."""
    return [_measure(frame, batch) for frame in batch.frames]


def _measure(frame: FrameInfo, batch: RangeBatch) -> FrameRange:
    if np.dtype(frame.dtype) == np.uint8:
        return FrameRange(frame.index, 0.0, 255.0, True)
    cache = ResultCache(batch.cache_folder)
    key = range_key(frame, batch.detector, batch.settings)
    record: dict[str, Any] | None = cache.load_record(KIND, key)
    if record is not None:
        low, high = as_float(record["minimum"]), as_float(record["maximum"])
        return FrameRange(frame.index, low, high, True)
    found = measure_frame(frame, batch.detector, batch.settings)
    if not found.reason:
        cache.save_record(KIND, key, {"minimum": found.minimum, "maximum": found.maximum})
    return found


def measure_frame(
    frame: FrameInfo, detector: str, settings: DataRangeSettings, fraction_b: float = 0.0
) -> FrameRange:
    """Measure the range of one frame; one that cannot be read carries the reason.

    Parameters
    ----------
    frame : FrameInfo
        The frame.
    detector : str
        Letter of the detector.
    settings : DataRangeSettings
        Fractions, bins and method.
    fraction_b : float
        Share of detector B in a mixture, 0 to 1; a run takes one detector, which is 0.
    """
    if np.dtype(frame.dtype) == np.uint8:
        return FrameRange(frame.index, 0.0, 255.0, True)
    s = settings
    try:
        image = np.asarray(open_mixture(frame.path, detector, fraction_b))
        require_unchanged(frame.path, frame.identity[1:])
        found = intensity_range(image, s.thr_min, s.thr_max, s.nbins, method=s.method)  # type: ignore[arg-type]
    except (FibsemDashError, OSError) as error:
        return FrameRange(frame.index, np.nan, np.nan, False, describe_error(error))
    return FrameRange(frame.index, found.minimum, found.maximum, False)


def combine_ranges(minimum: Array, maximum: Array, settings: DataRangeSettings) -> StackRange:
    """Smooth the ranges of the frames along the stack and find one range for all.

    Parameters
    ----------
    minimum, maximum : (n,) float64 array
        Per frame, counts; NaN where a frame is not used.
    settings : DataRangeSettings
        Window and order of the smoothing, fractions of the global range.
    """
    good = np.isfinite(minimum)
    low, high = minimum[good], maximum[good]
    n = len(low)
    window = min(settings.window, n // 8 * 2 + 1)
    smooth, warnings = smooth_savgol(np.column_stack([low, high]), window, settings.order)
    sliding = np.full((len(minimum), 2), np.nan)
    sliding[good] = smooth
    # A polynomial can overshoot where the range jumps; it must still be a range.
    crossed = good & ~(sliding[:, 1] > sliding[:, 0])
    sliding[crossed, 0], sliding[crossed, 1] = minimum[crossed], maximum[crossed]
    return StackRange(
        minimum=minimum,
        maximum=maximum,
        sliding_minimum=sliding[:, 0],
        sliding_maximum=sliding[:, 1],
        global_minimum=float(np.quantile(low, settings.thr_min)),
        global_maximum=float(np.quantile(high, 1 - settings.thr_max)),
        warnings=tuple(warnings) if n >= 24 else (),
    )
