"""Register a folder of .dat frames with public libraries in the obvious way: the speed to beat.

The steps are those of the pipeline (data range, SIFT, matching, RANSAC, chain, warp, MRC, NSAD, NCC
and NMI), each written as a reader of the libraries' manuals would write it, on worker processes
with one thread each. Nothing is slowed down on purpose.

    python benchmarks/plain_baseline.py DATA_DIR OUT_DIR [--workers 2] [--transform affine|shift]
"""

from __future__ import annotations

import argparse
import csv
import itertools
import multiprocessing
import os
import pickle
import resource
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import mrcfile
import numpy as np
from skimage.measure import ransac
from skimage.transform import AffineTransform, warp

HEADER_BYTES = 1024
BINS, TAIL = 256, 1e-3
LOWE_RATIO = 0.7
RESIDUAL_PX, TRIALS = 1.5, 1000
METRIC_BINS = 2048
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class ShiftTransform(AffineTransform):
    """Translation only, in the form that skimage's ransac expects."""

    def estimate(self, src: np.ndarray, dst: np.ndarray) -> bool:
        self.params = np.eye(3)
        self.params[:2, 2] = (dst - src).mean(axis=0)
        return True

    @classmethod
    def from_estimate(cls, src: np.ndarray, dst: np.ndarray) -> ShiftTransform:
        transform = cls()
        transform.estimate(src, dst)
        return transform


MODELS = {"affine": AffineTransform, "shift": ShiftTransform}


@dataclass(frozen=True)
class Pair:
    """Result of one pair of consecutive frames; a failed one has the identity."""

    matrix: np.ndarray
    matches: int
    inliers: int
    trials: int


def read_frame(path: Path) -> np.ndarray:
    """Detector A of a 16-bit .dat frame, int16 (y, x)."""
    header = path.read_bytes()[:HEADER_BYTES]
    channels = header[32]
    columns = int.from_bytes(header[100:104], "big")
    rows = int.from_bytes(header[104:108], "big")
    pixels = np.fromfile(path, ">i2", rows * columns * channels, offset=HEADER_BYTES)
    return pixels.reshape(rows, columns, channels)[:, :, 0].astype(np.int16)


def data_range(path: Path) -> tuple[float, float]:
    counts, edges = np.histogram(read_frame(path), bins=BINS)
    cdf = np.cumsum(counts) / counts.sum()
    low = edges[np.argmin(np.abs(cdf - TAIL))]
    high = edges[np.argmin(np.abs(cdf - (1 - TAIL)))]
    return float(low), float(high)


def find_keypoints(task: tuple[Path, Path, float, float]) -> int:
    path, scratch, low, high = task
    image = read_frame(path).astype(np.float64)
    image = ((np.clip(image, low, high) - low) / (high - low) * 255).astype(np.uint8)
    keypoints, descriptors = cv2.SIFT_create().detectAndCompute(image, None)
    plain = [(k.pt, k.angle, k.size, k.response, k.class_id, k.octave) for k in keypoints]
    with scratch.open("wb") as file:
        pickle.dump([plain, descriptors], file)
    return len(plain)


def estimate_pair(task: tuple[Path, Path, str, float, int]) -> Pair:
    first, second, model, fraction, seed = task
    loaded = []
    for scratch in (first, second):
        with scratch.open("rb") as file:
            loaded.append(pickle.load(file))  # written by this program a moment ago
    (points_1, descriptors_1), (points_2, descriptors_2) = loaded
    flann = cv2.FlannBasedMatcher({"algorithm": 1, "trees": 5}, {"checks": 50})
    good = []
    if len(points_1) > 1 and len(points_2) > 1:
        for best, next_best in flann.knnMatch(descriptors_1, descriptors_2, k=2):
            if best.distance < LOWE_RATIO * next_best.distance:
                good.append(best)
    src = np.array([points_1[m.queryIdx][0] for m in good]).reshape(-1, 2)
    dst = np.array([points_2[m.trainIdx][0] for m in good]).reshape(-1, 2)
    samples = max(int(len(good) * fraction), 3)
    if len(good) <= samples:
        return Pair(np.eye(3), len(good), 0, 0)
    trials = 0

    def count(*_: object) -> bool:
        nonlocal trials
        trials += 1
        return True

    fitted, inliers = ransac(
        (src, dst),
        MODELS[model],
        min_samples=samples,
        residual_threshold=RESIDUAL_PX,
        max_trials=TRIALS,
        is_data_valid=count,
        rng=seed,
    )
    if inliers is None or not inliers.any():
        return Pair(np.eye(3), len(good), 0, trials)
    return Pair(fitted.params, len(good), int(inliers.sum()), trials)


