"""What a folder of frames is made of: sizes, gaps in the numbering, problems, telemetry."""

from __future__ import annotations

import datetime
import fnmatch
import itertools
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fibsem_dash.errors import AccessError, FibsemDashError, RunError
from fibsem_dash.io import open_frame
from fibsem_dash.registration.frames import (
    FOV_COLUMNS,
    STAGE,
    TELEMETRY,
    FrameInfo,
    exclude_odd_frames,
    find_frames,
    natural_key,
)

ORDERS = ("name", "number", "time")
"""Orders of a listing: natural order of the names, number in the name, time of the file."""

SUFFIXES = ("*.dat", "*.tif", "*.tiff")


@dataclass(frozen=True)
class Problem:
    """Something about one frame that the user should know.

    Attributes
    ----------
    index : int
        Place in the list.
    name : str
        File name.
    kind : str
        "unreadable", "empty file", "odd size" or "duplicate number".
    reason : str
        In a sentence.
    """

    index: int
    name: str
    kind: str
    reason: str


@dataclass(frozen=True)
class FolderSummary:
    """The frames of a folder in few numbers.

    Attributes
    ----------
    n_frames, n_readable : int
        Files, and those whose header could be read.
    total_bytes : int
        Size of all files.
    shape : (int, int)
        Size (y, x) of most frames, px; (0, 0) when none is readable.
    dtype : str
        Type of a raw pixel of those.
    pixel_size_nm : float
        Median over the readable frames; NaN when unknown.
    detectors : tuple of str
        Of the first readable frame.
    sample_id : str
        From the header of the first readable frame; empty when it has none.
    first_time_s, last_time_s : float
        Oldest and newest time of a file, seconds since 1970; NaN when unknown.
    gaps : tuple of (int, int, int)
        (index of the frame before, first missing number, last missing number).
    numbered : bool
        Whether the names count the frames; without that, gaps cannot be seen.
    problems : tuple of Problem
        In the order of the frames.
    pixel_size_assumed : bool
        Readable frames are among them that do not tell their pixel size.
    """

    n_frames: int
    n_readable: int
    total_bytes: int
    shape: tuple[int, int]
    dtype: str
    pixel_size_nm: float
    detectors: tuple[str, ...]
    sample_id: str
    first_time_s: float
    last_time_s: float
    gaps: tuple[tuple[int, int, int], ...]
    numbered: bool
    problems: tuple[Problem, ...]
    pixel_size_assumed: bool = False

    @property
    def duration_s(self) -> float:
        """Seconds from the oldest to the newest file."""
        return self.last_time_s - self.first_time_s

    @property
    def n_missing(self) -> int:
        """How many numbers are missing between the first and the last frame."""
        return sum(last - first + 1 for _, first, last in self.gaps)


def list_frames(
    folder: str | os.PathLike[str], pattern: str = "", order: str = "name", recursive: bool = False
) -> list[Path]:
    """List the frames of a folder.

    Parameters
    ----------
    folder : path-like
        Folder with one file per frame.
    pattern : str
        Shell pattern of the file names; empty takes ``*.dat``, else ``*.tif`` and ``*.tiff``.
    order : {"name", "number", "time"}
        What sorts the list.
    recursive : bool
        Look into all folders below, too; links to folders are not followed.

    Raises
    ------
    AccessError
        When there is no such frame.
    """
    paths = _find_below(Path(folder), pattern) if recursive else find_frames(folder, pattern)
    if order == "time":
        return sorted(paths, key=_file_time)
    if order == "number":
        numbers = frame_numbers([path.name for path in paths])
        if numbers is not None:
            places = sorted(range(len(paths)), key=lambda i: (numbers[i] is None, numbers[i] or 0))
            return [paths[i] for i in places]
    return paths


def _find_below(root: Path, pattern: str) -> list[Path]:
    names = [os.path.join(folder, name) for folder, _, files in os.walk(root) for name in files]
    for wanted in ([pattern],) if pattern else (SUFFIXES[:1], SUFFIXES[1:]):
        found = [
            Path(name)
            for name in names
            if any(fnmatch.fnmatchcase(os.path.basename(name).lower(), p.lower()) for p in wanted)
        ]
        if found:
            return sorted(found, key=lambda path: natural_key(str(path.relative_to(root))))
    raise AccessError(
        "no frames found here or in the folders below",
        path=root,
        expected=pattern or " or ".join(SUFFIXES),
        found=f"{len(names)} other files",
        remedy="Check the folder and the pattern.",
    )


def _file_time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")


