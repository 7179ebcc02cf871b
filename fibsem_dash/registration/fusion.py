"""Transforms of neighbours and next neighbours fused into one consistent chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from fibsem_dash.registration.pairs import PairResult
from fibsem_dash.transforms import apply
from fibsem_dash.transforms.matrices import Array, embed

Places = npt.NDArray[np.intp]

STEPS = 16
"""Passes: each renews the weights and narrows their function."""

NARROWING = 0.6
"""Ratio of the widths of the weight function in consecutive passes. It starts wide, or a wrong
link, which agrees with itself, would throw out the spans that tell."""

OUTLIER_WIDTH = 3.0
"""Disagreement, in robust standard deviations, at which the weight of a measurement has fallen to
a quarter."""

SMALLEST_ERROR_PX = 0.02
"""Disagreements below this are no reason to distrust a measurement."""


def with_neighbours(wanted: Sequence[tuple[int, int]], neighbours: int) -> list[tuple[int, int]]:
    """Add to consecutive pairs those that reach further.

    Parameters
    ----------
    wanted : sequence of (int, int)
        Pairs of frames; where one ends and the next begins with the same frame, they form a chain.
    neighbours : int
        Following frames that each frame is compared with.

    Returns
    -------
    list of (int, int)
        Ordered by the first frame, so that a batch shares frames.
    """
    result = []
    for start in range(len(wanted)):
        first, last = wanted[start]
        result.append((first, last))
        for a, b in wanted[start + 1 : start + neighbours]:
            if a != last:
                break
            last = b
            result.append((first, last))
    return result


def fuse_pairs(
    chain: Sequence[PairResult], measured: Mapping[tuple[int, int], PairResult]
) -> list[PairResult]:
    """Replace the matrices of consecutive pairs by those that fit all measured pairs best.

    A pair (a, c) that spans several links measures the product of their matrices. The links are
    solved for by least squares, weighted with the inverse square of each pair's mean residual and,
    by the weight function of Geman and McClure, with how well it agrees with the others, so a
    single wrong pair loses its influence. Failed pairs and those set by hand
    split the chain and stay as they are.

    Parameters
    ----------
    chain : sequence of PairResult
        Links in order: each begins with the frame where the one before ended.
    measured : mapping of (int, int) to PairResult
        All pairs by (first, second); failed ones and those of frames outside the chain are left
        out.

    Returns
    -------
    list of PairResult
        `chain` with new matrices and centroids.
    """
    result = list(chain)
    known = {(pair.first, pair.second) for pair in chain}
    if all(pair in known for pair in measured):
        return result
    start = 0
    for position in range(len(chain) + 1):
        if position == len(chain) or not _is_measured(chain[position]):
            if position - start > 1:
                result[start:position] = _fuse_part(chain[start:position], measured)
            start = position + 1
    return result


def _is_measured(pair: PairResult) -> bool:
    return bool(pair) and pair.source != "manual"


def _fuse_part(
    part: Sequence[PairResult], measured: Mapping[tuple[int, int], PairResult]
) -> list[PairResult]:
    place = {pair.first: k for k, pair in enumerate(part)}
    place[part[-1].second] = len(part)
    direct = {(pair.first, pair.second): pair for pair in part}
    spans = [
        (place[a], place[b], pair)
        for (a, b), pair in (dict(measured) | direct).items()
        if pair and a in place and b in place and place[a] < place[b]
    ]
    begin = np.array([a for a, _, _ in spans])
    end = np.array([b for _, b, _ in spans])
    matrices = np.array([pair.matrix for _, _, pair in spans])
    error = np.array([max(pair.error_abs_mean, SMALLEST_ERROR_PX) for _, _, pair in spans])
    centre = np.mean([pair.mean_src for pair in part], 0)
    # From the centre to a corner, about: what scales and shears do there counts like a shift.
    reach = float(np.hypot(*centre))
    links = np.array([pair.matrix for pair in part])
    given = 1 / error**2
    scale = np.inf
    for _ in range(STEPS):
        difference = _difference(links, begin, end, matrices, centre)
        size = np.linalg.norm(difference * np.array([1, 1, *[reach] * 4]), axis=1)
        floor = OUTLIER_WIDTH * max(1.48 * float(np.median(size)), SMALLEST_ERROR_PX)
        weights = given / (1 + (size / scale) ** 2) ** 2
        scale = max(NARROWING * min(scale, 3 * float(size.max())), floor)
        links = _add(links, _solve(begin, end, weights, difference, len(part)), centre)
    return [
        replace(pair, matrix=matrix, mean_dst=apply(matrix, pair.mean_src[None])[0])
        for pair, matrix in zip(part, links, strict=True)
    ]


def _difference(links: Array, begin: Places, end: Places, matrices: Array, centre: Array) -> Array:
    """Parameters about the centre of each measurement times the inverse product of its links.

    [Tx, Ty, Sxx - 1, Sxy, Syx, Syy - 1], (n, 6).
    """
    product = np.tile(np.eye(3), (len(begin), 1, 1))
    for offset in range(int((end - begin).max())):
        inside = begin + offset < end
        product[inside] = links[begin[inside] + offset] @ product[inside]
    change = matrices @ np.linalg.inv(product)
    shift = change[:, :2, 2] + change[:, :2, :2] @ centre - centre
    return np.hstack([shift, (change[:, :2, :2] - np.eye(2)).reshape(-1, 4)])


def _add(links: Array, parameters: Array, centre: Array) -> Array:
    linear = np.eye(2) + parameters[:, 2:].reshape(-1, 2, 2)
    shift = centre + parameters[:, :2] - linear @ centre
    return embed(linear, shift) @ links


def _solve(begin: Places, end: Places, weights: Array, difference: Array, n: int) -> Array:
    """Solve for the corrections of n links; every measurement is the sum of those it spans."""
    from scipy.linalg import solveh_banded

    width = int((end - begin).max())
    bands = np.zeros((width, n))
    right = np.zeros((n, difference.shape[1]))
    for i in range(width):
        covers = begin + i < end
        np.add.at(right, begin[covers] + i, weights[covers, None] * difference[covers])
        for j in range(i, width):
            both = begin + j < end
            np.add.at(bands[j - i], begin[both] + i, weights[both])
    solution: Array = solveh_banded(bands, right, lower=True)
    return solution
