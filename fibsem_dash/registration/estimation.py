"""Key points and pair transforms of a run, with the estimator that its settings name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from fibsem_dash.compute.executor import Executor, batch_size
from fibsem_dash.compute.progress import Monitor
from fibsem_dash.registration import block_pairs, keypoints
from fibsem_dash.registration.block_pairs import BlockFrameJob
from fibsem_dash.registration.cache import ResultCache
from fibsem_dash.registration.edits import RunEdits
from fibsem_dash.registration.frames import FrameInfo
from fibsem_dash.registration.fusion import with_neighbours
from fibsem_dash.registration.keypoints import KeyPointCount, KeyPointJob
from fibsem_dash.registration.pair_tasks import (
    PairTask,
    RunBatches,
    estimate_tasks,
    pair_tasks,
    stored_result,
)
from fibsem_dash.registration.pairs import PairResult
from fibsem_dash.settings import RunSettings

Pair = tuple[int, int]


def stored_pair(task: PairTask, settings: RunSettings, cache: ResultCache) -> PairResult | None:
    """Return the result of a pair that is known without computing anything, else None.

    Parameters
    ----------
    task : PairTask
        The pair.
    settings : RunSettings
        Those of the run; its estimator says where the result is looked for. With 'auto', a pair
        that blocks did not find and key points did not try yet counts as not known.
    cache : ResultCache
        Where results are kept.

    Notes
    -----
    Pairs are those before next neighbours are fused into the chain.
    """
    own = task.by_hand or (task.edit is not None and bool(task.edit.settings))
    if own or settings.estimation.estimator == "sift":
        return stored_result(task, cache)
    first, second = (BlockFrameJob(f.frame, f.minimum, f.maximum) for f in task.frames)
    found = block_pairs.stored_result((first, second), settings, cache)
    if found is not None and not found and settings.estimation.estimator == "auto":
        again = stored_result(task, cache)
        if again is None or again:
            return again
    if found is None or task.edit is None:
        return found
    return dataclasses.replace(found, source=task.edit.source)


class PairEstimation:
    """Finds the transforms of pairs by key points, by blocks, or by what suits a pair.

    Parameters
    ----------
    frames : sequence of FrameInfo
        All frames of the run.
    levels : callable
        Gives the grey levels (minimum, maximum), counts, of a frame number.
    settings : RunSettings
        All settings.
    edits : RunEdits
        Decisions about single pairs; a pair with settings of its own goes by key points.
    executor, monitor
        Where work runs and what hears of it.
    cache : ResultCache
        Where results are kept.
    run_batches : callable
        Runs (stage, function, batches, items) and returns all results.

    Attributes
    ----------
    measured : dict
        Pairs found by blocks, those that reach further than the next frame included.
    reused, computed : int
        Pairs that were found on disk, and the others.
    """

    def __init__(
        self,
        frames: Sequence[FrameInfo],
        levels: Callable[[int], tuple[float, float]],
        settings: RunSettings,
        edits: RunEdits,
        executor: Executor,
        monitor: Monitor,
        cache: ResultCache,
        run_batches: RunBatches,
    ) -> None:
        self.frames, self.levels, self.settings, self.edits = frames, levels, settings, edits
        self.executor, self.monitor, self.cache = executor, monitor, cache
        self._run_batches = run_batches
        self._paths = [frame.path for frame in frames]
        self.measured: dict[Pair, PairResult] = {}
        self.reused = self.computed = 0

    @property
    def by_blocks(self) -> bool:
        """Whether blocks are tried first, so that key points are needed later or never."""
        return self.settings.estimation.estimator != "sift"

    def extract_keypoints(self, chosen: Sequence[int]) -> list[KeyPointCount]:
        """Extract the key points of some frames, or find them on disk."""
        jobs = list(self._keypoint_jobs(chosen).values())
        size = batch_size(len(jobs), self.executor.n_workers, largest=8)
        batches = keypoints.batches_for(jobs, size, self.settings, self.cache.folder)
        return self._run_batches("keypoints", keypoints.extract_batch, batches, jobs)

    def _keypoint_jobs(self, chosen: Sequence[int]) -> dict[int, KeyPointJob]:
        detector, sift = self.settings.input.detector, self.settings.sift
        return {
            k: keypoints.keypoint_job(self.frames[k], *self.levels(k), detector, sift)
            for k in chosen
        }

    def __call__(self, wanted: Sequence[Pair]) -> dict[Pair, PairResult]:
        """Find the transforms of some (first, second) frames."""
        tasks = self._tasks(wanted)
        if not self.by_blocks:
            return self._by_keypoints(tasks)
        own = [task for task in tasks if task.by_hand or (task.edit and task.edit.settings)]
        pairs_of_their_own = {task.pair for task in own}
        rest = [task for task in tasks if task.pair not in pairs_of_their_own]
        found = self._by_blocks([task.pair for task in rest])
        if self.settings.estimation.estimator == "auto":
            found |= self._again([task for task in rest if not found[task.pair]])
        for task in rest:
            if task.edit is not None:
                found[task.pair] = dataclasses.replace(found[task.pair], source=task.edit.source)
        return found | self._by_keypoints(own)

    def _tasks(self, wanted: Sequence[Pair]) -> list[PairTask]:
        jobs = self._keypoint_jobs(sorted({k for pair in wanted for k in pair}))
        return pair_tasks(wanted, jobs, self.settings, self.edits, self._paths)

    def _by_keypoints(self, tasks: Sequence[PairTask]) -> dict[Pair, PairResult]:
        if not tasks:
            return {}
        found = estimate_tasks(tasks, self.executor, self.monitor, self.cache, self._run_batches)
        return self._counted(found)

    def _by_blocks(self, wanted: Sequence[Pair]) -> dict[Pair, PairResult]:
        reach = self.settings.estimation.neighbours
        jobs = block_pairs.jobs_for(with_neighbours(wanted, reach), self.frames, self.levels)
        if not jobs:
            return {}
        size = batch_size(len(jobs), self.executor.n_workers, 16 * reach)
        batches = block_pairs.batches_for(jobs, size, self.settings, self.cache.folder)
        found = self._run_batches("pairs", block_pairs.estimate_batch, batches, jobs)
        found_by_pair = self._counted(found)
        self.measured |= found_by_pair
        return {pair: found_by_pair[pair] for pair in wanted}

    def _again(self, failed: Sequence[PairTask]) -> dict[Pair, PairResult]:
        """Try by key points what blocks did not find; return what succeeds."""
        if not failed:
            return {}
        chosen = sorted({k for task in failed for k in task.pair})
        usable = {item.index for item in self.extract_keypoints(chosen) if not item.reason}
        tasks = [task for task in failed if usable.issuperset(task.pair)]
        return {pair: result for pair, result in self._by_keypoints(tasks).items() if result}

    def _counted(self, results: Sequence[PairResult]) -> dict[Pair, PairResult]:
        reused = sum(result.reused for result in results)
        self.reused += reused
        self.computed += len(results) - reused
        return {(result.first, result.second): result for result in results}
