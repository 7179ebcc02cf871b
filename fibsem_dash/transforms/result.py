"""The outcome of estimating a transform, failed or not."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fibsem_dash.transforms.matrices import residuals
from fibsem_dash.transforms.statistics import fwhm


@dataclass(frozen=True)
class TransformEstimate:
    """A transform with its inliers, or the reason why there is none (then it is falsy).

    Attributes
    ----------
    matrix : (3, 3) float64 array
        Maps source to destination coordinates; NaN when the estimation failed.
    inliers : (n,) bool array
        Which of the matches the matrix rests on.
    error_abs_mean : float
        Mean Euclidean residual of the inliers, px; NaN when failed.
    fwhm_x, fwhm_y : float
        Full width at half maximum of the inliers' residuals, px; NaN when failed.
    n_trials : int
        Hypotheses tried (RANSAC) or fits made (LinReg).
    reason : str
        Why it failed; empty on success.
    """

    matrix: npt.NDArray[np.float64]
    inliers: npt.NDArray[np.bool_]
    error_abs_mean: float
    fwhm_x: float
    fwhm_y: float
    n_trials: int
    reason: str = field(default="")

    def __bool__(self) -> bool:
        return not self.reason

    @property
    def n_inliers(self) -> int:
        """Number of matches that the matrix rests on."""
        return int(self.inliers.sum())


def success(
    matrix: npt.NDArray[np.float64],
    src: npt.NDArray[np.float64],
    dst: npt.NDArray[np.float64],
    inliers: npt.NDArray[np.bool_],
    n_trials: int,
) -> TransformEstimate:
    """Collect an estimate with the statistics of its inliers' residuals."""
    vectors = residuals(matrix, src[inliers], dst[inliers])
    return TransformEstimate(
        matrix=matrix,
        inliers=inliers,
        error_abs_mean=float(np.hypot(vectors[:, 0], vectors[:, 1]).mean()),
        fwhm_x=fwhm(vectors[:, 0]),
        fwhm_y=fwhm(vectors[:, 1]),
        n_trials=n_trials,
    )


def failure(n_matches: int, reason: str, n_trials: int = 0) -> TransformEstimate:
    """Return the estimate that says why there is none."""
    nan = float("nan")
    return TransformEstimate(
        np.full((3, 3), nan), np.zeros(n_matches, bool), nan, nan, nan, n_trials, reason
    )
