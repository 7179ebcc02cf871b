"""The grey levels between which an image is shown and converted.

A few pixels at either end of the histogram are given up so that a hot pixel does not decide the
contrast of the whole image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.errors import ParameterError
from fibsem_dash.numerics.arguments import (
    Image,
    as_image,
    check_choice,
    check_count,
    check_fraction,
)
from fibsem_dash.numerics.levels import (
    bin_index,
    is_small_integer,
    level_counts,
    row_blocks,
    uniform_edges,
    value_quantiles,
    value_range,
)

Method = Literal["quantile", "histogram", "reference"]


@dataclass(frozen=True)
class IntensityRange:
    """Lower and upper grey level of an image; unpacks as ``minimum, maximum``.

    Attributes
    ----------
    minimum, maximum : float
        In the units of the pixels.
    """

    minimum: float
    maximum: float

    def __iter__(self) -> Iterator[float]:
        return iter((self.minimum, self.maximum))


@dataclass(frozen=True)
class HistogramCdf:
    """Histogram of the finite pixels of an image and its cumulative sum.

    Attributes
    ----------
    counts : ndarray, (bins,), int64
    edges : ndarray, (bins + 1,), float64
    cdf : ndarray, (bins,), float64
        Share of the pixels in a bin and all bins below it: the value at its right edge.
    """

    counts: NDArray[np.int64]
    edges: NDArray[np.float64]
    cdf: NDArray[np.float64]


def intensity_range(
    image: object,
    thr_min: float = 1e-3,
    thr_max: float = 1e-3,
    nbins: int = 256,
    method: Method = "quantile",
) -> IntensityRange:
    """Find the grey levels that leave a small share of the pixels outside.

    Parameters
    ----------
    image : array-like, (y, x)
        Any real type. NaN and infinite pixels are left out.
    thr_min, thr_max : float, default 1e-3
        Shares of the pixels, 0 <= share < 1, below the lower and above the upper level.
    nbins : int, default 256
        Number of bins from the least to the greatest value; not used by ``"quantile"``.
    method : {"quantile", "histogram", "reference"}
        ``"quantile"``: least value that at least the share of the pixels does not exceed (the
        inverse of the empirical distribution, Hyndman and Fan 1996, definition 1). Exact.
        ``"histogram"``: where the cumulative histogram, linear inside each bin, reaches the share.
        ``"reference"``: left edge of the bin whose cumulative share is nearest to the wanted one,
        the number found in old reports. It lies one bin too low and can collapse.

    Returns
    -------
    IntensityRange
        ``maximum > minimum`` unless the image is constant, where both are its value (of its one
        bin with ``"histogram"``); should so few pixels differ that the shares collapse, the whole
        range of the data. ``"reference"`` gives no such promise.

    Raises
    ------
    ParameterError
        For a share outside [0, 1), shares that leave nothing between them, no finite pixel.

    Examples
    --------
    >>> import numpy as np
    >>> intensity_range(np.arange(1000).reshape(20, 50), 0.1, 0.1)
    IntensityRange(minimum=99.0, maximum=899.0)
    """
    pixels = as_image(image)
    check_fraction(thr_min, "thr_min")
    check_fraction(thr_max, "thr_max")
    if thr_min + thr_max >= 1.0:
        raise ParameterError(
            "The shares leave no pixel between them",
            expected="thr_min + thr_max < 1",
            found=thr_min + thr_max,
        )
    if check_choice(method, "method", ("quantile", "histogram", "reference")) == "reference":
        return _reference_range(histogram_and_cdf(pixels, nbins), thr_min, thr_max)
    if method == "quantile":
        low, high = value_quantiles(pixels, (thr_min, 1.0 - thr_max))
        if np.isnan(low):
            raise ParameterError("The image has no finite pixel")
    else:
        low, high = _histogram_quantiles(pixels, nbins, thr_min, 1.0 - thr_max)
    if low >= high:
        low, high = _finite_range(pixels)
    return IntensityRange(low, high)


def histogram_and_cdf(image: object, nbins: int = 256) -> HistogramCdf:
    """Histogram of an image over equal bins from its least to its greatest value, with its sum.

    The counts are those of ``numpy.histogram`` (last bin closed), several times faster for 8- and
    16-bit images.

    Parameters
    ----------
    image : array-like, (y, x)
        NaN and infinite pixels are left out.
    nbins : int, default 256
        At least 1.

    Returns
    -------
    HistogramCdf

    Raises
    ------
    ParameterError
        Where there is no finite pixel or no bin.
    """
    pixels = as_image(image)
    check_count(nbins, "nbins")
    low, high = _finite_range(pixels)
    edges = uniform_edges(low, high, nbins)
    counts = np.zeros(nbins, np.int64)
    if is_small_integer(pixels):
        first, levels = level_counts(pixels)
        values = np.arange(first, first + levels.size, dtype=np.float64)
        np.add.at(counts, bin_index(values, edges), levels)
    else:
        for rows in row_blocks(pixels.shape):
            # One more on either side for what is not finite.
            index = bin_index(pixels[rows].astype(np.float64).ravel(), edges)
            index += 1
            counts += np.bincount(index, minlength=nbins + 2)[1:-1]
    return HistogramCdf(counts, edges, np.cumsum(counts) / counts.sum())


def _finite_range(pixels: Image) -> tuple[float, float]:
    low, high = value_range(pixels)
    if np.isnan(low):
        raise ParameterError("The image has no finite pixel")
    return low, high


def _histogram_quantiles(
    pixels: Image, nbins: int, lower: float, upper: float
) -> tuple[float, float]:
    histogram = histogram_and_cdf(pixels, nbins)
    low, high = np.interp((lower, upper), np.concatenate(([0.0], histogram.cdf)), histogram.edges)
    return float(low), float(high)


def _reference_range(histogram: HistogramCdf, thr_min: float, thr_max: float) -> IntensityRange:
    low = int(np.argmin(np.abs(histogram.cdf - thr_min)))
    high = int(np.argmin(np.abs(histogram.cdf - (1.0 - thr_max))))
    return IntensityRange(float(histogram.edges[low]), float(histogram.edges[high]))
