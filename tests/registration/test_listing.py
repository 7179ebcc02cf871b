"""Summaries of folders: numbering, gaps, orders, run folders."""

from __future__ import annotations

import json
import socket
import struct
from pathlib import Path

import numpy as np
import pytest

from fibsem_dash.errors import AccessError
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.frames import FrameInfo, inspect_batch
from fibsem_dash.registration.listing import (
    frame_numbers,
    list_frames,
    summarize,
    telemetry,
)
from fibsem_dash.registration.run_list import list_runs
from fibsem_dash.registration.run_store import RunStore
from fibsem_dash.registration.tables import frames_table


def info(index: int, name: str, shape: tuple[int, int] = (4, 5), reason: str = "") -> FrameInfo:
    return FrameInfo(
        index, name, (name, 10, (index + 1) * 10**9), reason, shape, "int16", ("A",), 4.0
    )


def test_the_number_that_counts_is_found() -> None:
    names = [f"Run7_22-01-{1 + i // 10:02d}_{i:05d}_0-0-0.dat" for i in range(30)]
    assert frame_numbers(names) == list(range(30))


@pytest.mark.parametrize(
    "names",
    [
        [f"M_22-01-01_{h:02d}{m:02d}{s:02d}.dat" for h, m, s in [(1, 2, 3), (1, 3, 9), (1, 4, 16)]],
        ["a.dat", "b.dat"],
        ["same_1.dat"],
        [],
    ],
)
def test_names_without_a_counter(names: list[str]) -> None:
    assert frame_numbers(names) is None


def test_summary() -> None:
    frames = [info(i, f"f_{n:03d}.dat") for i, n in enumerate([1, 2, 3, 7, 8, 10])]
    frames.append(info(6, "f_0011.dat", shape=(9, 9)))
    frames.append(info(7, "f_11.dat", reason="broken"))
    summary = summarize(frames)
    assert summary.gaps == ((2, 4, 6), (4, 9, 9))
    assert summary.n_missing == 4
    assert (summary.shape, summary.total_bytes, summary.duration_s) == ((4, 5), 80, 7.0)
    kinds = [(p.index, p.kind) for p in summary.problems]
    assert kinds == [(6, "odd size"), (7, "unreadable"), (7, "duplicate number")]
    assert np.isfinite(telemetry(frames)["time_between_frames_s"][1:]).all()


def test_summary_of_nothing_and_of_unreadable_frames() -> None:
    assert summarize([]).n_frames == 0
    summary = summarize(inspect_batch([(0, "/no/such/file.dat")]))
    assert summary.n_readable == 0
    assert [p.kind for p in summary.problems] == ["empty file"]
    assert np.isnan(summary.duration_s)


def test_orders_and_folders_below(tmp_path: Path) -> None:
    for name in ("s1/a_10.tif", "s2/b_9.tif"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "top_1.dat").write_bytes(b"x")
    assert [p.name for p in list_frames(tmp_path)] == ["top_1.dat"]
    found = list_frames(tmp_path, "*.tif", "number", recursive=True)
    assert [p.name for p in found] == ["b_9.tif", "a_10.tif"]
    with pytest.raises(AccessError, match="no frames"):
        list_frames(tmp_path, "*.mrc", recursive=True)


def test_runs_are_listed_with_what_their_records_say(tmp_path: Path) -> None:
    for name, text in (
        ("old", '{"schema_version": 1, "state": "done", "created": "2025", "input": [1, 2]}'),
        ("deep/new", '{"schema_version": 1, "state": "running", "created": "2027"}'),
        ("killed", '{"schema_version": 1, "state": "running", "created": "2026"}'),
        ("bad", "{"),
    ):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "run.json").write_text(text)
    (tmp_path / "killed" / "run.lock").write_text(
        json.dumps({"pid": 2**22 + 1, "host": socket.gethostname(), "since": "", "started": 1.0})
    )
    with RunStore(tmp_path / "deep" / "new").lock():
        runs = list_runs(tmp_path)
    assert [Path(run.folder).name for run in runs] == ["new", "killed", "old", "bad"]
    assert [run.state for run in runs] == ["running", "interrupted", "done", "unreadable"]
    assert runs[2].n_frames == 2
    assert list_runs(tmp_path / "absent") == []


def test_the_stage_is_part_of_the_telemetry_but_not_of_the_table(tmp_path: Path) -> None:
    write_phantom(tmp_path / "stack", frames=1, size=64)
    path = next((tmp_path / "stack").glob("*.dat"))
    with path.open("r+b") as file:
        file.seek(534)
        file.write(struct.pack(">3f", 1.5, -2.5, 3.5))
    frames = inspect_batch([(0, str(path))])
    columns = telemetry(frames)
    assert [columns[f"stage_{axis}_mm"][0] for axis in "xyz"] == [1.5, -2.5, 3.5]
    assert not [name for name in frames_table(frames, None, {}) if name.startswith("stage")]
