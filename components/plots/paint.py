"""Pixels to colours at screen resolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[Any]
Rgba = npt.NDArray[np.uint8]
Paint = Callable[[slice, slice, int], Rgba]
"""Colours (y, x, 4) of some rows and columns, reduced by a step."""

LOW, HIGH = (46, 107, 230), (214, 39, 40)
"""Blue: pixels below the range; red: pixels above it."""

LOW_HEX, HIGH_HEX = ("#{:02x}{:02x}{:02x}".format(*c) for c in (LOW, HIGH))

SMOOTH_PIXELS = 16_000_000
"""Parts up to this many pixels are averaged down; larger ones are sampled, which reads less."""


def reduced(image: Image, step: int) -> Image:
    """Average blocks of step x step pixels, float32 unless it is 8 bit."""
    image = image if image.dtype == np.uint8 else image.astype(np.float32)
    if step <= 1:
        return np.ascontiguousarray(image)
    size = (-(-image.shape[1] // step), -(-image.shape[0] // step))
    return cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)


def opaque(*channels: Image) -> Rgba:
    """Stack red, green and blue, or one grey channel, with full opacity."""
    red, green, blue = channels if len(channels) == 3 else channels * 3
    return np.dstack([red, green, blue, np.full(red.shape, 255, np.uint8)]).astype(np.uint8)


def to_grey(image: Image, low: float, high: float) -> Image:
    """Map levels to 0 ... 255, clipped."""
    scale = 255 / max(high - low, 1e-9)
    return np.clip((image.astype(np.float32) - low) * scale, 0, 255).astype(np.uint8)


def robust_levels(image: Image, share: float = 0.005) -> tuple[float, float]:
    """Return the levels between which all but a share of the pixels at either end lie."""
    step = max(1, int((image.size / 500_000) ** 0.5))
    low, high = np.quantile(image[::step, ::step], (share, 1 - share))
    return float(low), float(max(high, low + 1))


def _part(image: Image, rows: slice, columns: slice, step: int) -> tuple[Image, int]:
    size = (rows.stop - rows.start) * (columns.stop - columns.start)
    if step > 1 and size > SMOOTH_PIXELS:
        part = image[rows.start : rows.stop : step, columns.start : columns.stop : step]
        step = 1
    else:
        part = image[rows, columns]
    return np.ascontiguousarray(part, part.dtype.newbyteorder("=")), step


def grey(image: Image, low: float = 0.0, high: float = 255.0) -> Paint:
    """Paint an image in grey between two levels."""

    def paint(rows: slice, columns: slice, step: int) -> Rgba:
        part, left = _part(image, rows, columns, step)
        return opaque(to_grey(reduced(part, left), low, high))

    return paint


def clipped(image: Image, low: float, high: float) -> Paint:
    """Paint an image in grey; a screen pixel with a clipped pixel in it is blue or red."""

    def paint(rows: slice, columns: slice, step: int) -> Rgba:
        part, left = _part(image, rows, columns, step)
        result = opaque(to_grey(reduced(part, left), low, high))
        for outside, colour in ((part < low, LOW), (part > high, HIGH)):
            if outside.any():
                marked = reduced(outside.astype(np.float32), left) > 0
                result[marked, :3] = colour
        return result

    return paint


def overlay(first: Image, second: Image) -> Paint:
    """Paint the first image in red and the second in cyan: grey where they agree."""

    def paint(rows: slice, columns: slice, step: int) -> Rgba:
        a, b = reduced(first[rows, columns], step), reduced(second[rows, columns], step)
        return opaque(a, b, b)

    return paint


def difference(first: Image, second: Image, reach: float = 96.0) -> Paint:
    """Paint second minus first: white where equal, blue below, red above."""
    level = np.linspace(-1, 1, 256)[:, None]
    blue, red, white = np.array([33, 102, 172]), np.array([178, 24, 43]), 255.0
    end = np.where(level < 0, blue, red)
    table = (white + (end - white) * np.abs(level)).astype(np.uint8)

    def paint(rows: slice, columns: slice, step: int) -> Rgba:
        a, b = first[rows, columns].astype(np.float32), second[rows, columns].astype(np.float32)
        colours = table[to_grey(reduced(b - a, step), -reach, reach)]
        return opaque(*np.moveaxis(colours, -1, 0))

    return paint
