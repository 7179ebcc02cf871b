"""Small runs, and monitors and files that go wrong on request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fibsem_dash.compute.progress import SilentMonitor
from fibsem_dash.io.dat import write_dat
from fibsem_dash.phantom import PhantomResult, write_phantom
from fibsem_dash.registration.pipeline import Registration, RunSummary
from fibsem_dash.registration.run_store import STAGES
from fibsem_dash.settings import RunSettings, update
from tests.run_files import fingerprints, results

N_FRAMES = 12


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> PhantomResult:
    """Twelve frames of 192 x 192 with known drift; nobody may change them."""
    return write_phantom(tmp_path_factory.mktemp("phantom"), frames=N_FRAMES, size=192, seed=3)


@pytest.fixture
def fingerprint() -> Callable[[Path], dict[str, tuple[str, int]]]:
    """Hash and time of every file below a folder: fingerprint(folder)."""
    return fingerprints


class CancelAfter(SilentMonitor):
    """Cancels after some items of a stage, or before it starts."""

    def __init__(self, stage: str, n_items: int) -> None:
        self.stage = stage
        self.left = n_items
        self.reached = False
        self.messages: list[str] = []

    def start(self, stage: str, total: int) -> None:
        self.reached = self.reached or stage == self.stage

    def advance(self, stage: str, n: int = 1) -> None:
        if stage == self.stage:
            self.left -= n

    def message(self, text: str) -> None:
        self.messages.append(text)

    def cancelled(self) -> bool:
        return self.reached and self.left <= 0


@pytest.fixture
def cancel_after() -> type[CancelAfter]:
    """Make a monitor that cancels: cancel_after(stage, n_items)."""
    return CancelAfter


@dataclass
class Run:
    """A registration that can be run again with other settings."""

    paths: Sequence[Path]
    folder: Path

    def start(self, executor: Any = None, monitor: Any = None, **changes: Any) -> RunSummary:
        """Run with some settings, named as stage__setting."""
        named = {name.replace("__", "."): value for name, value in changes.items()}
        settings = update(RunSettings(), named)
        return Registration(self.paths, self.folder, settings, executor, monitor).run()

    @property
    def record(self) -> dict[str, Any]:
        """Content of run.json."""
        return Registration(self.paths, self.folder).store.read()

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """(reused, computed) of every stage that counts."""
        stages = self.record["stages"]
        return {
            name: (stages[name]["reused"], stages[name]["computed"])
            for name in STAGES
            if "computed" in stages[name]
        }

    @property
    def contents(self) -> dict[str, bytes]:
        """Bytes of the results."""
        return results(self.folder)


@pytest.fixture
def new_run(tmp_path: Path) -> Callable[..., Run]:
    """Make a run in a new folder: new_run(paths)."""
    numbers = iter(range(1000))

    def make(paths: Sequence[Path]) -> Run:
        return Run(list(paths), tmp_path / f"run{next(numbers)}")

    return make


@pytest.fixture(scope="session")
def reference(phantom: PhantomResult, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An uninterrupted run of the phantom with default settings; nobody may change it."""
    run = Run(phantom.files, tmp_path_factory.mktemp("reference") / "run")
    run.start()
    return run


@pytest.fixture
def copied_phantom(phantom: PhantomResult, tmp_path: Path) -> list[Path]:
    """A copy of the phantom's frames that a test may change."""
    folder = tmp_path / "raw"
    folder.mkdir()
    paths = []
    for path in phantom.files:
        paths.append(folder / path.name)
        paths[-1].write_bytes(path.read_bytes())
    return paths


@pytest.fixture
def write_frame(tmp_path: Path) -> Callable[..., str]:
    """Write a raw frame of given pixels: write_frame(image, ...) gives its path."""
    numbers = iter(range(1000))

    def write(image: np.ndarray, second: np.ndarray | None = None) -> str:
        path = tmp_path / f"frame{next(numbers):04d}.dat"
        images = {"A": image} if second is None else {"A": image, "B": second}
        write_dat(path, images)
        return str(path)

    return write
