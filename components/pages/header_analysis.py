"""What the tabs of the Header page compute, as functions without a page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from components.pages.header_frame import MOST_PIXELS, Surface
from components.plots.base import THIN, grouped
from fibsem_dash.compare.halves import even_and_odd_rows
from fibsem_dash.compare.resolution import FscResult, fsc
from fibsem_dash.errors import ParameterError
from fibsem_dash.frame import FIBSEMFrame
from fibsem_dash.io.atomic import atomic_path

Box = tuple[int, int, int, int]
"""[top, height, left, width], px; zeros: none."""


@dataclass(frozen=True)
class Scope:
    """What the tabs look at.

    Attributes
    ----------
    frame : FIBSEMFrame
        The frame under the cursor.
    detector : str
        Letter of the detector.
    box : (top, height, left, width)
        Part of the image; zeros take all of it.
    next_path : str
        The next frame of the stack; empty after the last.
    """

    frame: FIBSEMFrame
    detector: str
    box: Box = (0, 0, 0, 0)
    next_path: str = ""

    @property
    def region(self) -> tuple[int, int, int, int]:
        """Bounds (yi, ya, xi, xa) of at most 4 Mpx: the box or the frame, or their middle."""
        return analysis_region(self.frame.shape, self.box)

    def image(self) -> npt.NDArray[Any]:
        """Return the raw counts of the region."""
        return self.frame.image(self.detector, region=self.region)

    def describe(self) -> str:
        """Say in words which pixels are analysed."""
        yi, ya, xi, xa = self.region
        size = f"{_size(xa - xi)} × {_size(ya - yi)}{THIN}px"
        boxed = bool(self.box[1] and self.box[3])
        whole = (self.box[1], self.box[3]) if boxed else self.frame.shape
        if (ya - yi, xa - xi) == tuple(whole):
            part = f"the box, {size}" if boxed else f"the whole frame, {size}"
        else:
            middle = "box" if boxed else "frame"
            part = f"the middle of the {middle}, {size} (analyses take at most 4{THIN}Mpx)"
        return f"Detector {self.detector}, {part}"


def _size(n: int) -> str:
    return grouped(str(n))


def analysis_region(shape: tuple[int, int], box: Box) -> tuple[int, int, int, int]:
    """Return bounds (yi, ya, xi, xa) of the box inside the image, cut to 4 Mpx about its middle."""
    top, height, left, width = box
    if not (height and width):
        top, height, left, width = 0, shape[0], 0, shape[1]
    top, left = min(top, shape[0] - 1), min(left, shape[1] - 1)
    height, width = min(height, shape[0] - top), min(width, shape[1] - left)
    if height * width > MOST_PIXELS:
        shrink = np.sqrt(MOST_PIXELS / (height * width))
        small = max(1, int(height * shrink)), max(1, int(width * shrink))
        top, left = top + (height - small[0]) // 2, left + (width - small[1]) // 2
        height, width = small
    return top, top + height, left, left + width


def fsc_of_rows(image: npt.NDArray[Any], threshold: float, pixel_size_nm: float) -> FscResult:
    """Correlate the even with the odd rows of an image.

    Pairs of columns are averaged, so that both halves have square pixels of twice the size.
    """
    rows, columns = image.shape
    if rows < 16 or columns < 16:
        raise ParameterError(
            "the box is too small for a correlation of its rows",
            expected="16 x 16 px or more",
            found=f"{image.shape[1]} x {image.shape[0]} px",
            remedy="Draw a larger box",
        )
    return fsc(*even_and_odd_rows(image), threshold, pixel_size_nm=2 * pixel_size_nm)


def fsc_of_frames(scope: Scope, threshold: float) -> FscResult:
    """Correlate the region of the frame with the same region of the next one."""
    if not scope.next_path:
        raise ParameterError(
            "this is the last frame of the stack", remedy="Step back by one frame, or use its rows"
        )
    following = FIBSEMFrame(scope.next_path)
    if following.shape != scope.frame.shape:
        raise ParameterError(
            "the next frame has another size",
            path=scope.next_path,
            expected=f"{scope.frame.shape[1]} x {scope.frame.shape[0]} px",
            found=f"{following.shape[1]} x {following.shape[0]} px",
        )
    second = following.image(scope.detector, region=scope.region)
    return fsc(scope.image(), second, threshold, pixel_size_nm=scope.frame.known_pixel_size_nm)


def write_flatten_file(folder: Path, name: str, surfaces: dict[str, Surface]) -> Path:
    """Write the flattening factors of all detectors where a run can read them.

    Parameters
    ----------
    folder : pathlib.Path
        Made if it is missing.
    name : str
        Of the file, without suffix.
    surfaces : dict
        Detector letter to its background.

    Returns
    -------
    pathlib.Path
        The NPZ file: one float32 array (y, x) per detector letter.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.npz"
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **{letter: _factors(surface) for letter, surface in surfaces.items()})
    return path


def _factors(surface: Surface, rows: int = 512) -> npt.NDArray[np.float32]:
    """Return the factor of every pixel, made in bands: a frame may have 144 Mpx."""
    height, width = surface.frame_shape
    result = np.empty((height, width), np.float32)
    x = np.arange(width)
    for start in range(0, height, rows):
        band = slice(start, min(start + rows, height))
        result[band] = surface.factor(x, np.arange(band.start, band.stop))
    return result
