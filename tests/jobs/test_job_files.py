"""What lies in the folder of the jobs may be torn, foreign or hostile."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from fibsem_dash.errors import FormatError, ParameterError, RunError
from fibsem_dash.jobs import JobMonitor, JobRegistry, jobs_folder
from fibsem_dash.jobs.store import JobFolder


@pytest.fixture
def registry(new_registry: Callable[..., JobRegistry]) -> JobRegistry:
    """A registry that starts nothing by itself."""
    return new_registry(watch=False)


def values_of(registry: JobRegistry, job: str) -> dict[str, Any]:
    return json.loads((registry.folder / job / "job.json").read_text())


def change(registry: JobRegistry, job: str, **values: Any) -> None:
    path = registry.folder / job / "job.json"
    path.write_text(json.dumps(values_of(registry, job) | values))
    registry.refresh(start=False)


DAMAGE: dict[str, bytes] = {
    "empty": b"",
    "torn": b'{"id": "2026',
    "binary": bytes(range(256)),
    "list": b"[1, 2]",
    "nested": b"[" * 100_000,
    "older": b'{"schema_version": 0}',
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_job_is_left_out_with_a_message(
    name: str, registry: JobRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = registry.submit("register", ["a"]), registry.submit("register", ["b"])
    (registry.folder / bad / "job.json").write_bytes(DAMAGE[name])
    registry.refresh(start=False)
    registry.refresh(start=False)
    assert [record.id for record in registry.jobs()] == [good]
    assert [bad in record.getMessage() for record in caplog.records] == [True]


@pytest.mark.parametrize(
    "wrong",
    [
        {"arguments": "rm"},
        {"arguments": [1]},
        {"pid": -1},
        {"pid": True},
        {"created": float("nan")},
        {"id": "../x"},
        {"state": "done"},
        {"attempt": 0},
    ],
)
def test_a_job_with_a_wrong_value_is_left_out(registry: JobRegistry, wrong: dict[str, Any]) -> None:
    change(registry, registry.submit("register", ["a"]), **wrong)
    assert registry.jobs() == []


def test_foreign_files_among_the_jobs_do_no_harm(registry: JobRegistry) -> None:
    job = registry.submit("register", ["a"])
    (registry.folder / "notes.txt").write_text("mine")
    (registry.folder / "20260101-000000-abcdef").write_text("a file with the name of a job")
    (registry.folder / "20260101-000000-abcdee").mkdir()
    registry.refresh(start=False)
    assert [record.id for record in registry.jobs()] == [job]


def test_a_file_cannot_make_the_server_run_another_program(registry: JobRegistry) -> None:
    job = registry.submit("register", ["a"])
    change(registry, job, kind="serve")
    assert registry.get(job).state == "failed"
    registry.refresh()
    assert registry.get(job).pid is None
    change(registry, job, kind="register", command=["/bin/false"])
    assert registry.get(job).command[:5] == (sys.executable, "-P", "-m", "fibsem_dash", "register")


def test_torn_progress_counts_as_nothing_told(registry: JobRegistry) -> None:
    me = psutil.Process()
    job = registry.submit("register", ["a"])
    running = {"state": "started", "started": time.time(), "pid": me.pid}
    change(registry, job, **running, create_time=me.create_time())
    for content in ("", "{", '{"attempt": 1, "stages": [1, {"name": 2}], "messages": "x"}'):
        (registry.folder / job / "progress.json").write_text(content)
        registry.refresh(start=False)
        record = registry.get(job)
        assert (record.state, record.stages, record.messages) == ("running", (), 0)


def test_a_new_process_with_the_same_number_is_not_the_job(registry: JobRegistry) -> None:
    me = psutil.Process()
    job = registry.submit("register", ["a"])
    running = {"state": "started", "started": time.time(), "pid": me.pid}
    change(registry, job, **running, create_time=me.create_time() - 100)
    assert registry.get(job).state == "interrupted"


def test_a_job_of_another_machine_lives_as_long_as_it_tells(registry: JobRegistry) -> None:
    job = registry.submit("register", ["a"])
    change(registry, job, state="started", started=time.time(), host=f"not-{socket.gethostname()}")
    progress = registry.folder / job / "progress.json"
    progress.write_text('{"attempt": 1}')
    registry.refresh(start=False)
    assert registry.get(job).state == "running"
    os.utime(progress, (0, time.time() - 1000))
    registry.refresh(start=False)
    assert registry.get(job).state == "interrupted"


def test_a_server_that_died_while_it_started_a_job_leaves_it_interrupted(
    registry: JobRegistry,
) -> None:
    job = registry.submit("register", ["a"])
    change(registry, job, state="started", started=time.time())
    assert registry.get(job).state == "running"
    change(registry, job, state="started", started=time.time() - 1000)
    assert registry.get(job).state == "interrupted"


def test_only_known_commands_become_jobs(registry: JobRegistry) -> None:
    with pytest.raises(ParameterError, match="register"):
        registry.submit("serve", [])
    assert not registry.folder.exists()


def test_one_folder_has_one_job_at_a_time(registry: JobRegistry, root: Path) -> None:
    job = registry.submit("register", ["a"], folder=str(root / "run"))
    with pytest.raises(RunError, match="another job works for this folder"):
        registry.submit("register", ["a"], folder=str(root / "x" / ".." / "run"))
    registry.cancel(job)
    other = registry.submit("register", ["a"], folder=str(root / "run"))
    with pytest.raises(RunError, match="another job"):
        registry.resume(job)
    registry.cancel(other)
    registry.resume(job)


def test_a_job_that_has_ended_can_be_removed_and_its_results_stay(
    registry: JobRegistry, root: Path
) -> None:
    (root / "run").mkdir(parents=True)
    job = registry.submit("register", ["a"], folder=str(root / "run"))
    with pytest.raises(RunError, match="queued"):
        registry.remove(job)
    registry.cancel(job)
    version = registry.version
    registry.remove(job)
    assert registry.jobs() == []
    assert registry.version > version
    assert (root / "run").is_dir()
    for act in (registry.get, registry.cancel, registry.resume, registry.remove, registry.log):
        with pytest.raises(ParameterError, match="no such job"):
            act(job)


def test_the_version_rests_while_nothing_changes(registry: JobRegistry) -> None:
    registry.submit("register", ["a"])
    version = registry.version
    registry.refresh(start=False)
    assert registry.version == version


def test_a_registry_makes_no_folder_before_there_is_a_job(root: Path) -> None:
    JobRegistry(jobs_folder(root), watch=False)
    assert not root.exists()


def test_a_flag_asks_a_job_to_stop_where_no_signal_does(registry: JobRegistry) -> None:
    job = registry.submit("register", ["a"])
    with JobMonitor(registry.folder / job) as monitor:
        assert not monitor.cancelled()
        JobFolder(registry.folder / job).ask_to_cancel(2)
        time.sleep(0.4)
        assert not monitor.cancelled()
        JobFolder(registry.folder / job).ask_to_cancel(1)
        deadline = time.monotonic() + 5
        while not monitor.cancelled() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert monitor.cancelled()


def test_rates_count_what_was_computed(registry: JobRegistry) -> None:
    folder = JobFolder(registry.folder / registry.submit("register", ["a"]))
    with JobMonitor(folder.path) as monitor:
        monitor.start("keypoints", 100)
        time.sleep(0.1)
        monitor.advance("keypoints", 50)
        monitor.tally("keypoints", reused=40, failed=2)
    (stage,) = folder.read_progress(1)["stages"]
    assert (stage.done, stage.reused, stage.failed) == (50, 40, 2)
    assert stage.rate == pytest.approx(10 / stage.seconds)
    assert stage.left_s == pytest.approx(50 / stage.rate)
    assert stage.percent == 50


def test_a_monitor_needs_the_folder_of_a_job(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text("{}")
    with pytest.raises(FormatError, match="not a job"):
        JobMonitor(tmp_path)
