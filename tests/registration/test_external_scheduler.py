"""A run on a Dask scheduler and workers that somebody else started, in processes of their own."""

from __future__ import annotations

import json
import signal
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


LOSES_ITS_SCHEDULER = """
import os, signal, sys, time
from fibsem_dash.compute.cluster import open_executor
from fibsem_dash.compute.progress import SilentMonitor
from fibsem_dash.errors import RunError

with open_executor(scheduler=sys.argv[1]) as executor:
    scheduler = executor.client.run_on_scheduler(os.getpid)
    try:
        for _ in executor.run(time.sleep, [0.05] * 500, SilentMonitor()):
            if scheduler:
                os.kill(scheduler, signal.SIGKILL)
                scheduler = None
    except RunError as error:
        print(error)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_scheduler_that_dies_is_told_without_a_traceback(scheduler: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOSES_ITS_SCHEDULER, scheduler],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "the Dask scheduler went away" in done.stdout
