"""Exact nearest descriptors by one matrix product."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BRUTE_FORCE_ROWS = 512
"""Descriptors compared at once with all others: bounds the memory of the distance matrix."""


def search_exhaustive(
    query: npt.NDArray[np.uint8], train: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Find the two nearest descriptors of each descriptor.

    Parameters
    ----------
    query, train : (n, 128) and (m, 128) uint8 array
        Descriptors; m is at least 2.

    Returns
    -------
    nearest : (n,) int32 array
        Index of the nearest of `train`.
    distances : (n, 2) float32 array
        Euclidean distances to the nearest and the second nearest.
    """
    # |a - b|^2 = |a|^2 - 2 a.b + |b|^2 by one matrix product; exact, since every sum of products of
    # these integers stays below 2^24.
    a, b = query.astype(np.float32), train.astype(np.float32)
    norm_a, norm_b = (a * a).sum(1), (b * b).sum(1)
    nearest = np.empty(len(a), np.int32)
    squared = np.empty((len(a), 2), np.float32)
    for start in range(0, len(a), BRUTE_FORCE_ROWS):
        part = slice(start, start + BRUTE_FORCE_ROWS)
        distance = a[part] @ b.T
        distance *= -2
        distance += norm_b
        best = distance.argmin(1)
        rows = np.arange(len(best))
        nearest[part] = best
        squared[part, 0] = distance[rows, best]
        distance[rows, best] = np.inf
        squared[part, 1] = distance.min(1)
    return nearest, np.sqrt(np.maximum(squared + norm_a[:, None], 0))
