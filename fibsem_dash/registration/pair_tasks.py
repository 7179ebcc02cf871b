"""What is to be done for each pair: the run's way, with settings of its own, or nothing."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fibsem_dash.compute.executor import Executor, batch_size, batches_of
from fibsem_dash.compute.progress import Monitor
from fibsem_dash.registration.cache import ResultCache
from fibsem_dash.registration.edits import PairEdit, RunEdits, frame_names
from fibsem_dash.registration.keypoints import (
    KeyPointBatch,
    KeyPointJob,
    extract_batch,
    keypoint_job,
)
from fibsem_dash.registration.pairs import (
    KIND,
    PairBatch,
    PairJob,
    PairResult,
    as_result,
    estimate_batch,
    pair_job,
)
from fibsem_dash.settings import RunSettings, update
from fibsem_dash.transforms.matrices import apply

RunBatches = Callable[[str, Any, Sequence[Any], Sequence[Any]], list[Any]]
"""Runs (stage, function, batches, items) and returns all results."""


@dataclass(frozen=True)
class PairTask:
    """One pair and how its transform is found.

    Attributes
    ----------
    job : PairJob
        The pair with the keys of its inputs and result.
    settings : RunSettings
        The run's, or those with the changes of the pair.
    frames : tuple of KeyPointJob
        Both frames, with the keys of the key points that the pair needs.
    edit : PairEdit, optional
        What was decided about it.
    """

    job: PairJob
    settings: RunSettings
    frames: tuple[KeyPointJob, KeyPointJob]
    edit: PairEdit | None = None

    @property
    def pair(self) -> tuple[int, int]:
        """Numbers of both frames."""
        return self.job.first, self.job.second

    @property
    def by_hand(self) -> bool:
        """Whether there is nothing to compute."""
        return self.edit is not None and self.edit.matrix is not None


def pair_tasks(
    wanted: Sequence[tuple[int, int]],
    frames: Mapping[int, KeyPointJob],
    settings: RunSettings,
    edits: RunEdits,
    paths: Sequence[str | os.PathLike[str]],
) -> list[PairTask]:
    """Find out what each pair needs.

    Parameters
    ----------
    wanted : sequence of (int, int)
        Pairs of frames of the input list.
    frames : mapping of int to KeyPointJob
        Frames with the keys of their key points.
    settings : RunSettings
        The run's.
    edits : RunEdits
        Decisions about single pairs.
    paths : sequence of path-like
        The input list, which gives the frames their names.
    """
    names = frame_names(paths) if edits.pairs else []
    by_name = {(edit.first, edit.second): edit for edit in edits.pairs}
    tasks = []
    for a, b in wanted:
        edit = by_name.get((names[a], names[b])) if by_name else None
        used, both = settings, (frames[a], frames[b])
        if edit is not None and edit.settings:
            used = update(settings, dict(edit.settings))
            both = _with_sift(both[0], used), _with_sift(both[1], used)
        job = pair_job((a, both[0].key), (b, both[1].key), used.matching, used.solver)
        tasks.append(PairTask(job, used, both, edit))
    return tasks


def _with_sift(frame: KeyPointJob, settings: RunSettings) -> KeyPointJob:
    return keypoint_job(
        frame.frame, frame.minimum, frame.maximum, settings.input.detector, settings.sift
    )


def estimate_tasks(
    tasks: Sequence[PairTask],
    executor: Executor,
    monitor: Monitor,
    cache: ResultCache,
    run_batches: RunBatches,
) -> list[PairResult]:
    """Find the transforms of pairs, those with settings of their own in groups of equal ones.

    Parameters
    ----------
    tasks : sequence of PairTask
        What is wanted.
    executor, monitor
        Where work runs and what hears of it.
    cache : ResultCache
        Where results are kept.
    run_batches : callable
        Runs batches of a stage and counts them.
    """
    results = [_set_by_hand(task) for task in tasks if task.by_hand]
    computed = [task for task in tasks if not task.by_hand]
    groups: dict[RunSettings, list[PairTask]] = {}
    for task in computed:
        groups.setdefault(task.settings, []).append(task)
    folder = str(cache.folder)
    batches: list[PairBatch] = []
    for settings, group in groups.items():
        _extract_missing(group, settings, executor, monitor, cache)
        jobs = [task.job for task in group]
        size = batch_size(len(jobs), executor.n_workers)
        batches += [
            PairBatch(tuple(part), settings.matching, settings.solver, folder)
            for part in batches_of(jobs, size)
        ]
    if batches:
        results += run_batches("pairs", estimate_batch, batches, computed)
    edits = {(t.job.first, t.job.second): t.edit for t in tasks if t.edit is not None}
    return [_marked(result, edits.get((result.first, result.second))) for result in results]


def stored_result(task: PairTask, cache: ResultCache) -> PairResult | None:
    """Return the result of a pair that is known without computing anything, else None."""
    if task.by_hand:
        return _marked(_set_by_hand(task), task.edit)
    found = as_result(task.job, cache.load_record(KIND, task.job.key))
    return None if found is None else _marked(found, task.edit)


def _marked(result: PairResult, edit: PairEdit | None) -> PairResult:
    return result if edit is None else dataclasses.replace(result, source=edit.source)


def _extract_missing(
    tasks: Sequence[PairTask],
    settings: RunSettings,
    executor: Executor,
    monitor: Monitor,
    cache: ResultCache,
) -> None:
    """Extract key points that only a pair with settings of its own needs."""
    if not any(task.edit and task.edit.settings for task in tasks):
        return
    frames = {frame.key: frame for task in tasks for frame in task.frames}
    batches = [
        KeyPointBatch((frame,), settings.input.detector, settings.sift, str(cache.folder))
        for frame in frames.values()
    ]
    for _ in executor.run(extract_batch, batches, monitor):
        pass


def _set_by_hand(task: PairTask) -> PairResult:
    assert task.edit is not None
    matrix = task.edit.whole_matrix()
    height, width = task.frames[0].frame.shape
    # No matches tell where the matrix holds best: the middle of the frame is as good as any.
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    nan = float("nan")
    return PairResult(
        first=task.job.first,
        second=task.job.second,
        matrix=matrix,
        n_matches=0,
        n_inliers=0,
        error_abs_mean=nan,
        fwhm_x=nan,
        fwhm_y=nan,
        mean_src=centre,
        mean_dst=apply(matrix, centre[None])[0],
        reason="",
        key="",
        reused=True,
    )
