"""Transforms of frame pairs, kept on disk."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fibsem_dash.errors import RunError
from fibsem_dash.features import KeyPoints, Matches, match_keypoints
from fibsem_dash.registration.cache import ResultCache, as_float, content_key
from fibsem_dash.registration.keypoints import KIND as KEYPOINTS
from fibsem_dash.registration.keypoints import load_keypoints
from fibsem_dash.settings import MatchingSettings, SolverSettings
from fibsem_dash.transforms import (
    TransformEstimate,
    get_model,
    solve_linreg,
    solve_ransac,
)
from fibsem_dash.transforms.matrices import Array
from fibsem_dash.transforms.ransac import refit
from fibsem_dash.transforms.result import failure, success

KIND = "pairs"


@dataclass(frozen=True)
class PairJob:
    """Two frames of the input list and the keys of their key points and of their transform."""

    first: int
    second: int
    first_key: str
    second_key: str
    key: str


@dataclass(frozen=True)
class PairBatch:
    """Some pairs whose transform is wanted."""

    jobs: tuple[PairJob, ...]
    matching: MatchingSettings
    solver: SolverSettings
    cache_folder: str


@dataclass(frozen=True)
class PairResult:
    """Transform of one pair, or why there is none.

    Attributes
    ----------
    first, second : int
        Frames of the input list.
    matrix : (3, 3) float64 array
        First frame's coordinates to the second's; NaN when failed.
    n_matches, n_inliers : int
        Matches that passed Lowe's test, and matches that the matrix rests on.
    error_abs_mean, fwhm_x, fwhm_y : float
        Residuals of the inliers, px; NaN when failed.
    mean_src, mean_dst : (2,) float64 array
        Centroids (x, y) of the inliers in both frames, px; NaN when failed.
    reason : str
        Why it failed; empty on success.
    key : str
        Key of the inliers on disk.
    reused : bool
        Whether the result was found on disk.
    source : {"sift", "manual", "retried", "accepted"}
        What was decided about it, "sift" where nothing was; see `edits.PairEdit`.
    estimator : {"sift", "blocks"}
        What found it. Of blocks, the matches are those with a clear peak and the inliers those
        that agree.
    """

    first: int
    second: int
    matrix: Array
    n_matches: int
    n_inliers: int
    error_abs_mean: float
    fwhm_x: float
    fwhm_y: float
    mean_src: Array
    mean_dst: Array
    reason: str
    key: str
    reused: bool = False
    source: str = "sift"
    estimator: str = "sift"

    def __bool__(self) -> bool:
        return not self.reason

    @property
    def is_problem(self) -> bool:
        """Whether it failed and nobody accepted that."""
        return not self and self.source != "accepted"


def pair_job(
    first: tuple[int, str],
    second: tuple[int, str],
    matching: MatchingSettings,
    solver: SolverSettings,
) -> PairJob:
    """Make the job of a pair of (frame, key of its key points).

    The result does not depend on the pair's place in the stack or on the batch it comes in.
    """
    key = content_key(KIND, first[1], second[1], matching, solver)
    return PairJob(first[0], second[0], first[1], second[1], key)


def estimate_batch(batch: PairBatch) -> list[PairResult]:
    """Estimate the transforms of several pairs, or find them on disk."""
    cache = ResultCache(batch.cache_folder)
    loaded: dict[str, KeyPoints] = {}
    results = []
    for job in batch.jobs:
        record = cache.load_record(KIND, job.key)
        if record is not None:
            results.append(from_record(job, record))
            continue
        # Consecutive pairs share a frame: each key-point file is read once per batch.
        loaded = {key: _load(cache, key, loaded) for key in (job.first_key, job.second_key)}
        points = loaded[job.first_key], loaded[job.second_key]
        results.append(_estimate(job, points, batch, cache))
    return results


def _load(cache: ResultCache, key: str, loaded: Mapping[str, KeyPoints]) -> KeyPoints:
    points = loaded.get(key) or load_keypoints(cache, key)
    if points is None:
        # A torn file may still tell its number of key points and so look whole from outside.
        cache.discard_arrays(KEYPOINTS, key)
        raise RunError(
            "key points in the run folder are broken or have vanished",
            path=cache.folder,
            remedy="Start the run again; they will be extracted anew.",
        )
    return points


def _estimate(
    job: PairJob, points: tuple[KeyPoints, KeyPoints], batch: PairBatch, cache: ResultCache
) -> PairResult:
    seed = pair_seed(*points, batch.solver.seed)
    matches = match_keypoints(*points, batch.matching, seed)
    estimate, used = solve_matches(matches, batch.matching, batch.solver, seed)
    n_matches = int(matches.below(batch.matching.lowe_ratio).sum())
    src, dst = matches.src[used][estimate.inliers], matches.dst[used][estimate.inliers]
    record = {
        "matrix": estimate.matrix,
        "n_matches": n_matches,
        "n_inliers": estimate.n_inliers,
        "error_abs_mean": estimate.error_abs_mean,
        "fwhm_x": estimate.fwhm_x,
        "fwhm_y": estimate.fwhm_y,
        "mean_src": src.mean(0, dtype=np.float64) if len(src) else [np.nan, np.nan],
        "mean_dst": dst.mean(0, dtype=np.float64) if len(dst) else [np.nan, np.nan],
        "reason": estimate.reason,
    }
    strict = matches.below(batch.matching.lowe_ratio)
    outlier = strict & ~_scatter(used, estimate.inliers)
    cache.save_arrays(
        KIND,
        job.key,
        src=src,
        dst=dst,
        outlier_src=matches.src[outlier],
        outlier_dst=matches.dst[outlier],
    )
    # The record comes last: where it exists, the arrays do.
    cache.save_record(KIND, job.key, record)
    return from_record(job, record, reused=False)


def _scatter(used: Any, inliers: Any) -> Any:
    mask = np.zeros(len(used), bool)
    mask[np.flatnonzero(used)] = inliers
    return mask


def pair_seed(first: KeyPoints, second: KeyPoints, seed: int) -> int:
    """Return the seed of one pair, 0 to 2^31 - 1, from its key points and the run's seed.

    It follows from the content alone, so a copy of the data gives the same transforms.
    """
    content = zlib.crc32(second.xy.tobytes(), zlib.crc32(first.xy.tobytes()))
    return (content ^ seed) % 2**31


def solve_matches(
    matches: Matches, matching: MatchingSettings, solver: SolverSettings, seed: int
) -> tuple[TransformEstimate, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Estimate a transform from candidate matches.

    The distinctive matches (below `lowe_ratio`) give the transform. Then less distinctive ones
    (below `grow_ratio`) that agree with it are added and it is fitted again: on real tissue this
    adds about a third more matches and lowers the error of the affine model by several percent.

    Parameters
    ----------
    matches : Matches
        All candidates.
    matching : MatchingSettings
        Uses lowe_ratio and grow_ratio.
    solver : SolverSettings
        Model, solver and limits.
    seed : int
        Seed of RANSAC.

    Returns
    -------
    estimate : TransformEstimate
        Its `inliers` refer to the used matches; falsy where fewer than `min_matches` are left.
    used : (n,) bool array
        Which of the candidates the estimate chose from.
    """
    model = get_model(solver)
    used = matches.below(matching.lowe_ratio)
    src, dst = matches.src[used].astype(np.float64), matches.dst[used].astype(np.float64)
    if solver.solver == "LinReg":
        estimate = solve_linreg(src, dst, model, solver)
    else:
        estimate = solve_ransac(src, dst, model, solver, np.random.default_rng(seed))
    if estimate and matching.grow_ratio > matching.lowe_ratio:
        grown = matches.below(matching.grow_ratio)
        src, dst = matches.src[grown].astype(np.float64), matches.dst[grown].astype(np.float64)
        matrix, inliers = refit(src, dst, estimate.matrix, model, solver.drmax)
        if np.isfinite(matrix).all() and inliers.sum() >= estimate.n_inliers:
            estimate = success(matrix, src, dst, inliers, estimate.n_trials)
            used = grown
    if estimate and estimate.n_inliers < solver.min_matches:
        n = estimate.n_inliers
        reason = f"only {n} matches fit within {solver.drmax} px, {solver.min_matches} are needed"
        estimate = failure(int(used.sum()), reason, estimate.n_trials)
    return estimate, used