def warp_frame(task: tuple[Path, np.ndarray]) -> np.ndarray:
    path, matrix = task
    image = read_frame(path).astype(np.float64)
    transform = AffineTransform(matrix=matrix)
    border = image.mean()
    warped = warp(image, transform, order=1, mode="constant", cval=border, preserve_range=True)
    return np.round(warped).astype(np.int16)


def compare(task: tuple[Path, int]) -> tuple[float, float, float]:
    """NSAD, NCC and NMI of slices `frame` - 1 and `frame`."""
    stack, frame = task
    with mrcfile.mmap(stack, mode="r") as mrc:
        first = mrc.data[frame - 1].astype(np.float64)
        second = mrc.data[frame].astype(np.float64)
    mean = np.abs((first + second) / 2)
    nsad = np.mean(np.abs(second - first)) / (mean.mean() - mean.min())
    a, b = first - first.mean(), second - second.mean()
    ncc = np.mean(a * b) / np.sqrt(np.mean(a**2) * np.mean(b**2))
    joint, _, _ = np.histogram2d(second.ravel(), first.ravel(), bins=METRIC_BINS)
    p = joint + np.finfo(float).eps
    p /= p.sum()
    q1, q2 = p.sum(axis=0), p.sum(axis=1)
    nmi = ((q1 * np.log(q1)).sum() + (q2 * np.log(q2)).sum()) / (p * np.log(p)).sum() - 1
    return float(nsad), float(ncc), float(nmi)


def _start_worker() -> None:
    cv2.setNumThreads(1)


def _with_memory(call: tuple[Callable[[Any], Any], Any]) -> tuple[Any, int]:
    function, task = call
    result = function(task)
    unit = 1 if sys.platform == "darwin" else 1024
    return result, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


class Stages:
    """Runs the stages on one pool; keeps the seconds of each and the peak memory of a worker."""

    def __init__(self, workers: int) -> None:
        # Spawned workers read these when they load NumPy, so they stay at one thread each.
        before = {name: os.environ.get(name) for name in ONE_THREAD}
        os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
        try:
            context = multiprocessing.get_context("spawn")
            self.pool = context.Pool(workers, initializer=_start_worker)
            # Importing the libraries is not part of any stage.
            self.pool.map(abs, range(workers * 4), chunksize=1)
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
        self.seconds: dict[str, float] = {}
        self.peak_bytes = 0

    def run(self, name: str, function: Callable[[Any], Any], tasks: Iterable[Any]) -> list[Any]:
        results: list[Any] = []
        self.consume(name, function, tasks, lambda _, result: results.append(result))
        return results

    def consume(
        self,
        name: str,
        function: Callable[[Any], Any],
        tasks: Iterable[Any],
        receive: Callable[[int, Any], None],
    ) -> None:
        start = time.perf_counter()
        calls = ((function, task) for task in tasks)
        for k, (result, memory) in enumerate(self.pool.imap(_with_memory, calls)):
            receive(k, result)
            self.peak_bytes = max(self.peak_bytes, memory)
        self.seconds[name] = time.perf_counter() - start


