"""Figures of the analyses show what the result objects hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bokeh.models import ColumnDataSource

from components.pages.header_analysis import analysis_region, fsc_of_rows
from components.plots.background import background_figure
from components.plots.base import number
from components.plots.fsc import fsc_figure
from components.plots.noise import mask_figure, noise_figure
from components.plots.snr import snr_figure
from fibsem_dash.image.flatten import fit_background
from fibsem_dash.image.noise import noise_statistics
from fibsem_dash.image.snr import autocorrelation_snr


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    random = np.random.default_rng(5)
    y, x = np.mgrid[:256, :256]
    smooth = 100 + 50 * np.sin(x / 9) * np.cos(y / 11) + 0.1 * x
    return random.poisson(smooth).astype(np.float64)


def source(figure: Any, name: str) -> ColumnDataSource:
    return next(s for s in figure.select({"type": ColumnDataSource}) if s.name == name)


def test_snr_shows_the_lags_near_zero_and_the_peak(image: np.ndarray) -> None:
    result = autocorrelation_snr(image)
    plot = snr_figure(result, lags=5, pixel_size_nm=8.0)
    np.testing.assert_array_equal(source(plot, "x").data["lag"], np.arange(-5, 6))
    assert source(plot, "y_peak").data["value"][0] == result.y.noise_free
    assert "8" in plot.xaxis.axis_label
    assert len(plot.legend[0].items) == 3


def test_noise_shows_bins_and_their_line(image: np.ndarray) -> None:
    result = noise_statistics(image)
    plot = noise_figure(result)
    np.testing.assert_array_equal(source(plot, "bins").data["variance"], result.variances)
    line = source(plot, "line").data
    np.testing.assert_allclose(line["variance"][0], 0.0, atol=1e-6)


def test_the_mask_of_the_noise_colours_what_was_left_out(image: np.ndarray) -> None:
    result = noise_statistics(image, thresholds=(0.1, 0.05))
    plot = mask_figure(result, region=(100, 356, 40, 296))
    data = source(plot, "mask").data
    rows, columns = result.smoothed.shape
    assert data["image"][0].shape == (rows, columns)
    assert data["y"] == [100 + (256 - rows) // 2]
    assert data["x"] == [40 + (256 - columns) // 2]
    colours = data["image"][0].view(np.uint8).reshape(rows, columns, 4)
    coloured = np.ptp(colours[..., :3].astype(int), axis=-1) > 0
    left_out = (result.smoothed < result.low) | (result.smoothed > result.high)
    np.testing.assert_array_equal(coloured, left_out)
    assert 0.1 < coloured.mean() < 0.2


def test_background_shows_surface_and_profiles_in_pixels_of_the_frame(image: np.ndarray) -> None:
    fit = fit_background(image, degree=1, bins=16)
    figure = background_figure(fit, step=3)
    assert source(figure, "surface").data["dw"] == [256 * 3]
    profile = source(figure, "profile_x").data
    assert profile["place"][0] == 24
    np.testing.assert_allclose(profile["before"], fit.blocks.mean(axis=0))
    assert np.ptp(profile["fit"]) > 0


def test_fsc_of_rows_counts_cycles_per_pixel_of_the_frame(image: np.ndarray) -> None:
    result = fsc_of_rows(image, 0.143, 8.0)
    assert result.pixel_size_nm == 16.0
    data = source(fsc_figure(result, pixels=2), "fsc").data
    assert data["frequency"].max() <= 0.25
    np.testing.assert_allclose(result.resolution_nm, 8.0 / (result.bandwidth / 2))


@pytest.mark.parametrize(
    ("shape", "box", "region"),
    [
        ((100, 200), (0, 0, 0, 0), (0, 100, 0, 200)),
        ((100, 200), (10, 20, 30, 40), (10, 30, 30, 70)),
        ((100, 200), (90, 50, 190, 50), (90, 100, 190, 200)),
        ((4000, 4000), (0, 0, 0, 0), (1000, 3000, 1000, 3000)),
        ((12000, 12000), (0, 4000, 8000, 4000), (1000, 3000, 9000, 11000)),
    ],
)
def test_large_regions_are_cut_to_their_middle(shape: Any, box: Any, region: Any) -> None:
    assert analysis_region(shape, box) == region


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (916.58, "916.6"), (-6162.4, "-6162"), (123456.0, "123\u2009456"), (float("nan"), "–"),
        (0.25, "0.25"), (1e-9, "1.000e-09"), (0.0, "0"),
    ],
)  # fmt: skip
def test_numbers_for_people(value: float, text: str) -> None:
    assert number(value) == text
