"""Write quality tables of long stacks, to try the Quality page with: 17 000 frames x 8 runs.

    python -m benchmarks.quality_tables OUT [--frames 17000] [--runs 8] [--seed 0]

Each run gets OUT/runK_RegistrationQuality.csv: measures that wander slowly, noise of neighbouring
frames that correlates, a stretch of bad frames that all runs share, a few outliers of its own and a
small offset of the whole run, so that differences between runs have a known sign. `--time` tells
what decimation, limits, statistics and differences cost in this process.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fibsem_dash.io.tables import write_csv


def quality_frame(n_frames: int, run: int, seed: int = 0) -> pd.DataFrame:
    """Return the table of one run.

    Parameters
    ----------
    n_frames : int
        Slices of the stack; there is one pair less.
    run : int
        Number of the run; later runs are better.
    seed : int
        Of the sample, which all runs share.
    """
    shared, own = np.random.default_rng(seed), np.random.default_rng([seed, run + 1])
    n = n_frames - 1
    x = np.arange(1, n_frames)
    sample = 0.02 * np.sin(x / 900) + _correlated(shared, n, 0.008)
    start = n // 3
    sample[start : start + max(n // 50, 1)] -= 0.12
    ncc = 0.86 + 0.004 * run + sample + _correlated(own, n, 0.006)
    outliers = own.choice(n, max(n // 2000, 1), replace=False)
    ncc[outliers] -= own.uniform(0.2, 0.6, outliers.size)
    ncc = np.clip(ncc, 0.01, 0.995)
    return pd.DataFrame(
        {
            "frame": x,
            "xi_eval": 100, "xa_eval": 1100, "yi_eval": 100, "ya_eval": 1100,
            "NSAD": 0.35 * np.sqrt(1 - ncc),
            "NCC": ncc,
            "NMI": 0.30 * ncc + own.normal(0, 0.002, n),
            "FSC": 0.10 + 0.15 * ncc + own.normal(0, 0.004, n),
            "Mean Abs Error": 0.5 + 2 * (1 - ncc) + np.abs(own.normal(0, 0.05, n)),
            "Npts": np.round(900 * ncc + own.normal(0, 30, n)),
        }
    )  # fmt: skip


def _correlated(rng: np.random.Generator, n: int, std: float) -> np.ndarray:
    noise = np.convolve(rng.normal(size=n + 8), np.ones(9) / 3, "valid")
    return std * noise


def write_tables(folder: Path, n_frames: int, n_runs: int, seed: int = 0) -> list[Path]:
    """Write the tables of all runs; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for run in range(n_runs):
        paths.append(folder / f"run{run}_RegistrationQuality.csv")
        write_csv(paths[-1], quality_frame(n_frames, run, seed))
    return paths


def measure(paths: Sequence[Path]) -> None:
    """Print what the parts of the page cost, as processor time of this process."""
    from components.plots.quality_curves import curve_data, limits_of
    from components.quality.statistics import summarise_all
    from fibsem_dash.quality import compare_tables, read_quality_table

    def timed(name: str, function: object) -> object:
        begun = time.process_time()
        result = function()  # type: ignore[operator]
        print(f"{name:44} {1000 * (time.process_time() - begun):9.1f} ms")
        return result

    tables = timed("read all tables", lambda: [read_quality_table(path) for path in paths])
    metrics = tables[0].metrics  # type: ignore[index]
    end = float(tables[0].frames[-1])  # type: ignore[index]
    for share in (1.0, 0.1):
        data = timed(
            f"curves of all rows, {100 * share:.0f} % of the frames",
            lambda share=share: [
                curve_data(t, m, 0, share * end, 1600) for t in tables for m in metrics
            ],
        )
        print(f"{'':20}{sum(len(d['x']) for d in data)} points")  # type: ignore[attr-defined]
    timed("y limits of all rows", lambda: [limits_of(tables, m) for m in metrics])
    timed("statistics", lambda: summarise_all(tables))
    timed("one difference with its interval", lambda: compare_tables(tables[0], tables[1], "NCC"))


def main() -> None:
    """Write the tables, and measure when asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=17_000)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--time", action="store_true")
    arguments = parser.parse_args()
    paths = write_tables(arguments.out, arguments.frames, arguments.runs, arguments.seed)
    print(f"{len(paths)} tables of {arguments.frames} frames in {arguments.out}")
    if arguments.time:
        measure(paths)


if __name__ == "__main__":
    main()
