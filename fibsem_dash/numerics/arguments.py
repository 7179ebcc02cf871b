"""Checks of the arguments that many functions have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.backend import is_device_array, to_host
from fibsem_dash.errors import ParameterError

Image = NDArray[Any]
Region = tuple[int, int, int, int]


def as_image(image: object, name: str = "image", on_device: bool = False) -> Image:
    """Check that something is an image and return it as an array that NumPy and OpenCV take.

    Parameters
    ----------
    image : array-like, (y, x)
        Integers, floating-point numbers or truth values. Not copied where it already is in native
        byte order with rows of adjacent pixels.
    name : str
        What an error message calls it.
    on_device : bool
        Leave a CuPy array where it is; else it is copied to the memory of the processor.

    Returns
    -------
    ndarray or cupy.ndarray, (y, x)
        Truth values become uint8 and float16 becomes float32; other types stay.

    Raises
    ------
    ParameterError
        Where it has not two axes, has no pixels, or does not hold real numbers.
    """
    array: Any = image if is_device_array(image) and on_device else to_host(image)
    if array.ndim != 2 or array.size == 0:
        raise ParameterError(
            f"The {name} must be a two-dimensional array with pixels",
            expected="shape (y, x), at least 1 x 1",
            found=f"shape {tuple(array.shape)}",
        )
    if array.dtype.kind not in "biuf":
        raise ParameterError(
            f"The {name} must hold real numbers", expected="integers or floats", found=array.dtype
        )
    if is_device_array(array):
        return array  # type: ignore[no-any-return]
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.strides[1] != array.itemsize or array.strides[0] < 0:
        array = np.ascontiguousarray(array)
    return array  # type: ignore[no-any-return]


def as_pair(previous: object, current: object) -> tuple[Image, Image]:
    """Check two images of equal shape, as `as_image` does for one.

    Raises
    ------
    ParameterError
        Where one of them is no image or the shapes differ.
    """
    first = as_image(previous, "previous image", on_device=True)
    second = as_image(current, "current image", on_device=True)
    if first.shape != second.shape:
        raise ParameterError(
            "The two images must have the same shape",
            expected=f"{first.shape} as the previous image",
            found=second.shape,
            remedy="Crop both to the same region.",
        )
    return first, second


def check_fraction(value: float, name: str, *, below: float = 1.0) -> float:
    """Check that a number lies in [0, below) and return it as float.

    Raises
    ------
    ParameterError
        Where it does not, or is NaN.
    """
    if not 0.0 <= value < below:
        raise ParameterError(
            f"{name} is out of range", expected=f"0 <= value < {below}", found=value
        )
    return float(value)


def check_count(value: int, name: str, *, least: int = 1) -> int:
    """Check that a number is an integer of at least `least` and return it as int.

    Raises
    ------
    ParameterError
        Where it is not.
    """
    if isinstance(value, bool) or int(value) != value or value < least:
        raise ParameterError(
            f"{name} is out of range", expected=f"an integer >= {least}", found=value
        )
    return int(value)


def check_choice(value: str, name: str, choices: tuple[str, ...]) -> str:
    """Check that a text is one of several and return it.

    Raises
    ------
    ParameterError
        Where it is not.
    """
    if value not in choices:
        raise ParameterError(f"Unknown {name}", expected=" or ".join(choices), found=value)
    return value


def region_of_box(box: tuple[int, int, int, int], shape: tuple[int, int]) -> Region:
    """Turn an evaluation box into bounds, checked against the image.

    Parameters
    ----------
    box : (top, height, left, width)
        Height or width 0 reaches to the edge of the image.
    shape : (y, x)

    Returns
    -------
    (yi, ya, xi, xa)
        Half-open bounds.

    Raises
    ------
    ParameterError
        Where the box is empty or leaves the image.
    """
    top, height, left, width = (int(value) for value in box)
    bottom = top + height if height > 0 else shape[0]
    right = left + width if width > 0 else shape[1]
    if not (0 <= top < bottom <= shape[0] and 0 <= left < right <= shape[1]):
        raise ParameterError(
            "The evaluation box leaves the image or is empty",
            expected=f"[top, height, left, width] inside {shape[1]} x {shape[0]} pixels",
            found=list(box),
        )
    return top, bottom, left, right
