"""The images of a trial laid over each other by its transform."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fibsem_dash.compare import ncc
from fibsem_dash.registration.trial_region import Region
from fibsem_dash.registration.trial_result import PairTrial, TrialFrame
from fibsem_dash.transforms.matrices import Array


def aligned_pair(
    trial: PairTrial, region: Region | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], Region]:
    """Return the first 8-bit image, the second one laid over it, and where both are whole.

    Parameters
    ----------
    trial : PairTrial
        One that found a transform.
    region : Region, optional
        Limits the place where both are looked at, in pixels of the frame.

    Returns
    -------
    first, second : (y, x) uint8 array
        The tried region; the second is interpolated linearly and 0 where it has no pixels.
    inner : Region
        Where both have pixels, in pixels of the frame; empty (yi == ya) where they do not meet.
    """
    return lay_over(trial.first, trial.second, trial.matrix, region)


def lay_over(
    first: TrialFrame, second: TrialFrame, matrix: Array, region: Region | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], Region]:
    """Do what `aligned_pair` does with any frames and matrix.

    Parameters
    ----------
    first, second : TrialFrame
        The frames, of one region.
    matrix : (3, 3) array
        First to second frame, px of the frames.
    region : Region, optional
        See `aligned_pair`.
    """
    yi, ya, xi, xa = first.region
    shift = np.array([[1.0, 0, xi], [0, 1, yi], [0, 0, 1]])
    local = np.linalg.inv(shift) @ matrix @ shift
    size = first.image.shape[1], first.image.shape[0]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(second.image, local[:2], size, flags=flags)
    corners = np.array([[xi, yi], [xa - 1, yi], [xi, ya - 1], [xa - 1, ya - 1]], np.float64)
    back = np.linalg.inv(matrix)
    placed = corners @ back[:2, :2].T + back[:2, 2]
    left = max(xi, int(np.ceil(placed[[0, 2], 0].max())))
    right = min(xa, int(np.floor(placed[[1, 3], 0].min())) + 1)
    top = max(yi, int(np.ceil(placed[[0, 1], 1].max())))
    bottom = min(ya, int(np.floor(placed[[2, 3], 1].min())) + 1)
    if region is not None:
        top, bottom = max(top, region[0]), min(bottom, region[1])
        left, right = max(left, region[2]), min(right, region[3])
    if bottom <= top or right <= left:
        top, bottom, left, right = yi, yi, xi, xi
    return first.image, np.asarray(laid, np.uint8), (top, bottom, left, right)


def aligned_ncc(trial: PairTrial) -> float:
    """Return the correlation of both 8-bit images after alignment; NaN where they do not meet."""
    if not trial:
        return float("nan")
    return laid_ncc(trial.first, trial.second, trial.matrix)


def laid_ncc(one: TrialFrame, other: TrialFrame, matrix: Array) -> float:
    """Return the correlation of two frames laid over each other; NaN where they do not meet.

    Parameters
    ----------
    one, other, matrix
        See `lay_over`.
    """
    first, second, (yi, ya, xi, xa) = lay_over(one, other, matrix)
    top, left = one.region[0], one.region[2]
    inner = slice(yi - top, ya - top), slice(xi - left, xa - left)
    if first[inner].size < 4:
        return float("nan")
    return ncc(first[inner], second[inner], backend="numpy")
