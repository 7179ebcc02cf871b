"""Matches between the key points of two images."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fibsem_dash.errors import ParameterError
from fibsem_dash.features.exhaustive import search_exhaustive
from fibsem_dash.features.guided import Distance, Index, search_guided
from fibsem_dash.features.sift import KeyPoints
from fibsem_dash.settings import MatchingSettings

FLANN_KDTREE = 1
"""OpenCV's number of the randomised k-d tree index."""

GUIDED_PAIRS = 9_000_000
"""Comparisons up to which all pairs are compared by default (about 3000 key points an image, some
25 ms); beyond, guided matching is faster and no less accurate (`benchmarks/bench_matching.py`)."""

BRUTE_FORCE_PAIRS = 36_000_000
"""Comparisons up to which one matrix product beats the k-d trees (about 6000 key points an image;
`benchmarks/bench_matching.py`)."""


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
        `matcher` "auto", "guided", "flann" or "brute_force", and the effort of the trees.
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
        none = np.zeros(0, np.int32)
        return _select(first, second, none, none, np.zeros((0, 2), np.float32))
    return _select(first, second, *_search(first, second, s, seed))


def _search(
    first: KeyPoints, second: KeyPoints, settings: MatchingSettings, seed: int
) -> tuple[Index, Index, Distance]:
    """Find candidates by the matcher of the settings, or by the fastest that finds some."""
    matcher = settings.matcher
    n_pairs = len(first) * len(second)
    if matcher == "auto":
        matcher = "guided" if n_pairs > GUIDED_PAIRS else "brute_force"
    if matcher == "guided":
        found = search_guided(first, second, seed)
        if found is not None:
            return found
        matcher = "brute_force" if n_pairs <= BRUTE_FORCE_PAIRS else "flann"
    everyone = np.arange(len(first), dtype=np.int32)
    if matcher == "brute_force":
        return everyone, *search_exhaustive(first.descriptors, second.descriptors)
    if matcher == "flann":
        return everyone, *_search_trees(first.descriptors, second.descriptors, settings, seed)
    raise ParameterError("matcher", expected="auto, guided, flann or brute_force", found=matcher)


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


def _select(
    first: KeyPoints, second: KeyPoints, query: Index, index: Index, distances: Distance
) -> Matches:
    """Attach positions and ratios, and keep each pair of positions once.

    SIFT gives a place with several orientations as several key points; counting them as independent
    matches would weight that place.
    """
    second_best = np.maximum(distances[:, 1], np.finfo(np.float32).tiny)
    ratio = np.minimum(distances[:, 0] / second_best, np.float32(1)).astype(np.float32)
    src, dst = first.xy[query], second.xy[index]
    order = np.lexsort((query, ratio))
    pairs = np.hstack([src, dst])[order]
    _, unique = np.unique(pairs, axis=0, return_index=True)
    chosen = np.sort(order[unique])
    return Matches(src[chosen], dst[chosen], ratio[chosen], query[chosen], index[chosen])
