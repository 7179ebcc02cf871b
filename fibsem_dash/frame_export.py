"""A frame as files for other programs: TIFF, JPEG, and the snapshot of all that is known of it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fibsem_dash.errors import ParameterError
from fibsem_dash.figures.snapshot import draw_snapshot
from fibsem_dash.image.contrast import to_8bit
from fibsem_dash.image.thresholds import intensity_range
from fibsem_dash.io.atomic import access_error, atomic_path, json_safe
from fibsem_dash.io.raw_frame import RawFrame
from fibsem_dash.io.tif import write_tif

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAME_LENGTH = 60
_ALLOWED = frozenset(" @.,+-_()=")
_LARGEST_JPEG = 65500
_PARAMETERS = (
    ("Sample", "Sample_ID", "{}", 1.0),
    ("Machine", "MachineID", "{}", 1.0),
    ("Working distance", "WD", "{:.3f} mm", 1.0),
    ("EHT", "EHT", "{:.3f} kV", 1.0),
    ("SEM current", "SEMCurr", "{:.3f} nA", 1e9),
    ("Scan rate", "ScanRate", "{:.3f} MHz", 1e-6),
    ("Oversampling", "Oversampling", "{}", 1),
    ("FIB focus", "FIBFocus", "{:.1f} V", 1.0),
    ("FIB probe", "FIBProb", "{}", 1),
)
"""Rows of the snapshot's table: label, field of the header, form, factor."""


def export_tif(
    frame: RawFrame, folder: str | os.PathLike[str], detectors: Sequence[str] | None = None
) -> list[Path]:
    """Write raw pixels as TIFF, one file per detector.

    Parameters
    ----------
    frame : RawFrame
    folder : path-like
        Where to; made where missing. An existing file of the name is replaced.
    detectors : sequence of str, optional
        Letters; all stored ones by default.

    Returns
    -------
    list of pathlib.Path
        ``<file>_<detector name>.tif``, with the pixel size as resolution tags and the header as
        JSON in the tag ImageDescription.

    Raises
    ------
    ParameterError
        For a detector that is not stored, or a file that would replace the frame itself.
    AccessError
        When a file cannot be written.
    """
    targets = export_paths(frame, folder, ".tif", detectors)
    for letter, path in targets.items():
        pixels = frame.raw(letter)
        if pixels.dtype == np.float64:
            # The mean of stored samples; TIFF readers expect single precision.
            pixels = pixels.astype(np.float32)
        write_tif(
            path,
            pixels,
            pixel_size_nm=frame.pixel_size_nm if frame.pixel_size_nm > 0 else None,
            description=tif_description(frame, letter),
        )
    return list(targets.values())


def export_jpeg(
    frame: RawFrame,
    folder: str | os.PathLike[str],
    detectors: Sequence[str] | None = None,
    *,
    invert: bool = False,
    thr_min: float = 1e-3,
    thr_max: float = 1e-3,
    quality: int = 75,
) -> list[Path]:
    """Write 8-bit images as JPEG, one file per detector; 8-bit pixels are taken as they are.

    Parameters
    ----------
    frame, folder, detectors
        See `export_tif`.
    invert : bool, default False
        Low counts bright.
    thr_min, thr_max : float, default 1e-3
        Shares of the pixels that become black and white.
    quality : int, default 75
        1 to 95.

    Returns
    -------
    list of pathlib.Path
        ``<file>_<detector name>.jpg``.

    Raises
    ------
    ParameterError
        See `export_tif`; for a frame too large for JPEG, or a quality out of range.
    AccessError
        When a file cannot be written.
    """
    if max(frame.shape) > _LARGEST_JPEG or not 1 <= quality <= 95:
        raise ParameterError(
            "A JPEG cannot hold this",
            path=frame.path,
            expected=f"at most {_LARGEST_JPEG} px a side and a quality from 1 to 95",
            found=f"{frame.shape[1]} x {frame.shape[0]} px, quality {quality}",
            remedy="Write a TIFF instead",
        )
    from PIL import Image

    targets = export_paths(frame, folder, ".jpg", detectors)
    for letter, path in targets.items():
        pixels = frame.raw(letter)
        if pixels.dtype != np.uint8:
            pixels = to_8bit(pixels, *intensity_range(pixels, thr_min, thr_max))
        with atomic_path(path) as temporary:
            picture = Image.fromarray(255 - pixels if invert else pixels)
            picture.save(temporary, format="JPEG", quality=quality)
    return list(targets.values())


