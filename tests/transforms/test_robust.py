"""Robust fits of displacement vectors: what is believed, and what repeated vectors change."""

from __future__ import annotations

import numpy as np
import pytest

from fibsem_dash.transforms.robust import RobustFit, fit_vectors

STRETCH = 1.002


def noisy_vectors(seed: int, stretch: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Places in a frame of 400 px and displacements there, with noise of 0.2 px."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 400, (300, 2))
    vectors = np.array([1.5, -0.5]) + (points - 200) * [stretch - 1, 0]
    return points, vectors + rng.normal(0, 0.2, points.shape)


def fitted(points: np.ndarray, vectors: np.ndarray, repeats: float = 1.0) -> RobustFit:
    return fit_vectors(points, vectors, np.ones(len(points)), "regularized_affine", repeats=repeats)


def test_a_stretch_above_its_uncertainty_stays() -> None:
    found = fitted(*noisy_vectors(1, STRETCH)).matrix
    assert found[0, 0] == pytest.approx(STRETCH, abs=4e-4)


def test_a_stretch_that_noise_explains_vanishes() -> None:
    found = fitted(*noisy_vectors(2)).matrix
    np.testing.assert_array_equal(found[:2, :2], np.eye(2))


def test_vectors_given_several_times_are_believed_as_if_they_were_given_once() -> None:
    points, vectors = noisy_vectors(3, 1.0005)
    once = fitted(points, vectors)
    again = fitted(np.tile(points, (6, 1)), np.tile(vectors, (6, 1)), repeats=6)
    np.testing.assert_allclose(again.covariance, once.covariance, rtol=0.02)
    np.testing.assert_allclose(again.matrix[:2, :2], once.matrix[:2, :2], atol=1e-5)
    bold = fitted(np.tile(points, (6, 1)), np.tile(vectors, (6, 1)))
    assert abs(bold.matrix[0, 0] - 1) > 1.5 * abs(once.matrix[0, 0] - 1) > 0


def test_a_few_wrong_vectors_do_not_move_the_fit() -> None:
    points, vectors = noisy_vectors(4, STRETCH)
    right = fitted(points, vectors).matrix
    vectors[::10] += [6, -8]
    np.testing.assert_allclose(fitted(points, vectors).matrix[:2, 2], right[:2, 2], atol=0.1)


def test_too_few_vectors_give_no_matrix() -> None:
    points, vectors = noisy_vectors(5)
    assert np.isnan(fitted(points[:2], vectors[:2]).matrix).all()
