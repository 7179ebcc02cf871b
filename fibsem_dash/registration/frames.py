"""The frames of a run: which files, what their headers say, which can be used."""

from __future__ import annotations

import fnmatch
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fibsem_dash.errors import AccessError, FibsemDashError, ParameterError, RunError
from fibsem_dash.io import open_frame
from fibsem_dash.io.recipe import decode_recipe, slice_thickness_nm
from fibsem_dash.registration.cache import file_identity

TELEMETRY: dict[str, tuple[str, float]] = {
    "working_distance_mm": ("WD", 1.0),
    "milling_y_voltage_v": ("MillingYVoltage", 1.0),
    "scan_rate_hz": ("ScanRate", 1.0),
    "eht_kv": ("EHT", 1.0),
    # The header holds the current that flows into the specimen with a negative sign.
    "specimen_current_na": ("SEMSpecimenI", -1.0),
}
"""Columns of frames.csv with the header field they come from and its factor."""

STAGE: dict[str, tuple[str, float]] = {
    "stage_x_mm": ("StageX", 1.0),
    "stage_y_mm": ("StageY", 1.0),
    "stage_z_mm": ("StageZ", 1.0),
}
"""Telemetry that is looked at but not part of frames.csv: field and factor by column."""

FOV_COLUMNS = ("fov_centre_x_px", "fov_centre_y_px")
"""Columns of frames.csv with the centre of the field of view."""


BY_USER = "excluded by the user"
"""Reason of a frame that the setting `input.exclude` names."""


@dataclass(frozen=True)
class FrameInfo:
    """One file of the input list.

    Attributes
    ----------
    index : int
        Place in the input list, from 0.
    path : str
        The file.
    identity : (str, int, int)
        Name, size in bytes and modification time in ns; see `cache.file_identity`.
    reason : str
        Why it is not used; empty when it is.
    shape : (int, int)
        Size (y, x), px; (0, 0) when unreadable.
    dtype : str
        Type of a raw pixel.
    detectors : tuple of str
        Stored detectors.
    pixel_size_nm, z_step_nm : float
        From the header; z_step_nm is NaN where no recipe tells it.
    pixel_size_assumed : bool
        The file does not tell the pixel size: it is the default of its format.
    dark_counts : dict
        Zero level per detector, counts.
    telemetry : dict
        Values of the columns of frames.csv; NaN where the header has none.
    """

    index: int
    path: str
    identity: tuple[str, int, int]
    reason: str = ""
    shape: tuple[int, int] = (0, 0)
    dtype: str = ""
    detectors: tuple[str, ...] = ()
    pixel_size_nm: float = float("nan")
    z_step_nm: float = float("nan")
    dark_counts: dict[str, float] = field(default_factory=dict)
    telemetry: dict[str, float] = field(default_factory=dict)
    pixel_size_assumed: bool = False

    @property
    def usable(self) -> bool:
        """Whether the frame can take part in the registration."""
        return not self.reason

    @property
    def name(self) -> str:
        """File name without folder."""
        return os.path.basename(self.path)


def natural_key(name: str) -> list[tuple[int, int | str]]:
    """Return a sort key in which numbers inside a name count by value."""
    parts = re.split(r"(\d+)", name)
    return [(1, int(p)) if p.isdecimal() else (0, p.lower()) for p in parts if p]


def find_frames(folder: str | os.PathLike[str], pattern: str = "") -> list[Path]:
    """List the frames of a folder in natural order.

    Parameters
    ----------
    folder : path-like
        Folder with one file per frame.
    pattern : str
        Shell pattern of the file names. Empty takes ``*.dat``, else ``*.tif`` and ``*.tiff``; when
        the folder has none, its subfolders are searched one level down.

    Raises
    ------
    AccessError
        When the folder does not exist, may not be read, or holds no such file.
    """
    root = Path(folder)
    try:
        names = sorted(os.listdir(root), key=natural_key)
    except OSError as error:
        raise AccessError(
            "the folder with the frames cannot be read",
            path=root,
            found=error.strerror,
            remedy="Check the path and that you may read it.",
        ) from error
    patterns = [pattern] if pattern else ["*.dat", "*.tif", "*.tiff"]
    folders = [root, *(root / name for name in names if (root / name).is_dir())]
    for places in (folders[:1], folders):
        for wanted in (patterns[:1], patterns[1:]):
            found = [path for place in places for path in _matching(place, wanted)]
            if found:
                return sorted(found, key=lambda p: natural_key(str(p.relative_to(root))))
    raise AccessError(
        "no frames found",
        path=root,
        expected=" or ".join(patterns),
        found=f"{len(names)} other files and folders" if names else "an empty folder",
        remedy="Check the folder, or choose another file pattern.",
        argument="pattern",
    )


