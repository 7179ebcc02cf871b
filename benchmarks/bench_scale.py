"""What long stacks and large frames cost: processor time a frame, memory, scheduler.

    python benchmarks/bench_scale.py [--long DIR] [--frames 400] [--scratch DIR] [--only-files]

1. A long stack of 512 x 512 (DIR, or a phantom that is made): frames per second, peak memory of the
   main process, which holds the scheduler, and of the largest worker.
2. What handing out the work takes of a frame, with and without Dask: batches that do nothing.
3. Frames of 10,000 x 4,000 px with two detectors: processor time of one more frame, from runs of
   different length, so that starting and importing are not in it.
4. The files of a run: run.json of 20,000 frames, and the cache of 2,000 (with --only-files this
   part alone).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from measure import Measured, measure

from fibsem_dash.compute.cluster import LocalClusterExecutor
from fibsem_dash.compute.executor import batch_size, batches_of
from fibsem_dash.compute.process_pool import ProcessPoolExecutor
from fibsem_dash.compute.progress import SilentMonitor
from fibsem_dash.io.dat import write_dat
from fibsem_dash.registration.cache import ResultCache, content_key
from fibsem_dash.registration.run_store import RunStore, new_record
from fibsem_dash.settings import RunSettings, to_dict

LARGE = (4000, 10_000)
COUNTS = {"blocks": (3, 7), "sift": (2, 4)}
WORKERS = 2
STAGES = 3
"""Stages of blocks that run on workers."""


def show(text: str = "") -> None:
    print(text, flush=True)


def register(raw: Path, out: Path, *options: str) -> tuple[Measured, dict[str, float]]:
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "fibsem_dash", "register", str(raw), "--out", str(out)]
    measured = measure([*command, *options], memory=True)
    stages = json.loads((out / "run.json").read_text())["stages"]
    return measured, {name: float(stage["seconds"]) for name, stage in stages.items()}


def long_stack(raw: Path, scratch: Path) -> float:
    """Register the long stack; return the processor time of a frame by blocks, ms."""
    n = len(list(raw.glob("*.dat")))
    show(f"1. {n} frames of 512 x 512, {WORKERS} workers")
    frame_ms = {}
    for estimator in ("blocks", "sift"):
        run = scratch / "long"
        m, stages = register(raw, run, "--workers", str(WORKERS), "--estimator", estimator)
        frame_ms[estimator] = m.cpu_s / n * 1e3
        files = sum(1 for path in (run / "cache").rglob("*") if path.is_file())
        show(
            f"   {estimator:7s} {m.wall_s:.1f} s, {n / m.wall_s:.1f} frames/s, "
            f"{frame_ms[estimator]:.1f} ms of processor time a frame; main process "
            f"{m.own_peak_bytes / 2**20:.0f} MiB, {m.own_cpu_s / n * 1e3:.2f} ms a frame; "
            f"largest worker {m.peak_bytes / 2**20:.0f} MiB; {files} files in the cache"
        )
        show("           s: " + ", ".join(f"{k} {v:.1f}" for k, v in stages.items()))
    return frame_ms["blocks"]


def nothing(batch: tuple[int, ...]) -> int:
    """Stand for the work on a batch."""
    return len(batch)


def scheduler(frame_ms: float, n: int = 4000) -> None:
    """Print what batches that do nothing take of a frame of the long stack."""
    size = batch_size(n, WORKERS)
    batches = [tuple(part) for part in batches_of(range(n), size)]
    show(f"\n2. batches of {size} frames that do nothing, {len(batches)} of them")
    kinds = (("processes of this machine", ProcessPoolExecutor), ("Dask", LocalClusterExecutor))
    for title, kind in kinds:
        with contextlib.closing(kind(WORKERS)) as executor:
            list(executor.run(nothing, batches[:20], SilentMonitor()))
            started, cpu = time.perf_counter(), time.process_time()
            done = sum(executor.run(nothing, batches, SilentMonitor()))
            wall, cpu = time.perf_counter() - started, time.process_time() - cpu
        each = cpu / done * 1e3
        show(
            f"   {title}: {wall / done * 1e3:.3f} ms a frame, {each:.3f} ms of processor time; "
            f"{STAGES} stages take {STAGES * each / frame_ms:.1%} of a frame of 512 x 512 by blocks"
        )


def write_large(folder: Path, n: int) -> None:
    """Write frames of smooth texture that moves by whole pixels, each with noise of its own."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(5)
    height, width = LARGE
    texture = cv2.GaussianBlur(
        rng.standard_normal((height + 64, width + 64), np.float32), (0, 0), 4
    )
    texture *= 400 / texture.std()
    for k in range(n):
        moved = texture[2 * k : 2 * k + height, 3 * k : 3 * k + width]
        noisy = moved + 150 * rng.standard_normal(LARGE, np.float32)
        image = np.clip(noisy, -32_000, 32_000).astype(np.int16)
        write_dat(folder / f"large_{k:04d}.dat", {"A": image, "B": image})


