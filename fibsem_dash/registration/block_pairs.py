"""Transforms of frame pairs by block matching, kept on disk like those of key points."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from fibsem_dash.backend import Backend, array_module
from fibsem_dash.compute.executor import batches_of, describe_error
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.features.blocks import (
    BlockFrame,
    BlockMatches,
    match_blocks,
    prepare_frame,
    solve_blocks,
)
from fibsem_dash.image.contrast import to_8bit
from fibsem_dash.io import open_frame
from fibsem_dash.registration.cache import ResultCache, content_key
from fibsem_dash.registration.frames import FrameInfo, require_unchanged
from fibsem_dash.registration.pairs import KIND, PairJob, PairResult, from_record
from fibsem_dash.settings import BlockSettings, RunSettings, SolverSettings
from fibsem_dash.transforms import TransformEstimate
from fibsem_dash.transforms.result import failure

VERSION = 4
"""Part of every key: raise it when the method changes."""


@dataclass(frozen=True)
class BlockFrameJob:
    """A frame and the grey levels (counts) of its 8-bit image."""

    frame: FrameInfo
    minimum: float
    maximum: float


@dataclass(frozen=True)
class BlockPairBatch:
    """Some pairs whose transform is wanted; neighbours in the list share frames."""

    pairs: tuple[tuple[BlockFrameJob, BlockFrameJob], ...]
    detector: str
    blocks: BlockSettings
    solver: SolverSettings
    cache_folder: str
    backend: Backend = "numpy"


def jobs_for(
    wanted: Sequence[tuple[int, int]],
    frames: Sequence[FrameInfo],
    levels: Callable[[int], tuple[float, float]],
) -> list[tuple[BlockFrameJob, BlockFrameJob]]:
    """Make the jobs of some (first, second) frames.

    Parameters
    ----------
    wanted : sequence of (int, int)
        Pairs of frame numbers.
    frames : sequence of FrameInfo
        All frames.
    levels : callable
        Gives the grey levels (minimum, maximum), counts, of a frame number.
    """
    jobs = {k: BlockFrameJob(frames[k], *levels(k)) for k in {k for pair in wanted for k in pair}}
    return [(jobs[a], jobs[b]) for a, b in wanted]


def batches_for(
    jobs: Sequence[tuple[BlockFrameJob, BlockFrameJob]],
    size: int,
    settings: RunSettings,
    cache_folder: str | os.PathLike[str],
) -> list[BlockPairBatch]:
    """Cut jobs into batches of at most `size` pairs."""
    return [
        BlockPairBatch(
            tuple(part),
            settings.input.detector,
            settings.blocks,
            settings.solver,
            os.fspath(cache_folder),
            cast(Backend, settings.compute.backend),
        )
        for part in batches_of(jobs, size)
    ]


def stored_result(
    pair: tuple[BlockFrameJob, BlockFrameJob], settings: RunSettings, cache: ResultCache
) -> PairResult | None:
    """Return the result of a pair that is on disk, else None."""
    (batch,) = batches_for([pair], 1, settings, cache.folder)
    key = _pair_key(*pair, batch)
    record = cache.load_record(KIND, key)
    first, second = pair
    job = PairJob(first.frame.index, second.frame.index, "", "", key)
    return None if record is None else from_record(job, record)


def estimate_batch(batch: BlockPairBatch) -> list[PairResult]:
    """Estimate the transforms of several pairs by blocks, or find them on disk."""
    # Without its card the run ends here; else every pair would fail for it.
    array_module(batch.backend)
    cache = ResultCache(batch.cache_folder)
    # The last pair that needs a frame: its spectra are dropped after it.
    last = {job.frame.index: n for n, pair in enumerate(batch.pairs) for job in pair}
    prepared: dict[int, BlockFrame] = {}
    results = []
    for n, (first, second) in enumerate(batch.pairs):
        key = _pair_key(first, second, batch)
        job = PairJob(first.frame.index, second.frame.index, "", "", key)
        record = cache.load_record(KIND, key)
        if record is not None:
            results.append(from_record(job, record))
        else:
            results.append(_estimate(job, (first, second), batch, cache, prepared))
        prepared = {index: frame for index, frame in prepared.items() if last[index] > n}
    return results


def _pair_key(first: BlockFrameJob, second: BlockFrameJob, batch: BlockPairBatch) -> str:
    solver = batch.solver
    frames = [(job.frame.identity, job.minimum, job.maximum) for job in (first, second)]
    settings = (batch.blocks, solver.transform, solver.drmax, solver.min_matches)
    # Cards round otherwise in the last digits.
    card = () if batch.backend == "numpy" else (batch.backend,)
    return content_key(KIND, "blocks", VERSION, frames, batch.detector, *settings, *card)


def _estimate(
    job: PairJob,
    pair: Sequence[BlockFrameJob],
    batch: BlockPairBatch,
    cache: ResultCache,
    prepared: dict[int, BlockFrame],
) -> PairResult:
    try:
        for frame in pair:
            if frame.frame.index not in prepared:
                prepared[frame.frame.index] = prepare(frame, batch)
    except (FibsemDashError, OSError) as error:
        return from_record(job, _record(failure(0, describe_error(error)), None, 0), reused=False)
    first, second = (prepared[frame.frame.index] for frame in pair)
    matches = match_blocks(first, second, batch.blocks)
    estimate, confident = solve_blocks(matches, batch.blocks, batch.solver)
    used = estimate.inliers
    outlier = confident & ~used
    cache.save_arrays(
        KIND,
        job.key,
        src=matches.src[used],
        dst=matches.dst[used],
        outlier_src=matches.src[outlier],
        outlier_dst=matches.dst[outlier],
        confidence=matches.confidence[used],
        outlier_confidence=matches.confidence[outlier],
    )
    record = _record(estimate, matches, int(confident.sum()))
    # The record comes last: where it exists, the arrays do.
    cache.save_record(KIND, job.key, record)
    return from_record(job, record, reused=False)


def prepare(job: BlockFrameJob, batch: BlockPairBatch) -> BlockFrame:
    """Read a frame and transform its blocks, as the pairs of a batch need them."""
    image = open_frame(job.frame.path).raw(batch.detector)
    require_unchanged(job.frame.path, job.frame.identity[1:])
    if image.dtype != np.uint8:
        image = to_8bit(image, job.minimum, job.maximum)
    return prepare_frame(image, batch.blocks, batch.backend)


def _record(
    estimate: TransformEstimate, matches: BlockMatches | None, n_confident: int
) -> Mapping[str, object]:
    used = estimate.inliers
    nan = [np.nan, np.nan]
    return {
        "matrix": estimate.matrix,
        "n_matches": n_confident,
        "n_inliers": estimate.n_inliers,
        "error_abs_mean": estimate.error_abs_mean,
        "fwhm_x": estimate.fwhm_x,
        "fwhm_y": estimate.fwhm_y,
        "mean_src": matches.src[used].mean(0) if matches and estimate else nan,
        "mean_dst": matches.dst[used].mean(0) if matches and estimate else nan,
        "reason": estimate.reason,
        "estimator": "blocks",
    }
