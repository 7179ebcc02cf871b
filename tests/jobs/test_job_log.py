"""The log of a job: bounded, numbered through, with the job's name in every line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fibsem_dash.jobs import JobRegistry
from fibsem_dash.jobs import store as job_store
from fibsem_dash.jobs.monitor import LONGEST_LINE, JobMonitor


@pytest.fixture
def monitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobMonitor:
    """A monitor of a job whose log is begun anew after 2000 bytes."""
    monkeypatch.setattr(job_store, "LARGEST_LOG_BYTES", 2000)
    registry = JobRegistry(tmp_path / "jobs", watch=False)
    job = registry.submit("register", ["nothing"], "a run")
    return JobMonitor(registry.folder / job)


def test_a_log_stays_small_and_keeps_its_numbers(monitor: JobMonitor) -> None:
    for k in range(500):
        monitor.log(f"line {k + 1}")
        newest = monitor.folder.read_log(k, "info", 10)
        assert [(line.number, line.text) for line in newest] == [(k + 1, f"line {k + 1}")]
    sizes = [path.stat().st_size for path in monitor.folder.path.glob("log*.jsonl")]
    assert len(sizes) == 2
    assert max(sizes) < 2200
    kept = monitor.folder.read_log(0, "info", 10_000)
    assert [line.number for line in kept] == list(range(kept[0].number, 501))
    assert all(line.text == f"line {line.number}" for line in kept)


def test_every_line_names_its_job_and_none_is_long(monitor: JobMonitor) -> None:
    monitor.log("short\n" + "9" * 100_000, "warning")
    lines = [json.loads(text) for text in monitor.folder.log.read_text().splitlines()]
    assert [line["job"] for line in lines] == [monitor.folder.path.name] * 2
    assert [len(line["text"]) for line in lines] == [5, LONGEST_LINE]
