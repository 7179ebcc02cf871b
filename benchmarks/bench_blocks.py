"""Compare the estimators on stacks of known drift: error and processor time per pair.

    python benchmarks/bench_blocks.py [CASE ...] [--slices FOLDER [--tiles]] [--neighbours K ...]

CASE is a folder of raw frames with truth.json; --slices makes the cases of tissue_cases.py from a
folder of aligned slices, with --tiles those of regions that have nothing in common; without both, a
phantom is made. Each line is one estimator: root mean square error of the pair matrices at the
centre and at the corners of the frame, of the product of 20 and 40 consecutive matrices at the
centre, px, and the processor time of what finds the transforms (key points and matching, or
blocks), reading the frames included, on one core. The last lines compare blocks with SIFT over all
cases, and name those where they are worse at the centre, with what chance leaves open: 95 %
intervals of the ratio from a block bootstrap of the pairs, the same ones for both.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tissue_cases import CASES, TILES, TissueCase, write_case

from fibsem_dash.compute.executor import InProcessExecutor
from fibsem_dash.dataset import FIBSEMDataset
from fibsem_dash.phantom import write_phantom
from fibsem_dash.quality.bootstrap import block_length, resampled_statistics

SPANS = (20, 40)


@dataclass(frozen=True)
class Errors:
    """Root mean square errors of one run, px, processor seconds a pair, and failed pairs.

    `vectors` are the errors at the centre, pair by pair, (n, 2), px; NaN where a pair failed.
    """

    centre: float
    corners: float
    spans: tuple[float, ...]
    seconds: float
    failed: int
    vectors: np.ndarray

    def __str__(self) -> str:
        spans = " | ".join(f"{value:.2f}" for value in self.spans)
        errors = f"{self.centre:.4f} | {self.corners:.4f} | {spans}"
        return f"{errors} | {self.seconds:.4f} | {self.failed}"


def measure(folder: Path, estimator: str, neighbours: int, transform: str) -> Errors:
    """Register one case and compare it with its truth."""
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

    def vectors(first: int, second: int, matrix: np.ndarray) -> np.ndarray:
        wanted = true[second] @ np.linalg.inv(true[first])
        return ((matrix - wanted) @ points)[:2]

    def errors(first: int, second: int, matrix: np.ndarray) -> np.ndarray:
        return (vectors(first, second, matrix) ** 2).sum(0)

    single = np.mean([errors(p.first, p.second, p.matrix) for p in good], 0)
    spans = []
    for span in SPANS:
        long = []
        for k in range(len(pairs) - span + 1):
            part = pairs[k : k + span]
            if all(part):
                matrix = np.linalg.multi_dot([p.matrix for p in reversed(part)])
                long.append(errors(part[0].first, part[-1].second, matrix)[0])
        spans.append(float(np.sqrt(np.mean(long))) if long else float("nan"))
    return Errors(
        float(single[0] ** 0.5),
        float(single[1:].mean() ** 0.5),
        tuple(spans),
        seconds,
        len(pairs) - len(good),
        np.array(
            [vectors(p.first, p.second, p.matrix)[:, 0] if p else [np.nan] * 2 for p in pairs]
        ),
    )


def compare(
    cases: Iterator[tuple[str, Path]], transform: str, ways: Sequence[tuple[str, int]]
) -> None:
    """Print the table of several cases, and how blocks compare with SIFT."""
    cv2.setNumThreads(1)
    spans = " | ".join(f"{span} on" for span in SPANS)
    print(f"| case | estimator | centre | corners | {spans} | s/pair | failed |")
    print("|---" * (6 + len(SPANS)) + "|")
    found: dict[str, list[Errors]] = {}
    names = []
    for name, folder in cases:
        names.append(name)
        for estimator, k in ways:
            label = estimator if k == 1 else f"{estimator} {k}"
            errors = measure(folder, estimator, k, transform)
            found.setdefault(label, []).append(errors)
            print(f"| {name} | {label} | {errors} |", flush=True)
    if "sift" in found:
        summary(names, found)


def summary(names: list[str], found: dict[str, list[Errors]]) -> None:
    """Print the ratios of each way's errors to those of SIFT."""
    sift = found["sift"]
    print("\n| beside sift | centre, mean | centre, largest | corners, mean | corners, largest |")
    print("|---" * 5 + "|")
    for label, errors in found.items():
        ratios = [
            (e.centre / s.centre, e.corners / s.corners) for e, s in zip(errors, sift, strict=True)
        ]
        mean, largest = np.mean(ratios, 0), np.max(ratios, 0)
        row = f"{mean[0]:.3f} | {largest[0]:.3f} | {mean[1]:.3f} | {largest[1]:.3f}"
        print(f"| {label} | {row} |")
    print("\nWorse than SIFT at the centre: ratio, 95 % interval")
    for label, errors in found.items():
        for name, e, s in zip(names, errors, sift, strict=True):
            if e.centre > s.centre:
                low, high = ratio_interval(e.vectors, s.vectors)
                print(f"{label}, {name}: {e.centre / s.centre:.3f}, {low:.3f} to {high:.3f}")
    print("\nErrors at the centre, mean correlation over the cases (x, y)")
    for label, errors in found.items():
        alike = np.mean(
            [correlation(e.vectors, s.vectors) for e, s in zip(errors, sift, strict=True)], 0
        )
        next_one = np.mean([correlation(e.vectors[1:], e.vectors[:-1]) for e in errors], 0)
        print(
            f"{label}: with those of sift {alike[0]:.2f}, {alike[1]:.2f}; "
            f"with those of the pair before {next_one[0]:.2f}, {next_one[1]:.2f}"
        )
    for i, span in enumerate(SPANS):
        parts = [
            f"{label} {np.sqrt(np.nanmean([e.spans[i] ** 2 for e in errors])):.2f} px"
            for label, errors in found.items()
            if not np.isnan([e.spans[i] for e in errors]).all()
        ]
        if parts:
            print(f"\nRoot mean square over the cases, {span} on: {', '.join(parts)}")


