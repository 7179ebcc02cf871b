"""Noise statistics of images and of their regions."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.signal import convolve2d

from fibsem_dash.errors import ParameterError
from fibsem_dash.image import (
    noise_roi_statistics,
    noise_statistics,
)
from fibsem_dash.numerics.kernel import default_kernel, remaining_variance
from fibsem_dash.numerics.notes import AnalysisWarning
from tests.metric_cases import synthetic_images

ROIS = [[0, 128, 0, 128], [200, 328, 200, 328], [384, 512, 0, 128]]


@pytest.mark.parametrize("reference", [True, False])
def test_region_noise_needs_no_plot(reference):
    # WEAK 15: UnboundLocalError without a figure.
    found = noise_roi_statistics(synthetic_images().imgp, ROIS, None, -6000.0, reference=reference)
    assert np.isfinite([found.slope, found.peak_snr, found.mean_snr, found.dynamic_snr]).all()


def test_regions_at_the_border_are_as_good_as_inner_ones():
    # WEAK 16: 48652 against 3560.
    found = noise_roi_statistics(synthetic_images().imgp, ROIS, None, -6000.0)
    assert found.variances.max() < 1.1 * found.variances.min()
    old = noise_roi_statistics(synthetic_images().imgp, ROIS, None, -6000.0, reference=True)
    assert old.variances.max() > 10 * old.variances.min()


def test_missing_pixels_in_a_region_are_left_out():
    image = synthetic_images().imgp.copy()
    expected = noise_roi_statistics(image, ROIS, None, -6000.0)
    image[250, 250] = np.nan
    found = noise_roi_statistics(image, ROIS, None, -6000.0)
    assert found.variances == pytest.approx(expected.variances, rel=0.01)
    assert found.notes == ()
    image[200:328, 200:328] = np.nan
    with pytest.raises(ParameterError, match="no finite pixel"):
        noise_roi_statistics(image, ROIS)


def test_noise_variance_is_not_reduced_by_the_kernel():
    # WEAK 17: 0.859 of the true variance.
    difference, smoothed = remaining_variance(default_kernel())
    assert difference == pytest.approx(0.8587426419001285, rel=1e-12)
    assert smoothed == pytest.approx((default_kernel() ** 2).sum())
    noise = 100 + 10 * synthetic_images().noise[0]
    found = noise_roi_statistics(noise, ROIS)
    assert found.variances == pytest.approx([100.0] * 3, rel=0.05)
    old = noise_roi_statistics(noise, ROIS[1:2], reference=True)
    assert old.variances[0] == pytest.approx(85.9, rel=0.05)


@pytest.mark.parametrize("gain", [1.0, 10.0])
@pytest.mark.parametrize("dark", [-6000.0, 0.0])
def test_gain_dark_count_and_ratios_are_those_of_theory(gain, dark):
    electrons = synthetic_images().electrons
    image = dark + gain * np.random.default_rng(9).poisson(electrons)
    found = noise_statistics(image, dark)
    assert found.slope == pytest.approx(gain, rel=0.05)
    level = gain * electrons.mean()
    assert abs(found.fitted_dark_count - dark) < 0.05 * level
    true = np.mean(electrons**2) / electrons.mean()
    assert found.snr1 == pytest.approx(true, rel=0.05)
    assert found.snr0 == pytest.approx(true, rel=0.1)
    assert found.notes == ()


def test_noise_that_does_not_rise_is_flagged():
    # I0 = 146288 and SNR0 = 2.4e6 were reported.
    with pytest.warns(AnalysisWarning, match="does not rise") as caught:
        found = noise_statistics(synthetic_images().img1)
    assert len(caught) == 1
    assert np.isnan([found.fitted_dark_count, found.snr0]).all()
    assert np.isfinite(found.snr1)


def test_noise_statistics_are_the_plain_formula():
    image = synthetic_images().imgp[:200, :150]
    found = noise_statistics(image, -6000.0, reference=True)
    smooth = convolve2d(image, default_kernel(), mode="same")[1:-1, 1:-1]
    noise = image[1:-1, 1:-1] - smooth
    edges = np.linspace(found.low, found.high, 100)
    for k in range(99):
        inside = (smooth >= edges[k]) & (smooth < edges[k + 1])
        assert found.all_means[k] == pytest.approx(smooth[inside].mean(), rel=1e-12)
        assert found.all_variances[k] == pytest.approx(noise[inside].var(), rel=1e-9)


def test_a_mask_leaves_pixels_out():
    image = synthetic_images().imgp.copy()
    image[:, 256:] += 500 * np.sin(np.arange(256.0))
    mask = np.zeros(image.shape, bool)
    mask[:, :250] = True
    masked = noise_statistics(image, -6000.0, mask=mask)
    clean = noise_statistics(image, -6000.0, box=(0, 0, 0, 251))
    assert masked.slope == pytest.approx(clean.slope, rel=0.02)
    assert masked.used.sum() == mask[1:-1, 1:-1].sum()
    image[100, 100] = np.nan
    assert np.isfinite(noise_statistics(image, -6000.0, mask=mask).snr0)


@pytest.mark.parametrize("image", [np.full((20, 20), 7), np.full((20, 20), 0.1), np.eye(3)])
def test_noise_of_odd_images_is_nan_with_one_warning(image):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = noise_statistics(image)
    assert len(caught) == 1
    assert np.isnan(found.snr0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        noise_statistics(image, reference=True)
