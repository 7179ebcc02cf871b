"""Full width at half maximum of residuals."""

from __future__ import annotations

import numpy as np
import pytest

from fibsem_dash.errors import ParameterError
from fibsem_dash.transforms import fwhm

METHODS = ("edges", "center", "count", "interpolate")


@pytest.mark.parametrize("method", METHODS)
def test_a_gaussian_is_as_wide_as_it_is(method: str) -> None:
    values = np.random.default_rng(0).normal(0, 0.2, 400_000)
    bin_width = np.ptp(values) / 64
    assert fwhm(values, method=method) == pytest.approx(0.2 * 2.3548, abs=1.5 * bin_width)


def test_interpolation_is_finer_than_the_bins() -> None:
    values = np.random.default_rng(0).normal(0, 0.2, 400_000)
    assert fwhm(values, method="interpolate") == pytest.approx(0.2 * 2.3548, abs=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_it_moves_and_scales_with_the_values(method: str) -> None:
    values = np.random.default_rng(1).normal(0, 1, 5000)
    assert fwhm(4 * values + 8, method=method) == pytest.approx(4 * fwhm(values, method=method))


def test_a_histogram_counted_by_hand() -> None:
    # Bins of width 1 hold 1, 2, 6, 2, 1; with one bin for the maximum, half of it is 3.
    values = np.repeat([0.0, 1.5, 2.5, 3.5, 5.0], [1, 2, 6, 2, 1])
    assert fwhm(values, bins=5, method="count", aperture=1) == 1.0
    assert fwhm(values, bins=5, method="center", aperture=1) == 1.0
    assert fwhm(values, bins=5, method="edges", aperture=1) == 0.0
    # Between bin centres 1.5 (2) and 2.5 (6) the half level lies a quarter of the way.
    assert fwhm(values, bins=5, method="interpolate", aperture=1) == pytest.approx(1.5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "values", [[], [1.0], [2.0, 2.0], [1.0, 1.0 + 2.3e-16], np.r_[np.full(50, 1e6), 1e6 + 1e-9]]
)
def test_values_without_a_width_give_nan(values: np.ndarray, method: str) -> None:
    assert np.isnan(fwhm(values, method=method))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("values", [[0.0, 1.0], [0, 0, 0, 9.0], np.arange(100.0)])
def test_any_two_values_give_a_width_within_their_range(values: np.ndarray, method: str) -> None:
    assert 0 <= fwhm(values, method=method) <= np.ptp(values)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ParameterError, match="edges, center, count or interpolate"):
        fwhm([0.0, 1.0, 1.0], method="half")
