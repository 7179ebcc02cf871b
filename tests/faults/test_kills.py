"""SIGKILL of a run, a worker or the scheduler at random moments: 20 seeds over all stages.

More seeds: ``FIBSEM_DASH_FAULT_SEEDS=0:200 python -m pytest tests/faults/test_kills.py``.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from fibsem_dash.registration.run_store import STAGES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows"),
]

FIRST, LAST = map(int, os.environ.get("FIBSEM_DASH_FAULT_SEEDS", "0:20").split(":"))
VICTIMS = ("run", "run with workers", "worker", "scheduler", "run")


def plan_of(seed: int) -> tuple[str, str, float]:
    """Victim, stage and delay, s; each victim meets every stage within 30 seeds."""
    rng = random.Random(seed)
    return VICTIMS[seed % 5], STAGES[(seed + seed // 30) % 6], rng.uniform(0, 0.3)


SEEDS = [pytest.param(k, id="-".join([str(k), *plan_of(k)[:2]])) for k in range(FIRST, LAST)]


def workers_of(process: subprocess.Popen[Any]) -> list[psutil.Process]:
    found = []
    for member in psutil.Process(process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            # Copies of the process that has imported everything; elsewhere each starts by itself.
            parent = member.parent()
            forked = parent is not None and "forkserver" in " ".join(parent.cmdline())
            if forked or "spawn_main" in " ".join(member.cmdline()):
                found.append(member)
    return found


def address_in(told: Path) -> str:
    """Wait for the file of a scheduler, and for its end: it is not written at once."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            return str(json.loads(told.read_text())["address"])
        time.sleep(0.05)
    pytest.fail("the scheduler did not start")


@contextlib.contextmanager
def external_scheduler(folder: Path) -> Iterator[tuple[str, subprocess.Popen[Any]]]:
    """Start a Dask scheduler with one worker; give its address and process."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    told = folder / "scheduler.json"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    base = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard"]
    scheduler = subprocess.Popen(
        [*base, "--host", "127.0.0.1", "--scheduler-file", str(told)], env=environment, **quiet
    )
    worker = None
    try:
        address = address_in(told)
        arguments = ["--scheduler-file", str(told), "--nthreads", "1", "--no-dashboard"]
        worker = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_worker", "--no-nanny", *arguments],
            env=environment,
            **quiet,
        )
        yield address, scheduler
    finally:
        for process in filter(None, (worker, scheduler)):
            process.kill()
            process.wait()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_kill_loses_nothing(
    seed: int, case: Any, ending: Callable[..., Any], tmp_path: Path
) -> None:
    victim, stage, wait_s = plan_of(seed)
    with contextlib.ExitStack() as stack:
        place = "0" if victim == "run" else "2"
        scheduler = None
        if victim == "scheduler":
            place, scheduler = stack.enter_context(external_scheduler(tmp_path))
        process = case.start(place)
        stack.enter_context(ending(process))
        case.wait_in_stage(stage, process, wait_s)
        if victim == "worker":
            for worker in workers_of(process)[:1]:
                worker.send_signal(signal.SIGKILL)
            # Another worker takes its place, and the run ends by itself.
            assert process.wait(240) == 0
        elif scheduler is not None:
            was_over = process.poll() is not None
            scheduler.kill()
            code = process.wait(240)
            message = process.stderr.read()
            assert code == 0 if was_over else code in (0, 1)
            if code:
                assert "RunError: " in message
                assert case.record["state"] in ("failed", "running")
        else:
            process.send_signal(signal.SIGKILL)
            process.wait(60)
    case.check_nothing_is_half_done()
    case.check_it_resumes()
