"""Counting of grey levels and binning of pixels, at the speed of memory.

An image of 8 or 16 bits has at most 65536 levels: its histogram over levels is exact, cheap, and
every other histogram or quantile follows from it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.numerics.arguments import Image

# OpenCV counts into float32, which holds integers exactly up to 2**24.
_EXACT_COUNT = 1 << 24
# Pixels worked on at a time: the temporaries of a block stay in the cache of one core.
BLOCK = 1 << 16


def is_small_integer(image: Image) -> bool:
    """Whether an image has integer pixels of at most 16 bits."""
    return image.dtype.kind in "iu" and image.dtype.itemsize <= 2


def value_range(image: Image) -> tuple[float, float]:
    """Least and greatest finite value of an image, NaN twice where there is none.

    Parameters
    ----------
    image : ndarray of any shape

    Returns
    -------
    minimum, maximum : float
    """
    low, high = float(image.min()), float(image.max())
    if image.dtype.kind == "f" and not (np.isfinite(low) and np.isfinite(high)):
        finite = image[np.isfinite(image)]
        if finite.size == 0:
            return np.nan, np.nan
        return float(finite.min()), float(finite.max())
    return low, high


def row_blocks(shape: tuple[int, int], pixels: int = BLOCK) -> list[slice]:
    """Slices over rows that cut an image into blocks of about so many pixels."""
    step = max(1, pixels // max(1, shape[1]))
    return [slice(start, min(start + step, shape[0])) for start in range(0, shape[0], step)]


def offset_levels(image: Image, low: int) -> NDArray[np.uint16]:
    """Pixels of an 8- or 16-bit image as distances from a level, (y, x) uint16."""
    if image.dtype == np.uint16 and low == 0:
        return image
    # Wraps around on purpose: modulo 2**16 the difference is right for signed pixels, too.
    wide = image.view(np.uint16) if image.dtype.itemsize == 2 else image.astype(np.int16)
    return np.subtract(wide.view(np.uint16), np.uint16(low & 0xFFFF))


def count_uint16(codes: NDArray[np.uint16], n: int) -> NDArray[np.int64]:
    """Count how often each of the codes 0 ... n - 1 occurs.

    Parameters
    ----------
    codes : ndarray, (y, x), uint16
        All smaller than `n`.
    n : int
        Number of codes, at most 65536.

    Returns
    -------
    ndarray, (n,), int64
    """
    import cv2

    counts = np.zeros(n, np.int64)
    for rows in row_blocks(codes.shape, _EXACT_COUNT):
        part = cv2.calcHist([codes[rows]], [0], None, [n], [0, n])
        counts += part.ravel().astype(np.int64)
    return counts


def level_counts(image: Image) -> tuple[int, NDArray[np.int64]]:
    """Histogram over the levels of an 8- or 16-bit image.

    Parameters
    ----------
    image : ndarray, (y, x), integer of at most 16 bits

    Returns
    -------
    low : int
        Level that the first count belongs to, the least value of the image.
    counts : ndarray, (levels,), int64
        One count per level from the least to the greatest value.
    """
    low, high = int(image.min()), int(image.max())
    return low, count_uint16(offset_levels(image, low), high - low + 1)


def value_quantiles(image: Any, shares: tuple[float, ...], xp: Any = np) -> list[float]:
    """Quantiles of the finite pixels: the least values that the shares do not exceed.

    The inverse of the empirical distribution (Hyndman and Fan 1996, definition 1).

    Parameters
    ----------
    image : array, (y, x)
    shares : tuple of float
        Each 0 ... 1.
    xp : module
        ``numpy`` or ``cupy``, where the image lies.

    Returns
    -------
    list of float
        NaN where no pixel is finite.
    """
    if xp is np and is_small_integer(image):
        first, counts = level_counts(image)
        total = np.cumsum(counts)
        ranks = [_rank(share, int(total[-1])) for share in shares]
        return [float(first + level) for level in np.searchsorted(total, ranks, side="right")]
    values = image.ravel()
    if values.dtype.kind == "f":
        finite = xp.isfinite(values)
        values = values if bool(finite.all()) else values[finite]
    if values.size == 0:
        return [np.nan] * len(shares)
    ranks = [_rank(share, values.size) for share in shares]
    ordered = np.partition(values, sorted(set(ranks))) if xp is np else xp.sort(values)
    return [float(ordered[rank]) for rank in ranks]


def _rank(share: float, n: int) -> int:
    """Index, in rising order, of the value that a share of n values does not exceed."""
    # 0.1 * 1000 must give 100 although the product may come out a little above.
    return min(max(int(np.ceil(share * n - 1e-9 * max(1.0, share * n))) - 1, 0), n - 1)


def uniform_edges(low: float, high: float, bins: int) -> NDArray[np.float64]:
    """Edges of equal bins from low to high as ``numpy.histogram`` draws them, (bins + 1,).

    A range of no width is widened by one half on either side.
    """
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)


def bin_index(values: Any, edges: NDArray[np.float64], xp: Any = np) -> Any:
    """Bin of each value among equal bins, with the edges decided exactly as NumPy decides them.

    Bins are half open, the last one includes its right edge.

    Parameters
    ----------
    values : array of any shape, float64
    edges : ndarray, (bins + 1,), float64
        Equally spaced.
    xp : module
        ``numpy`` or ``cupy``, where the values lie.

    Returns
    -------
    array of the same shape, int64
        -1 below the first edge and for NaN, the number of bins above the last edge.
    """
    bins = edges.size - 1
    low, high = float(edges[0]), float(edges[-1])
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = (values - low) * (bins / (high - low))
        xp.clip(scaled, -1, bins, out=scaled)
        xp.floor(scaled, out=scaled)
        if scaled.size and bool(xp.isnan(scaled.min())):
            scaled = xp.where(xp.isnan(scaled), -1.0, scaled)
        index = scaled.astype(np.int64)
        # Division rounds: compare with the edges themselves, as numpy.histogram does.
        # Nothing compares with NaN, so that infinity stays in the place above the last bin.
        padded = xp.asarray(np.concatenate(([-np.inf], edges, [np.nan])))
        index -= values < padded[index + 1]
        index += values >= padded[index + 2]
        # The last bin is closed.
        index -= values == high
    return index
