"""A small stack, its undisturbed run, and what must hold after any fault."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from fibsem_dash.compute.progress import Cancelled, SilentMonitor
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.pipeline import Registration
from fibsem_dash.registration.run_store import STAGES
from tests.run_files import fingerprints, named_results

ROOT = Path(__file__).resolve().parents[2]
CHILD = Path(__file__).with_name("registering_process.py")
N_FRAMES = 16
SIZE = 128
PATIENCE_S = 120.0


def without_last_column(table: bytes) -> bytes:
    """Return a CSV table without its last column."""
    return b"\n".join(line.rpartition(b",")[0] for line in table.split(b"\n"))


@dataclass
class FaultCase:
    """A run that something happens to."""

    raw: Path
    folder: Path
    expected: dict[str, bytes]
    before: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def paths(self) -> list[Path]:
        """The frames in order."""
        return sorted(self.raw.glob("*.dat"))

    @property
    def record(self) -> dict[str, Any]:
        """Content of run.json; empty before there is one."""
        path = self.folder / "run.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def stage(self) -> str:
        """Return the stage that is running, else an empty text."""
        with contextlib.suppress(ValueError, KeyError):
            stages = self.record.get("stages", {})
            return next((n for n in STAGES if stages[n]["state"] == "running"), "")
        return ""

    def run(self) -> None:
        """Run in this process."""
        Registration(self.paths, self.folder).run()

    def start(self, place: str = "0", **options: Any) -> subprocess.Popen[str]:
        """Run in a process of its own, with workers or at a scheduler's address."""
        command = [sys.executable, str(CHILD), str(self.folder), place, *map(str, self.paths)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, stderr=subprocess.PIPE, **options
        )

    def wait_in_stage(self, stage: str, process: subprocess.Popen[str], wait_s: float) -> None:
        """Wait until a stage runs, and a little longer; or until the process has ended."""
        deadline = time.monotonic() + PATIENCE_S
        order = ("", *STAGES)
        while process.poll() is None and time.monotonic() < deadline:
            if order.index(self.stage()) >= order.index(stage):
                break
            time.sleep(0.002)
        time.sleep(wait_s)

    def check_nothing_is_half_done(self) -> None:
        """Raw data as before; whatever has a final name is as an undisturbed run leaves it."""
        assert fingerprints(self.raw) == self.before
        record = self.record
        if record:
            assert record["state"] in ("running", "failed", "cancelled", "done")
        found = named_results(self.folder)
        edits = found.pop("edits.json", None)
        assert edits is None or json.loads(edits)
        expected = {name: self.expected[name] for name in found}
        if "frames.csv" in found:
            # It is written whole, first without the numbers of key points in its last column.
            found["frames.csv"] = without_last_column(found["frames.csv"])
            expected["frames.csv"] = without_last_column(expected["frames.csv"])
        assert found == expected, sorted(found)

    def check_it_resumes(self) -> None:
        """The same command again ends with the bytes of an undisturbed run."""
        self.run()
        assert self.record["state"] == "done"
        assert all(stage["state"] == "done" for stage in self.record["stages"].values())
        found = named_results(self.folder)
        assert found == self.expected
        assert not (self.folder / "run.lock").exists()
        assert fingerprints(self.raw) == self.before
        leftovers = [p.name for p in self.folder.iterdir() if p.name.endswith(".partial")]
        assert leftovers == []


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> FaultCase:
    """A run that nothing happens to; nobody may change it."""
    root = tmp_path_factory.mktemp("undisturbed")
    write_phantom(root / "raw", frames=N_FRAMES, size=SIZE, seed=7)
    case = FaultCase(root / "raw", root / "run", {})
    case.run()
    case.expected = named_results(case.folder)
    assert any(name.endswith(".mrc") for name in case.expected)
    return case


@pytest.fixture
def case(undisturbed: FaultCase, tmp_path: Path) -> FaultCase:
    """The same frames and a new run folder."""
    new = FaultCase(undisturbed.raw, tmp_path / "run", undisturbed.expected)
    new.before = fingerprints(new.raw)
    return new


@pytest.fixture
def own_case(undisturbed: FaultCase, tmp_path: Path) -> FaultCase:
    """A copy of the frames that a test may damage, and a new run folder."""
    raw = tmp_path / "raw"
    raw.mkdir()
    for path in undisturbed.paths:
        copy = raw / path.name
        copy.write_bytes(path.read_bytes())
        os.utime(copy, ns=(path.stat().st_mtime_ns, path.stat().st_mtime_ns))
    new = FaultCase(raw, tmp_path / "run", undisturbed.expected)
    new.before = fingerprints(raw)
    return new


@contextlib.contextmanager
def ended(process: subprocess.Popen[Any]) -> Iterator[None]:
    """End a process and all that it started, whatever happens in the block."""
    try:
        yield
    finally:
        tree: Sequence[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            tree = psutil.Process(process.pid).children(recursive=True)
        for member in tree:
            with contextlib.suppress(psutil.Error):
                member.kill()
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def ending() -> Callable[[subprocess.Popen[Any]], Any]:
    """End a process and all that it started: with ending(process)."""
    return ended


class CancelAfter(SilentMonitor):
    """Cancels after some items of a stage."""

    exception = Cancelled

    def __init__(self, stage: str, n_items: int) -> None:
        self.stage, self.left = stage, n_items

    def advance(self, stage: str, n: int = 1) -> None:
        if stage == self.stage:
            self.left -= n

    def cancelled(self) -> bool:
        return self.left <= 0


@pytest.fixture
def cancelled_after() -> type[CancelAfter]:
    """Make a monitor that cancels: cancelled_after(stage, n_items)."""
    return CancelAfter