def ratio_interval(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the ratio of two root mean squares of errors, (n, 2) each."""
    both = np.isfinite(first + second).all(1)
    squares = np.stack([(part[both] ** 2).sum(1) for part in (first, second)])
    length = max(block_length(row) for row in squares)
    means, _ = resampled_statistics(squares, length, 4000, seed=0)
    low, high = np.quantile(np.sqrt(means[:, 0] / means[:, 1]), [0.025, 0.975])
    return float(low), float(high)


def correlation(first: np.ndarray, second: np.ndarray) -> list[float]:
    """Correlation coefficients of two series of vectors, axis by axis."""
    both = np.isfinite(first + second).all(1)
    return [float(np.corrcoef(first[both, k], second[both, k])[0, 1]) for k in (0, 1)]


def given_cases(
    folders: Sequence[Path], slices: Path | None, tissue: Sequence[TissueCase]
) -> Iterator[tuple[str, Path]]:
    """Yield name and folder of each case; folders that are made here go away after it."""
    for folder in folders:
        yield folder.name, folder
    for case in tissue if slices else ():
        with tempfile.TemporaryDirectory() as folder:
            write_case(slices, Path(folder), case)
            yield case.name, Path(folder)
    if not folders and slices is None:
        with tempfile.TemporaryDirectory() as folder:
            write_phantom(folder, frames=16, size=1024, seed=3)
            yield "phantom 1024 px", Path(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", type=Path)
    parser.add_argument("--slices", type=Path, help="folder of aligned slices")
    parser.add_argument("--tiles", action="store_true", help="regions without common pixels")
    parser.add_argument("--neighbours", type=int, nargs="*", default=[], help="try these as well")
    parser.add_argument("--transform", default="regularized_affine")
    arguments = parser.parse_args()
    ways = [("sift", 1), ("blocks", 1), *(("blocks", k) for k in arguments.neighbours)]
    tissue = TILES if arguments.tiles else CASES
    cases = given_cases(arguments.cases, arguments.slices, tissue)
    compare(cases, arguments.transform, [*ways, ("auto", 1)] if arguments.cases else ways)


if __name__ == "__main__":
    main()
