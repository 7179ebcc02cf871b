"""LinReg: the worst match removed until all fit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fibsem_dash.settings import TRANSFORMS, SolverSettings
from fibsem_dash.transforms import get_model, solve_linreg
from fibsem_dash.transforms.result import TransformEstimate

MakeMatches = Callable[..., tuple[np.ndarray, np.ndarray]]


def solve(src: np.ndarray, dst: np.ndarray, **changes: object) -> TransformEstimate:
    settings = SolverSettings(solver="LinReg", **changes)  # type: ignore[arg-type]
    return solve_linreg(src, dst, get_model(settings), settings)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_clean_set_loses_no_match(
    name: str, known: dict[str, np.ndarray], make_matches: MakeMatches
) -> None:
    found = solve(*make_matches(known[name], 450, noise=0.2), transform=name)
    assert found
    assert found.inliers.all()
    assert found.n_trials == 1


@pytest.mark.parametrize("seed", range(20))
def test_the_mean_error_is_that_of_the_matches_that_are_left(
    seed: int, known: dict[str, np.ndarray], make_matches: MakeMatches
) -> None:
    src, dst = make_matches(known["affine"], 50, noise=0.6, seed=seed)
    found = solve(src, dst)
    kept = found.inliers
    error = np.linalg.norm(
        dst[kept] - (src[kept] @ found.matrix[:2, :2].T + found.matrix[:2, 2]), axis=1
    )
    assert found.error_abs_mean == pytest.approx(error.mean())
    assert error.max() <= 1.5


def test_outliers_are_removed_and_nothing_else(
    known: dict[str, np.ndarray], make_matches: MakeMatches
) -> None:
    src, dst = make_matches(known["affine"], 300, noise=0.2)
    dst[[5, 50, 120]] += [30.0, -20.0]
    found = solve(src, dst)
    assert np.flatnonzero(~found.inliers).tolist() == [5, 50, 120]
    assert found.n_trials == 4


def test_more_outliers_than_passes_fail_with_the_reason(make_matches: MakeMatches) -> None:
    found = solve(*make_matches(np.eye(3), 400, outliers=0.3), transform="shift", max_iter=50)
    assert not found
    assert found.reason == "residuals above 1.5 px are left after removing 50 matches"
    assert np.isnan(found.matrix).all()
    assert found.n_inliers == 0


def test_running_out_of_matches_fails_with_the_reason(make_matches: MakeMatches) -> None:
    found = solve(*make_matches(np.eye(3), 2), transform="affine")
    assert found.reason == "2 matches left, the affine model needs 3"
    assert not solve(np.zeros((0, 2)), np.zeros((0, 2)), transform="shift")


def test_matches_on_a_line_fail_with_the_reason() -> None:
    line = np.column_stack([np.arange(9.0), np.arange(9.0)])
    assert solve(line, line, transform="affine").reason == "the matches do not determine the model"


def test_the_regularized_model_is_regularized(
    known: dict[str, np.ndarray], make_matches: MakeMatches
) -> None:
    src, dst = make_matches(known["affine"], 100)
    free = solve(src, dst, transform="regularized_affine", l2_param=0.0, drmax=50.0)
    pulled = solve(src, dst, transform="regularized_affine", l2_param=1.0, drmax=50.0)
    assert abs(free.matrix[1, 0]) == pytest.approx(0.004)
    assert abs(pulled.matrix[1, 0]) < 1e-3
