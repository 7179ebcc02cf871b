"""Signal-to-noise ratio by autocorrelation."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from fibsem_dash.image import (
    autocorrelation_snr,
)
from fibsem_dash.numerics.notes import AnalysisWarning
from tests.metric_cases import synthetic_images

METHODS = ["nearest", "linear", "parabolic", "gaussian", "levinson-durbin"]


def test_autoregression_is_not_the_nearest_lag():
    # WEAK 12: the coefficients met the wrong lags, which gives the value of lag 1 identically.
    image = synthetic_images().img1
    old = autocorrelation_snr(image, "levinson-durbin", order=64, reference=True)
    nearest = autocorrelation_snr(image, "nearest", reference=True)
    assert old.values == pytest.approx(nearest.values, rel=1e-9)
    found = autocorrelation_snr(image, "levinson-durbin", order=64)
    assert found.values != pytest.approx(autocorrelation_snr(image, "nearest").values, rel=0.05)
    # For an autoregressive process without noise the explained variance is known: 1 - (1 - a^2).
    rng = np.random.default_rng(2)
    process = np.zeros((200, 3000))
    for column in range(1, process.shape[1]):
        process[:, column] = 0.8 * process[:, column - 1] + rng.standard_normal(200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AnalysisWarning)
        along_x = autocorrelation_snr(process, "levinson-durbin", order=4).x
    assert along_x.noise_free == pytest.approx(0.64, abs=0.01)


def test_extrapolation_beyond_one_gives_nan_and_a_reason():
    # WEAK 13: -378 and the like.
    smooth = gaussian_filter(np.random.default_rng(0).standard_normal((128, 128)), 3)
    with pytest.warns(AnalysisWarning, match="noise is too weak") as caught:
        found = autocorrelation_snr(smooth, "linear")
    assert len(caught) == 1
    assert np.isnan(found.values).all()
    assert len(found.notes) == 3


def test_slopes_do_not_wrap_around_the_edges():
    # WEAK 14: 1.09, 0.004 and 1.31.
    noise = np.random.default_rng(5).standard_normal((512, 512))
    ramp = 1000 + np.arange(512.0)[None, :] + 100 * noise
    true = np.var(np.arange(512.0)) / 100**2
    assert autocorrelation_snr(ramp).values == pytest.approx([true] * 3, rel=0.05)
    wrapped = autocorrelation_snr(ramp, reference=True)
    assert wrapped.y.snr < 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AnalysisWarning)
        assert autocorrelation_snr(ramp, detrend=True).x.snr < 0.02


@pytest.mark.parametrize("method", ["parabolic", "gaussian"])
@pytest.mark.parametrize("true", [0.5, 4.0, 20.0])
def test_snr_is_that_of_theory(method, true):
    rng = np.random.default_rng(7)
    texture = gaussian_filter(rng.standard_normal((400, 300)), 5, mode="wrap")
    image = texture / texture.std() * np.sqrt(true) + rng.standard_normal(texture.shape)
    assert autocorrelation_snr(image, method).values == pytest.approx([true] * 3, rel=0.05)


def test_snr_of_pure_noise_is_small_and_never_negative():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AnalysisWarning)
        found = autocorrelation_snr(synthetic_images().noise[0])
    assert all(0.0 <= value < 0.02 for value in found.values)


def test_snr_carries_its_curves():
    found = autocorrelation_snr(synthetic_images().img1).x
    assert found.lags.shape == found.autocorrelation.shape
    assert found.autocorrelation[found.lags == 0] == 1.0
    np.testing.assert_allclose(found.autocorrelation, found.autocorrelation[::-1])
    assert found.snr == pytest.approx(found.noise_free / (1 - found.noise_free))


def test_missing_pixels_hardly_change_the_snr():
    image = synthetic_images().img1.copy()
    image[np.random.default_rng(0).random(image.shape) < 0.1] = np.nan
    assert autocorrelation_snr(image).values == pytest.approx([4.0] * 3, rel=0.05)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 40), (40, 1), (3, 5), (31, 33)])
@pytest.mark.parametrize("content", ["noise", "constant", "nan"])
def test_snr_of_odd_images_is_a_number_or_nan_with_one_warning(method, shape, content):
    image = np.random.default_rng(0).standard_normal(shape)
    if content != "noise":
        image[...] = 0.1 if content == "constant" else np.nan
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = autocorrelation_snr(image, method)
    assert len(caught) <= 1
    assert all(issubclass(one.category, AnalysisWarning) for one in caught)
    for value in found.values:
        assert np.isnan(value) or value >= 0
    assert bool(caught) == bool(found.notes)
    assert all(np.isnan(v) for v in found.values) or content == "noise"
    assert len(autocorrelation_snr(np.nan_to_num(image), method, reference=True).values) == 3
