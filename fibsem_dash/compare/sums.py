"""Sums over the pixels of two images, from one pass through memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.backend import is_device_array
from fibsem_dash.numerics.arguments import Image
from fibsem_dash.numerics.levels import is_small_integer, row_blocks


@dataclass(frozen=True)
class ProductSums:
    """Sums of two images and of their products, about a shift near their means.

    The shift keeps the squares small, so that the differences that make a variance do not cancel.

    Attributes
    ----------
    count : int
        Pixels that are finite in both images.
    shift : (float, float)
        Subtracted from the previous and the current image.
    sums : (float, float)
        Sums of the shifted images.
    squares : (float, float)
        Sums of their squares.
    product : float
        Sum of their product.
    """

    count: int
    shift: tuple[float, float]
    sums: tuple[float, float]
    squares: tuple[float, float]
    product: float

    def covariances(self) -> tuple[float, float, float]:
        """Return sums of squares and product about the means: (previous, current, product)."""
        n = max(self.count, 1)
        a, b = self.sums
        return (
            self.squares[0] - a * a / n,
            self.squares[1] - b * b / n,
            self.product - a * b / n,
        )

    def raw_products(self) -> tuple[float, float, float]:
        """Return sums of squares and product of the images: (previous, current, product)."""
        (s, t), (a, b), n = self.shift, self.sums, self.count
        return (
            self.squares[0] + s * (2 * a + n * s),
            self.squares[1] + t * (2 * b + n * t),
            self.product + s * b + t * a + n * s * t,
        )


@dataclass(frozen=True)
class AbsoluteSums:
    """What the normalized sum of absolute differences is made of.

    Attributes
    ----------
    count : int
        Pixels that are finite in both images.
    difference : float
        Sum of the absolute differences.
    total, total_minimum : float
        Sum and least value of previous + current.
    absolute_total, absolute_minimum : float
        Sum and least value of its absolute value.
    folds : bool
        Whether more than 1 % of the absolute sum comes from the rarer sign.
    """

    count: int
    difference: float
    total: float
    total_minimum: float
    absolute_total: float
    absolute_minimum: float
    folds: bool


def finite_pair(xp: Any, previous: Any, current: Any) -> tuple[Any, Any]:
    """Leave out the pixels that are not finite in one of two images.

    Returns
    -------
    previous, current : arrays
        As they are where all pixels are finite, else one row of the remaining ones, (1, n).
    """
    if previous.dtype.kind != "f" and current.dtype.kind != "f":
        return previous, current
    valid = xp.isfinite(previous) & xp.isfinite(current)
    if bool(valid.all()):
        return previous, current
    return previous[valid][None, :], current[valid][None, :]


def product_sums(xp: Any, previous: Any, current: Any) -> ProductSums:
    """Add up what the correlation coefficient needs.

    Parameters
    ----------
    xp : module
        ``numpy`` or ``cupy``.
    previous, current : arrays, (y, x)
        Of one shape; pixels that are not finite in both are left out.
    """
    if previous.size == 0:
        return ProductSums(0, (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), 0.0)
    shift = _shift(xp, previous), _shift(xp, current)
    total = np.zeros(5)
    # Values beyond 1e154 overflow when squared; the result then is NaN, which is answer enough.
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in _blocks(xp, previous):
            a = previous[rows].astype(np.float64).ravel()
            b = current[rows].astype(np.float64).ravel()
            a -= shift[0]
            b -= shift[1]
            total += [float(v) for v in (a.sum(), b.sum(), a @ a, b @ b, a @ b)]
    if not np.isfinite(total).all():
        first, second = finite_pair(xp, previous, current)
        if first is not previous:
            return product_sums(xp, first, second)
    a_sum, b_sum, aa, bb, ab = total.tolist()
    return ProductSums(int(previous.size), shift, (a_sum, b_sum), (aa, bb), ab)


def absolute_sums(xp: Any, previous: Any, current: Any) -> AbsoluteSums:
    """Add up what NSAD needs; arguments as for `product_sums`."""
    if previous.size == 0:
        return AbsoluteSums(0, np.nan, np.nan, np.nan, np.nan, np.nan, False)
    fast = (
        not is_device_array(previous)
        and is_small_integer(previous)
        and previous.dtype == current.dtype
        and previous.dtype != np.int8
    )
    parts = []
    for rows in _blocks(xp, previous):
        if fast:
            parts.append(_absolute_block_integer(previous[rows], current[rows]))
        else:
            parts.append(_absolute_block(xp, previous[rows], current[rows]))
    table = np.array(parts)
    if not np.isfinite(table).all():
        first, second = finite_pair(xp, previous, current)
        if first is not previous:
            return absolute_sums(xp, first, second)
    difference, total, absolute = table[:, :3].sum(axis=0).tolist()
    return AbsoluteSums(
        count=int(previous.size),
        difference=difference,
        total=total,
        total_minimum=float(table[:, 3].min()),
        absolute_total=absolute,
        absolute_minimum=float(table[:, 4].min()),
        folds=absolute - abs(total) > 0.02 * absolute,
    )


def _blocks(xp: Any, image: Any) -> list[slice]:
    # A card wants all the work at once, a processor what fits into its cache.
    return row_blocks(image.shape) if xp is np else [slice(None)]


def _shift(xp: Any, image: Any) -> float:
    """Value near the mean; exactly the value of a constant image."""
    sample = image[:: max(1, image.shape[0] // 32), :: max(1, image.shape[1] // 32)]
    sample = sample.astype(np.float64)
    sample = sample[xp.isfinite(sample)]
    if sample.size == 0:
        return 0.0
    low, high = float(sample.min()), float(sample.max())
    return low if low == high else float(sample.mean())


def _absolute_block(xp: Any, previous: Any, current: Any) -> list[float]:
    a, b = previous.astype(np.float64), current.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        total = a + b
        absolute = xp.abs(total)
        a -= b
        xp.abs(a, out=a)
        parts = (a.sum(), total.sum(), absolute.sum(), total.min(), absolute.min())
    return [float(part) for part in parts]


def _absolute_block_integer(previous: Image, current: Image) -> list[float]:
    """Add up the same in the vector instructions of OpenCV, which are exact for these types."""
    import cv2

    total: NDArray[np.int32] = cv2.add(previous, current, dtype=cv2.CV_32S)
    low, high = float(total.min()), float(total.max())
    sum_total = float(cv2.sumElems(previous)[0]) + float(cv2.sumElems(current)[0])
    if low >= 0 or high <= 0:
        sum_absolute, least = abs(sum_total), min(abs(low), abs(high))
    else:
        sum_absolute, least = float(cv2.norm(total, cv2.NORM_L1)), float(np.abs(total).min())
    difference = float(cv2.norm(previous, current, cv2.NORM_L1))
    return [difference, sum_total, sum_absolute, low, least]
