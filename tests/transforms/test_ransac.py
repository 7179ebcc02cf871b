"""RANSAC: a transform from matches of which many are wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from fibsem_dash.settings import TRANSFORMS, SolverSettings
from fibsem_dash.transforms import TransformEstimate, apply, get_model, residuals, solve_ransac
from fibsem_dash.transforms.models import MIN_POINTS
from fibsem_dash.transforms.ransac import refit

MakeMatches = Callable[..., tuple[np.ndarray, np.ndarray]]


def solve(
    src: np.ndarray, dst: np.ndarray, settings: SolverSettings, seed: int = 0
) -> TransformEstimate:
    return solve_ransac(src, dst, get_model(settings), settings, np.random.default_rng(seed))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_150_perfect_matches_give_the_exact_matrix(
    name: str, known: dict[str, np.ndarray], make_matches: MakeMatches
) -> None:
    settings = SolverSettings(transform=name, l2_param=0.0)
    found = solve(*make_matches(known[name], 150), settings)
    assert found
    assert found.n_inliers == 150
    assert found.error_abs_mean < 1e-9
    np.testing.assert_allclose(found.matrix, known[name], atol=1e-8)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("n", [200, 4000, 20000])
def test_a_third_of_outliers_is_found(
    name: str, n: int, known: dict[str, np.ndarray], make_matches: MakeMatches
) -> None:
    src, dst = make_matches(known[name], n, outliers=0.3, noise=0.3)
    # Divided by n squared the regularization would bend the model of so many matches.
    found = solve(src, dst, SolverSettings(transform=name, l2_normalization="n"))
    corners = np.array([[0, 0], [2000, 0], [0, 2000], [2000, 2000]])
    error = np.abs(apply(found.matrix, corners) - apply(known[name], corners)).max()
    assert error < (0.02 if n == 20000 else 0.3)
    assert found.n_inliers == pytest.approx(0.7 * n, rel=0.03)
    assert found.inliers[: int(0.3 * n)].mean() < 0.01


@pytest.mark.parametrize("name", TRANSFORMS)
def test_fewer_matches_than_the_model_needs_fail_with_the_reason(
    name: str, known: dict[str, np.ndarray], make_matches: MakeMatches
) -> None:
    n = MIN_POINTS[name] - 1
    found = solve(*make_matches(known[name], n), SolverSettings(transform=name))
    assert not found
    assert found.reason == f"{n} matches, the {name} model needs {MIN_POINTS[name]}"
    assert np.isnan(found.matrix).all()
    assert found.inliers.shape == (n,)
    assert found.n_inliers == 0


def test_matches_on_one_spot_fail_with_the_reason() -> None:
    points = np.full((50, 2), 100.0)
    found = solve(points, points, SolverSettings(transform="affine"))
    assert not found
    assert "no transform fits" in found.reason
    assert np.isnan(found.error_abs_mean)


def test_wild_matches_of_a_shift_keep_few_inliers(make_matches: MakeMatches) -> None:
    found = solve(*make_matches(np.eye(3), 60, outliers=1.0), SolverSettings(transform="shift"))
    assert found.n_inliers < 5


@pytest.mark.parametrize("sampling", ["minimal", "legacy"])
def test_the_same_random_state_gives_the_same_result(
    sampling: str, known: dict[str, np.ndarray], make_matches: MakeMatches
) -> None:
    src, dst = make_matches(known["affine"], 600, outliers=0.5, noise=0.5)
    settings = SolverSettings(sampling=sampling, max_iter=40)
    first, second = (solve(src, dst, settings, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.matrix, second.matrix)
    np.testing.assert_array_equal(first.inliers, second.inliers)
    assert first.n_trials == second.n_trials


@pytest.mark.parametrize("n", [20, 199, 4000])
def test_legacy_sampling_works_for_any_number_of_matches(
    n: int, known: dict[str, np.ndarray], make_matches: MakeMatches
) -> None:
    src, dst = make_matches(known["affine"], n, outliers=0.1, noise=0.2)
    found = solve(src, dst, SolverSettings(sampling="legacy"))
    assert found
    centre = [[1000, 1000]]
    np.testing.assert_allclose(
        apply(found.matrix, centre), apply(known["affine"], centre), atol=0.25
    )


def test_the_inliers_are_stable_under_another_fit(
    known: dict[str, np.ndarray], make_matches: MakeMatches
) -> None:
    settings = SolverSettings()
    src, dst = make_matches(known["affine"], 500, outliers=0.3, noise=0.7)
    found = solve(src, dst, settings)
    matrix, inliers = refit(src, dst, found.matrix, get_model(settings), settings.drmax)
    np.testing.assert_array_equal(inliers, found.inliers)
    np.testing.assert_allclose(matrix, found.matrix, atol=1e-12)


def test_inliers_are_the_matches_below_drmax(
    known: dict[str, np.ndarray], make_matches: MakeMatches
) -> None:
    src, dst = make_matches(known["affine"], 500, outliers=0.3, noise=0.7)
    found = solve(src, dst, SolverSettings(drmax=1.0))
    error = np.linalg.norm(residuals(found.matrix, src, dst), axis=1)
    np.testing.assert_array_equal(found.inliers, error < 1.0)
    assert found.error_abs_mean == pytest.approx(error[error < 1.0].mean())


def test_stop_probability_one_runs_all_trials(
    known: dict[str, np.ndarray], make_matches: MakeMatches
) -> None:
    src, dst = make_matches(known["shift"], 100)
    settings = SolverSettings(transform="shift", max_iter=333, stop_probability=1.0)
    assert solve(src, dst, settings).n_trials == 333
    early = dataclasses.replace(settings, stop_probability=0.99)
    assert solve(src, dst, early).n_trials < 333


def test_never_more_trials_than_max_iter(make_matches: MakeMatches) -> None:
    src, dst = make_matches(np.eye(3), 400, outliers=0.95)
    assert solve(src, dst, SolverSettings(max_iter=7)).n_trials == 7


def test_no_matches_at_all_fail() -> None:
    assert not solve(np.zeros((0, 2)), np.zeros((0, 2)), SolverSettings())
