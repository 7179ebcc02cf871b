"""Smoothing of an image with a small kernel and what it does to noise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fibsem_dash.errors import ParameterError


def default_kernel() -> NDArray[np.float64]:
    """3 x 3 kernel of sum 1: corners 1 / sqrt(2) relative to centre and edges."""
    corner = 1.0 / np.sqrt(2.0)
    kernel = np.array([[corner, 1.0, corner], [1.0, 1.0, 1.0], [corner, 1.0, corner]])
    return np.asarray(kernel / kernel.sum())


def as_kernel(kernel: ArrayLike | None) -> NDArray[np.float64]:
    """Check a kernel, (y, x) with odd sides; None gives `default_kernel`.

    Raises
    ------
    ParameterError
        Where it has not two axes of odd length or is not finite.
    """
    if kernel is None:
        return default_kernel()
    array = np.asarray(kernel, dtype=np.float64)
    if array.ndim != 2 or not all(n % 2 for n in array.shape) or not np.isfinite(array).all():
        raise ParameterError(
            "The kernel is not valid", expected="two axes of odd length", found=array.shape
        )
    return array


def smooth_image(
    image: NDArray[Any], kernel: NDArray[np.float64], zero_outside: bool = False
) -> NDArray[np.float64]:
    """Convolve an image with a kernel, same size.

    Parameters
    ----------
    image : ndarray, (y, x)
    kernel : ndarray, (y, x), float64
    zero_outside : bool
        Zeros beyond the border, as old reports have it, instead of the image reflected there.

    Returns
    -------
    ndarray, (y, x), float64
    """
    import cv2

    # OpenCV reflects at most one length; a single row or column is repeated instead.
    short = any(n <= k // 2 for n, k in zip(image.shape, kernel.shape, strict=True))
    reflect = cv2.BORDER_REPLICATE if short else cv2.BORDER_REFLECT_101
    border = cv2.BORDER_CONSTANT if zero_outside else reflect
    source = np.ascontiguousarray(image, dtype=np.float64)
    # filter2D correlates; flipping the kernel makes that a convolution.
    flipped = np.ascontiguousarray(kernel[::-1, ::-1])
    result: NDArray[np.float64] = cv2.filter2D(source, cv2.CV_64F, flipped, borderType=border)
    return result


def remaining_variance(kernel: NDArray[np.float64]) -> tuple[float, float]:
    """Shares of the variance of white noise after smoothing.

    Returns
    -------
    difference : float
        Of the image less the smoothed one: ``1 - 2 k00 + sum(k^2)``.
    smoothed : float
        Of the smoothed image: ``sum(k^2)``.
    """
    centre = float(kernel[kernel.shape[0] // 2, kernel.shape[1] // 2])
    power = float((kernel**2).sum())
    return 1.0 - 2.0 * centre + power, power
