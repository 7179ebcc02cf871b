"""Matching near where a rough transform expects the partners, for images with many key points."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fibsem_dash.features.exhaustive import search_exhaustive
from fibsem_dash.features.sift import KeyPoints
from fibsem_dash.settings import SolverSettings
from fibsem_dash.transforms import TransformModel, apply, solve_ransac

FLANN_KDTREE_SINGLE = 4
"""OpenCV's number of the exact tree for few dimensions."""

COARSE_KEYPOINTS = 2000
"""Strongest key points of each image that give the rough transform; their exhaustive comparison
takes about 10 ms."""

COARSE_RATIO = 0.7
"""Lowe's ratio of the rough matches."""

COARSE_MATCHES = 12
"""Rough matches that must agree; with fewer, every key point is compared with every other."""

RADIUS_PX = 5.0
"""Distance from the expected place within which partners are looked for: the rough transform is
better than 1 px, local distortions of the specimen reach a few."""

CANDIDATES = 6
"""Nearest key points that are compared; SIFT puts several orientations at one place."""

Index = npt.NDArray[np.int32]
Distance = npt.NDArray[np.float32]


def search_guided(
    first: KeyPoints, second: KeyPoints, seed: int
) -> tuple[Index, Index, Distance] | None:
    """Match the key points of two images that differ by a smooth transform.

    The strongest key points are compared exhaustively and give a rough affine transform; every key
    point is then compared only with those near the place where the transform expects it.

    Parameters
    ----------
    first, second : KeyPoints
        Key points of the two images.
    seed : int
        Seed of the rough estimate.

    Returns
    -------
    query, nearest : (n,) int32 array
        Key points of the first image that have a candidate, and the candidate whose descriptor is
        nearest.
    distances : (n, 2) float32 array
        Descriptor distance to it, and the typical distance to a wrong partner: the median of the
        second best of the exhaustive comparison, for want of one of its own.
    None
        When no rough transform is found.
    """
    a, b = _strongest(first), _strongest(second)
    nearest, distances = search_exhaustive(first.descriptors[a], second.descriptors[b])
    distinct = distances[:, 0] < COARSE_RATIO * distances[:, 1]
    rough = solve_ransac(
        first.xy[a[distinct]],
        second.xy[b[nearest[distinct]]],
        TransformModel("affine"),
        SolverSettings(drmax=3.0),
        np.random.default_rng(seed),
    )
    if not rough or rough.n_inliers < COARSE_MATCHES:
        return None
    expected = apply(rough.matrix, first.xy)
    query, partner = _neighbours(expected.astype(np.float32), second.xy)
    difference = first.descriptors[query].astype(np.float32)
    difference -= second.descriptors[partner]
    squared = np.einsum("ij,ij->i", difference, difference)
    best = np.full(len(first), np.inf, np.float32)
    np.minimum.at(best, query, squared)
    # Of equally near descriptors the spatially nearest, which comes first, is taken.
    winners = np.flatnonzero(squared == best[query])
    _, unique = np.unique(query[winners], return_index=True)
    chosen = winners[unique]
    typical = np.float32(np.median(distances[:, 1]))
    found = np.column_stack([np.sqrt(squared[chosen]), np.full(len(chosen), typical)])
    return (
        query[chosen].astype(np.int32),
        partner[chosen].astype(np.int32),
        found.astype(np.float32),
    )


def _neighbours(expected: Distance, places: Distance) -> tuple[Index, Index]:
    """Pair each expected place with the few nearest places within the radius, nearest first."""
    # An exact tree for points of the plane; OpenCV's is loaded already, unlike SciPy's.
    tree = cv2.flann.Index(np.ascontiguousarray(places), {"algorithm": FLANN_KDTREE_SINGLE})
    n = min(CANDIDATES, len(places))
    candidates, squared = tree.knnSearch(
        np.ascontiguousarray(expected), n, params={"checks": -1, "eps": 0.0, "sorted": True}
    )
    query, rank = np.nonzero(squared <= RADIUS_PX**2)
    return query.astype(np.int32), candidates[query, rank]


def _strongest(points: KeyPoints) -> npt.NDArray[np.intp]:
    order = np.argsort(-points.response, kind="stable")
    return np.sort(order[:COARSE_KEYPOINTS])
