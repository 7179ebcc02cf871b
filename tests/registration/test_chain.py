"""From pair matrices to positions: direction, fits, refit of the shifts, trends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import savgol_filter
from skimage.transform import warp

from fibsem_dash.registration.chain import (
    PairTable,
    build_chain,
    cumulate,
    fit_linear_parts,
    fov_trend,
    linear_trend,
    refit_shifts,
    smooth_savgol,
)
from fibsem_dash.settings import ChainSettings
from fibsem_dash.transforms import apply, translation

PLAIN = ChainSettings(preserve_scales=False, subtract_linear_x=False, subtract_linear_y=False)
METHODS = ("LF", "PF", "SG")


def table_of(matrices: np.ndarray, at: tuple[float, float] = (500.0, 400.0)) -> PairTable:
    """Pairs with these matrices, whose inliers have their centroid at one place of frame j."""
    matrices = np.asarray(matrices, float).reshape(-1, 3, 3)
    src = np.tile(at, (len(matrices), 1)).astype(float)
    dst = np.array([apply(m, [p])[0] for m, p in zip(matrices, src, strict=True)]).reshape(-1, 2)
    return PairTable(matrices, src, dst)


def wandering(n: int, seed: int = 0, size: float = 1e-3) -> np.ndarray:
    """Pair matrices of n frames with small random linear parts and shifts."""
    rng = np.random.default_rng(seed)
    matrices = np.tile(np.eye(3), (n - 1, 1, 1))
    matrices[:, :2, :2] += rng.normal(0, size, (n - 1, 2, 2))
    matrices[:, :2, 2] = rng.normal(0, 1.5, (n - 1, 2))
    return matrices


def test_content_that_moves_right_and_down_has_positive_shifts() -> None:
    rng = np.random.default_rng(0)
    scene = rng.normal(size=(60, 70))
    steps = [(0, 0), (3, 2), (7, 1)]
    frames = [scene[10 - y : 50 - y, 10 - x : 60 - x] for x, y in steps]
    pairs = [translation(3, 2), translation(4, -1)]
    # A point p of frame 0 lies at A p in frame 1.
    assert frames[1][22, 33] == frames[0][20, 30]
    assert frames[2][21, 37] == frames[1][22, 33]
    result = build_chain(table_of(np.array(pairs)), PLAIN)
    np.testing.assert_array_equal(result.final[:, :2, 2], steps)
    for frame, matrix in zip(frames, result.final, strict=True):
        aligned = warp(frame, matrix, order=1, preserve_range=True)
        np.testing.assert_allclose(aligned[5:30, 5:40], scene[15:40, 15:50], atol=1e-12)


def test_cumulate_equals_a_loop() -> None:
    pairs = wandering(20)
    position = np.eye(3)
    for matrix, found in zip([None, *pairs], cumulate(pairs), strict=True):
        if matrix is not None:
            position = matrix @ position
        np.testing.assert_allclose(found, position, atol=1e-12)


def test_no_pair_leaves_one_frame_where_it_is() -> None:
    np.testing.assert_array_equal(cumulate(np.zeros((0, 3, 3))), [np.eye(3)])


def test_a_failed_pair_passes_the_position_on() -> None:
    pairs = wandering(6)
    table = table_of(pairs)
    for array in (table.matrices, table.mean_src, table.mean_dst):
        array[2] = np.nan
    result = build_chain(table, PLAIN)
    np.testing.assert_array_equal(result.final[3], result.final[2])
    np.testing.assert_allclose(result.final[4], pairs[3] @ result.final[2], atol=1e-12)
    fitted = build_chain(table, ChainSettings(fit_method="LF"))
    assert np.isfinite(fitted.final).all()
    np.testing.assert_array_equal(fitted.shift[3], fitted.shift[2])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shift_refit", ["exact", "first_order"])
def test_the_first_frame_is_not_shifted(method: str, shift_refit: str) -> None:
    settings = ChainSettings(fit_method=method, shift_refit=shift_refit)
    result = build_chain(table_of(wandering(50)), settings)
    np.testing.assert_array_equal(result.final[0, :2, 2], 0)
    np.testing.assert_array_equal(result.final[:, 2], np.tile([0, 0, 1], (50, 1)))


def test_the_line_fit_keeps_the_first_frame_as_it_is() -> None:
    result = build_chain(table_of(wandering(50)), ChainSettings(fit_method="LF"))
    np.testing.assert_array_equal(result.final[0], np.eye(3))


def linear_parts(n: int = 60) -> np.ndarray:
    return cumulate(wandering(n, seed=3))[:, :2, :2]


def test_the_line_fit_is_the_closed_form() -> None:
    linear = linear_parts()
    fit, warnings = fit_linear_parts(linear, "LF")
    frame = np.arange(60)
    for row in range(2):
        for column in range(2):
            values, start = linear[:, row, column], float(row == column)
            slope = -((start * frame).sum() - (values * frame).sum()) / (frame**2).sum()
            np.testing.assert_allclose(fit[:, row, column], start + slope * frame, atol=1e-12)
    assert warnings == []


@pytest.mark.parametrize("order", [0, 1, 3])
def test_the_polynomial_fit_equals_polyfit(order: int) -> None:
    linear = linear_parts()
    fit, warnings = fit_linear_parts(linear, "PF", order=order)
    frame = np.arange(60)
    for row in range(2):
        for column in range(2):
            known = np.polyval(np.polyfit(frame, linear[:, row, column], order), frame)
            np.testing.assert_allclose(fit[:, row, column], known, atol=1e-10)
    assert warnings == []


def test_the_smooth_fit_equals_scipy() -> None:
    linear = linear_parts()
    fit, warnings = fit_linear_parts(linear, "SG", 21, 3)
    np.testing.assert_allclose(fit, savgol_filter(linear, 21, 3, axis=0), atol=1e-12)
    assert warnings == []


@pytest.mark.parametrize("method", METHODS)
def test_what_is_fitted_is_taken_out(method: str) -> None:
    settings = ChainSettings(fit_method=method, fit_window=21)
    result = build_chain(table_of(wandering(60)), settings)
    taken = result.original[:, :2, :2] - result.final[:, :2, :2]
    np.testing.assert_allclose(taken, result.linear_fit - np.eye(2), atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 3, 9, 10, 300])
def test_any_length_of_stack_works_and_says_what_it_adapted(n: int, method: str) -> None:
    settings = ChainSettings(fit_method=method, fit_window=501, fit_order=3)
    result = build_chain(table_of(wandering(n)), settings)
    assert result.final.shape == (n, 3, 3)
    assert np.isfinite(result.final).all()
    adapted = n > 1 and (method == "SG" or (method == "PF" and n < 4))
    assert (len(result.warnings) == 1) == adapted
    if adapted and method == "SG":
        assert f"adapted to {n} frames" in result.warnings[0]


@pytest.mark.parametrize(("window", "n", "used"), [(501, 300, 299), (20, 300, 19), (7, 7, 7)])
def test_the_window_is_odd_and_fits_the_stack(window: int, n: int, used: int) -> None:
    values = np.random.default_rng(0).normal(size=n)
    found, warnings = smooth_savgol(values, window, 3)
    np.testing.assert_allclose(found, savgol_filter(values, used, 3), atol=1e-12)
    assert bool(warnings) == (window != used)


@pytest.mark.parametrize(("window", "order"), [(3, 2), (3, 5), (5, 4), (1, 0)])
def test_a_polynomial_through_all_points_of_its_window_changes_nothing(
    window: int, order: int
) -> None:
    values = 6000 * np.random.default_rng(0).normal(size=40)
    np.testing.assert_array_equal(smooth_savgol(values, window, order)[0], values)


@pytest.fixture(scope="module")
def long_stack() -> tuple[np.ndarray, np.ndarray, PairTable]:
    """Linear parts, shifts and pairs of 400 frames: |S - I| <= 5e-4, shifts up to 80 px."""
    n, rng = 400, np.random.default_rng(2)
    phase = np.linspace(0, 4 * np.pi, n)[:, None, None]
    # Scales alone: their order does not matter, so what remains is the error of the first order.
    linear = np.eye(2) * (1 + 5e-4 * np.sin(phase * rng.uniform(0.3, 1, (2, 2))))
    shift = 80 * np.sin(np.linspace(0, 3, n)[:, None] * [1.0, 1.7]) + rng.normal(0, 1, (n, 2))
    shift[0] = 0
    points = rng.uniform(0, [2000, 1500], (n - 1, 100, 2)).mean(1)
    src = np.einsum("jab,jb->ja", linear[:-1], points) + shift[:-1]
    dst = np.einsum("jab,jb->ja", linear[1:], points) + shift[1:]
    return linear, shift, PairTable(np.tile(np.eye(3), (n - 1, 1, 1)), src, dst)


def test_the_exact_refit_recovers_the_shifts(
    long_stack: tuple[np.ndarray, np.ndarray, PairTable],
) -> None:
    linear, shift, pairs = long_stack
    assert np.abs(refit_shifts(linear, pairs, "exact") - shift).max() < 1e-9


def test_the_first_order_refit_drifts_by_a_tenth_of_a_pixel(
    long_stack: tuple[np.ndarray, np.ndarray, PairTable],
) -> None:
    linear, shift, pairs = long_stack
    assert 0.05 < np.abs(refit_shifts(linear, pairs, "first_order") - shift).max() < 0.15


def test_without_scales_to_preserve_the_shifts_are_those_of_the_products() -> None:
    result = build_chain(table_of(wandering(30)), PLAIN)
    np.testing.assert_array_equal(result.final, result.original)
    np.testing.assert_array_equal(result.linear_fit, np.tile(np.eye(2), (30, 1, 1)))


@pytest.mark.parametrize(("x", "y"), [(True, False), (False, True), (True, True)])
def test_a_linear_trend_is_taken_out_where_it_is_wanted(x: bool, y: bool) -> None:
    settings = ChainSettings(preserve_scales=False, subtract_linear_x=x, subtract_linear_y=y)
    shift = cumulate(wandering(40, size=0))[:, :2, 2] + np.arange(40)[:, None] * [0.5, -0.2]
    pairs = np.array([translation(*step) for step in np.diff(shift, axis=0)])
    final = build_chain(table_of(pairs), settings).final[:, :2, 2]
    frame = np.arange(40)
    for axis, wanted in enumerate((x, y)):
        expected = shift[:, axis] - shift[0, axis]
        if wanted:
            expected = expected - np.polyval(np.polyfit(frame, expected, 1), frame)
        np.testing.assert_allclose(final[:, axis], expected - expected[0], atol=1e-9)


def test_moves_of_the_field_of_view_do_not_bias_the_trend() -> None:
    frame = np.arange(40)
    drift = 0.3 * frame[:, None] * [1.0, -1.0]
    moved = np.where(frame > 25, 12.0, 0.0)[:, None] * [1.0, 0.5]
    shift = drift - moved
    pairs = table_of(np.array([translation(*step) for step in np.diff(shift, axis=0)]))
    wanted = ChainSettings(preserve_scales=False)
    final = build_chain(pairs, wanted, moved).final[:, :2, 2]
    np.testing.assert_allclose(final, -moved, atol=1e-9)
    ignored = ChainSettings(
        preserve_scales=False, subtract_fov_trend_x=False, subtract_fov_trend_y=False
    )
    without = build_chain(pairs, ignored, moved).final[:, :2, 2]
    expected = shift - linear_trend(shift)
    np.testing.assert_allclose(without, expected - expected[0], atol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 100, 1000])
def test_the_field_of_view_trend_is_a_smooth_displacement(n: int) -> None:
    centres = np.cumsum(np.random.default_rng(1).normal(size=(n, 2)), 0)
    window = min(51, n // 8 * 2 + 1)
    smooth = centres if window < 3 else savgol_filter(centres, window, 1, axis=0)
    np.testing.assert_allclose(fov_trend(centres), smooth - centres[0], atol=1e-12)


def test_the_given_pairs_are_not_changed() -> None:
    table = table_of(wandering(30))
    before = table.matrices.copy(), table.mean_src.copy(), table.mean_dst.copy()
    build_chain(table, ChainSettings(), np.ones((30, 2)))
    for array, known in zip((table.matrices, table.mean_src, table.mean_dst), before, strict=True):
        np.testing.assert_array_equal(array, known)


@pytest.mark.parametrize("n", [2, 3, 5, 17, 100])
def test_products_in_blocks_equal_a_plain_loop_with_failed_pairs(n: int) -> None:
    pairs = wandering(n, seed=n)
    pairs[np.random.default_rng(n).random(n - 1) < 0.3] = np.nan
    expected = [np.eye(3)]
    for matrix in pairs:
        expected.append(expected[-1] if np.isnan(matrix).any() else matrix @ expected[-1])
    np.testing.assert_allclose(cumulate(pairs), expected, rtol=0, atol=1e-11)


def shifts_by_a_plain_loop(linear: np.ndarray, pairs: PairTable, mode: str) -> np.ndarray:
    shift = np.zeros((len(linear), 2))
    for j in range(len(linear) - 1):
        src, dst = pairs.mean_src[j], pairs.mean_dst[j]
        shift[j + 1] = shift[j]
        if np.isnan(src).any():
            continue
        if mode == "first_order":
            shift[j + 1] += linear[j] @ dst - linear[j + 1] @ src
        else:
            shift[j + 1] = dst - linear[j + 1] @ np.linalg.solve(linear[j], src - shift[j])
    return shift


@pytest.mark.parametrize("mode", ["exact", "first_order"])
@pytest.mark.parametrize("failed", [(), (0,), (4, 5, 9), (0, 58), tuple(range(59))])
def test_summed_shifts_equal_a_plain_loop(mode: str, failed: tuple[int, ...]) -> None:
    pairs = table_of(wandering(60, seed=5))
    for array in (pairs.mean_src, pairs.mean_dst):
        array[list(failed)] = np.nan
    linear = np.eye(2) + np.random.default_rng(1).normal(0, 1e-3, (60, 2, 2))
    found = refit_shifts(linear, pairs, mode)
    np.testing.assert_allclose(found, shifts_by_a_plain_loop(linear, pairs, mode), atol=1e-9)


@pytest.mark.parametrize(("window", "order"), [(1001, 0), (1001, 3), (2499, 2), (2501, 3)])
def test_long_windows_equal_the_plain_filter(window: int, order: int) -> None:
    rng = np.random.default_rng(0)
    values = 1 + rng.normal(0, 1e-4, (2501, 2, 2)).cumsum(0)
    found, warnings = smooth_savgol(values, window, order)
    assert warnings == []
    np.testing.assert_allclose(found, savgol_filter(values, window, order, axis=0), atol=1e-8)


@pytest.mark.parametrize(("window", "order"), [(501, 9), (2501, 5), (2501, 9)])
def test_high_orders_and_long_windows_keep_a_polynomial_as_it_is(window: int, order: int) -> None:
    x = np.linspace(-1, 1, 2501)
    values = np.polynomial.Polynomial(np.arange(1.0, order + 2))(x)[:, None]
    # The powers that SciPy sums lose this: with 2501 frames and order 5 it gives 0 in the middle.
    np.testing.assert_allclose(smooth_savgol(values, window, order)[0], values, atol=1e-8)