def export_paths(
    frame: RawFrame,
    folder: str | os.PathLike[str],
    suffix: str,
    detectors: Sequence[str] | None = None,
) -> dict[str, Path]:
    """Return where the detectors of a frame go, by letter, and make the folder.

    Raises
    ------
    ParameterError
        For a detector that is not stored, or a file that would replace the frame itself.
    AccessError
        When the folder cannot be made.
    """
    letters = frame.detectors if detectors is None else tuple(dict.fromkeys(detectors))
    unknown = [letter for letter in letters if letter not in frame.detectors]
    if unknown or not letters:
        raise ParameterError(
            "The frame does not hold this detector",
            path=frame.path,
            expected=" or ".join(frame.detectors),
            found=", ".join(unknown) or "none",
        )
    names = detector_file_names(frame)
    root = Path(folder)
    paths = {letter: root / f"{frame.path.stem}_{names[letter]}{suffix}" for letter in letters}
    for path in paths.values():
        if path.resolve() == frame.path.resolve():
            raise ParameterError(
                "The export would replace the frame itself",
                path=frame.path,
                remedy="Choose another folder",
            )
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise access_error(error, root) from error
    return paths


def detector_file_names(frame: RawFrame) -> dict[str, str]:
    """Return a part of a file name for each stored detector, by letter, all different."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for letter in frame.detectors:
        name = safe_name(frame.detector_names.get(letter, "")) or f"Detector {letter}"
        # Some disks do not tell capital letters from small ones.
        while name.casefold() in taken:
            name = f"{name} {letter}"
        taken.add(name.casefold())
        names[letter] = name
    return names


def safe_name(text: str) -> str:
    """Return a text without the signs that mean something in a path, at most 60 letters."""
    kept = "".join(sign if sign.isalnum() or sign in _ALLOWED else "_" for sign in text)
    return kept[:_NAME_LENGTH].strip(" .")


def tif_description(frame: RawFrame, detector: str) -> str:
    """Return what the ImageDescription tag of an exported detector holds: JSON in one line."""
    header = {
        name: value
        for name, value in frame.header.items()
        if name not in ("Metadata", "ImageDescription")
    }
    content = {
        "source": frame.path.name,
        "detector": detector,
        "detector_name": frame.detector_names.get(detector, ""),
        "pixel_size_nm": frame.pixel_size_nm,
        "dark_count": frame.dark_counts.get(detector, 0.0),
        "header": header,
    }
    return json.dumps(json_safe(content), ensure_ascii=False, allow_nan=False)


def draw_frame_snapshot(
    frame: RawFrame,
    *,
    thr_min: float = 1e-3,
    thr_max: float = 1e-3,
    high_is_dark: bool = True,
) -> Figure:
    """Draw the snapshot of a frame: all detectors, the table of parameters, the notes.

    Parameters
    ----------
    frame : RawFrame
    thr_min, thr_max : float, default 1e-3
        Shares of the pixels outside the grey levels that are shown.
    high_is_dark : bool, default True
        High counts dark.

    Returns
    -------
    matplotlib.figure.Figure
    """
    images = {letter: frame.view(letter) for letter in frame.detectors}
    limits = {letter: _limits(image, thr_min, thr_max) for letter, image in images.items()}
    captions = {}
    for letter in frame.detectors:
        remarks = [f"{thr_min:.3g} and {thr_max:.3g} of the pixels beyond them"]
        for name in ("Brightness", "Contrast"):
            value = frame.header.get(f"{name}{letter}")
            if isinstance(value, int | float):
                remarks.append(f"{name.lower()} {value:.1f} %")
        captions[letter] = (frame.detector_names.get(letter, ""), "; ".join(remarks))
    return draw_snapshot(
        images,
        limits,
        snapshot_parameters(frame),
        title=frame.path.name,
        notes=str(frame.header.get("Notes") or frame.header.get("ImageDescription") or ""),
        captions=captions,
        pixel_size_nm=frame.pixel_size_nm,
        high_is_dark=high_is_dark,
    )


def _limits(image: Any, thr_min: float, thr_max: float) -> tuple[float, float]:
    if not np.isfinite(image).any():
        return 0.0, 1.0
    low, high = intensity_range(image, thr_min, thr_max)
    return low, high


def snapshot_parameters(frame: RawFrame) -> list[tuple[str, str]]:
    """Return label and value, with unit, of what the header tells; nothing that it does not."""
    header = frame.header
    version = header.get("FileVersion")
    kind = f".dat version {version}" if frame.format == "dat" else "TIFF"
    size = f"{frame.pixel_size_nm:.1f} nm"
    if header.get("PixelSizeSource") == "default":
        size += " (assumed)"
    rows = [
        ("Format", f"{kind}, {8 * frame.dtype.itemsize} bit"),
        ("Frame size", f"{frame.shape[1]} × {frame.shape[0]} px"),
        ("Pixel size", size),
    ]
    for label, name, form, factor in _PARAMETERS:
        value = header.get(name)
        if isinstance(value, str) and value:
            rows.append((label, value))
        elif isinstance(value, int | float) and math.isfinite(value):
            rows.append((label, form.format(value * factor)))
    return rows
