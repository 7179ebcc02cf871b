"""Size of the output slices and place of the frames in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fibsem_dash.registration.canvas import Canvas, fit_canvas
from fibsem_dash.transforms import apply, translation


def placed(matrices: np.ndarray, points: np.ndarray, canvas: Canvas) -> np.ndarray:
    """Where points of the frames lie in the output slices."""
    return apply(np.linalg.inv(matrices), points) + canvas.offset


def matrix_of(sx: float, sy: float, angle: float, shear: float, tx: float, ty: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    linear = np.array([[c, -s], [s, c]]) @ np.array([[sx, shear], [0, sy]])
    matrix = translation(tx, ty)
    matrix[:2, :2] = linear
    return matrix


scale, shift = st.floats(0.9, 1.1), st.floats(-300, 300)
any_matrix = st.builds(
    matrix_of, scale, scale, st.floats(-0.5, 0.5), st.floats(-0.1, 0.1), shift, shift
)


@settings(max_examples=200, deadline=None)
@given(st.lists(any_matrix, min_size=1, max_size=5), st.integers(1, 300), st.integers(1, 300))
def test_every_pixel_of_every_frame_lands_in_the_canvas(
    matrices: list[np.ndarray], height: int, width: int
) -> None:
    canvas = fit_canvas(np.array(matrices), (height, width))
    border = np.array(
        [[x, y] for x in (0, width // 2, width - 1) for y in (0, height // 2, height - 1)]
    )
    found = placed(np.array(matrices), border, canvas)
    assert found.min() >= -1e-5
    assert (found <= np.array(canvas.shape[::-1]) - 1 + 1e-5).all()


@pytest.mark.parametrize("mode", ["exact", "forward"])
def test_unmoved_frames_need_no_margin(mode: str) -> None:
    canvas = fit_canvas(np.tile(np.eye(3), (3, 1, 1)), (100, 200), mode)
    assert canvas == Canvas((100, 200), (0, 0))


def test_forward_gives_the_known_numbers_of_shifts() -> None:
    matrices = np.array([np.eye(3), translation(5.6, -7.4)])
    canvas = fit_canvas(matrices, (100, 200), "forward")
    assert canvas.offset == (6, 0)
    assert canvas.shape == (100 + 7, 200 + 6)


def test_forward_cuts_frames_whose_scale_is_below_one() -> None:
    matrices = np.diag([0.9, 0.9, 1.0])[None]
    assert fit_canvas(matrices, (100, 200), "forward").shape == (100, 200)
    assert fit_canvas(matrices, (100, 200)).shape == (100 + 12, 200 + 23)


@pytest.mark.parametrize("tx", [-7, 0, 4])
@pytest.mark.parametrize("ty", [-3, 0, 9])
def test_whole_shifts_need_exactly_their_margin(tx: int, ty: int) -> None:
    matrices = np.array([np.eye(3), translation(tx, ty)])
    for mode in ("exact", "forward"):
        canvas = fit_canvas(matrices, (50, 60), mode)
        assert canvas.offset == (max(tx, 0), max(ty, 0))
        assert canvas.shape == (50 + abs(ty), 60 + abs(tx))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(shift, shift), min_size=1, max_size=6))
def test_the_margin_is_less_than_two_pixels_more_than_needed(
    shifts: list[tuple[float, float]],
) -> None:
    matrices = np.array([np.eye(3), *(translation(x, y) for x, y in shifts)])
    canvas = fit_canvas(matrices, (40, 30))
    needed = np.ptp(matrices[:, :2, 2], axis=0)
    extra = np.array(canvas.shape[::-1]) - [30, 40] - needed
    assert (extra >= -1e-5).all()
    assert (extra < 2).all()


def test_rounding_noise_does_not_add_a_row() -> None:
    matrices = np.array([np.eye(3), translation(3 + 1e-12, -2 - 1e-12)])
    assert fit_canvas(matrices, (10, 10)).shape == (12, 13)
