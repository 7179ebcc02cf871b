"""The benchmark measures what it says."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from benchmarks.accuracy import pair_errors
from benchmarks.measure import measure, memory_of

ROOT = Path(__file__).resolve().parents[2]


def test_pair_errors_of_a_known_displacement(tmp_path: Path) -> None:
    true = [np.eye(3), np.array([[1, 0, 2], [0, 1, -1], [0, 0, 1]]), np.eye(3)]
    (tmp_path / "truth.json").write_text(json.dumps({"T": [m.tolist() for m in true]}))
    with (tmp_path / "pairs.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["frame", "T00", "T01", "T02", "T10", "T11", "T12"])
        table.writerow([1, 1, 0, 2 + 3, 0, 1, -1])  # 3 px off
        table.writerow([2, 1, 0, -2, 0, 1, 1 + 4])  # 4 px off
    centre, corners = pair_errors(tmp_path / "pairs.csv", tmp_path / "truth.json", (64, 32))
    assert centre == pytest.approx(np.sqrt((9 + 16) / 2))
    assert corners == pytest.approx(centre)


def test_pair_errors_of_a_rotation_grow_from_the_centre(tmp_path: Path) -> None:
    (tmp_path / "truth.json").write_text(json.dumps({"T": [np.eye(3).tolist()] * 2}))
    # A shear about the centre of an 11 x 11 frame: 0.1 px in x per pixel in y.
    (tmp_path / "pairs.csv").write_text("frame,T00,T01,T02,T10,T11,T12\n1,1,0.1,-0.5,0,1,0\n")
    centre, corners = pair_errors(tmp_path / "pairs.csv", tmp_path / "truth.json", (11, 11))
    assert centre == pytest.approx(0, abs=1e-12)
    assert corners == pytest.approx(0.5)


def test_measure_sees_the_memory_and_time_of_a_child() -> None:
    child = "import time; x = bytearray(b'x') * 80_000_000; time.sleep(0.5)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    measured = measure([sys.executable, "-c", code], memory=True)
    assert 80e6 < measured.peak_bytes < 400e6
    assert measured.wall_s > 0.5


def test_measure_shows_the_last_lines_of_a_failure() -> None:
    with pytest.raises(SystemExit, match="no such thing"):
        measure([sys.executable, "-c", "raise SystemExit('no such thing')"])


def test_memory_of_this_process_is_plausible() -> None:
    peak, private = memory_of(psutil.Process())
    assert peak > 1e7
    assert private < peak


@pytest.mark.slow
def test_quick_benchmark_runs_to_its_end(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/bench.py", "--quick", "--scratch", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"whole command +[\d.]+ +[\d.]+ +[\d.]+", done.stdout)
    assert re.search(r"peak memory .*\n +frames +largest worker", done.stdout)
    assert not (tmp_path / "pipeline").exists()