def large_frames(scratch: Path) -> None:
    show(f"\n3. frames of {LARGE[1]} x {LARGE[0]} px, two detectors of 16 bit, one process")
    for estimator, counts in COUNTS.items():
        runs = []
        for n in counts:
            raw = scratch / "raw"
            shutil.rmtree(raw, ignore_errors=True)
            write_large(raw, n)
            runs.append(register(raw, scratch / "run", "--workers", "0", "--estimator", estimator))
        more = counts[1] - counts[0]
        (few, at_few), (many, at_many) = runs
        show(
            f"   {estimator:7s} {(many.cpu_s - few.cpu_s) / more:.2f} s of processor time a frame, "
            f"peak memory {many.own_peak_bytes / 2**20:.0f} MiB; elapsed s a frame by stage: "
            + ", ".join(f"{k} {(at_many[k] - at_few[k]) / more:.2f}" for k in at_many)
        )


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return processor and elapsed time, s."""
    started, cpu = time.perf_counter(), time.process_time()
    work()
    return time.process_time() - cpu, time.perf_counter() - started


def files(scratch: Path, n_inputs: int = 20_000, n_cached: int = 2000) -> None:
    """Print what run.json and the cache take."""
    store = RunStore(scratch / "files")
    store.create()
    record = new_record(to_dict(RunSettings()), {}, {})
    record["input"] = [
        {"path": f"/data/sample/run/Frame_{k:06d}.dat", "size": 10**8 + k, "mtime_ns": k << 44}
        for k in range(n_inputs)
    ]
    cpu, wall = timed(lambda: store.write(record))
    show(f"\n4. run.json of {n_inputs} frames: {cpu:.2f} s of processor time a write, {wall:.2f} s")
    cache, keys = ResultCache(scratch / "cache"), [content_key("frame", k) for k in range(n_cached)]
    pair = {"matrix": np.eye(3) / 3, "mean_src": [256.1, 255.9], "reason": "", "npts": 250}
    # Those of a frame of 512 x 512 with blocks: places of both frames and confidence.
    arrays = {name: np.full((270, 2), 0.1) for name in ("src", "dst", "confidence")}

    def save() -> None:
        for key in keys:
            for kind in ("ranges", "pairs", "slices", "measures"):
                cache.save_record(kind, key, pair)
            cache.save_arrays("pairs", key, **arrays)

    def load() -> None:
        for key in keys:
            for kind in ("ranges", "pairs", "slices", "measures"):
                cache.load_record(kind, key)

    for title, work in (("five files written", save), ("four records read", load)):
        cpu, wall = timed(work)
        show(
            f"   cache, {title}: {cpu / n_cached * 1e3:.2f} ms of processor time a frame, "
            f"{wall / n_cached * 1e3:.2f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--long", type=Path, metavar="DIR", help="frames of the long stack")
    parser.add_argument("--frames", type=int, default=400, help="length of the one that is made")
    parser.add_argument("--scratch", type=Path, default=Path("bench-out"))
    parser.add_argument("--only-files", action="store_true", help="part 4 alone")
    options = parser.parse_args()
    scratch: Path = options.scratch / "scale"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    if options.only_files:
        files(scratch)
        shutil.rmtree(scratch)
        return
    raw = options.long
    if raw is None:
        raw = scratch / "phantom"
        command = [sys.executable, "-m", "fibsem_dash", "phantom", str(raw), "--size", "512"]
        measure([*command, "--frames", str(options.frames), "--workers", str(WORKERS)])
    scheduler(long_stack(raw, scratch))
    large_frames(scratch)
    files(scratch)
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
