"""Mutual information of two images from their joint histogram.

The histogram is that of ``numpy.histogram2d`` to the last count, but the full table is never
visited: the entropy needs only the cells that are not empty.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.backend import Backend, array_module, to_host
from fibsem_dash.compare.entropy import JointCounts, entropies
from fibsem_dash.compare.sums import finite_pair
from fibsem_dash.errors import ParameterError
from fibsem_dash.numerics.arguments import as_pair, check_choice, check_count
from fibsem_dash.numerics.levels import (
    bin_index,
    count_uint16,
    is_small_integer,
    offset_levels,
    row_blocks,
    uniform_edges,
    value_quantiles,
)

BiasCorrection = Literal["none", "miller-madow", "grassberger"]
Bins = int | Literal["robust"]

MOST_BINS = 65536
ROBUST_BINS = 64
_ROBUST_SHARE = 1e-3


def mutual_information(
    previous: object,
    current: object,
    bins: Bins = 2048,
    normalized: bool = False,
    bias_correction: BiasCorrection = "none",
    backend: Backend = "auto",
) -> float:
    """Mutual information of the grey levels of two images.

    ``I = H(p) + H(c) - H(p, c)``, normalized ``(H(p) + H(c)) / H(p, c) - 1`` (Studholme, Hill and
    Hawkes, Pattern Recognition 32, 71, 1999, less one).

    Parameters
    ----------
    previous, current : array-like, (y, x)
        Any real type, equal shapes. Pixels that are not finite in both are left out.
    bins : int or "robust", default 2048
        A number, 1 ... 65536: equal bins from the least to the greatest value of each image, the
        compatible choice. With many bins the result grows as the image shrinks and must not be
        compared between boxes of different size. ``"robust"``: 64 bins between the 0.1 % and
        99.9 % quantiles, pixels beyond them in the outer bins: the width of a bin depends neither
        on the number of pixels nor on a hot one.
    normalized : bool, default False
        Return the normalized value.
    bias_correction : {"none", "miller-madow", "grassberger"}
        How the entropies are estimated from finite counts. ``"none"``: the relative frequencies as
        they are, with the machine epsilon in every cell that old reports contain. Its bias is about
        ``+ cells / (2 pixels)``. ``"miller-madow"``: Miller 1955, adds (occupied cells - 1) /
        (2 pixels) to each entropy. ``"grassberger"``: Grassberger, arXiv:physics/0307138, eq. 35;
        good even where most cells hold few pixels.
    backend : {"numpy", "cupy", "auto"}

    Returns
    -------
    float
        Nats, or normalized 0 ... 1; higher is better. A corrected value scatters around 0 for
        unrelated images. 0 nats where an image is constant; NaN where no pixel is left, or for the
        normalized value of two constant images.

    Raises
    ------
    ParameterError
        For different shapes, a number of bins out of range, or an unknown correction.
    """
    check_choice(bias_correction, "bias correction", ("none", "miller-madow", "grassberger"))
    if bins != "robust" and check_count(bins, "bins") > MOST_BINS:
        raise ParameterError("Too many bins", expected=f"at most {MOST_BINS}", found=bins)
    first, second = as_pair(previous, current)
    xp = array_module(backend, first, second)
    first, second = finite_pair(xp, xp.asarray(first), xp.asarray(second))
    if first.size == 0:
        return math.nan
    counts = joint_counts(xp, first, second, bins)
    first_entropy, second_entropy, joint_entropy = entropies(counts, bias_correction)
    if not normalized:
        return first_entropy + second_entropy - joint_entropy
    if joint_entropy <= 1e-12 * max(1.0, math.log(counts.pixels)) or _is_one_cell(counts):
        return math.nan
    return (first_entropy + second_entropy) / joint_entropy - 1.0


def nmi(previous: object, current: object, bins: int = 2048, backend: Backend = "auto") -> float:
    """Return the normalized mutual information that quality tables hold as NMI or MI.

    `mutual_information` with ``normalized=True`` and no correction.
    """
    return mutual_information(previous, current, bins, normalized=True, backend=backend)


def _is_one_cell(counts: JointCounts) -> bool:
    return counts.joint.size == 1


def joint_counts(xp: Any, previous: Any, current: Any, bins: Bins) -> JointCounts:
    """Count the pixels in the cells of the joint histogram of two images, (y, x), all finite."""
    count = ROBUST_BINS if bins == "robust" else int(bins)
    edges = _edges(xp, previous, bins), _edges(xp, current, bins)
    if xp is not np:
        return _count_on_card(xp, previous, current, edges)
    first, second = _codes(previous, edges[0]), _codes(current, edges[1])
    if count * count <= MOST_BINS:
        joint_code = np.multiply(first, np.uint16(count))
        joint_code += second
        table = count_uint16(joint_code, count * count).reshape(count, count)
        marginals = table.sum(axis=1), table.sum(axis=0)
        return JointCounts(int(previous.size), table[table > 0], marginals[0], marginals[1])
    wide = first.astype(np.uint32)
    wide *= np.uint32(count)
    wide += second
    return JointCounts(
        int(previous.size),
        _run_lengths(np.sort(wide, axis=None)),
        count_uint16(first, count),
        count_uint16(second, count),
    )


def _edges(xp: Any, image: Any, bins: Bins) -> NDArray[np.float64]:
    if bins != "robust":
        return uniform_edges(float(image.min()), float(image.max()), int(bins))
    shares = _ROBUST_SHARE, 1.0 - _ROBUST_SHARE
    low, high = value_quantiles(image, shares, xp)
    if low == high:
        low, high = float(image.min()), float(image.max())
    return uniform_edges(low, high, ROBUST_BINS)


def _codes(image: NDArray[Any], edges: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Bin of every pixel; pixels outside the edges go into the outer bins."""
    bins = edges.size - 1
    if is_small_integer(image):
        import cv2

        low, high = int(image.min()), int(image.max())
        levels = np.arange(low, high + 1, dtype=np.float64)
        table = np.zeros(MOST_BINS, np.uint16)
        table[: levels.size] = np.clip(bin_index(levels, edges), 0, bins - 1)
        codes: NDArray[np.uint16] = cv2.LUT(offset_levels(image, low), table)
        return codes.reshape(image.shape)
    codes = np.empty(image.shape, np.uint16)
    for rows in row_blocks(image.shape):
        index = bin_index(image[rows].astype(np.float64), edges)
        codes[rows] = np.clip(index, 0, bins - 1)
    return codes


def _run_lengths(ordered: NDArray[np.uint32]) -> NDArray[np.int64]:
    """How often each distinct value occurs in a sorted array."""
    starts = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    return np.diff(np.concatenate(([0], starts, [ordered.size])))


def _count_on_card(
    xp: Any, previous: Any, current: Any, edges: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> JointCounts:
    bins = edges[0].size - 1
    codes = [
        xp.clip(bin_index(image.astype(np.float64).ravel(), edge, xp), 0, bins - 1)
        for image, edge in zip((previous, current), edges, strict=True)
    ]
    # Distinct cells instead of a table of bins x bins, which need not fit into the card.
    joint = xp.unique(codes[0] * bins + codes[1], return_counts=True)[1]
    first, second = (xp.bincount(code, minlength=bins) for code in codes)
    return JointCounts(int(previous.size), to_host(joint), to_host(first), to_host(second))
