"""Normalized cross-correlation of two images and the signal-to-noise ratio that follows from it."""

from __future__ import annotations

import math

import numpy as np

from fibsem_dash.backend import Backend, array_module
from fibsem_dash.compare.sums import ProductSums, product_sums
from fibsem_dash.numerics.arguments import as_pair


def ncc(
    previous: object, current: object, zero_mean: bool = True, backend: Backend = "auto"
) -> float:
    """Return the normalized cross-correlation coefficient (Pearson's r for ``zero_mean=True``).

    ``sum(p c) / sqrt(sum(p^2) sum(c^2))`` over the pixels p and c of the two images, after the
    mean of each was subtracted.

    Parameters
    ----------
    previous, current : array-like, (y, x)
        Any real type, equal shapes. Pixels that are not finite in both are left out.
    zero_mean : bool, default True
        Subtract the means. Without that, the common offset of the images decides the result.
    backend : {"numpy", "cupy", "auto"}

    Returns
    -------
    float
        -1 ... 1, 1 for images that differ by a linear map only. NaN where an image is constant or
        no pixel is left.

    Raises
    ------
    ParameterError
        For different shapes.
    """
    first, second = as_pair(previous, current)
    xp = array_module(backend, first, second)
    return ncc_of_sums(product_sums(xp, xp.asarray(first), xp.asarray(second)), zero_mean)


def ncc_of_sums(sums: ProductSums, zero_mean: bool = True) -> float:
    """`ncc` from the sums over the pixels."""
    pp, cc, pc = sums.covariances() if zero_mean else sums.raw_products()
    # What remains of the squares of a constant image after rounding is no variance.
    least = 4 * np.finfo(float).eps
    if not (pp > least * sums.squares[0] and cc > least * sums.squares[1]) and zero_mean:
        return math.nan
    if not (pp > 0 and cc > 0):
        return math.nan
    return min(1.0, max(-1.0, pc / (math.sqrt(pp) * math.sqrt(cc))))


def snr_from_ncc(coefficient: float, reference: bool = False) -> float:
    """Signal-to-noise ratio (power) of two images with equal signal and independent noise.

    ``ncc / (1 - ncc)`` (Frank and Al-Ali, Nature 256, 376, 1975).

    Parameters
    ----------
    coefficient : float
        Normalized cross-correlation with the means subtracted.
    reference : bool, default False
        Return the value of the formula for a negative coefficient, too.

    Returns
    -------
    float
        Infinite for a coefficient of 1. NaN for a negative one: the images share no signal, and a
        ratio of powers cannot be negative.
    """
    if math.isnan(coefficient) or (coefficient < 0 and not reference):
        return math.nan
    return coefficient / (1.0 - coefficient) if coefficient < 1.0 else math.inf
