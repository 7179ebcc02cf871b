"""A process that is a job with a cluster at work, for tests of its dashboard."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from fibsem_dash.cli.job_process import open_workers, run_as_job
from fibsem_dash.compute.progress import SilentMonitor
from fibsem_dash.jobs import JobRegistry, jobs_folder

PATIENCE_S = 60.0


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def work() -> int:
    with open_workers(2, None) as executor:
        for _ in executor.run(nap, [0.1] * 10_000, SilentMonitor()):
            pass
    return 0


@contextmanager
def cluster_job(run_root: Path) -> Iterator[str]:
    """Run such a job below a run root; give its id."""
    registry = JobRegistry(jobs_folder(run_root), watch=False)
    job = registry.submit("register", ["nothing"], "a cluster")
    folder = registry.folder / job
    process = subprocess.Popen([sys.executable, __file__, str(folder)], stderr=subprocess.DEVNULL)
    try:
        values = json.loads((folder / "job.json").read_text()) | {
            "state": "started",
            "started": time.time(),
            "pid": process.pid,
            "create_time": psutil.Process(process.pid).create_time(),
        }
        (folder / "job.json").write_text(json.dumps(values))
        deadline = time.monotonic() + PATIENCE_S
        while not registry.get(job).dashboard and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.1)
            registry.refresh(start=False)
        assert registry.get(job).dashboard
        yield job
    finally:
        tree = [process, *psutil.Process(process.pid).children(recursive=True)]
        for member in tree:
            with suppress(psutil.Error):
                member.kill()
        process.wait()
        registry.refresh(start=False)
        registry.remove(job)


if __name__ == "__main__":
    sys.exit(run_as_job(sys.argv[1], work))
