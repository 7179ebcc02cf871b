"""Analyses of images refuse what makes no sense and take any type."""

from __future__ import annotations

import numpy as np
import pytest

from fibsem_dash.errors import ParameterError
from fibsem_dash.image import (
    autocorrelation_snr,
    fit_background,
    fit_backgrounds,
    flatten_image,
    noise_roi_statistics,
    noise_statistics,
    radial_profile,
)
from tests.metric_cases import synthetic_images


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, ">i2"])
def test_analyses_do_not_depend_on_the_type(dtype):
    image = np.rint(synthetic_images().electrons[:200, :150] * 2)
    image = np.random.default_rng(0).poisson(image).clip(0, 255)
    typed, plain = image.astype(dtype), image.astype(np.float64)
    assert autocorrelation_snr(typed).values == autocorrelation_snr(plain).values
    assert noise_statistics(typed).snr1 == noise_statistics(plain).snr1
    assert fit_background(typed).mse == pytest.approx(fit_background(plain).mse, rel=1e-9)
    profile = radial_profile(typed).values
    np.testing.assert_array_equal(profile, radial_profile(plain).values)


@pytest.mark.parametrize(
    "call",
    [
        lambda a: noise_statistics(a[:2, :2]),
        lambda a: noise_statistics(a, mask=np.ones((3, 3))),
        lambda a: noise_statistics(a, mask=np.zeros(a.shape)),
        lambda a: noise_statistics(a, box=(0, 500, 0, 0)),
        lambda a: noise_statistics(a, kernel=np.ones((2, 2))),
        lambda a: noise_statistics(np.full((9, 9), np.nan)),
        lambda a: noise_roi_statistics(a, []),
        lambda a: noise_roi_statistics(a, [[0, 5, 0, 500]]),
        lambda a: noise_roi_statistics(a, [[5, 5, 0, 5]]),
        lambda a: autocorrelation_snr(a, "quadratic"),
        lambda a: autocorrelation_snr(a, edge_fraction=2.0),
        lambda a: autocorrelation_snr(a[0]),
        lambda a: fit_background(a[:5]),
        lambda a: fit_background(a, bins=20),
        lambda a: fit_background(a, degree=-1),
        lambda a: fit_background(a, rois=[[0, 99, 0, 9]]),
        lambda a: fit_background(a, rois=[[0, 5, 0, 5]]),
        lambda a: fit_background(a, estimator=Shy()),
        lambda a: fit_backgrounds([a, a], [2]),
        lambda a: flatten_image(a, np.ones((3, 3))),
        lambda a: radial_profile(a[0]),
    ],
)
def test_senseless_arguments_are_refused(call):
    with pytest.raises(ParameterError):
        call(np.random.default_rng(0).random((30, 40)))


class Shy:
    def fit(self, matrix, values):
        return self
