"""What a finished run has to tell, read from its folder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fibsem_dash.errors import FibsemDashError
from fibsem_dash.io import open_stack
from fibsem_dash.io.tables import read_csv
from fibsem_dash.quality import find_quality_file, read_quality_table, summarise
from fibsem_dash.registration.run_store import RunStore

REPORT = "report.html"
"""File of a run's report."""

TABLES = ("frames.csv", "pairs.csv", "transforms.csv")

STACK_SUFFIXES = (".mrc", ".zarr", ".h5", ".tif", ".tiff")


@dataclass(frozen=True, eq=False)
class RunResult:
    """A run folder as a user meets it.

    Attributes
    ----------
    folder : pathlib.Path
        The run folder.
    state : str
        As run.json says.
    n_frames, n_used, n_pairs, n_failed : int
        Frames of the input list, those used, pairs, pairs without a transform.
    shape : (int, int, int) or None
        Size (z, y, x) of the stack; None while there is none.
    voxel_size_nm : (float, float, float) or None
        In the same order.
    medians : dict
        Median of each measure of quality.
    problems : pandas.DataFrame
        Frames that were left out and pairs that failed, as `problem_table` returns them.
    stacks, files : tuple of pathlib.Path
        The stack in its formats, and all files in the order of their use.
    messages : tuple of str
        What the run remarked.
    """

    folder: Path
    state: str
    n_frames: int
    n_used: int
    n_pairs: int
    n_failed: int
    shape: tuple[int, int, int] | None
    voxel_size_nm: tuple[float, float, float] | None
    medians: dict[str, float]
    problems: pd.DataFrame
    stacks: tuple[Path, ...]
    files: tuple[Path, ...]
    messages: tuple[str, ...]

    @property
    def report(self) -> Path | None:
        """The report, where there is one."""
        path = self.folder / REPORT
        return path if path.is_file() else None


def read_result(folder: str) -> RunResult | None:
    """Read a run folder; None when it holds no run.

    Raises
    ------
    FormatError, AccessError
        When its record cannot be read.
    """
    store = RunStore(folder)
    record = store.read()
    if not record:
        return None
    frames, pairs = _table(store, "frames.csv"), _table(store, "pairs.csv")
    outputs = [store.file(Path(str(name)).name) for name in record.get("outputs", [])]
    outputs = [path for path in outputs if path.exists()]
    stacks = tuple(path for path in outputs if path.suffix.lower() in STACK_SUFFIXES)
    shape, voxel = _shape(stacks)
    others = [store.file(name) for name in (*TABLES, REPORT)]
    inputs = record.get("input")
    n_frames = len(inputs) if isinstance(inputs, list) else 0
    problems = problem_table(frames, pairs)
    n_failed = int((problems["Kind"] == "pair").sum())
    n_left_out = len(problems) - n_failed
    return RunResult(
        folder=store.folder,
        state=str(record.get("state", "")),
        n_frames=n_frames,
        n_used=max(n_frames - n_left_out, 0),
        n_pairs=int((pairs["status"] != "excluded").sum()),
        n_failed=n_failed,
        shape=shape,
        voxel_size_nm=voxel,
        medians=_medians(store.folder),
        problems=problems,
        stacks=stacks,
        files=(*outputs, *(path for path in others if path.is_file())),
        messages=tuple(str(text) for text in record.get("messages", []) if isinstance(text, str)),
    )


def _table(store: RunStore, name: str) -> pd.DataFrame:
    try:
        return read_csv(store.file(name))
    except FibsemDashError:
        return pd.DataFrame(columns=["frame", "file", "status", "reason"])


PROBLEM_COLUMNS = ("Kind", "Frame", "File", "Reason")
"""Columns of the problems that are shown."""


def problem_table(frames: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the frames that were left out and the pairs that failed, with the reason.

    The columns `first` and `second` hold the frames of the pair, `first` -1 where it has none.

    Parameters
    ----------
    frames, pairs : pandas.DataFrame
        frames.csv and pairs.csv of a run.
    """
    rows = []
    for kind, table, word in (("frame", frames, "excluded"), ("pair", pairs, "failed")):
        bad = table[table["status"] == word] if "status" in table else table[:0]
        for row in bad.to_dict("records"):
            number, first = int(row["frame"]), -1
            where = f"{number}"
            if kind == "pair" and not _missing(row.get("previous_frame")):
                first = int(row["previous_frame"])
                where = f"{first} – {number}"
            reason = "" if _missing(row.get("reason")) else str(row["reason"])
            why = reason or str(row["status"])
            rows.append((kind, where, str(row.get("file", "")), why, first, number))
    return pd.DataFrame(rows, columns=[*PROBLEM_COLUMNS, "first", "second"])


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _shape(
    stacks: tuple[Path, ...],
) -> tuple[tuple[int, int, int] | None, tuple[float, float, float] | None]:
    for path in stacks:
        try:
            with open_stack(path) as stack:
                z, y, x = stack.shape
                dz, dy, dx = stack.voxel_size_nm
                return (int(z), int(y), int(x)), (float(dz), float(dy), float(dx))
        except FibsemDashError:
            continue
    return None, None


def _medians(folder: Path) -> dict[str, float]:
    try:
        statistics = summarise(read_quality_table(find_quality_file(folder)))
    except FibsemDashError:
        return {}
    return {name: item.median for name, item in statistics.items()}
