"""Time the pipeline and the plain baseline side by side; watch memory and resuming.

The pipeline, with either estimator, and the baseline register the same phantom with the same number
of worker processes and the same transform, and all write a table of pairs, an MRC stack and a table
with NSAD, NCC and NMI. The phantom is made beforehand. Times move with the machine and with what
else runs on it; the ratios, best those of the processor time, hold.

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
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
from accuracy import pair_errors
from measure import Measured, measure
from plain_baseline import compare as plain_measures

from fibsem_dash.image.contrast import to_8bit
from fibsem_dash.io import open_frame
from fibsem_dash.registration.evaluation import evaluate_stack
from fibsem_dash.settings import QualitySettings

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
EVALUATED = ("NSAD", "NCC", "NMI")
OURS = ("blocks", "sift")
SIDES = (*OURS, "plain")


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
    raw: Path, out: Path, workers: int, estimator: str, *, fresh: bool = True, memory: bool = False
) -> Any:
    if fresh:
        shutil.rmtree(out, ignore_errors=True)
    command = ours("register", str(raw), "--out", str(out), "--transform", TRANSFORM)
    command += ["--workers", str(workers), "--estimator", estimator]
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
    """Time all sides in turn and print the table; return the folder of the phantom."""
    raw = phantom(scratch / f"phantom_{frames}", frames, size, workers)
    runs: dict[str, list[Any]] = {side: [] for side in SIDES}
    for _ in range(repeat):
        for side in OURS:
            runs[side].append(register(raw, scratch / side, workers, side))
        runs["plain"].append(plain(raw, scratch / "plain", workers, frames))
    show(f"\n1. {frames} frames of {size} x {size}, {TRANSFORM}; best of {repeat} runs in turn")
    for side in SIDES:
        show(f"   {side:7s} {shlex.join(['python', *runs[side][0][0][1:]])}")
    best = {side: min(runs[side], key=lambda run: run[1].wall_s)[1:] for side in SIDES}
    table(frames, best)
    for side in SIDES:
        each = ", ".join(f"{m.wall_s:.1f} ({m.cpu_s:.1f})" for _, m, _ in runs[side])
        show(f"   all runs of {side:7s} {each} s (processor time)")
    for side in SIDES:
        centre, corners = pair_errors(
            scratch / side / "pairs.csv", raw / "truth.json", (size, size)
        )
        show(f"   {side:7s} pair error {centre:.3f} px at the centre, {corners:.3f} at the corners")
    alone = sift_alone(raw)
    share = best["sift"][0].cpu_s / alone / frames
    show(f"   cv2.SIFT alone takes {alone * 1e3:.1f} ms of processor time a frame")
    show(f"   the whole run with sift takes {share:.2f} times that")
    return raw


def table(frames: int, best: dict[str, tuple[Measured, dict[str, float]]]) -> None:
    sides = "".join(f"{side:>10s}" for side in SIDES)
    show(f"\n   {'ms/frame':24s}{sides}   plain / blocks, plain / sift")

    def row(title: str, values: list[float]) -> None:
        ratio = f"{values[2] / values[0]:8.1f}" if min(values[0], values[2]) > 0 else f"{'-':>8s}"
        ratio += f"{values[2] / values[1]:8.1f}" if min(values[1:]) > 0 else f"{'-':>8s}"
        cells = "".join(f"{value / frames * 1e3:10.1f}" for value in values)
        show(f"   {title:24s}{cells}{ratio}")

    for title, names, plain_names in ROWS:
        values = [sum(best[side][1][n] for n in names) for side in OURS]
        row(title, [*values, sum(best["plain"][1][n] for n in plain_names)])
    row("start and end", [m.wall_s - sum(seconds.values()) for m, seconds in best.values()])
    row("whole command", [m.wall_s for m, _ in best.values()])
    row("processor time", [m.cpu_s for m, _ in best.values()])
    rates = "".join(f"{frames / m.wall_s:10.2f}" for m, _ in best.values())
    show(f"   {'frames/s':24s}{rates}")


def sift_alone(raw: Path, n: int = 6) -> float:
    """Processor time of cv2.SIFT itself per frame, on 8-bit frames in memory, one thread; s."""
    cv2.setNumThreads(1)
    images = []
    for path in sorted(raw.glob("*.dat"))[:n]:
        counts = open_frame(path).raw("A")
        images.append(to_8bit(counts, *np.quantile(counts, [1e-3, 1 - 1e-3])))
    sift = cv2.SIFT.create()
    times = []
    for image in images:
        started = time.process_time()
        sift.detectAndCompute(image, None)
        times.append(time.process_time() - started)
    return float(np.median(times))


def evaluation(scratch: Path, pairs: int) -> None:
    """Print how many pairs of slices are measured per second, here and by the plain formulas."""
    (stack,) = (scratch / "blocks").glob("*.mrc")
    numbers = list(range(1, pairs + 1))
    seconds: list[list[float]] = [[], []]
    cv2.setNumThreads(1)
    evaluate_stack(stack, slices=[1])
    for _ in range(3):
        started = time.process_time()
        found = evaluate_stack(stack, QualitySettings(metrics=EVALUATED), slices=numbers)
        seconds[0].append(time.process_time() - started)
        started = time.process_time()
        wanted = [plain_measures((stack, k)) for k in numbers]
        seconds[1].append(time.process_time() - started)
    np.testing.assert_allclose(found[list(EVALUATED)], wanted, rtol=1e-6)
    mine, theirs = (pairs / min(values) for values in seconds)
    show("\n2. evaluation of the stack: NSAD, NCC and NMI, one core, processor time")
    show(
        f"   fibsem-dash {mine:.1f} pairs/s, plain {theirs:.2f} pairs/s, {mine / theirs:.1f} times"
    )


def memory(scratch: Path, few: Path, counts: tuple[int, int], size: int, workers: int) -> None:
    """Print the peak memory for a short and a long stack."""
    show(f"\n3. peak memory with sift, frames of {size} x {size}, {workers} workers, MiB")
    titles = ("largest worker", "without mapped files", "main process", "without mapped files")
    show(f"   {'frames':12s}" + "".join(f"{t:>22s}" for t in titles) + f"{'wall s':>10s}")
    for n in counts:
        raw = few
        if n != counts[0]:
            raw = phantom(scratch / f"phantom_{n}", n, size, workers)
        _, measured, _ = register(raw, scratch / f"memory_{n}", workers, "sift", memory=True)
        own = (measured.own_peak_bytes, measured.own_private_bytes)
        values = (measured.peak_bytes, measured.private_bytes, *own)
        cells = "".join(f"{v / 2**20:22.0f}" for v in values)
        show(f"   {n:<12d}{cells}{measured.wall_s:10.1f}")


def resume(scratch: Path, counts: tuple[int, int], few: Path, workers: int) -> None:
    """Print how long the same command takes when the run is finished already."""
    show("\n4. the same command on a finished run, nothing to compute")
    for n in counts:
        raw = few if n == counts[0] else scratch / f"phantom_{n}"
        _, measured, seconds = register(raw, scratch / f"memory_{n}", workers, "sift", fresh=False)
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
    counts, size, repeat = ((96, 240), 1024, 3) if not options.quick else ((6, 18), 256, 1)
    scratch: Path = options.scratch / "pipeline"
    show(f"command    {shlex.join(['python', *sys.argv])}")
    machine(options.workers)
    if options.quick:
        show("           --quick: stacks this small show that all of it runs, not how fast it is")
    raw = compare(scratch, counts[0], size, options.workers, options.repeat or repeat)
    evaluation(scratch, min(counts[0] - 1, 16))
    memory(scratch, raw, counts, size, options.workers)
    resume(scratch, counts, raw, options.workers)
    if not options.keep:
        shutil.rmtree(scratch)
    if not (options.only_pipeline or options.quick):
        others()


if __name__ == "__main__":
    main()
