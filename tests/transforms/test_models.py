"""The five models in closed form."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from skimage.transform import AffineTransform

from fibsem_dash.errors import ParameterError
from fibsem_dash.settings import TRANSFORMS, RunSettings, SolverSettings, update
from fibsem_dash.transforms import TransformModel, apply, get_model, residuals, translation
from fibsem_dash.transforms.models import MIN_POINTS, default_l2_matrix

MakeMatches = Callable[..., tuple[np.ndarray, np.ndarray]]


def unregularized(name: str) -> TransformModel:
    return TransformModel(name, default_l2_matrix(0.0))


def test_a_matrix_acts_on_columns_of_x_and_y() -> None:
    matrix = np.array([[2, 0.5, 10], [0, 3, 20], [0, 0, 1.0]])
    np.testing.assert_allclose(apply(matrix, [[1, 2]]), [[13, 26]])
    np.testing.assert_allclose(apply(translation(3, -4), [[1, 2]]), [[4, -2]])


def test_residuals_point_from_the_mapped_to_the_matched_point() -> None:
    np.testing.assert_allclose(residuals(translation(1, 0), [[0, 0]], [[3, 5]]), [[2, 5]])


@pytest.mark.parametrize("name", TRANSFORMS)
def test_known_matrix_is_recovered(
    name: str, known: dict[str, np.ndarray], make_matches: MakeMatches
) -> None:
    found = unregularized(name).estimate(*make_matches(known[name], 30))
    np.testing.assert_allclose(found, known[name], atol=1e-9)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_as_many_points_as_the_model_needs_determine_it(
    name: str, known: dict[str, np.ndarray], make_matches: MakeMatches
) -> None:
    found = unregularized(name).estimate(*make_matches(known[name], MIN_POINTS[name], seed=1))
    np.testing.assert_allclose(found, known[name], atol=1e-6)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_batch_equals_a_loop(
    name: str, known: dict[str, np.ndarray], make_matches: MakeMatches
) -> None:
    model = get_model(SolverSettings(transform=name))
    pairs = [make_matches(known[name], 12, noise=0.5, seed=k) for k in range(6)]
    src, dst = (np.stack(points).reshape(2, 3, 12, 2) for points in zip(*pairs, strict=True))
    batch = model.estimate(src, dst)
    assert batch.shape == (2, 3, 3, 3)
    for found, (one_src, one_dst) in zip(batch.reshape(6, 3, 3), pairs, strict=True):
        np.testing.assert_allclose(found, model.estimate(one_src, one_dst), atol=1e-10)


def test_shift_is_the_mean_difference(make_matches: MakeMatches) -> None:
    src, dst = make_matches(translation(2, 3), 50, noise=1.0)
    expected = translation(*(dst - src).mean(0))
    np.testing.assert_allclose(unregularized("shift").estimate(src, dst), expected, atol=1e-12)


@pytest.mark.parametrize(("name", "fitted"), [("x_scale_shift", "x"), ("scale_shift", "xy")])
def test_scales_equal_polyfit(name: str, fitted: str, make_matches: MakeMatches) -> None:
    src, dst = make_matches(translation(2, 3), 50, noise=1.0)
    found = unregularized(name).estimate(src, dst)
    for axis, letter in enumerate("xy"):
        expected = np.polyfit(src[:, axis], dst[:, axis], 1)
        if letter not in fitted:
            expected = np.array([1.0, (dst - src)[:, axis].mean()])
        np.testing.assert_allclose(found[axis, [axis, 2]], expected, atol=1e-9)
        assert found[axis, 1 - axis] == 0


@pytest.mark.parametrize("name", ["affine", "regularized_affine"])
def test_affine_equals_lstsq(
    name: str, known: dict[str, np.ndarray], make_matches: MakeMatches
) -> None:
    src, dst = make_matches(known["affine"], 50, noise=1.0)
    design = np.column_stack([src, np.ones(50)])
    expected = np.linalg.lstsq(design, dst, rcond=None)[0].T
    np.testing.assert_allclose(unregularized(name).estimate(src, dst)[:2], expected, atol=1e-8)


def test_affine_is_within_a_thousandth_of_a_pixel_of_total_least_squares(
    known: dict[str, np.ndarray], make_matches: MakeMatches
) -> None:
    src, dst = make_matches(known["affine"], 200, noise=0.3)
    other = AffineTransform.from_estimate(src, dst)
    found = unregularized("affine").estimate(src, dst)
    assert np.abs(apply(found, src) - other(src)).max() < 1e-3


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("n", [0, 1, 5])
def test_points_that_coincide_give_nan_where_they_determine_nothing(name: str, n: int) -> None:
    same = np.full((n, 2), 7.0)
    found = unregularized(name).estimate(same, same + 1)
    if name == "shift" and n:
        np.testing.assert_allclose(found, translation(1, 1))
    else:
        assert np.isnan(found[:2]).any()


def test_points_on_a_vertical_line_determine_only_the_scale_in_y() -> None:
    src = np.column_stack([np.full(9, 3.0), np.arange(9.0)])
    found = unregularized("scale_shift").estimate(src, src * [1, 2])
    assert np.isnan(found[0, 0])
    assert found[1, 1] == pytest.approx(2)


@pytest.mark.parametrize("name", ["affine", "regularized_affine"])
def test_points_on_a_slanted_line_give_nan(name: str) -> None:
    src = np.column_stack([np.arange(9.0), 2 * np.arange(9.0)])
    assert np.isnan(unregularized(name).estimate(src, src)[:2]).any()


def test_a_degenerate_sample_does_not_spoil_its_batch(make_matches: MakeMatches) -> None:
    good = make_matches(translation(1, 2), 4)
    src, dst = (np.stack([points, np.zeros((4, 2))]) for points in good)
    found = unregularized("affine").estimate(src, dst)
    np.testing.assert_allclose(found[0], translation(1, 2), atol=1e-9)
    assert np.isnan(found[1, :2]).any()


def test_the_points_are_left_as_they_were(make_matches: MakeMatches) -> None:
    src, dst = make_matches(translation(1, 2), 8)
    before = src.copy(), dst.copy()
    for name in TRANSFORMS:
        unregularized(name).estimate(src, dst)
    np.testing.assert_array_equal((src, dst), before)


def test_settings_choose_the_model_and_its_regularization() -> None:
    matrix = np.diag([1.0, 2, 0, 4, 5, 0])
    settings = update(RunSettings(), {"l2_matrix": matrix, "targ_vector": [1, 2, 3, 4, 5, 6]})
    model = get_model(settings.solver)
    np.testing.assert_array_equal(model.l2_matrix, matrix)
    np.testing.assert_array_equal(model.targ_vector, [1, 2, 3, 4, 5, 6])
    weak = get_model(SolverSettings(l2_param=0.25))
    np.testing.assert_array_equal(weak.l2_matrix, np.diag([0.25, 0.25, 0, 0.25, 0.25, 0]))


@pytest.mark.parametrize("matrix", [((1.0, 2.0),), ((1.0, 2.0), (3.0,)), ()])
def test_a_regularization_of_the_wrong_shape_is_refused(
    matrix: tuple[tuple[float, ...], ...],
) -> None:
    with pytest.raises(ParameterError, match="regularization"):
        get_model(SolverSettings(l2_matrix=matrix))


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ParameterError, match="expected shift, x_scale_shift"):
        get_model(SolverSettings(transform="perspective"))
