"""Compares the forecast of a run with the run, on phantoms of several sizes.

    python benchmarks/bench_forecast.py [--workers 2] [--cases 30x256 20x1024]

The last column has to lie between 0.5 and 2. Times are wall-clock times: other work on the machine
disturbs them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from fibsem_dash.compute.cluster import LocalClusterExecutor
from fibsem_dash.compute.executor import usable_cores
from fibsem_dash.compute.progress import SilentMonitor
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.forecast import CLUSTER_START, forecast
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
    started = time.perf_counter()
    executor = LocalClusterExecutor(n_workers)
    list(executor.run(len, [()], SilentMonitor()))
    cluster = time.perf_counter() - started
    executor.close()
    started = time.perf_counter()
    executor = LocalClusterExecutor(n_workers)
    Registration(files, folder / "run", settings, executor).run()
    real = time.perf_counter() - started
    executor.close()
    stages = RunStore(folder / "run").read()["stages"]
    processes = told.start_seconds / CLUSTER_START
    print(
        f"{n_frames:4} frames of {size:5} px: told {told.seconds:6.1f} s in {took:4.1f} s, "
        f"took {real:6.1f} s, ratio {told.seconds / real:4.2f}; start of processes "
        f"{processes:4.2f} s, of a cluster {cluster:4.2f} s"
    )
    print("     stages " + ", ".join(f"{k} {v['seconds']:.1f} s" for k, v in stages.items()))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=usable_cores())
    parser.add_argument("--cases", nargs="+", default=["30x256", "20x1024"])
    options = parser.parse_args()
    for case in options.cases:
        n_frames, size = map(int, case.split("x"))
        with tempfile.TemporaryDirectory() as folder:
            compare(n_frames, size, options.workers, Path(folder))


if __name__ == "__main__":
    main()
