"""Matches between the key points of two images."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fibsem_dash.errors import ParameterError
from fibsem_dash.features.sift import KeyPoints
from fibsem_dash.settings import MatchingSettings

FLANN_KDTREE = 1
"""OpenCV's number of the randomised k-d tree index."""

BRUTE_FORCE_PAIRS = 60_000_000
"""Comparisons up to which one matrix product beats the k-d trees (about 8000 key points an image;
`benchmarks/bench_matching.py`)."""

BRUTE_FORCE_ROWS = 512
"""Descriptors compared at once with all others: bounds the memory of the distance matrix."""


@dataclass(frozen=True)
class Matches:
    """Candidate matches, one per key point of the first image that has any, no pair twice.

    Attributes
    ----------
    src, dst : (n, 2) float32 array
        Positions (x, y) in the first and the second image, px.
    ratio : (n,) float32 array
        Descriptor distance to the best over that to the second best candidate, 0 to 1; small means
        distinctive (Lowe 2004, section 7.1).
    src_index, dst_index : (n,) int32 array
        Which key points they are.
    """

    src: npt.NDArray[np.float32]
    dst: npt.NDArray[np.float32]
    ratio: npt.NDArray[np.float32]
    src_index: npt.NDArray[np.int32]
    dst_index: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.src)

    def below(self, ratio: float) -> npt.NDArray[np.bool_]:
        """Return which matches pass Lowe's test at this ratio, (n,) bool."""
        return self.ratio < ratio


def match_keypoints(
    first: KeyPoints,
    second: KeyPoints,
    settings: MatchingSettings | None = None,
    seed: int = 0,
) -> Matches:
    """Find for every key point of the first image its best partner in the second.

    Parameters
    ----------
    first, second : KeyPoints
        Key points of the two images.
    settings : MatchingSettings, optional
        `matcher` "auto", "flann" or "brute_force", and the effort of the trees.
    seed : int
        Seed of the randomised search; the same seed gives the same matches.

    Returns
    -------
    Matches
        All candidates with their ratios; choose with `Matches.below`. Empty when an image has fewer
        than two key points, since no ratio exists then.
    """
    s = settings or MatchingSettings()
    if len(first) < 1 or len(second) < 2:
        return _select(first, second, np.zeros(0, np.int32), np.zeros((0, 2), np.float32))
    matcher = s.matcher
    if matcher == "auto":
        exact_is_cheap = len(first) * len(second) <= BRUTE_FORCE_PAIRS
        matcher = "brute_force" if exact_is_cheap else "flann"
    if matcher == "brute_force":
        index, distances = _search_exactly(first.descriptors, second.descriptors)
    elif matcher == "flann":
        index, distances = _search_trees(first.descriptors, second.descriptors, s, seed)
    else:
        raise ParameterError("matcher", expected="auto, flann or brute_force", found=matcher)
    return _select(first, second, index, distances)


def _search_trees(
    query: npt.NDArray[np.uint8],
    train: npt.NDArray[np.uint8],
    settings: MatchingSettings,
    seed: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    cv2.setRNGSeed(seed % (2**31))
    index = cv2.flann.Index(
        train.astype(np.float32), {"algorithm": FLANN_KDTREE, "trees": settings.flann_trees}
    )
    found, squared = index.knnSearch(
        query.astype(np.float32), 2, params={"checks": settings.flann_checks}
    )
    return found[:, 0].astype(np.int32), np.sqrt(squared)


def _search_exactly(
    query: npt.NDArray[np.uint8], train: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
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


def _select(
    first: KeyPoints,
    second: KeyPoints,
    index: npt.NDArray[np.int32],
    distances: npt.NDArray[np.float32],
) -> Matches:
    """Attach positions and ratios, and keep each pair of positions once.

    SIFT gives a place with several orientations as several key points; counting them as independent
    matches would weight that place.
    """
    query = np.arange(len(index), dtype=np.int32)
    second_best = np.maximum(distances[:, 1], np.finfo(np.float32).tiny)
    ratio = np.minimum(distances[:, 0] / second_best, np.float32(1)).astype(np.float32)
    src, dst = first.xy[query], second.xy[index]
    order = np.lexsort((query, ratio))
    pairs = np.hstack([src, dst])[order]
    _, unique = np.unique(pairs, axis=0, return_index=True)
    chosen = np.sort(order[unique])
    return Matches(src[chosen], dst[chosen], ratio[chosen], query[chosen], index[chosen])
