"""Matched points with known transforms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fibsem_dash.transforms import apply

KNOWN = {
    "shift": [[1, 0, 3.25], [0, 1, -2.5], [0, 0, 1]],
    "x_scale_shift": [[1.003, 0, 3.25], [0, 1, -2.5], [0, 0, 1]],
    "scale_shift": [[1.003, 0, 3.25], [0, 0.996, -2.5], [0, 0, 1]],
    "affine": [[1.003, 0.002, 3.25], [-0.004, 0.996, -2.5], [0, 0, 1]],
    "regularized_affine": [[1.003, 0.002, 3.25], [-0.004, 0.996, -2.5], [0, 0, 1]],
}

Points = np.ndarray
MakeMatches = Callable[..., tuple[Points, Points]]


@pytest.fixture
def known() -> dict[str, np.ndarray]:
    """A matrix that each model can represent."""
    return {name: np.array(matrix, float) for name, matrix in KNOWN.items()}


@pytest.fixture
def make_matches() -> MakeMatches:
    """Matches of a matrix: make_matches(matrix, n, outliers=share, noise=px, seed=k)."""

    def make(
        matrix: np.ndarray, n: int, outliers: float = 0.0, noise: float = 0.0, seed: int = 0
    ) -> tuple[Points, Points]:
        rng = np.random.default_rng(seed)
        src = rng.uniform(0, 2000, (n, 2))
        dst = apply(matrix, src) + rng.normal(0, noise, (n, 2))
        n_wrong = int(n * outliers)
        dst[:n_wrong] = rng.uniform(0, 2000, (n_wrong, 2))
        return src, dst

    return make
