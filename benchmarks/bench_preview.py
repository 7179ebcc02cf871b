"""Times what a change of the fits costs on the page: the curves, and the planes of the result.

    python benchmarks/bench_preview.py [--frames 500] [--size 2048] [--curves 10000]

Frames are written to a temporary folder, `--files` different ones that repeat, so that they are in
the file cache.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fibsem_dash.io.dat import write_dat
from fibsem_dash.registration.data_range import StackRange
from fibsem_dash.registration.frames import FrameInfo, inspect_frame
from fibsem_dash.registration.preview import PlaneRequest, Previewer
from fibsem_dash.registration.trend import TrendData, compute_trend
from fibsem_dash.settings import ChainSettings, RunSettings

METHODS = (
    ChainSettings(preserve_scales=False),
    ChainSettings(fit_method="LF"),
    ChainSettings(fit_method="PF", fit_order=9),
    ChainSettings(fit_method="SG", fit_window=51),
    ChainSettings(fit_method="SG", fit_window=501),
    ChainSettings(fit_method="SG", fit_window=999),
    ChainSettings(fit_method="SG", fit_window=5001),
    ChainSettings(fit_method="SG", fit_window=9999, fit_order=9),
    ChainSettings(fit_method="SG", shift_refit="first_order"),
)


def wandering(n: int, size: int) -> TrendData:
    """Frames that wander as a real stack does; one pair in a hundred failed."""
    rng = np.random.default_rng(0)
    matrices = np.tile(np.eye(3), (n - 1, 1, 1))
    matrices[:, :2, :2] += rng.normal(0, 2e-5, (n - 1, 2, 2))
    matrices[:, :2, 2] = rng.normal(0, 1.0, (n - 1, 2))
    src = rng.normal(size / 2, 20, (n - 1, 2))
    dst = (matrices[:, :2, :2] @ src[..., None])[..., 0] + matrices[:, :2, 2]
    failed = rng.random(n - 1) < 0.01
    for array in (matrices, src, dst):
        array[failed] = np.nan
    ones = np.ones(n - 1)
    return TrendData(
        frames=np.arange(n),
        files=tuple(f"{k}.dat" for k in range(n)),
        matrices=matrices,
        mean_src=src,
        mean_dst=dst,
        n_inliers=ones,
        n_matches=ones,
        errors=ones,
        statuses=tuple("failed" if f else "ok" for f in failed),
        sources=("sift",) * (n - 1),
        n_keypoints=np.ones(n),
        fov_centres=np.zeros((n, 2)),
    )


def best_of(function: Callable[[], Any], times: int = 3) -> float:
    """Return the shortest time of several calls, seconds."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        function()
        found.append(time.perf_counter() - started)
    return min(found)


def time_curves(n: int) -> None:
    """Print what redrawing the curves costs for each method."""
    data = wandering(n, 2048)
    started = time.perf_counter()
    compute_trend(data)
    print(f"first curves of {n} frames: {1e3 * (time.perf_counter() - started):.0f} ms")
    for settings in METHODS:
        seconds = best_of(lambda s=settings: compute_trend(data, s))  # type: ignore[misc]
        name = f"{settings.fit_method} {settings.fit_window} {settings.fit_order}"
        name = name if settings.preserve_scales else "no fit"
        print(f"  {name:12} {settings.shift_refit:12} {1e3 * seconds:6.1f} ms")


def write_frames(folder: Path, n_files: int, size: int) -> list[Path]:
    """Write different frames with two detectors of 16 bit."""
    rng = np.random.default_rng(0)
    base = rng.integers(-2000, 2000, (2, size, size), np.int16)
    paths = []
    for k in range(n_files):
        paths.append(folder / f"f{k:03}.dat")
        write_dat(paths[-1], np.roll(base, 7 * k, axis=2))
    return paths


def time_planes(n: int, size: int, n_files: int) -> None:
    """Print what both planes cost: first, with other fits, and until something is seen."""
    settings = ChainSettings()
    data = wandering(n, size)
    with tempfile.TemporaryDirectory() as folder:
        paths = write_frames(Path(folder), n_files, size)
        infos = [inspect_frame(k, str(p)) for k, p in enumerate(paths)]
        frames: list[FrameInfo] = [infos[k % n_files] for k in range(n)]
        level = np.full(n, 2000.0)
        levels = StackRange(-level, level, -level, level, -2000.0, 2000.0)
        first = compute_trend(data, settings).chain.final
        other = compute_trend(data, ChainSettings(fit_window=201)).chain.final
        for axis in ("xz", "yz"):
            owner = Previewer(frames, levels, RunSettings())
            request = PlaneRequest(axis, size // 2)  # type: ignore[arg-type]
            started = time.perf_counter()
            seen = []
            for plane in owner.planes(first, request):
                seen.append((time.perf_counter() - started, plane.image.shape, plane.n_read))
            started = time.perf_counter()
            again = owner.plane(other, request)
            assert again is not None
            print(f"{axis} of {n} frames of {size} px:")
            for seconds, shape, n_read in seen:
                print(f"  first  {seconds:6.2f} s, {shape} points, {n_read} frames read")
            print(
                f"  again  {time.perf_counter() - started:6.2f} s with other fits, "
                f"{again.n_read} frames read, {owner.n_bytes / 1e6:.0f} MB kept"
            )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--files", type=int, default=50)
    parser.add_argument("--curves", type=int, default=10_000)
    options = parser.parse_args()
    time_curves(options.curves)
    time_planes(options.frames, options.size, options.files)


if __name__ == "__main__":
    main()