def run_plain(
    data_dir: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    workers: int = 2,
    *,
    transform: str = "affine",
    sample_fraction: float = 0.05,
    report: dict[str, Any] | None = None,
) -> dict[str, float]:
    """Register every .dat file of `data_dir` into `out_dir`.

    Parameters
    ----------
    data_dir, out_dir : path-like
        Raw frames, and where pairs.csv, quality.csv and registered.mrc go.
    workers : int, default 2
        Worker processes.
    transform : {"affine", "shift"}, default "affine"
        Model of a pair.
    sample_fraction : float, default 0.05
        Part of the matches that RANSAC draws in each trial.
    report : dict, optional
        Filled with frames, key points, matches, inliers, trials and peak_bytes.

    Returns
    -------
    dict
        Stage to seconds: range, keypoints, pairs, chain, warp_save, metrics.
    """
    files = sorted(Path(data_dir).glob("*.dat"))
    if len(files) < 2:
        raise SystemExit(f"{data_dir}: at least two .dat frames are needed, found {len(files)}")
    out = Path(out_dir)
    (out / "scratch").mkdir(parents=True, exist_ok=True)
    stages = Stages(workers)
    with stages.pool:
        ranges = np.array(stages.run("range", data_range, files))
        low, high = float(ranges[:, 0].min()), float(ranges[:, 1].max())

        scratch = [out / "scratch" / f"{path.stem}_kpdes.bin" for path in files]
        tasks = [(path, s, low, high) for path, s in zip(files, scratch, strict=True)]
        keypoints = stages.run("keypoints", find_keypoints, tasks)

        neighbours = itertools.pairwise(scratch)
        tasks = [(a, b, transform, sample_fraction, k) for k, (a, b) in enumerate(neighbours)]
        pairs: list[Pair] = stages.run("pairs", estimate_pair, tasks)

        start = time.perf_counter()
        chain = [np.eye(3)]
        for pair in pairs:
            chain.append(pair.matrix @ chain[-1])
        stages.seconds["chain"] = time.perf_counter() - start

        stack = out / "registered.mrc"
        shape = (len(files), *read_frame(files[0]).shape)
        with mrcfile.new_mmap(stack, shape, mrc_mode=1, overwrite=True) as mrc:

            def save(k: int, image: np.ndarray) -> None:
                mrc.data[k] = image

            stages.consume("warp_save", warp_frame, zip(files, chain, strict=True), save)
        quality = stages.run("metrics", compare, [(stack, k) for k in range(1, len(files))])
    write_tables(out, pairs, quality)
    if report is not None:
        report.update(
            frames=len(files),
            keypoints=float(np.mean(keypoints)),
            matches=float(np.mean([pair.matches for pair in pairs])),
            inliers=float(np.mean([pair.inliers for pair in pairs])),
            trials=float(np.mean([pair.trials for pair in pairs])),
            peak_bytes=stages.peak_bytes,
        )
    return stages.seconds


def write_tables(out: Path, pairs: list[Pair], quality: list[tuple[float, float, float]]) -> None:
    names = [f"T{row}{column}" for row in range(2) for column in range(3)]
    with (out / "pairs.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["frame", "npts", "n_matches", *names])
        for frame, pair in enumerate(pairs, start=1):
            table.writerow([frame, pair.inliers, pair.matches, *pair.matrix[:2].ravel().tolist()])
    with (out / "quality.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["frame", "NSAD", "NCC", "NMI"])
        table.writerows([frame, *row] for frame, row in enumerate(quality, start=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--transform", choices=sorted(MODELS), default="affine")
    parser.add_argument("--sample-fraction", type=float, default=0.05)
    options = parser.parse_args()
    report: dict[str, Any] = {}
    seconds = run_plain(
        options.data_dir,
        options.out_dir,
        options.workers,
        transform=options.transform,
        sample_fraction=options.sample_fraction,
        report=report,
    )
    frames = report["frames"]
    for name, value in seconds.items():
        print(f"{name:10s} {value / frames * 1e3:9.1f} ms/frame")
    total = sum(seconds.values())
    print(f"{'total':10s} {total / frames * 1e3:9.1f} ms/frame   {frames / total:.2f} frames/s")
    print(
        f"{report['keypoints']:.0f} key points, {report['matches']:.0f} matches, "
        f"{report['inliers']:.0f} inliers, {report['trials']:.0f} RANSAC trials; "
        f"peak memory of a worker {report['peak_bytes'] / 2**20:.0f} MiB"
    )


if __name__ == "__main__":
    main()
