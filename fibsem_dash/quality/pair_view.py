"""Two neighbouring slices of a stack as pictures: flicker, difference, red-cyan overlay."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.errors import ParameterError
from fibsem_dash.image import intensity_range, to_8bit
from fibsem_dash.io import Stack, open_stack

Box = tuple[int, int, int, int]
Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class PairView:
    """A pair of slices, ready to be shown.

    Attributes
    ----------
    frame : int
        The second slice.
    previous, current : (h, w) uint8 array
        Both with the same contrast.
    box : (xi, xa, yi, ya)
        Part of the slices that is shown, px, half open.
    step : int
        Each pixel shown is the mean of step x step pixels of the slice.
    levels : (float, float)
        Grey levels shown as black and white (white and black for an inverted view).
    """

    frame: int
    previous: Picture
    current: Picture
    box: Box
    step: int
    levels: tuple[float, float]

    @property
    def difference(self) -> npt.NDArray[np.int16]:
        """Current less previous, (h, w) int16 from -255 to 255, for a map diverging around zero."""
        return self.current.astype(np.int16) - self.previous

    @property
    def red_cyan(self) -> Picture:
        """Previous in red, current in green and blue, (h, w, 3) uint8: grey where both agree."""
        return np.stack([self.previous, self.current, self.current], axis=2)


def pair_view(
    stack: Stack | str | os.PathLike[str],
    frame: int,
    box: Box | None = None,
    *,
    invert: bool = False,
    max_size: int = 1024,
) -> PairView:
    """Read the pair of a slice and the one before.

    Parameters
    ----------
    stack : Stack or path-like
        An open stack, or an MRC or TIFF file.
    frame : int
        Second slice of the pair, from 1.
    box : (xi, xa, yi, ya), optional
        Part to show, px, half open, as quality tables have it; the whole slice by default. What
        lies outside of the slice is cut off.
    invert : bool, default False
        Show high grey levels dark.
    max_size : int, default 1024
        Largest width and height of the pictures, px; larger parts are averaged down.

    Returns
    -------
    PairView

    Raises
    ------
    ParameterError
        For a slice without one before it, a box that lies outside, or a size below 1.
    FormatError, AccessError
        For a file that cannot be read.
    """
    opened = open_stack(stack) if isinstance(stack, str | os.PathLike) else nullcontext(stack)
    with opened as volume:
        n, height, width = volume.shape
        if not 1 <= frame < n:
            raise ParameterError("second slice of a pair", expected=f"1 to {n - 1}", found=frame)
        xi, xa, yi, ya = clip_box(box, (height, width))
        if max_size < 1:
            raise ParameterError("largest size of a picture", expected="at least 1", found=max_size)
        step = max(1, -(-max(xa - xi, ya - yi) // max_size))
        parts = [reduce_image(volume[k][yi:ya, xi:xa], step) for k in (frame - 1, frame)]
    low, high = shared_levels(parts)
    pictures = [to_8bit(part, low, high, "nearest") for part in parts]
    if invert:
        pictures = [255 - picture for picture in pictures]
    return PairView(frame, pictures[0], pictures[1], (xi, xa, yi, ya), step, (low, high))


def clip_box(box: Box | None, shape: tuple[int, int]) -> Box:
    """Return the part of a box (xi, xa, yi, ya) inside of a slice (y, x).

    Raises
    ------
    ParameterError
        When nothing of it lies inside.
    """
    height, width = shape
    if box is None:
        return 0, width, 0, height
    xi, xa, yi, ya = (int(v) for v in box)
    inside = max(xi, 0), min(xa, width), max(yi, 0), min(ya, height)
    if inside[0] >= inside[1] or inside[2] >= inside[3]:
        raise ParameterError(
            "box (xi, xa, yi, ya)",
            expected=f"inside {width} columns and {height} rows",
            found=(xi, xa, yi, ya),
        )
    return inside


def reduce_image(image: npt.NDArray[Any], step: int) -> npt.NDArray[np.float32]:
    """Average step x step pixels; what is left over at the right and bottom edge is dropped."""
    pixels = np.asarray(image, np.float32)
    if step == 1:
        return pixels
    height, width = (max(size // step, 1) * step for size in pixels.shape)
    pixels = pixels[:height, :width]
    if min(pixels.shape) < step:
        # A strip thinner than a step is averaged along its length alone.
        pixels = np.repeat(pixels, step, 0) if pixels.shape[0] < step else pixels
        pixels = np.repeat(pixels, step, 1) if pixels.shape[1] < step else pixels
        height, width = (size // step * step for size in pixels.shape)
        pixels = pixels[:height, :width]
    blocks = pixels.reshape(pixels.shape[0] // step, step, pixels.shape[1] // step, step)
    mean: npt.NDArray[np.float32] = blocks.mean((1, 3), dtype=np.float32)
    return mean


def shared_levels(images: list[npt.NDArray[np.float32]]) -> tuple[float, float]:
    """Return grey levels that suit several images together; (0, 1) where none is finite."""
    values = np.concatenate([image.ravel() for image in images])
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = intensity_range(values.reshape(1, -1))
    return float(low), float(high)
