"""A run on a Dask scheduler and workers that somebody else started, in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from fibsem_dash.compute.cluster import open_executor
from fibsem_dash.phantom import PhantomResult

PATIENCE_S = 120.0


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """Address of a scheduler with two workers, which run in a folder of their own."""
    note = tmp_path / "scheduler.json"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    common = ["--scheduler-file", str(note), "--no-dashboard", "--host", "127.0.0.1"]
    commands = [
        ["distributed.cli.dask_scheduler", "--port", "0", *common],
        *[["distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny", *common]] * 2,
    ]
    with ExitStack() as stack:
        for command in commands:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", *command], cwd=elsewhere, stderr=subprocess.DEVNULL
                )
            )
            stack.callback(process.kill)
        deadline = time.monotonic() + PATIENCE_S
        while not note.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.1)
        yield json.loads(note.read_text())["address"]


@pytest.mark.parametrize("estimator", ["sift", "blocks"])
def test_workers_of_another_scheduler_give_the_same_bytes(
    estimator: str, scheduler: str, phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    here, there = new_run(phantom.files), new_run(phantom.files)
    here.start(estimation__estimator=estimator)
    with open_executor(scheduler=scheduler) as executor:
        summary = there.start(executor=executor, estimation__estimator=estimator)
    assert summary.n_problems == 0
    assert there.contents == here.contents
