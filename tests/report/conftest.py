"""A small finished run, and copies of it with other content."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.pipeline import Registration


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of eight frames, of which one cannot be read; nobody may change it."""
    root = tmp_path_factory.mktemp("report")
    write_phantom(root / "raw", frames=8, size=160, seed=3)
    paths = sorted((root / "raw").glob("*.dat"))
    paths[4].write_bytes(b"no frame")
    Registration(paths, root / "run").run()
    return root / "run"


@pytest.fixture
def run_folder(finished_run: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may change."""
    copy = tmp_path / "run"
    shutil.copytree(finished_run, copy, ignore=shutil.ignore_patterns("cache"))
    return copy
