"""A small stack, an uninterrupted run of it, and registries whose jobs are stopped at the end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from fibsem_dash.jobs import JobRecord, JobRegistry, jobs_folder
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.pipeline import Registration
from tests.run_files import results_without_report

PATIENCE_S = 90.0


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen frames of 192 x 192; nobody may change them."""
    return Path(write_phantom(tmp_path_factory.mktemp("jobs") / "raw", frames=16, size=192).folder)


@pytest.fixture(scope="session")
def expected(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Results of an uninterrupted run in this process."""
    folder = tmp_path_factory.mktemp("expected") / "run"
    Registration(sorted(raw.glob("*.dat")), folder).run()
    return results_without_report(folder)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A run root."""
    return tmp_path / "runs"


@pytest.fixture
def new_registry(root: Path) -> Iterator[Callable[..., JobRegistry]]:
    """Make a registry of the run root; whatever still runs at the end is killed."""
    made: list[JobRegistry] = []

    def make(parallel: int = 1, *, watch: bool = True) -> JobRegistry:
        made.append(JobRegistry(jobs_folder(root), parallel, watch=watch))
        return made[-1]

    yield make
    for registry in made:
        registry.close()
    for record in made[-1].jobs() if made else ():
        for process in tree_of(record):
            with suppress(psutil.Error):
                process.kill()


def tree_of(record: JobRecord) -> list[psutil.Process]:
    """The process of a job and all that it started."""
    try:
        process = psutil.Process(record.pid)
        if process.pid == os.getpid() or abs(process.create_time() - (record.create_time or 0)) > 1:
            return []
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def wait_until(registry: JobRegistry, job: str, reached: Callable[[JobRecord], bool]) -> JobRecord:
    """Wait for a state of a job."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        record = registry.get(job)
        if reached(record):
            return record
        time.sleep(0.02)
    lines = [line.text for line in registry.log(job)]
    raise AssertionError(f"waited in vain: {registry.get(job)}\n" + "\n".join(lines))


@pytest.fixture
def wait() -> Callable[..., JobRecord]:
    """Wait for a state of a job: wait(registry, job, condition)."""
    return wait_until