def from_record(job: PairJob, record: Mapping[str, Any], reused: bool = True) -> PairResult:
    """Make the result of a pair from its record on disk."""
    return PairResult(
        first=job.first,
        second=job.second,
        matrix=_numbers(record["matrix"]).reshape(3, 3),
        n_matches=int(record["n_matches"]),
        n_inliers=int(record["n_inliers"]),
        error_abs_mean=as_float(record["error_abs_mean"]),
        fwhm_x=as_float(record["fwhm_x"]),
        fwhm_y=as_float(record["fwhm_y"]),
        mean_src=_numbers(record["mean_src"]),
        mean_dst=_numbers(record["mean_dst"]),
        reason=str(record["reason"]),
        key=job.key,
        reused=reused,
        estimator=str(record.get("estimator", "sift")),
    )


def as_result(job: PairJob, record: Mapping[str, Any] | None) -> PairResult | None:
    """Return the result of a pair from its record on disk; None where there is none."""
    return None if record is None else from_record(job, record)


def _numbers(values: Any) -> Array:
    return np.array([as_float(v) for v in np.ravel(np.array(values, dtype=object))])


def load_pair_points(cache: ResultCache, key: str) -> dict[str, Array] | None:
    """Return the points behind a pair's transform: src, dst, outlier_src, outlier_dst, (n, 2) px.

    Residual vectors follow with `fibsem_dash.transforms.residuals`.
    """
    return cache.load_arrays(KIND, key)
