"""Files of the Header page, made in memory: nothing is written beside the raw data."""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from components.pages.header_analysis import Box
from components.pages.header_frame import Picture
from components.pages.header_image import FrameImage
from fibsem_dash.errors import ParameterError
from fibsem_dash.frame import FIBSEMFrame
from fibsem_dash.image.contrast import to_8bit
from fibsem_dash.io.tif import write_tif

LARGEST_DOWNLOAD = 128_000_000
"""Bytes that are sent to a browser at most: they pass through its memory several times."""


def has_snapshot() -> bool:
    """Tell whether frames can draw the figure of a snapshot."""
    return hasattr(FIBSEMFrame, "snapshot")


def snapshot_bytes(frame: FIBSEMFrame, suffix: str) -> bytes:
    """Return the snapshot figure of a frame as a file.

    Parameters
    ----------
    frame : FIBSEMFrame
        The frame.
    suffix : str
        ".png" or ".jpg".
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"snapshot{suffix}"
        frame.snapshot(path)  # type: ignore[attr-defined]
        return path.read_bytes()


def region_of(frame: FIBSEMFrame, box: Box) -> tuple[int, int, int, int]:
    """Return the bounds (yi, ya, xi, xa) of the box, or of the frame without one."""
    height, width = frame.shape
    if not (box[1] and box[3]):
        return 0, height, 0, width
    top, left = min(box[0], height - 1), min(box[2], width - 1)
    return top, min(top + box[1], height), left, min(left + box[3], width)


def tiff_bytes(frame: FIBSEMFrame, detector: str, box: Box = (0, 0, 0, 0)) -> bytes:
    """Return the raw counts of a detector, of the box where there is one, as a TIFF."""
    region = region_of(frame, box)
    _check_size(region, frame.source.dtype.itemsize)
    image = frame.image(detector, region=region)
    if image.dtype == np.float64:
        image = image.astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frame.tif"
        write_tif(
            path,
            image,
            pixel_size_nm=frame.known_pixel_size_nm or None,
            description=f"{frame.path.name}, detector {detector}, raw counts",
        )
        return path.read_bytes()


def picture_bytes(
    picture: Picture,
    low: float,
    high: float,
    suffix: str,
    inverted: bool = False,
    box: Box = (0, 0, 0, 0),
) -> bytes:
    """Return what an image view shows, at full resolution, as an 8-bit PNG or JPEG.

    Parameters
    ----------
    picture : Picture
        What is shown.
    low, high : float
        Grey levels that become black and white.
    suffix : str
        ".png" or ".jpg".
    inverted : bool
        Show high grey levels dark.
    box : (top, height, left, width)
        Part that is saved; zeros take all of it.
    """
    yi, ya, xi, xa = region = region_of(picture.frame, box)
    _check_size(region, 1)
    part = picture(slice(yi, ya), slice(xi, xa))
    image = picture.finish(np.ascontiguousarray(part), (xi, xa, yi, ya))
    grey = to_8bit(image, low, high if high > low else low + 1e-9)
    if inverted:
        grey = 255 - grey
    options = [cv2.IMWRITE_JPEG_QUALITY, 92] if suffix == ".jpg" else []
    done, data = cv2.imencode(suffix, grey, options)
    if not done:
        raise ParameterError("the picture could not be encoded", found=suffix)
    return data.tobytes()


def _check_size(region: tuple[int, int, int, int], bytes_per_pixel: int) -> None:
    yi, ya, xi, xa = region
    size = (ya - yi) * (xa - xi) * bytes_per_pixel
    limit = LARGEST_DOWNLOAD if bytes_per_pixel > 1 else 2 * LARGEST_DOWNLOAD
    if size > limit:
        raise ParameterError(
            "the picture is too large to send to a browser",
            expected=f"{limit // 10**6} MB at most",
            found=f"{size // 10**6} MB",
            remedy="Draw a box: only the box is saved then",
        )


def file_name(frame: FIBSEMFrame, detail: str, suffix: str) -> str:
    """Return a file name that every system accepts."""
    stem = re.sub(r"[^\w.-]+", "_", frame.path.stem).strip("._") or "frame"
    return f"{stem}_{detail}{suffix}"


def as_file(data: bytes) -> Any:
    """Return bytes as a download button takes them."""
    return io.BytesIO(data)


def shown_file(image: FrameImage, suffix: str) -> tuple[str, bytes]:
    """Return name and content of a file with what is shown, or with its raw counts.

    Parameters
    ----------
    image : FrameImage
        With a frame.
    suffix : str
        ".png" and ".jpg" give what is shown in 8 bit, ".tif" the counts of the detector.
    """
    loaded, box = image.loaded, image.active_box
    part = "_box" if any(box) else ""
    if suffix == ".tif":
        name = file_name(loaded.frame, f"{image.detector}{part}", suffix)
        return name, tiff_bytes(loaded.frame, image.detector, box)
    picture = loaded.pictures[image.current]
    low, high = image.contrast[picture.key]
    letters = "".join(c.detector for c in picture.channels)
    name = file_name(loaded.frame, f"{letters}_{picture.kind}{part}", suffix)
    return name, picture_bytes(picture, low, high, suffix, image.inverted, box)
