"""What a run would have to compute anew, found by asking for the keys of its results."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fibsem_dash.errors import FormatError
from fibsem_dash.registration.bridging import MIN_KEYPOINTS, bridge_gaps
from fibsem_dash.registration.cache import file_identity
from fibsem_dash.registration.chain import build_chain
from fibsem_dash.registration.chain_input import fov_trend_of, pair_table
from fibsem_dash.registration.data_range import KIND as RANGES
from fibsem_dash.registration.data_range import range_key
from fibsem_dash.registration.edits import RunEdits
from fibsem_dash.registration.estimation import stored_pair
from fibsem_dash.registration.frames import FrameInfo, inspect_batch, tell_apart
from fibsem_dash.registration.keypoints import KIND as KEYPOINTS
from fibsem_dash.registration.keypoints import KeyPointJob
from fibsem_dash.registration.pair_tasks import PairTask, pair_tasks
from fibsem_dash.registration.pairs import PairResult
from fibsem_dash.registration.stack import missing_slices
from fibsem_dash.registration.stack_stage import plan_stack
from fibsem_dash.registration.stack_target import find_target
from fibsem_dash.registration.stored_run import StoredRun, read_run
from fibsem_dash.settings import RunSettings
from fibsem_dash.transforms.matrices import Array


@dataclass(frozen=True)
class RecomputePlan:
    """What the next run computes; everything else is found on disk.

    Attributes
    ----------
    ranges, keypoints : int
        Frames whose grey levels and key points are missing.
    pairs : int
        Pairs whose transform is missing.
    chain : bool
        Whether a frame moves, comes or goes. The chain itself takes milliseconds and always runs.
    slices, n_slices : int
        Slices to be written, and all slices of the stack.
    exact : bool
        False where results that are missing decide what else is needed: then the numbers are those
        for pairs that all succeed.
    """

    ranges: int
    keypoints: int
    pairs: int
    chain: bool
    slices: int
    n_slices: int
    exact: bool = True

    def __bool__(self) -> bool:
        return bool(self.ranges or self.keypoints or self.pairs or self.slices)

    def __str__(self) -> str:
        parts = [
            f"{n} {one if n == 1 else many}"
            for n, one, many in (
                (self.ranges, "grey-level range", "grey-level ranges"),
                (self.keypoints, "frame's key points", "frames' key points"),
                (self.pairs, "pair", "pairs"),
                (self.slices, f"slice of {self.n_slices}", f"slices of {self.n_slices}"),
            )
            if n
        ]
        return ", ".join(parts) if parts else "nothing"


def recompute_count(
    run: str | os.PathLike[str] | StoredRun,
    edits: RunEdits | None = None,
    settings: RunSettings | None = None,
) -> RecomputePlan:
    """Count what the next run of a folder would compute, without computing it.

    Parameters
    ----------
    run : path-like or StoredRun
        The run folder. Frames count as used or not as they were found when it ran.
    edits : RunEdits, optional
        Edits that are considered; those of the folder by default.
    settings : RunSettings, optional
        Settings that are considered; those of the run by default.

    Raises
    ------
    RunError
        When the folder is no run, or its frames are not measured yet.
    """
    stored = run if isinstance(run, StoredRun) else read_run(run)
    edits = stored.edits if edits is None else edits
    settings = settings or stored.settings
    stored = replace(stored, frames=_as_they_are(stored.frames))
    ranges = _missing_ranges(stored, settings)
    left_out = set(edits.applied_to(stored.paths)[0])
    by_settings = set(settings.input.exclude)
    left_out |= {k for k, path in enumerate(stored.paths) if os.path.basename(path) in by_settings}
    kept = [k for k in stored.measured if k not in left_out]
    if ranges:
        # Nothing is known of what follows: other grey levels give other key points.
        n = -(-len(kept) // settings.output.z_bin)
        return RecomputePlan(ranges, len(kept), max(len(kept) - 1, 0), True, n, n, exact=False)
    jobs = stored.keypoint_jobs(stored.levels(settings.data_range), settings)
    search = _Search(stored, jobs, edits, settings)
    counts = _keypoint_counts(stored, search, kept)
    kept, found, _ = bridge_gaps(kept, counts, search)
    pairs = list(found.values())
    keypoints, missing = search.missing_keypoints(kept), len(search.missing)
    # A frame that the settings leave out is not measured, which moves the levels around it.
    same_frames = by_settings == set(stored.settings.input.exclude)
    exact = not missing and not keypoints and same_frames
    moved = not exact or _moves(stored, kept, pairs, settings)
    n_slices = -(-len(kept) // settings.output.z_bin)
    slices = n_slices if not exact else _missing_slices(stored, kept, pairs, settings)
    return RecomputePlan(0, keypoints, missing, moved, slices, n_slices, exact)


def _as_they_are(frames: Sequence[FrameInfo]) -> tuple[FrameInfo, ...]:
    """Look again at the files: one that was replaced since has no results."""

    def now(frame: FrameInfo) -> FrameInfo:
        try:
            return replace(frame, identity=file_identity(frame.path))
        except OSError:
            return frame

    return tuple(tell_apart([now(frame) for frame in frames]))


def _missing_ranges(run: StoredRun, settings: RunSettings) -> int:
    if run.frames and np.dtype(run.frames[0].dtype or "uint8") == np.uint8:
        return 0
    detector = settings.input.detector
    keys = [range_key(run.frames[k], detector, settings.data_range) for k in run.measured]
    return sum(not run.cache.path(RANGES, key, ".json").exists() for key in keys)


class _Search:
    """Takes the place of the estimation of pairs: finds results, and notes what is missing."""

    def __init__(
        self,
        run: StoredRun,
        jobs: Mapping[int, KeyPointJob],
        edits: RunEdits,
        settings: RunSettings,
    ) -> None:
        self.run, self.jobs, self.edits, self.settings = run, jobs, edits, settings
        self.by_blocks = settings.estimation.estimator != "sift"
        self.missing: dict[tuple[int, int], PairTask] = {}

    def __call__(self, wanted: Sequence[tuple[int, int]]) -> dict[tuple[int, int], PairResult]:
        tasks = pair_tasks(wanted, self.jobs, self.settings, self.edits, self.run.paths)
        results = {}
        for task in tasks:
            found = stored_pair(task, self.settings, self.run.cache)
            if found is None:
                self.missing[task.pair] = task
                found = _hoped_for(task)
            results[task.pair] = found
        return results

    def has_keypoints(self, job: KeyPointJob) -> bool:
        """Tell whether the key points of a frame are on disk."""
        return self.run.cache.path(KEYPOINTS, job.key, ".npz").exists()

    def missing_keypoints(self, kept: Sequence[int]) -> int:
        """Count the frames whose key points are missing, those for single pairs included."""
        needed = {} if self.by_blocks else {self.jobs[k].key: self.jobs[k] for k in kept}
        for task in self.missing.values():
            if self.by_blocks and not (task.edit and task.edit.settings):
                continue
            needed |= {frame.key: frame for frame in task.frames}
        return len({j.frame.index for j in needed.values() if not self.has_keypoints(j)})


def _hoped_for(task: PairTask) -> PairResult:
    nan = np.full(2, np.nan)
    unknown = float("nan")
    return PairResult(
        first=task.job.first,
        second=task.job.second,
        matrix=np.full((3, 3), np.nan),
        n_matches=0,
        n_inliers=0,
        error_abs_mean=unknown,
        fwhm_x=unknown,
        fwhm_y=unknown,
        mean_src=nan,
        mean_dst=nan,
        reason="",
        key=task.job.key,
    )


def _keypoint_counts(run: StoredRun, search: _Search, kept: Sequence[int]) -> dict[int, int]:
    """Return the number of key points where it is on disk, enough of them elsewhere."""
    counts: dict[int, int] = {}
    if search.by_blocks:
        return counts
    known = run.n_keypoints()
    same = search.settings.sift == run.settings.sift
    for k in kept:
        if not search.has_keypoints(search.jobs[k]):
            counts[k] = MIN_KEYPOINTS
        elif same and np.isfinite(known[k]):
            counts[k] = int(known[k])
        else:
            stored = run.cache.load_arrays(KEYPOINTS, search.jobs[k].key, "size")
            counts[k] = MIN_KEYPOINTS if stored is None else len(stored["size"])
    return counts


def _final(
    run: StoredRun, kept: Sequence[int], pairs: Sequence[PairResult], settings: RunSettings
) -> Array:
    trend = fov_trend_of([run.frames[k] for k in kept])
    return build_chain(pair_table(pairs), settings.chain, trend).final


def _moves(
    run: StoredRun, kept: Sequence[int], pairs: Sequence[PairResult], settings: RunSettings
) -> bool:
    before = run.final_matrices()
    final = _final(run, kept, pairs, settings)
    return before is None or before[0] != list(kept) or not np.array_equal(before[1], final)


def _missing_slices(
    run: StoredRun, kept: Sequence[int], pairs: Sequence[PairResult], settings: RunSettings
) -> int:
    # The table of frames lacks what the headers alone tell, such as the recipe.
    whole = inspect_batch([(k, run.frames[k].path) for k in kept])
    frames = [replace(f, identity=run.frames[f.index].identity) for f in whole]
    if not all(frame.usable for frame in frames):
        raise FormatError("frames of the run can no longer be read", path=run.store.folder)
    final = _final(run, kept, pairs, settings)
    plan = plan_stack(frames, final, run.levels(settings.data_range), settings)
    targets = [
        find_target(
            run.cache,
            run.store.file(f"{plan.name}.{name}"),
            plan.key,
            plan.shape,
            plan.dtype,
            plan.voxel_size_nm,
        )
        for name in settings.output.formats
    ]
    return missing_slices(run.cache, targets, plan.jobs)