def frame_numbers(names: Sequence[str]) -> list[int | None] | None:
    """Read the number of each frame from its name.

    The number is the part that differs most from name to name and mostly grows by one. A time of
    day in the name does not, so names without a counter give None.

    Returns
    -------
    list of int or None, or None
        None for a name that is built differently; None alone when nothing counts the frames.
    """
    parts = [[int(p) for p in re.findall(r"\d+", os.path.splitext(n)[0])] for n in names]
    if not parts:
        return None
    length, _ = Counter(map(len, parts)).most_common(1)[0]
    alike = [p for p in parts if len(p) == length]
    distinct = [len({p[column] for p in alike}) for column in range(length)]
    if not distinct or max(distinct) < 2:
        return None
    column = distinct.index(max(distinct))
    values = sorted({p[column] for p in alike})
    steps = Counter(b - a for a, b in itertools.pairwise(values))
    if steps[1] * 2 < len(values) - 1:
        return None
    return [p[column] if len(p) == length else None for p in parts]


def summarize(frames: Sequence[FrameInfo]) -> FolderSummary:
    """Summarize inspected frames."""
    good = [frame for frame in frames if frame.usable]
    kinds = Counter((frame.shape, frame.dtype) for frame in good)
    (shape, dtype), _ = kinds.most_common(1)[0] if kinds else (((0, 0), ""), 0)
    sizes = [frame.pixel_size_nm for frame in good if np.isfinite(frame.pixel_size_nm)]
    times = file_times_s(frames)
    known = times[np.isfinite(times)]
    numbers = frame_numbers([frame.name for frame in frames])
    return FolderSummary(
        n_frames=len(frames),
        n_readable=len(good),
        total_bytes=sum(frame.identity[1] for frame in frames),
        shape=shape,
        dtype=dtype,
        pixel_size_nm=float(np.median(sizes)) if sizes else float("nan"),
        detectors=good[0].detectors if good else (),
        sample_id=_sample_id(good[0].path) if good else "",
        first_time_s=float(known.min()) if known.size else float("nan"),
        last_time_s=float(known.max()) if known.size else float("nan"),
        gaps=_gaps(numbers) if numbers else (),
        numbered=numbers is not None,
        problems=_problems(frames, numbers),
        pixel_size_assumed=any(frame.pixel_size_assumed for frame in good),
    )


def _sample_id(path: str) -> str:
    try:
        return str(open_frame(path).header.get("Sample_ID", "") or "").strip()
    except (FibsemDashError, OSError):
        return ""


def _gaps(numbers: Sequence[int | None]) -> tuple[tuple[int, int, int], ...]:
    known = sorted((number, index) for index, number in enumerate(numbers) if number is not None)
    return tuple(
        (index, number + 1, following - 1)
        for (number, index), (following, _) in itertools.pairwise(known)
        if following - number > 1
    )


def _problems(
    frames: Sequence[FrameInfo], numbers: Sequence[int | None] | None
) -> tuple[Problem, ...]:
    try:
        checked = exclude_odd_frames(frames, "")
    except RunError:
        # None can be read, or no size has the majority: the frames themselves tell the former.
        checked = list(frames)
    problems = []
    first_with: dict[int, FrameInfo] = {}
    for before, frame, number in zip(frames, checked, numbers or [None] * len(frames), strict=True):
        if not before.usable:
            kind = "empty file" if frame.identity[1] == 0 else "unreadable"
            problems.append(Problem(frame.index, frame.name, kind, frame.reason))
        elif not frame.usable:
            problems.append(Problem(frame.index, frame.name, "odd size", frame.reason))
        if number is None:
            continue
        other = first_with.setdefault(number, frame)
        if other is not frame:
            reason = f"number {number} is also that of {other.name}"
            problems.append(Problem(frame.index, frame.name, "duplicate number", reason))
    return tuple(problems)


def file_times_s(frames: Sequence[FrameInfo]) -> npt.NDArray[np.float64]:
    """Return the time of each file, seconds since 1970; NaN where unknown."""
    times = np.array([frame.identity[2] for frame in frames], np.float64) / 1e9
    times[times <= 0] = np.nan
    return times


def telemetry(frames: Sequence[FrameInfo]) -> dict[str, npt.NDArray[np.float64]]:
    """Return one array per telemetry column, NaN where a frame has no value.

    The last column, ``time_between_frames_s``, is the time from the file before.
    """
    columns = {
        name: np.array([frame.telemetry.get(name, np.nan) for frame in frames], np.float64)
        for name in (*TELEMETRY, *FOV_COLUMNS, *STAGE)
    }
    times = file_times_s(frames)
    columns["time_between_frames_s"] = np.diff(times, prepend=np.nan)
    return columns


def format_time(seconds: float) -> str:
    """Return a time as local date and time to the second; a dash when unknown."""
    if not np.isfinite(seconds):
        return "–"
    return datetime.datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")
