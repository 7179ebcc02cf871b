"""Time RANSAC and LinReg on matches of which 30 % are wrong.

    python benchmarks/bench_ransac.py [--repeats 5]

Prints milliseconds per pair (the fastest of the repeats), the trials that were needed, and the
error of the matrix at the corners of a 2000 x 2000 frame.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from fibsem_dash.settings import TRANSFORMS, SolverSettings
from fibsem_dash.transforms import apply, get_model, solve_linreg, solve_ransac

MATRIX = np.array([[1.003, 0.0, 3.25], [0.0, 0.996, -2.5], [0.0, 0.0, 1.0]])
CORNERS = np.array([[0, 0], [2000, 0], [0, 2000], [2000, 2000]])


def make_matches(n: int, outliers: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    src = rng.uniform(0, 2000, (n, 2))
    dst = apply(MATRIX, src) + rng.normal(0, 0.3, (n, 2))
    n_wrong = int(n * outliers)
    dst[:n_wrong] = rng.uniform(0, 2000, (n_wrong, 2))
    return src, dst


def measure(n: int, settings: SolverSettings, repeats: int) -> str:
    src, dst = make_matches(n, 0.3, seed=0)
    model = get_model(settings)
    seconds = []
    for seed in range(repeats):
        started = time.perf_counter()
        if settings.solver == "LinReg":
            found = solve_linreg(src, dst, model, settings)
        else:
            found = solve_ransac(src, dst, model, settings, np.random.default_rng(seed))
        seconds.append(time.perf_counter() - started)
    if not found:
        return f"{min(seconds) * 1e3:9.2f} ms   {found.reason}"
    error = np.abs(apply(found.matrix, CORNERS) - apply(MATRIX, CORNERS)).max()
    return f"{min(seconds) * 1e3:9.2f} ms   {found.n_trials:5d} trials   corner {error:.4f} px"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    for n in (150, 4000, 20000):
        for name in TRANSFORMS:
            if name in ("shift", "x_scale_shift"):
                continue
            settings = SolverSettings(transform=name, l2_normalization="n")
            print(f"RANSAC {n:6d} matches  {name:20s} {measure(n, settings, repeats)}")
    legacy = SolverSettings(sampling="legacy", stop_probability=1.0, l2_normalization="n")
    print(f"legacy {4000:6d} matches  {'regularized_affine':20s} {measure(4000, legacy, 1)}")
    linreg = SolverSettings(solver="LinReg", max_iter=2000, l2_normalization="n")
    print(f"LinReg {4000:6d} matches  {'regularized_affine':20s} {measure(4000, linreg, 1)}")


if __name__ == "__main__":
    main()
