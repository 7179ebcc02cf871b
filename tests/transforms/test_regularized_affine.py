"""The regularized affine model against its normal equations, written out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fibsem_dash.settings import SolverSettings
from fibsem_dash.transforms import TransformModel, apply, get_model
from fibsem_dash.transforms.models import default_l2_matrix

MakeMatches = Callable[..., tuple[np.ndarray, np.ndarray]]
IDENTITY = np.array([1.0, 0, 0, 0, 1, 0])


def hartley(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Normalisation matrix of a point set and the points that it gives."""
    centre = points.mean(0)
    rms = np.sqrt(((points - centre) ** 2).sum() / len(points))
    f = np.sqrt(2) / rms
    matrix = np.array([[f, 0, -f * centre[0]], [0, f, -f * centre[1]], [0, 0, 1]])
    homogeneous = np.column_stack([points, np.ones(len(points))])
    return matrix, (matrix @ homogeneous.T).T[:, :2]


def literal(
    src: np.ndarray, dst: np.ndarray, l2: np.ndarray, target: np.ndarray, divisor: float
) -> np.ndarray:
    """Solve (A'A / divisor + L) h = A'b / divisor + L t in normalised coordinates."""
    (norm_src, s), (norm_dst, d) = hartley(src), hartley(dst)
    n = len(s)
    one, zero = np.ones((n, 1)), np.zeros((n, 3))
    design = np.vstack([np.hstack([s, one, zero]), np.hstack([zero, s, one])])
    b = np.concatenate([d[:, 0], d[:, 1]])
    h = np.linalg.solve(design.T @ design / divisor + l2, design.T @ b / divisor + l2 @ target)
    normalised = np.vstack([h.reshape(2, 3), [0, 0, 1]])
    return np.linalg.inv(norm_dst) @ normalised @ norm_src


def grid(n: int, width: float = 1000, height: float = 1000) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, [width, height], (n, 2))


@pytest.mark.parametrize("option", ["n2", "n"])
@pytest.mark.parametrize("strength", [0.0, 1e-5, 1e-3, 0.3])
@pytest.mark.parametrize("n", [3, 20, 500])
def test_it_solves_the_normal_equations(
    n: int, strength: float, option: str, known: dict[str, np.ndarray], make_matches: MakeMatches
) -> None:
    src, dst = make_matches(known["affine"], n, noise=0.5)
    l2 = default_l2_matrix(strength)
    found = TransformModel("regularized_affine", l2, IDENTITY, option).estimate(src, dst)
    expected = literal(src, dst, l2, IDENTITY, n**2 if option == "n2" else n)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_a_full_matrix_and_another_target_are_honoured(make_matches: MakeMatches) -> None:
    src, dst = make_matches(np.diag([1.01, 0.98, 1.0]), 40, noise=0.5)
    factor = np.random.default_rng(2).normal(size=(6, 6))
    l2, target = factor @ factor.T * 1e-2, np.array([1.02, 0.01, 0.1, -0.01, 0.97, -0.1])
    found = TransformModel("regularized_affine", l2, target).estimate(src, dst)
    np.testing.assert_allclose(found, literal(src, dst, l2, target, 1600), rtol=1e-9, atol=1e-9)


def sxx(n: int, strength: float) -> float:
    src = grid(n)
    dst = apply(np.diag([1.002, 0.998, 1.0]), src)
    return float(get_model(SolverSettings(l2_param=strength)).estimate(src, dst)[0, 0])


def test_with_n2_the_pull_grows_with_the_number_of_matches() -> None:
    # The numbers are those of the reference for its own points.
    for n, known in ((20, 1.00194), (200, 1.00165), (2000, 1.00071)):
        assert sxx(n, 1e-3) == pytest.approx(known, abs=1e-4)


def test_the_default_strength_hardly_pulls() -> None:
    assert sxx(20, 1e-5) == pytest.approx(1.002002, abs=1e-5)
    assert sxx(2000, 1e-5) == pytest.approx(1.001966, abs=1e-5)


def test_with_n_the_pull_does_not_depend_on_the_number_of_matches() -> None:
    src = grid(50)
    dst = apply(np.diag([1.002, 1.0, 1.0]), src)
    model = get_model(SolverSettings(l2_param=1e-2, l2_normalization="n"))
    once = model.estimate(src, dst)
    repeated = model.estimate(np.tile(src, (40, 1)), np.tile(dst, (40, 1)))
    np.testing.assert_allclose(repeated, once, rtol=1e-12, atol=1e-9)


def test_the_identity_target_is_isotropic_scaling_in_a_wide_strip() -> None:
    # The scale in y, which is one, gives way to that in x: 1.00053 for the reference's points.
    src = grid(500, 12000, 1000)
    dst = apply(np.diag([1.002, 1.0, 1.0]), src)
    found = get_model(SolverSettings()).estimate(src, dst)
    assert found[1, 1] == pytest.approx(1.00053, abs=1.5e-4)


def test_a_huge_strength_leaves_isotropic_scaling_about_the_centroids(
    known: dict[str, np.ndarray], make_matches: MakeMatches
) -> None:
    src, dst = make_matches(known["affine"], 100)
    found = get_model(SolverSettings(l2_param=1e6)).estimate(src, dst)
    ratio = np.sqrt(dst.var(0).sum() / src.var(0).sum())
    np.testing.assert_allclose(found[:2, :2], ratio * np.eye(2), atol=1e-6)
    np.testing.assert_allclose(apply(found, [src.mean(0)]), [dst.mean(0)], atol=1e-6)


def test_two_points_are_enough_with_regularization() -> None:
    src = np.array([[0.0, 0], [10, 10]])
    found = get_model(SolverSettings(l2_param=1e-3)).estimate(src, src + 5)
    np.testing.assert_allclose(apply(found, src), src + 5, atol=1e-6)
