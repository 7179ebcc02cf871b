"""Interrupted runs end like uninterrupted ones."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fibsem_dash.compute.progress import Cancelled
from fibsem_dash.errors import AccessError
from fibsem_dash.phantom import PhantomResult
from fibsem_dash.registration.run_store import STAGES

ROOT = Path(__file__).resolve().parents[2]


CASES = [(stage, n) for stage in STAGES for n in (0, 1, 6) if (stage, n) != ("chain", 6)]


@pytest.mark.parametrize(("stage", "n_items"), CASES)
def test_a_cancelled_run_resumes_to_the_same_bytes(
    stage: str,
    n_items: int,
    reference: Any,
    phantom: PhantomResult,
    new_run: Callable[..., Any],
    cancel_after: Callable[..., Any],
) -> None:
    run = new_run(phantom.files)
    with pytest.raises(Cancelled):
        run.start(monitor=cancel_after(stage, n_items))
    assert run.record["state"] == "cancelled"
    assert not list(run.folder.glob("*.mrc"))
    run.start()
    assert run.contents == reference.contents
    if stage in run.counts and n_items == 6:
        assert run.counts[stage][0] >= 6


def test_a_run_cancelled_again_and_again_ends_alike(
    reference: Any,
    phantom: PhantomResult,
    new_run: Callable[..., Any],
    cancel_after: Callable[..., Any],
) -> None:
    run = new_run(phantom.files)
    for stage in STAGES:
        with pytest.raises(Cancelled):
            run.start(monitor=cancel_after(stage, 1))
    run.start()
    assert run.contents == reference.contents


def start_process(paths: list[Path], folder: Path) -> subprocess.Popen[bytes]:
    code = (
        "import sys\n"
        "from fibsem_dash.registration.pipeline import Registration\n"
        "Registration(sys.argv[2:], sys.argv[1]).run()\n"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(folder), *map(str, paths)], cwd=ROOT)


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not condition() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.parametrize(
    ("kind", "n_files"),
    [("ranges", 1), ("keypoints", 1), ("keypoints", 7), ("pairs", 9), ("stacks", 1), ("slices", 4)],
)
def test_a_killed_run_resumes_to_the_same_bytes(
    kind: str,
    n_files: int,
    reference: Any,
    phantom: PhantomResult,
    new_run: Callable[..., Any],
) -> None:
    run = new_run(phantom.files)
    process = start_process(list(phantom.files), run.folder)
    folder = run.folder / "cache" / kind
    wait_for(lambda: len(list(folder.rglob("*.*"))) >= n_files, process)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert (run.folder / "run.lock").exists()
    assert not list(run.folder.glob("*.mrc"))
    run.start()
    assert run.record["state"] == "done"
    results = {k: v for k, v in run.contents.items() if not k.endswith(".partial")}
    assert results == reference.contents


@pytest.mark.parametrize("table", ["frames.csv", "pairs.csv", "transforms.csv"])
def test_a_lost_table_is_written_again(
    table: str, reference: Any, phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files)
    run.start()
    (run.folder / table).unlink()
    run.start()
    assert run.contents == reference.contents


@pytest.mark.parametrize("kind", ["ranges", "keypoints", "pairs", "slices", "measures", "stacks"])
def test_lost_parts_of_the_cache_are_computed_again(
    kind: str, reference: Any, phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files)
    run.start()
    for path in (run.folder / "cache" / kind).rglob("*.*"):
        path.unlink()
    run.start()
    assert run.contents == reference.contents


@pytest.mark.parametrize("content", [b"", b"\0" * 100])
def test_a_cache_torn_all_over_is_computed_again(
    content: bytes, reference: Any, phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files)
    run.start()
    for path in (run.folder / "cache").rglob("*.*"):
        path.write_bytes(content)
    run.start()
    assert run.contents == reference.contents
    assert all(reused == 0 for reused, _ in run.counts.values())


@pytest.mark.parametrize("stage", ["data_range", "keypoints", "pairs", "stack"])
def test_a_full_disk_stops_the_run_and_it_resumes_when_there_is_space(
    stage: str,
    reference: Any,
    copied_phantom: list[Path],
    new_run: Callable[..., Any],
    fingerprint: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = fingerprint(copied_phantom[0].parent)
    run = new_run(copied_phantom)
    kind = {"data_range": "ranges", "stack": "slices"}.get(stage, stage)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full_after(kind, 3))
        with pytest.raises(AccessError, match="disk is full") as caught:
            run.start()
    assert "Free some space" in caught.value.remedy
    assert caught.value.errno == errno.ENOSPC
    assert run.record["state"] == "failed"
    assert run.record["stages"][stage]["state"] == "failed"
    assert "disk is full" in run.record["stages"][stage]["error"]
    assert not list(run.folder.glob("*.mrc"))
    assert fingerprint(copied_phantom[0].parent) == raw
    run.start()
    assert run.record["state"] == "done"
    assert run.counts[stage][0] >= 1
    assert len(run.contents) == len(reference.contents)


def full_after(kind: str, n_files: int) -> Callable[[Any, Any], None]:
    """Stand in for os.replace that fails for a kind of result after some files."""
    real, left = os.replace, [n_files]

    def replace(source: Any, target: Any) -> None:
        if kind in Path(target).parts:
            if not left[0]:
                raise OSError(errno.ENOSPC, "No space left on device")
            left[0] -= 1
        real(source, target)

    return replace


def test_a_full_disk_leaves_finished_outputs_alone(
    phantom: PhantomResult, new_run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(phantom.files)
    run.start()
    before = run.contents
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full_after("slices", 3))
        with pytest.raises(AccessError):
            run.start(output__order=0)
    assert run.contents == before


def test_a_disk_without_space_for_the_stack_is_found_before_it_is_written(
    phantom: PhantomResult, new_run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    run = new_run(phantom.files)
    usage = shutil.disk_usage(phantom.folder)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
        with pytest.raises(AccessError, match="not enough space on the disk"):
            run.start()
    assert run.record["stages"]["stack"]["state"] == "failed"
    run.start()
    assert run.record["state"] == "done"
