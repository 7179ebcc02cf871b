"""The most frequent grey level of an image."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.numerics.levels import bin_index, row_blocks, uniform_edges

_ORDER = 7


def intensity_peak(
    image: NDArray[np.float64], nbins: int, levels: Iterable[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Find the most frequent level in the smoothed histogram of an image.

    Parameters
    ----------
    image : ndarray, (y, x), float64
    nbins : int
        Equal bins between the two levels.
    levels : (low, high)

    Returns
    -------
    centres, counts : ndarray, (bins,)
        Bin centres and the counts after a Savitzky-Golay filter of order 7 over a fifth of the
        bins (not smoothed where there are too few).
    peak : float
        Centre of the greatest bin.
    """
    low, high = levels
    edges = uniform_edges(low, high, nbins) if low <= high else uniform_edges(high, low, nbins)
    counts = np.zeros(nbins + 2)
    for rows in row_blocks(image.shape):
        # One more on either side for the values beyond the edges.
        index = bin_index(image[rows].ravel(), edges)
        index += 1
        counts += np.bincount(index, minlength=nbins + 2)
    counts = counts[1:-1]
    centres = (edges[1:] + edges[:-1]) / 2
    window = nbins // 10 * 2 + 1
    if window > _ORDER:
        from scipy.signal import savgol_filter

        counts = np.asarray(savgol_filter(counts, window, _ORDER))
    return centres, counts, float(centres[int(np.argmax(counts))])
