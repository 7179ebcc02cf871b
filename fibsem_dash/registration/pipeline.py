"""The stages of a registration in order, each reading what the one before left."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from fibsem_dash.compute.executor import (
    Executor,
    InProcessExecutor,
    batch_size,
    batches_of,
    describe_error,
)
from fibsem_dash.compute.progress import Cancelled, Monitor, SilentMonitor
from fibsem_dash.errors import RunError
from fibsem_dash.io.tables import write_csv
from fibsem_dash.registration import bridging, data_range, frames, fusion, tables
from fibsem_dash.registration.chain import ChainResult, build_chain
from fibsem_dash.registration.chain_input import fov_trend_of, pair_table
from fibsem_dash.registration.data_range import StackRange
from fibsem_dash.registration.edits import BY_HAND, RunEdits, run_edits, write_edits
from fibsem_dash.registration.estimation import PairEstimation
from fibsem_dash.registration.frames import FrameInfo
from fibsem_dash.registration.pairs import PairResult
from fibsem_dash.registration.repeat import other_files
from fibsem_dash.registration.run_lock import now
from fibsem_dash.registration.run_store import RunStore, new_record, refuse_raw_folder
from fibsem_dash.registration.stack_checks import check_backend, check_name, check_output
from fibsem_dash.registration.stack_stage import StackSummary, write_stack
from fibsem_dash.registration.summary import RunSummary
from fibsem_dash.settings import RunSettings, to_dict
from fibsem_dash.transforms import get_model

FEW_HEADERS = 200
"""Frames whose headers this process reads by itself."""


class Registration:
    """One registration: input files, settings, run folder, and the stages.

    Parameters
    ----------
    paths : sequence of path-like
        The frames in order.
    folder : path-like
        The run folder.
    settings : RunSettings, optional
        All settings.
    executor : Executor, optional
        Where work runs; this process by default.
    monitor : Monitor, optional
        What hears of progress and may cancel.
    edits : RunEdits, optional
        Frames left out and pairs changed by hand; they replace those of the run folder, which hold
        by default.
    """

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        folder: str | os.PathLike[str],
        settings: RunSettings | None = None,
        executor: Executor | None = None,
        monitor: Monitor | None = None,
        edits: RunEdits | None = None,
    ) -> None:
        self.paths = [os.path.abspath(p) for p in paths]
        self.store = RunStore(folder)
        self.settings = settings or RunSettings()
        self.executor = executor or InProcessExecutor()
        self.monitor = monitor or SilentMonitor()
        self.edits = edits
        self.frames: list[FrameInfo] = []
        self.excluded: dict[int, str] = {}
        self.levels: StackRange | None = None
        self.kept: list[int] = []
        self.pairs: list[PairResult] = []
        self.chain: ChainResult | None = None
        self.n_keypoints: dict[int, int] = {}
        self._record: dict[str, Any] = {}

    def run(self) -> RunSummary:
        """Run all stages; what is on disk from an earlier run is taken from there.

        Raises
        ------
        FibsemDashError
            When the run cannot go on; run.json says in which stage.
        Cancelled
            When the monitor asked to stop.
        """
        started = time.monotonic()
        # The tables need it soon, and importing it takes as long as reading many frames.
        threading.Thread(target=import_module, args=("pandas",), daemon=True).start()
        refuse_raw_folder(self.store.folder, self.paths)
        check_name(self.settings.output)
        get_model(self.settings.solver)
        self.edits = self._read_edits()
        self.store.create()
        with self.store.lock():
            self.store.sweep()
            self._begin()
            try:
                self._stage("inspect", self.inspect)
                self._stage("data_range", self.measure_range)
                self._stage("keypoints", self.extract_keypoints)
                self._stage("pairs", self.estimate_pairs)
                self._stage("chain", self.build_chain)
                stack = self._stage("stack", self.write_stack)
            except (Cancelled, KeyboardInterrupt):
                self._end("cancelled")
                raise
            except Exception as error:
                self._end("failed", describe_error(error))
                raise
            self._record["outputs"] = list(stack.files)
            self._end("done")
        failed = tuple(pair for pair in self.pairs if pair.is_problem)
        return RunSummary(
            n_frames=len(self.frames),
            n_slices=stack.shape[0],
            excluded=dict(self.excluded),
            failed=failed,
            stack=stack,
            seconds=time.monotonic() - started,
            by_hand=frozenset(k for k, reason in self.excluded.items() if reason == BY_HAND),
        )

    def _read_edits(self) -> RunEdits:
        return run_edits(self.store.folder) if self.edits is None else self.edits

    def _begin(self) -> None:
        old = self.store.read()
        edits = self._read_edits()
        write_edits(self.store.folder, edits)
        self._record = new_record(to_dict(self.settings), edits.to_dict(), old)
        self._record["other_files"] = other_files(self.settings)
        self.store.write(self._record)

    def begin_stages(self) -> None:
        """Prepare the folder for single stages; until `end_stages` the run counts as stopped."""
        refuse_raw_folder(self.store.folder, self.paths)
        self.store.create()
        if not self.store.exists:
            self._begin()
            self._end("cancelled")

    def end_stages(self, stack: StackSummary) -> None:
        """Note in run.json that the stack is written, and that this run has made it."""
        self._begin()
        self._record["input"] = frames.input_records(self.frames)
        self._record["outputs"] = list(stack.files)
        for entry in self._record["stages"].values():
            entry["state"] = "done"
        self._end("done")

    def _end(self, state: str, error: str | None = None) -> None:
        if state == "done":
            self._record["finished"] = now()
        self._record["state"] = state
        for stage in self._record["stages"].values():
            if stage["state"] == "running":
                stage["state"] = state
                if error:
                    stage["error"] = error
        self.store.write(self._record)

    def _stage(self, name: str, function: Any) -> Any:
        if self.monitor.cancelled():
            raise Cancelled
        entry = self._record["stages"][name]
        entry["state"] = "running"
        self.store.write(self._record)
        started = time.monotonic()
        result = function()
        entry |= {"state": "done", "seconds": round(time.monotonic() - started, 3)}
        self.store.write(self._record)
        self.monitor.finish(name)
        return result

    def _tell(self, text: str) -> None:
        self._record.setdefault("messages", []).append(text)
        self.monitor.message(text)

    def _count(self, stage: str, reused: int, computed: int) -> None:
        entry = self._record.get("stages", {}).get(stage)
        if entry is not None:
            entry |= {"reused": reused, "computed": computed}

    def inspect(self) -> list[FrameInfo]:
        """Read all headers and leave out the frames that cannot be used."""
        check_backend(self.settings.compute, self.executor, self.monitor)
        items = list(enumerate(self.paths))
        found: list[FrameInfo] = []
        self.monitor.start("inspect", len(items))
        # Headers are short: a few are read here while the workers start, many in large batches,
        # or the scheduler would cost more than the reading.
        few = len(items) <= FEW_HEADERS
        executor = InProcessExecutor() if few else self.executor
        size = batch_size(len(items), executor.n_workers, largest=500)
        for part in executor.run(frames.inspect_batch, batches_of(items, size), self.monitor):
            found += part
            self.monitor.advance("inspect", len(part))
            self.monitor.tally("inspect", failed=sum(not frame.usable for frame in part))
        found.sort(key=lambda f: f.index)
        found = frames.leave_out(frames.tell_apart(found), self.settings.input.exclude)
        self.frames = frames.exclude_odd_frames(found, self._detectors())
        self._record["input"] = frames.input_records(self.frames)
        for frame in self.frames:
            if not frame.usable:
                self._exclude(frame.index, frame.reason)
        self.kept = [f.index for f in self.frames if f.usable]
        first = self.frames[self.kept[0]]
        check_output(self.settings, first.shape, first.dtype)
        return self.frames

    def _detectors(self) -> str:
        wanted = self.settings.input.detector
        if self.settings.output.detector_b_fraction >= 1e-5:
            wanted += "B"
        return "".join(dict.fromkeys(wanted))

    def _exclude(self, index: int, reason: str) -> None:
        self.excluded[index] = reason
        self._tell(f"frame {index} ({self.frames[index].name}) is left out: {reason}")

    def measure_range(self) -> StackRange:
        """Measure the grey levels of every frame and smooth them along the stack."""
        settings = self.settings.data_range
        batches = [
            data_range.RangeBatch(
                tuple(self.frames[k] for k in part),
                self.settings.input.detector,
                settings,
                str(self.store.cache.folder),
            )
            for part in batches_of(self.kept, batch_size(len(self.kept), self.executor.n_workers))
        ]
        low = np.full(len(self.frames), np.nan)
        high = low.copy()
        results = self._run_batches("data_range", data_range.measure_batch, batches, self.kept)
        for item in results:
            low[item.index], high[item.index] = item.minimum, item.maximum
            if item.reason:
                self._exclude(item.index, item.reason)
        # Only now: without its range, the smooth range and with it the key points of all frames
        # around it would change.
        self._leave_out()
        self._drop_excluded()
        self.levels = data_range.combine_ranges(low, high, settings)
        for text in self.levels.warnings:
            self._tell(f"data range: {text}")
        self._write_frames()
        return self.levels

    def _leave_out(self) -> None:
        self.edits = self._read_edits()
        chosen, unknown = self.edits.applied_to(self.paths)
        if unknown:
            self._tell(f"edits of frames that are not in the input list: {', '.join(unknown)}")
        for index in chosen:
            if index not in self.excluded:
                self._exclude(index, BY_HAND)

    def extract_keypoints(self) -> dict[int, int]:
        """Extract the key points of every frame; return their numbers by frame.

        The estimators that match blocks need none, or only some later.
        """
        estimation = self._estimation()
        results = [] if estimation.by_blocks else estimation.extract_keypoints(self.kept)
        for item in results:
            if item.reason:
                self._exclude(item.index, item.reason)
        self._drop_excluded()
        self.n_keypoints = {item.index: item.n_keypoints for item in results}
        return self.n_keypoints

    def _estimation(self) -> PairEstimation:
        return PairEstimation(
            self.frames,
            self.frame_levels,
            self.settings,
            self._read_edits(),
            self.executor,
            self.monitor,
            self.store.cache,
            self._run_batches,
        )

    def frame_levels(self, k: int) -> tuple[float, float]:
        """Return the grey levels, counts, that the 8-bit image of a frame spans."""
        levels = self.levels
        assert levels is not None
        if not self.settings.data_range.sliding:
            return levels.global_minimum, levels.global_maximum
        return float(levels.sliding_minimum[k]), float(levels.sliding_maximum[k])

    def _drop_excluded(self) -> None:
        self.kept = [k for k in self.kept if k not in self.excluded]
        if not self.kept:
            self._write_frames()
            raise RunError(
                "no frame is left",
                path=self.store.folder,
                remedy="See frames.csv for the reasons.",
            )

    def _run_batches(
        self, stage: str, function: Any, batches: Sequence[Any], items: Sequence[Any]
    ) -> list[Any]:
        self.monitor.start(stage, len(items))
        results: list[Any] = []
        for part in self.executor.run(function, batches, self.monitor):
            results += part
            self.monitor.advance(stage, len(part))
            self.monitor.tally(
                stage,
                reused=sum(item.reused for item in part),
                failed=sum(bool(item.reason) for item in part),
            )
        reused = sum(item.reused for item in results)
        self._count(stage, reused, len(results) - reused)
        return results

    def estimate_pairs(self) -> list[PairResult]:
        """Estimate the transforms of neighbouring frames and bridge the gaps of bad frames."""
        estimation = self._estimation()
        self.kept, found, excluded = bridging.bridge_gaps(self.kept, self.n_keypoints, estimation)
        for index, reason in sorted(excluded.items()):
            self._exclude(index, reason)
        self._drop_excluded()
        self.pairs = fusion.fuse_pairs(list(found.values()), estimation.measured)
        self._count("pairs", estimation.reused, estimation.computed)
        for pair in self.pairs:
            if pair.is_problem:
                names = f"{self.frames[pair.first].name} and {self.frames[pair.second].name}"
                self._tell(
                    f"pair {pair.first} - {pair.second} ({names}) failed: {pair.reason}; the "
                    "frames after it keep the position of those before"
                )
        self._write_frames()
        write_csv(
            self.store.file("pairs.csv"),
            tables.pairs_table(self.frames, self.pairs, self.excluded),
        )
        return self.pairs

    def build_chain(self) -> ChainResult:
        """Compute the position of every frame from the pair transforms."""
        self.monitor.start("chain", 1)
        trend = fov_trend_of([self.frames[k] for k in self.kept])
        self.chain = build_chain(pair_table(self.pairs), self.settings.chain, trend)
        for text in self.chain.warnings:
            self._tell(text)
        write_csv(
            self.store.file("transforms.csv"),
            tables.transforms_table(
                self.frames,
                self.kept,
                self.chain.final,
                self.chain.original,
                self.settings.output.z_bin,
                self.excluded,
            ),
        )
        self.monitor.advance("chain")
        return self.chain

    def write_stack(self) -> StackSummary:
        """Warp, write and measure all slices."""
        assert self.chain is not None
        assert self.levels is not None
        return write_stack(
            self.store,
            [self.frames[k] for k in self.kept],
            self.chain.final,
            self.pairs,
            self.levels,
            self.settings,
            self.executor,
            self.monitor,
            self._count,
        )

    def _write_frames(self) -> None:
        write_csv(
            self.store.file("frames.csv"),
            tables.frames_table(self.frames, self.levels, self.excluded, self.n_keypoints),
        )
