"""What a run folder knows of its frames and pairs, at any moment of the run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fibsem_dash.errors import FibsemDashError, FormatError, RunError
from fibsem_dash.io.tables import read_csv
from fibsem_dash.registration.cache import ResultCache
from fibsem_dash.registration.data_range import StackRange, combine_ranges
from fibsem_dash.registration.edits import RunEdits, run_edits
from fibsem_dash.registration.frames import (
    FOV_COLUMNS,
    TELEMETRY,
    FrameInfo,
    inspect_frame,
    tell_apart,
)
from fibsem_dash.registration.keypoints import KeyPointJob, keypoint_job
from fibsem_dash.registration.run_store import RunStore
from fibsem_dash.registration.tables import MATRIX_COLUMNS
from fibsem_dash.settings import DataRangeSettings, RunSettings, from_dict
from fibsem_dash.transforms.matrices import Array

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class StoredRun:
    """A run folder that was read.

    Attributes
    ----------
    store : RunStore
        The folder.
    record : dict
        Content of run.json.
    settings : RunSettings
        Settings of the run.
    edits : RunEdits
        What edits.json holds now.
    frames : tuple of FrameInfo
        The input list. What all frames share comes from the first readable one.
    table : pandas.DataFrame
        frames.csv.
    """

    store: RunStore
    record: dict[str, Any]
    settings: RunSettings
    edits: RunEdits
    frames: tuple[FrameInfo, ...]
    table: pd.DataFrame

    @property
    def cache(self) -> ResultCache:
        """Results on disk."""
        return self.store.cache

    @property
    def paths(self) -> list[str]:
        """The input list."""
        return [frame.path for frame in self.frames]

    @property
    def measured(self) -> list[int]:
        """Frames whose headers and grey levels could be read."""
        return [int(k) for k in np.flatnonzero(np.isfinite(self.table["min"].to_numpy()))]

    @property
    def kept(self) -> list[int]:
        """Frames that the run uses."""
        return [int(k) for k in np.flatnonzero((self.table["status"] == "ok").to_numpy())]

    def stage_done(self, name: str) -> bool:
        """Whether a stage of the latest run has finished."""
        stage = self.record.get("stages", {}).get(name, {})
        return isinstance(stage, dict) and stage.get("state") == "done"

    def n_keypoints(self) -> Array:
        """Return the number of key points of each frame of the input list, NaN where unknown."""
        if "n_keypoints" not in self.table:
            return np.full(len(self.frames), np.nan)
        return self.table["n_keypoints"].to_numpy(np.float64, na_value=np.nan)

    def levels(self, settings: DataRangeSettings | None = None) -> StackRange:
        """Return the grey levels of the stack; with other smoothing where settings are given."""
        low, high = (self.table[name].to_numpy(np.float64) for name in ("min", "max"))
        return combine_ranges(low, high, settings or self.settings.data_range)

    def final_matrices(self) -> tuple[list[int], Array] | None:
        """Return the frames that transforms.csv places, and their ``C_j``; None without it."""
        path = self.store.file("transforms.csv")
        if not path.exists():
            return None
        table = read_csv(path)
        used = table[table["status"] == "ok"]
        matrices = np.tile(np.eye(3), (len(used), 1, 1))
        matrices[:, :2] = used[list(MATRIX_COLUMNS)].to_numpy(np.float64).reshape(-1, 2, 3)
        return [int(k) for k in used["frame"]], matrices

    def keypoint_jobs(self, levels: StackRange, settings: RunSettings) -> dict[int, KeyPointJob]:
        """Return the keys of the key points of all measured frames."""
        jobs = {}
        for k in self.measured:
            low, high = levels.sliding_minimum[k], levels.sliding_maximum[k]
            if not settings.data_range.sliding:
                low, high = levels.global_minimum, levels.global_maximum
            jobs[k] = keypoint_job(
                self.frames[k], float(low), float(high), settings.input.detector, settings.sift
            )
        return jobs


def read_run(folder: str | os.PathLike[str]) -> StoredRun:
    """Read the record and the frame table of a run folder.

    Raises
    ------
    RunError
        When there is no run, or it has not yet measured its frames.
    FormatError
        When a file of the folder is not what a run writes.
    """
    store = RunStore(folder)
    record = store.read()
    path = store.file("frames.csv")
    if not record or not path.exists():
        raise RunError(
            "the run has not measured its frames yet" if record else "not a run folder",
            path=store.folder,
            remedy="Wait for the stage 'data range'." if record else "Choose a run folder.",
        )
    table = read_csv(path)
    inputs = record.get("input")
    try:
        settings = from_dict(record.get("settings", {}))
        identities = [(str(i["path"]), int(i["size"]), int(i["mtime_ns"])) for i in inputs or []]
        if not {"min", "max", "status", "file"} <= set(table) or len(table) != len(identities):
            raise ValueError("frames.csv and the input list of run.json differ")
    except (KeyError, TypeError, ValueError, FibsemDashError) as error:
        raise FormatError(
            "not a run record that this version reads",
            path=store.folder,
            found=str(error),
            remedy="Start the run again.",
        ) from error
    frames = _frames(identities, table)
    return StoredRun(store, record, settings, run_edits(store.folder), frames, table)


def _frames(
    identities: Sequence[tuple[str, int, int]], table: pd.DataFrame
) -> tuple[FrameInfo, ...]:
    columns = [c for c in (*TELEMETRY, *FOV_COLUMNS) if c in table]
    telemetry = table[columns].to_dict("records")
    usable = np.flatnonzero(np.isfinite(table["min"].to_numpy(np.float64)))
    # The inspection has seen to it that all used frames are alike.
    alike = _first_readable([identities[int(k)][0] for k in usable])
    infos = [
        FrameInfo(
            index=k,
            path=path,
            identity=(os.path.basename(path), size, mtime),
            shape=alike.shape,
            dtype=alike.dtype,
            detectors=alike.detectors,
            pixel_size_nm=alike.pixel_size_nm,
            z_step_nm=alike.z_step_nm,
            dark_counts=alike.dark_counts,
            telemetry={str(name): float(value) for name, value in telemetry[k].items()},
            pixel_size_assumed=alike.pixel_size_assumed,
        )
        for k, (path, size, mtime) in enumerate(identities)
    ]
    return tuple(tell_apart(infos))


def _first_readable(paths: Sequence[str]) -> FrameInfo:
    infos = (inspect_frame(0, path) for path in paths)
    return next((info for info in infos if info.usable), FrameInfo(0, "", ("", 0, 0)))