def _matching(folder: Path, patterns: Sequence[str]) -> list[Path]:
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [
        folder / name
        for name in names
        if any(fnmatch.fnmatchcase(name.lower(), p.lower()) for p in patterns)
        and (folder / name).is_file()
    ]


def inspect_frame(index: int, path: str) -> FrameInfo:
    """Read the header of one frame; a frame that cannot be used carries the reason."""
    try:
        identity = file_identity(path)
        frame = open_frame(path)
    except FibsemDashError as error:
        return FrameInfo(index, path, _identity_or_zero(path), error.one_line())
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return FrameInfo(index, path, _identity_or_zero(path), reason)
    header = frame.header
    telemetry = {
        column: factor * _number(header.get(name))
        for column, (name, factor) in (TELEMETRY | STAGE).items()
    }
    for column, name, size in zip(
        FOV_COLUMNS, ("FirstPixelX", "FirstPixelY"), frame.shape[::-1], strict=True
    ):
        telemetry[column] = _number(header.get(name)) + size / 2
    z_step = slice_thickness_nm(decode_recipe(frame.trailer)) if frame.trailer else None
    return FrameInfo(
        index=index,
        path=path,
        identity=identity,
        shape=frame.shape,
        dtype=str(frame.dtype),
        detectors=frame.detectors,
        pixel_size_nm=frame.pixel_size_nm,
        z_step_nm=float("nan") if z_step is None else z_step,
        dark_counts=dict(frame.dark_counts),
        telemetry=telemetry,
        pixel_size_assumed=header.get("PixelSizeSource") == "default",
    )


def require_unchanged(path: str, size_and_time: tuple[int, int] | None) -> None:
    """Refuse a frame whose file is no longer the one that was inspected.

    Called after the pixels were read and before anything made of them is kept: results are filed
    under the size and time of the inspected file.

    Parameters
    ----------
    path : str
        The file.
    size_and_time : (int, int), optional
        Bytes and modification time, ns, as inspected; None where nobody knows them.

    Raises
    ------
    RunError
        When they are others now, or the file is gone.
    """
    if size_and_time is not None and _identity_or_zero(path)[1:] != size_and_time:
        raise RunError(
            "the file was changed after the run had inspected it",
            path=path,
            remedy="Start the run again once it stays as it is.",
        )


def inspect_batch(batch: Sequence[tuple[int, str]]) -> list[FrameInfo]:
    """Read the headers of several frames; the unit of work of the first stage."""
    return [inspect_frame(index, path) for index, path in batch]


def _identity_or_zero(path: str) -> tuple[str, int, int]:
    try:
        return file_identity(path)
    except OSError:
        return os.path.basename(path), 0, 0


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")


def tell_apart(frames: Sequence[FrameInfo]) -> list[FrameInfo]:
    """Give files of equal name, size and time in several folders different identities.

    Their folders below the common one become part of the name, so that results still survive when
    the whole data set is moved.
    """
    counts = Counter(frame.identity for frame in frames)
    if max(counts.values(), default=1) == 1:
        return list(frames)
    root = os.path.commonpath([os.path.dirname(frame.path) for frame in frames])

    def distinct(frame: FrameInfo) -> FrameInfo:
        if counts[frame.identity] == 1:
            return frame
        name = Path(os.path.relpath(frame.path, root)).as_posix()
        return replace(frame, identity=(name, *frame.identity[1:]))

    return [distinct(frame) for frame in frames]


def input_records(frames: Sequence[FrameInfo]) -> list[dict[str, object]]:
    """Return path, size and time of the frames, as run.json holds them."""
    return [{"path": f.path, "size": f.identity[1], "mtime_ns": f.identity[2]} for f in frames]


