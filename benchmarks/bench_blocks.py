"""Compare the estimators on stacks of known drift: error and processor time per pair.

    python benchmarks/bench_blocks.py [CASE ...]

CASE is a folder of raw frames with truth.json; without one, a phantom is made. Each line is one
estimator: root mean square error of the pair matrices at the centre and at the corners of the
frame, of the product of 40 consecutive matrices at the centre, and the processor time of what finds
the transforms (key points and matching, or blocks), reading the frames included, on one core.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from fibsem_dash.compute.executor import InProcessExecutor
from fibsem_dash.dataset import FIBSEMDataset
from fibsem_dash.phantom import write_phantom

WAYS = (("sift", 1), ("blocks", 1), ("blocks", 3), ("blocks", 5), ("auto", 1))
SPAN = 40


def measure(folder: Path, estimator: str, neighbours: int, transform: str) -> list[float]:
    """Register one case; return the three errors, px, processor seconds and failed pairs."""
    true = json.loads((folder / "truth.json").read_text())
    true = np.array(true["T"] if isinstance(true, dict) else true)
    with tempfile.TemporaryDirectory() as scratch:
        data = FIBSEMDataset.from_folder(folder, scratch, executor=InProcessExecutor())
        data.configure(
            **{
                "estimation.estimator": estimator,
                "estimation.neighbours": neighbours,
                "solver.transform": transform,
            }
        )
        data.measure_data_range()
        height, width = data.registration.frames[0].shape
        started = time.process_time()
        pairs = data.determine_transformations()
        seconds = (time.process_time() - started) / len(pairs)
    good = [pair for pair in pairs if pair]
    x, y = width / 2, height / 2
    points = np.array([[x, y, 1], [0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]).T

    def errors(first: int, second: int, matrix: np.ndarray) -> np.ndarray:
        wanted = true[second] @ np.linalg.inv(true[first])
        return (((matrix - wanted) @ points)[:2] ** 2).sum(0)

    single = np.mean([errors(p.first, p.second, p.matrix) for p in good], 0)
    long = []
    for k in range(len(pairs) - SPAN + 1):
        part = pairs[k : k + SPAN]
        if all(part):
            matrix = np.linalg.multi_dot([p.matrix for p in reversed(part)])
            long.append(errors(part[0].first, part[-1].second, matrix)[0])
    drift = float(np.sqrt(np.mean(long))) if long else float("nan")
    return [single[0] ** 0.5, single[1:].mean() ** 0.5, drift, seconds, len(pairs) - len(good)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", type=Path)
    parser.add_argument("--transform", default="regularized_affine")
    arguments = parser.parse_args()
    if arguments.cases:
        compare(arguments.cases, arguments.transform)
        return
    with tempfile.TemporaryDirectory() as folder:
        write_phantom(folder, frames=16, size=1024, seed=3)
        compare([Path(folder)], arguments.transform)


def compare(cases: Sequence[Path], transform: str) -> None:
    """Print the table of several cases."""
    cv2.setNumThreads(1)
    head = f"{'case':14} {'estimator':10} {'k':>1} {'centre':>7} {'corner':>7} {'40 on':>7}"
    print(head + f" {'s/pair':>8} {'failed':>6}")
    for case in cases:
        for estimator, k in WAYS:
            centre, corner, drift, seconds, failed = measure(case, estimator, k, transform)
            print(
                f"{case.name:14} {estimator:10} {k} {centre:7.3f} {corner:7.3f} {drift:7.3f} "
                f"{seconds:8.4f} {failed:6.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
