"""Where slices are measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fibsem_dash.errors import ParameterError
from fibsem_dash.registration.boxes import (
    box_bounds,
    flip_bounds,
    intersect,
    pair_bounds,
    valid_bounds,
)
from fibsem_dash.registration.canvas import Canvas, fit_canvas
from fibsem_dash.registration.warp import RenderSettings, warp_image
from fibsem_dash.transforms import translation


def test_a_box_of_zeros_is_the_whole_area() -> None:
    bounds = box_bounds(3, (50, 70), (0, 0, 0, 0))
    np.testing.assert_array_equal(bounds, np.tile([0, 70, 0, 50], (3, 1)))


def test_zero_height_and_width_reach_to_the_edge() -> None:
    bounds = box_bounds(1, (50, 70), (10, 0, 20, 0))
    np.testing.assert_array_equal(bounds, [[20, 70, 10, 50]])


def test_a_fixed_box_stays_the_same_to_the_pixel() -> None:
    bounds = box_bounds(1001, (200, 200), (20, 100, 20, 100))
    np.testing.assert_array_equal(bounds, np.tile([20, 120, 20, 120], (1001, 1)))


def test_a_box_that_sticks_out_is_clipped() -> None:
    np.testing.assert_array_equal(box_bounds(1, (50, 70), (40, 30, 60, 30)), [[60, 70, 40, 50]])


def test_a_sliding_box_reaches_both_ends() -> None:
    bounds = box_bounds(7, (100, 100), (0, 20, 5, 30), stop_box=(40, 0, 65, 0))
    np.testing.assert_array_equal(bounds[0], [5, 35, 0, 20])
    np.testing.assert_array_equal(bounds[-1], [65, 95, 40, 60])
    assert (np.diff(bounds[:, 0]) >= 0).all()
    np.testing.assert_array_equal(bounds[:, 1] - bounds[:, 0], 30)


def test_a_sliding_box_in_one_slice_is_where_it_starts() -> None:
    bounds = box_bounds(1, (100, 100), (1, 2, 3, 4), stop_box=(50, 0, 50, 0))
    np.testing.assert_array_equal(bounds, [[3, 7, 1, 3]])


def test_the_origin_moves_the_box_into_the_slices() -> None:
    bounds = box_bounds(1, (50, 70), (10, 20, 30, 40), origin=(4, 9))
    np.testing.assert_array_equal(bounds, [[34, 74, 19, 39]])


@pytest.mark.parametrize(
    ("box", "stop_box"),
    [
        ((-1, 0, 0, 0), None),
        ((0, -5, 0, 0), None),
        ((50, 0, 0, 0), None),
        ((0, 0, 70, 0), None),
        ((0, 0, 0, 0), (50, 0, 0, 0)),
        ((0, 0, 0, 0), (0, 0, -1, 0)),
    ],
)
def test_a_box_outside_the_area_is_refused(
    box: tuple[int, ...], stop_box: tuple[int, ...] | None
) -> None:
    with pytest.raises(ParameterError, match="inside 50 rows and 70 columns"):
        box_bounds(4, (50, 70), box, stop_box=stop_box)


def test_flipped_bounds_count_from_the_bottom() -> None:
    bounds = np.array([[1, 5, 10, 30]])
    np.testing.assert_array_equal(flip_bounds(bounds, 100), [[1, 5, 70, 90]])
    np.testing.assert_array_equal(bounds, [[1, 5, 10, 30]])
    image = np.random.default_rng(0).normal(size=(100, 8))
    np.testing.assert_array_equal(image[::-1][70:90, 1:5], image[10:30, 1:5][::-1])


def test_the_common_part_of_bounds() -> None:
    bounds = np.array([[0, 10, 2, 9], [3, 12, 0, 8], [1, 11, 1, 7]])
    np.testing.assert_array_equal(intersect(bounds), [3, 10, 2, 7])


def test_a_pair_is_measured_where_both_slices_are_filled() -> None:
    valid = np.array([[0, 10, 0, 10], [2, 12, 1, 11], [4, 14, 0, 9]])
    boxes = np.array([[0, 99, 0, 99], [3, 8, 0, 99], [0, 99, 2, 6]])
    np.testing.assert_array_equal(pair_bounds(boxes, valid), [[3, 8, 1, 10], [4, 12, 2, 6]])


def test_one_slice_has_no_pair() -> None:
    assert pair_bounds(np.array([[0, 9, 0, 9]]), np.array([[0, 9, 0, 9]])).shape == (0, 4)


small = st.floats(-0.02, 0.02)
moves = st.tuples(small, small, small, small, st.floats(-9, 9), st.floats(-9, 9))


@settings(max_examples=50, deadline=None)
@given(st.lists(moves, min_size=1, max_size=3))
def test_the_valid_part_of_a_slice_holds_nothing_but_its_frame(
    parts: list[tuple[float, ...]],
) -> None:
    matrices = np.tile(np.eye(3), (len(parts), 1, 1))
    for matrix, (a, b, c, d, tx, ty) in zip(matrices, parts, strict=True):
        matrix[:2] += [[a, b, tx], [c, d, ty]]
    canvas = fit_canvas(matrices, (40, 50))
    render = RenderSettings(canvas, "float32", fill_value=-1000.0)
    for matrix, bounds in zip(matrices, valid_bounds(matrices, (40, 50), canvas), strict=True):
        xi, xa, yi, ya = bounds
        warped = warp_image(np.ones((40, 50), np.float32), matrix, render)
        np.testing.assert_allclose(warped[yi:ya, xi:xa], 1, atol=0.02)


def test_whole_shifts_lose_exactly_what_they_move_out() -> None:
    matrices = np.array([np.eye(3), translation(3, -2)])
    canvas = Canvas((40, 50))
    bounds = valid_bounds(matrices, (40, 50), canvas)
    np.testing.assert_array_equal(bounds, [[0, 50, 0, 40], [0, 47, 2, 40]])


def test_a_frame_that_left_the_canvas_is_valid_nowhere() -> None:
    xi, xa, _, _ = valid_bounds(translation(500, 0)[None], (40, 50), Canvas((40, 50)))[0]
    assert xa <= xi
