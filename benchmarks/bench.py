"""Time the pipeline and the plain baseline side by side; watch memory and resuming.

Both register the same phantom with the same number of worker processes and the same transform, and
both write a table of pairs, an MRC stack and a table with NSAD, NCC and NMI. The phantom is made
beforehand. Times move with the machine and with what else runs on it; the ratios hold.

    python benchmarks/bench.py [--quick] [--repeat N] [--scratch DIR] [--only-pipeline]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from accuracy import pair_errors
from measure import Measured, measure

HERE = Path(__file__).resolve().parent
TRANSFORM = "affine"
# Rows of the table: title, stages of run.json, stages of the baseline.
ROWS = (
    ("headers", ("inspect",), ()),
    ("data range", ("data_range",), ("range",)),
    ("key points", ("keypoints",), ("keypoints",)),
    ("pairs", ("pairs",), ("pairs",)),
    ("chain", ("chain",), ("chain",)),
    ("warp, write, measure", ("stack",), ("warp_save", "metrics")),
)


def show(text: str = "") -> None:
    print(text, flush=True)


def machine(workers: int) -> None:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text())
        model = found[1] if found else model
    show(f"machine    {model}, {os.cpu_count()} logical cores,")
    show(
        f"           {psutil.virtual_memory().total / 2**30:.0f} GiB memory, {platform.platform()}"
    )
    names = ("numpy", "opencv-contrib-python-headless", "scikit-image", "dask")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    show(f"software   Python {platform.python_version()}, {packages}")
    load = psutil.getloadavg()[0]
    show(f"workers    {workers} processes on each side; load before the start {load:.1f}")


def phantom(folder: Path, frames: int, size: int, workers: int) -> Path:
    command = ["phantom", str(folder), "--frames", str(frames), "--size", str(size)]
    measure(ours(*command, "--workers", str(workers), "--overwrite"))
    return folder


def ours(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "fibsem_dash", *arguments]


def register(
    raw: Path, out: Path, workers: int, *, fresh: bool = True, memory: bool = False
) -> Any:
    if fresh:
        shutil.rmtree(out, ignore_errors=True)
    command = ours("register", str(raw), "--out", str(out), "--transform", TRANSFORM)
    command += ["--workers", str(workers)]
    measured = measure(command, memory=memory)
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    seconds = {name: float(stage["seconds"]) for name, stage in record["stages"].items()}
    return command, measured, seconds


def plain(raw: Path, out: Path, workers: int, frames: int) -> Any:
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, os.path.relpath(HERE / "plain_baseline.py"), str(raw), str(out)]
    command += ["--workers", str(workers), "--transform", TRANSFORM]
    measured = measure(command)
    found = re.findall(r"^(\w+) +([\d.]+) ms/frame$", measured.output, re.MULTILINE)
    seconds = {name: float(value) * frames / 1e3 for name, value in found}
    return command, measured, seconds


def compare(scratch: Path, frames: int, size: int, workers: int, repeat: int) -> Path:
    """Time both sides in turn and print the table; return the folder of the phantom."""
    raw = phantom(scratch / f"phantom_{frames}", frames, size, workers)
    sides: tuple[list[Any], list[Any]] = ([], [])
    for _ in range(repeat):
        sides[0].append(register(raw, scratch / "run", workers))
        sides[1].append(plain(raw, scratch / "plain", workers, frames))
    show(f"\n1. {frames} frames of {size} x {size}, {TRANSFORM}; best of {repeat} runs in turn")
    for title, side in zip(("fibsem-dash", "plain"), sides, strict=True):
        show(f"   {title:12s} {shlex.join(['python', *side[0][0][1:]])}")
    (_, a, mine), (_, b, theirs) = (min(side, key=lambda run: run[1].wall_s) for side in sides)
    table(frames, a, mine, b, theirs)
    every = [[f"{run[1].wall_s:.1f}" for run in side] for side in sides]
    show(f"   all runs, s: fibsem-dash {' '.join(every[0])}; plain {' '.join(every[1])}")
    for title, folder in (("fibsem-dash", "run"), ("plain", "plain")):
        truth = raw / "truth.json"
        centre, corners = pair_errors(scratch / folder / "pairs.csv", truth, (size, size))
        show(
            f"   {title:12s} pair error {centre:.3f} px at the centre, {corners:.3f} at the corners"
        )
    return raw


def table(
    frames: int, a: Measured, mine: dict[str, float], b: Measured, theirs: dict[str, float]
) -> None:
    show(f"\n   {'ms/frame':24s}{'fibsem-dash':>12s}{'plain':>10s}{'ratio':>8s}")

    def row(title: str, first: float, second: float) -> None:
        ratio = f"{second / first:8.2f}" if first > 0 and second > 0 else f"{'-':>8s}"
        show(f"   {title:24s}{first / frames * 1e3:12.1f}{second / frames * 1e3:10.1f}{ratio}")

    for title, names, plain_names in ROWS:
        row(title, sum(mine[n] for n in names), sum(theirs[n] for n in plain_names))
    row("start and end", a.wall_s - sum(mine.values()), b.wall_s - sum(theirs.values()))
    row("whole command", a.wall_s, b.wall_s)
    row("processor time", a.cpu_s, b.cpu_s)
    first, second = frames / a.wall_s, frames / b.wall_s
    show(f"   {'frames/s':24s}{first:12.2f}{second:10.2f}{first / second:8.2f}")


def memory(scratch: Path, few: Path, counts: tuple[int, int], size: int, workers: int) -> None:
    """Print the peak memory of a worker for a short and a long stack."""
    show(f"\n2. memory of the largest worker, frames of {size} x {size}, {workers} workers, MiB")
    show(f"   {'frames':24s}{'peak':>12s}{'without mapped files':>24s}{'wall s':>10s}")
    for n in counts:
        raw = few
        if n != counts[0]:
            raw = phantom(scratch / f"phantom_{n}", n, size, workers)
        _, measured, _ = register(raw, scratch / f"memory_{n}", workers, memory=True)
        peak, private = (v / 2**20 for v in (measured.peak_bytes, measured.private_bytes))
        show(f"   {n:<24d}{peak:12.0f}{private:24.0f}{measured.wall_s:10.1f}")


def resume(scratch: Path, counts: tuple[int, int], few: Path, workers: int) -> None:
    """Print how long the same command takes when the run is finished already."""
    show("\n3. the same command on a finished run, nothing to compute")
    for n in counts:
        raw = few if n == counts[0] else scratch / f"phantom_{n}"
        _, measured, seconds = register(raw, scratch / f"memory_{n}", workers, fresh=False)
        work = sum(seconds.values())
        show(f"   {n:4d} frames: {measured.wall_s:.1f} s, of which stages {work:.1f} s")


def others() -> None:
    """Run every other benchmark in this folder."""
    for path in sorted(HERE.glob("bench_*.py")):
        show(f"\n== {path.name}")
        subprocess.run([sys.executable, str(path)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small stacks: does it run at all")
    parser.add_argument("--repeat", type=int, metavar="N", help="runs of each side (default 3)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scratch", type=Path, default=Path("bench-out"))
    parser.add_argument("--keep", action="store_true", help="keep the scratch folder")
    parser.add_argument("--only-pipeline", action="store_true", help="leave out bench_*.py")
    options = parser.parse_args()
    counts, size, repeat = ((24, 240), 1024, 3) if not options.quick else ((6, 18), 256, 1)
    scratch: Path = options.scratch / "pipeline"
    show(f"command    {shlex.join(['python', *sys.argv])}")
    machine(options.workers)
    if options.quick:
        show("           --quick: stacks this small show that all of it runs, not how fast it is")
    raw = compare(scratch, counts[0], size, options.workers, options.repeat or repeat)
    memory(scratch, raw, counts, size, options.workers)
    resume(scratch, counts, raw, options.workers)
    if not options.keep:
        shutil.rmtree(scratch)
    if not (options.only_pipeline or options.quick):
        others()


if __name__ == "__main__":
    main()
