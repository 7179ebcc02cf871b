"""Conversion of an image to 8 bits."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.errors import ParameterError
from fibsem_dash.numerics.arguments import Image, as_image, check_choice
from fibsem_dash.numerics.levels import is_small_integer, row_blocks


def to_8bit(
    image: object,
    minimum: float,
    maximum: float,
    rounding: Literal["truncate", "nearest"] = "truncate",
) -> NDArray[np.uint8]:
    """Map grey levels linearly to 0 ... 255: ``(clip(v, min, max) - min) / (max - min) * 255``.

    Parameters
    ----------
    image : array-like, (y, x)
        Any real type.
    minimum, maximum : float
        Levels that become 0 and 255, for example from `intensity_range`. Where they are equal,
        pixels above become 255 and all others 0.
    rounding : {"truncate", "nearest"}
        ``"truncate"`` cuts the fraction off, as old converted images have it; ``"nearest"`` rounds
        to the nearest integer (half to even), which is free of the shift by half a level.

    Returns
    -------
    ndarray, (y, x), uint8
        NaN becomes 0.

    Raises
    ------
    ParameterError
        Where maximum < minimum or one of them is not finite.
    """
    pixels = as_image(image)
    nearest = check_choice(rounding, "rounding", ("truncate", "nearest")) == "nearest"
    if not (np.isfinite(minimum) and np.isfinite(maximum) and minimum <= maximum):
        raise ParameterError(
            "The range of grey levels is not valid",
            expected="finite numbers, minimum <= maximum",
            found=(minimum, maximum),
        )
    if is_small_integer(pixels):
        return _by_table(pixels, minimum, maximum, nearest)
    result = np.empty(pixels.shape, np.uint8)
    for rows in row_blocks(pixels.shape):
        result[rows] = _convert(pixels[rows].astype(np.float64), minimum, maximum, nearest)
    return result


def _convert(
    values: NDArray[np.float64], minimum: float, maximum: float, nearest: bool
) -> NDArray[np.uint8]:
    if minimum == maximum:
        return np.where(values > maximum, 255, 0).astype(np.uint8)
    scaled = (np.clip(values, minimum, maximum) - minimum) / (maximum - minimum) * 255
    if nearest:
        np.rint(scaled, out=scaled)
    np.nan_to_num(scaled, copy=False, nan=0.0)
    return scaled.astype(np.uint8)


def _by_table(pixels: Image, minimum: float, maximum: float, nearest: bool) -> NDArray[np.uint8]:
    import cv2

    # One entry for every code that a pixel can have, in the order of its unsigned bits.
    size = 1 << (8 * pixels.dtype.itemsize)
    codes = np.arange(size, dtype=np.dtype(f"u{pixels.dtype.itemsize}"))
    levels = codes.view(pixels.dtype).astype(np.float64)
    table = _convert(levels, minimum, maximum, nearest)
    result: NDArray[np.uint8] = cv2.LUT(pixels.view(codes.dtype), table)
    return result.reshape(pixels.shape)
