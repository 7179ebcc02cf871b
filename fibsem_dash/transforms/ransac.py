"""RANSAC: a transform from matches of which many are wrong."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fibsem_dash.settings import SolverSettings
from fibsem_dash.transforms.matrices import Array, residuals
from fibsem_dash.transforms.models import TransformModel
from fibsem_dash.transforms.result import TransformEstimate, failure, success

MAX_REFITS = 50
"""Refits of the local optimisation; it settles after a few, unless it alternates."""

BATCH_RESIDUALS = 400_000
"""Residuals computed at once: small enough for the cache, large enough to hide Python."""


def solve_ransac(
    src: npt.ArrayLike,
    dst: npt.ArrayLike,
    model: TransformModel,
    settings: SolverSettings,
    rng: np.random.Generator,
) -> TransformEstimate:
    """Estimate a transform from matches with outliers.

    Hypotheses are fitted to small random samples, in batches, and ranked by the truncated sum of
    squared residuals (MSAC; Torr and Zisserman, CVIU 78, 138, 2000). The best one is refitted to
    its inliers and re-thresholded until the inliers no longer change.

    Parameters
    ----------
    src, dst : (n, 2) array
        Matched points (x, y), px.
    model : TransformModel
        What to fit.
    settings : SolverSettings
        Uses drmax, max_iter, sampling, initial_fraction, stop_probability.
    rng : numpy.random.Generator
        Source of the samples; the same state gives the same result.

    Returns
    -------
    TransformEstimate
        Falsy, with the reason, when there are too few matches or no hypothesis fits.
    """
    a = np.asarray(src, np.float64).reshape(-1, 2)
    b = np.asarray(dst, np.float64).reshape(-1, 2)
    n = len(a)
    sample_size = model.min_points
    if settings.sampling == "legacy":
        sample_size = max(int(n * settings.initial_fraction), model.min_points)
    if n < sample_size:
        return failure(n, f"{n} matches, the {model.name} model needs {sample_size}")
    matrix, n_trials = _best_hypothesis(a, b, model, settings, sample_size, rng)
    if matrix is None:
        return failure(n, f"no transform fits within {settings.drmax} px", n_trials)
    matrix, inliers = refit(a, b, matrix, model, settings.drmax)
    if not np.isfinite(matrix).all() or inliers.sum() < model.min_points:
        return failure(n, "the inliers do not determine the model", n_trials)
    return success(matrix, a, b, inliers, n_trials)


def _best_hypothesis(
    src: Array,
    dst: Array,
    model: TransformModel,
    settings: SolverSettings,
    sample_size: int,
    rng: np.random.Generator,
) -> tuple[Array | None, int]:
    n = len(src)
    batch = int(np.clip(BATCH_RESIDUALS // n, 4, 128))
    limit: float = settings.max_iter
    best_cost, best = math.inf, None
    # Residuals only rank hypotheses here: single precision about the centre is plenty.
    centre_src, centre_dst = src.mean(0), dst.mean(0)
    x, y = (src - centre_src).astype(np.float32), (dst - centre_dst).astype(np.float32)
    threshold = np.float32(settings.drmax) ** 2
    n_trials = 0
    while n_trials < limit:
        rows = _distinct_rows(n, min(batch, int(limit) - n_trials), sample_size, rng)
        n_trials += len(rows)
        matrices = model.estimate(src[rows], dst[rows])
        linear = matrices[:, :2, :2].astype(np.float32)
        shift = matrices[:, :2, 2] + matrices[:, :2, :2] @ centre_src - centre_dst
        offset = np.nan_to_num(shift, nan=np.inf).astype(np.float32)
        dx = np.outer(linear[:, 0, 0], x[:, 0]) + np.outer(linear[:, 0, 1], x[:, 1])
        dy = np.outer(linear[:, 1, 0], x[:, 0]) + np.outer(linear[:, 1, 1], x[:, 1])
        dx += offset[:, :1] - y[:, 0]
        dy += offset[:, 1:] - y[:, 1]
        square = np.minimum(dx * dx + dy * dy, threshold)
        cost = np.nan_to_num(square.sum(1, dtype=np.float64), nan=np.inf)
        winner = int(cost.argmin())
        if cost[winner] < best_cost and cost[winner] < n * float(threshold):
            best_cost, best = float(cost[winner]), matrices[winner]
            share = float((square[winner] < threshold).mean())
            needed = _needed_trials(share, sample_size, settings.stop_probability)
            limit = min(limit, needed)
    return best, n_trials


def _needed_trials(inlier_share: float, sample_size: int, probability: float) -> float:
    """Trials after which an outlier-free sample was drawn with this probability."""
    if probability >= 1:
        return math.inf
    all_good = inlier_share**sample_size
    if all_good >= 1 or probability <= 0:
        return 1
    if all_good < 1e-15:
        return math.inf
    return math.ceil(math.log(1 - probability) / math.log1p(-all_good))


def _distinct_rows(
    n: int, n_rows: int, size: int, rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Draw rows of `size` distinct indices below n, every subset equally likely."""
    if size > 16:
        return np.argpartition(rng.random((n_rows, n)), size - 1, axis=1)[:, :size]
    rows = np.empty((n_rows, size), np.intp)
    for k in range(size):
        draw = rng.integers(0, n - k, n_rows)
        # Step over the indices that are taken, smallest first.
        for taken in np.sort(rows[:, :k], axis=1).T:
            draw += draw >= taken
        rows[:, k] = draw
    return rows


def refit(
    src: Array, dst: Array, matrix: Array, model: TransformModel, drmax: float
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Fit to the inliers and threshold again until the inliers stay the same.

    Parameters
    ----------
    src, dst : (n, 2) float64 array
        Matched points (x, y), px.
    matrix : (3, 3) array
        Where to start.
    model : TransformModel
        What to fit.
    drmax : float
        Largest residual of an inlier, px.

    Returns
    -------
    matrix : (3, 3) float64 array
        Fit to the inliers.
    inliers : (n,) bool array
        Matches with a residual below drmax.
    """
    inliers = _within(matrix, src, dst, drmax)
    for _ in range(MAX_REFITS):
        if inliers.sum() < model.min_points:
            break
        candidate = model.estimate(src[inliers], dst[inliers])
        if not np.isfinite(candidate).all():
            break
        matrix, previous = candidate, inliers
        inliers = _within(matrix, src, dst, drmax)
        if np.array_equal(inliers, previous):
            break
    return matrix, inliers


def _within(matrix: Array, src: Array, dst: Array, drmax: float) -> npt.NDArray[np.bool_]:
    vectors = residuals(matrix, src, dst)
    return np.hypot(vectors[:, 0], vectors[:, 1]) < drmax
