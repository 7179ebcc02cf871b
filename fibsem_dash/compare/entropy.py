"""Entropies of two variables and of their pair, estimated from counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_EPSILON = float(np.finfo(np.float64).eps)
# Up to this count, entropies are summed over the distinct counts instead of over the cells.
_TABLE_LIMIT = 1 << 16


@dataclass(frozen=True)
class JointCounts:
    """Joint histogram of two images without its empty cells.

    Attributes
    ----------
    pixels : int
        Sum of all counts.
    joint : ndarray, (occupied cells,), int64
        Counts of the cells that are not empty, in any order.
    first, second : ndarray, (bins,), int64
        Counts of each image alone, empty bins included.
    """

    pixels: int
    joint: NDArray[Any]
    first: NDArray[Any]
    second: NDArray[Any]


def entropies(counts: JointCounts, estimator: str = "none") -> tuple[float, float, float]:
    """Entropies of the first and second image and of the pair, in nats.

    Parameters
    ----------
    counts : JointCounts
    estimator : {"none", "miller-madow", "grassberger"}
        See `fibsem_dash.compare.mutual_information`.

    Returns
    -------
    first, second, joint : float
    """
    if estimator == "none":
        return _with_epsilon(counts)
    parts = counts.first[counts.first > 0], counts.second[counts.second > 0], counts.joint
    use = _miller_madow if estimator == "miller-madow" else _grassberger
    n = counts.pixels
    # One occupied cell is certain: the corrections are made for chance.
    first, second, joint = (use(part, n) if part.size > 1 else 0.0 for part in parts)
    return first, second, joint


def _with_epsilon(counts: JointCounts) -> tuple[float, float, float]:
    """Entropies with machine epsilon added to every cell of the full table before normalization.

    The epsilon of an occupied cell is lost in rounding; the empty cells are summed as one term.
    """
    bins = counts.first.size, counts.second.size
    cells = bins[0] * bins[1]
    total = counts.pixels + cells * _EPSILON
    empty = cells - counts.joint.size
    joint = -_sum_plogp(counts.joint, total) - empty * _plogp(_EPSILON / total)
    first = -_sum_plogp(counts.first + bins[1] * _EPSILON, total)
    second = -_sum_plogp(counts.second + bins[0] * _EPSILON, total)
    return first, second, joint


def _plogp(share: float) -> float:
    return share * float(np.log(share))


def _sum_plogp(counts: NDArray[Any], total: float) -> float:
    """Sum of p ln p with p = counts / total, all counts positive."""
    values, weights = _distinct(counts)
    shares = values / total
    return float(np.sum(weights * shares * np.log(shares)))


def _distinct(counts: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distinct counts and how often each occurs: a histogram has few of them but many cells."""
    if counts.dtype.kind in "iu" and counts.size and counts.max() < _TABLE_LIMIT:
        often = np.bincount(counts)
        values = np.flatnonzero(often)
        return values.astype(np.float64), often[values].astype(np.float64)
    return counts.astype(np.float64), np.ones(counts.size)


def _miller_madow(counts: NDArray[Any], pixels: int) -> float:
    return -_sum_plogp(counts, float(pixels)) + (counts.size - 1) / (2.0 * pixels)


def _grassberger(counts: NDArray[Any], pixels: int) -> float:
    from scipy.special import digamma

    values, weights = _distinct(counts)
    sign = np.where(values % 2 == 0, 0.5, -0.5)
    correction = sign * (digamma((values + 1) / 2) - digamma(values / 2))
    terms = weights * values * (digamma(values) + correction)
    return float(np.log(pixels) - np.sum(terms) / pixels)
