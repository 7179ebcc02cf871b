"""Compares the forecast of a run with the run, on phantoms of several sizes.

    python benchmarks/bench_forecast.py [--workers 2] [--cases 30x256 20x1024]

The last column has to lie between 0.5 and 2. Times are wall-clock times: other work on the machine
disturbs them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fibsem_dash.compute.cluster import open_executor
from fibsem_dash.compute.executor import usable_cores
from fibsem_dash.compute.progress import SilentMonitor
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.forecast import WORKER_START, forecast
from fibsem_dash.registration.frames import inspect_frame
from fibsem_dash.registration.pipeline import Registration
from fibsem_dash.registration.run_store import RunStore
from fibsem_dash.settings import RunSettings


def compare(n_frames: int, size: int, n_workers: int, folder: Path) -> None:
    """Print one line: forecast and truth."""
    files = write_phantom(folder / "raw", frames=n_frames, size=size).files
    infos = [inspect_frame(k, str(path)) for k, path in enumerate(files)]
    settings = RunSettings()
    started = time.perf_counter()
    told = forecast(infos, settings, n_workers, folder)
    took = time.perf_counter() - started
    # A fresh process: the template of the workers starts once in each.
    command = [sys.executable, __file__, "--start", str(n_workers)]
    start = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    with open_executor(n_workers) as executor:
        started = time.perf_counter()
        Registration(files, folder / "run", settings, executor).run()
        real = time.perf_counter() - started
    stages = RunStore(folder / "run").read()["stages"]
    processes = told.start_seconds / WORKER_START
    print(
        f"{n_frames:4} frames of {size:5} px: told {told.seconds:6.1f} s in {took:4.1f} s, "
        f"took {real:6.1f} s, ratio {told.seconds / real:4.2f}; start of processes "
        f"{processes:4.2f} s, of workers {start:4.2f} s"
    )
    print("     stages " + ", ".join(f"{k} {v['seconds']:.1f} s" for k, v in stages.items()))


def start_workers(n_workers: int) -> float:
    """Return the seconds until every worker can work."""
    started = time.perf_counter()
    with open_executor(n_workers) as executor:
        list(executor.run(time.sleep, [0.05] * n_workers, SilentMonitor()))
        return time.perf_counter() - started


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--start", type=int, metavar="N", help="only start N workers")
    parser.add_argument("--workers", type=int, default=usable_cores())
    parser.add_argument("--cases", nargs="+", default=["30x256", "20x1024"])
    options = parser.parse_args()
    if options.start:
        print(start_workers(options.start))
        return
    for case in options.cases:
        n_frames, size = map(int, case.split("x"))
        with tempfile.TemporaryDirectory() as folder:
            compare(n_frames, size, options.workers, Path(folder))


if __name__ == "__main__":
    main()