def leave_out(frames: Sequence[FrameInfo], names: Iterable[str]) -> list[FrameInfo]:
    """Mark the frames that the user left out.

    Parameters
    ----------
    frames : sequence of FrameInfo
        As inspected.
    names : iterable of str
        File names; with the folders before them where files of several folders share names.

    Returns
    -------
    list of FrameInfo
        Frames that could not be used anyway keep their reason.
    """
    wanted = set(names)
    return [
        replace(frame, reason=BY_USER)
        if frame.usable and wanted & {frame.name, frame.identity[0], frame.path}
        else frame
        for frame in frames
    ]


def exclude_odd_frames(frames: Sequence[FrameInfo], detectors: str) -> list[FrameInfo]:
    """Mark readable frames that differ from the majority in size or type.

    Parameters
    ----------
    frames : sequence of FrameInfo
        As inspected.
    detectors : str
        Letters of the detectors that the run needs, such as "A" or "AB".

    Raises
    ------
    RunError
        When no frame can be used, or no size has the majority.
    ParameterError
        When the frames lack a detector that the run needs.
    """
    good = [f for f in frames if f.usable]
    if not good:
        first = frames[0] if frames else None
        raise RunError(
            f"none of {len(frames)} frames can be used",
            found=f"{first.name}: {first.reason}" if first else "an empty list",
            remedy="Check that the pattern names frames of one detector layout.",
        )
    kinds = Counter((f.shape, f.dtype) for f in good)
    (shape, dtype), count = kinds.most_common(1)[0]
    if count * 2 <= len(good) and len(kinds) > 1:
        sizes = ", ".join(f"{n} of {s[1]} x {s[0]} {d}" for (s, d), n in kinds.most_common(3))
        raise RunError(
            "the folder mixes frames of different sizes",
            expected="one size for most frames",
            found=sizes,
            remedy="Register them one size at a time: choose a file pattern for each.",
            argument="pattern",
        )
    missing = [d for d in detectors if d not in _detectors_of(good, shape, dtype)]
    if missing:
        available = ", ".join(_detectors_of(good, shape, dtype))
        raise ParameterError(
            f"the frames have no detector {missing[0]}",
            expected=f"one of {available}",
            remedy="Set input.detector, or output.detector_b_fraction=0.",
        )
    return [_checked(f, shape, dtype, detectors) for f in frames]


def _detectors_of(frames: Iterable[FrameInfo], shape: Any, dtype: str) -> tuple[str, ...]:
    return next(f.detectors for f in frames if (f.shape, f.dtype) == (shape, dtype))


def _checked(frame: FrameInfo, shape: tuple[int, int], dtype: str, detectors: str) -> FrameInfo:
    if not frame.usable:
        return frame
    if (frame.shape, frame.dtype) != (shape, dtype):
        y, x = frame.shape
        reason = f"{x} x {y} {frame.dtype}, the others are {shape[1]} x {shape[0]} {dtype}"
        return replace(frame, reason=reason)
    if any(d not in frame.detectors for d in detectors):
        return replace(frame, reason=f"has detectors {', '.join(frame.detectors)} only")
    return frame


def slice_distance_nm(frames: Sequence[FrameInfo], pixel_size_nm: float) -> tuple[float, str]:
    """Estimate the distance between slices.

    Parameters
    ----------
    frames : sequence of FrameInfo
        The frames that are used.
    pixel_size_nm : float
        Taken where nothing else is known.

    Returns
    -------
    distance_nm : float
        Nanometres from one frame to the next.
    source : str
        Where the number comes from, in words.
    """
    steps = np.array([f.z_step_nm for f in frames])
    if np.isfinite(steps).any():
        return float(np.nanmedian(steps)), "the recipe in the frames"
    distance = np.array([f.telemetry.get("working_distance_mm", np.nan) for f in frames])
    index = np.array([f.index for f in frames], np.float64)
    good = np.isfinite(distance) & (distance > 0)
    if good.sum() >= 10 and np.ptp(distance[good]) > 0:
        slope = np.polyfit(index[good], distance[good], 1)[0] * 1e6
        correlation = np.corrcoef(index[good], distance[good])[0, 1]
        if abs(correlation) > 0.95 and 0.1 < abs(slope) / pixel_size_nm < 20:
            return float(abs(slope)), "the drift of the working distance"
    return pixel_size_nm, "the pixel size, since the headers do not tell it"
