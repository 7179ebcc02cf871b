"""Backgrounds that are fitted and taken out."""

from __future__ import annotations

import numpy as np
import pytest

from fibsem_dash.image import (
    fit_background,
    fit_backgrounds,
    flatten_image,
)
from fibsem_dash.numerics.notes import AnalysisWarning
from tests.metric_cases import synthetic_images


class Ridge:
    """The part of scikit-learn's protocol that is asked for."""

    def fit(self, matrix, values):
        self.intercept_ = values.mean()
        centred = matrix - matrix.mean(axis=0)
        self.coef_ = np.linalg.lstsq(centred, values - values.mean(), rcond=None)[0]
        self.intercept_ -= matrix.mean(axis=0) @ self.coef_
        return self

    def predict(self, matrix):
        return matrix @ self.coef_ + self.intercept_


def test_an_estimator_can_be_given():
    image = synthetic_images().imgf
    own, plain = fit_background(image, estimator=Ridge()), fit_background(image)
    np.testing.assert_allclose(own.fitted, plain.fitted, rtol=1e-9)


def test_one_degree_serves_all_images():
    # WEAK 9: an integer was ignored.
    images = synthetic_images()
    one = fit_backgrounds([images.imgf, images.imgp], 4, [0.0, -6000.0])
    two = fit_backgrounds([images.imgf, images.imgp], [4, 4], [0.0, -6000.0])
    assert [fit.coefficients.size for fit in one] == [15, 15]
    np.testing.assert_array_equal(one[1].coefficients, two[1].coefficients)


@pytest.mark.parametrize("degree", [2, 3, 4])
@pytest.mark.parametrize("restriction", ["ignore_y", "linear_y"])
def test_restricted_fits_are_fits(degree, restriction):
    # WEAK 18 and 19: terms were substituted after the fit, which is not the least residual.
    image = synthetic_images().imgf
    found = fit_background(image, degree, 8, **{restriction: True})
    y_powers = found.powers[:, 1]
    most = 0 if restriction == "ignore_y" else 1
    assert (found.coefficients[y_powers > most] == 0).all()
    residual = found.blocks - found.fitted
    assert abs(residual.mean()) < 1e-9 * found.blocks.mean()
    x = np.arange(found.blocks.shape[1])
    assert abs((residual * x).sum()) < 1e-6 * np.abs(residual * x).sum()
    old = fit_background(image, degree, 8, reference=True, **{restriction: True})
    assert found.mse <= old.mse or degree == 3


@pytest.mark.parametrize("bins", [8, 16, 32])
def test_the_correction_is_not_displaced_by_half_a_block(bins):
    # WEAK 20.
    y, x = np.mgrid[0:256, 0:256]
    background = 1000 + 2.0 * x + 1.0 * y - 0.003 * (x - 100) ** 2
    factor = fit_background(background, 2, bins).correction()
    np.testing.assert_allclose(factor * background, (factor * background).mean(), rtol=1e-3)
    old = fit_background(background, 2, bins, reference=True).correction()
    assert np.ptp(old * background) > 3 * np.ptp(factor * background)


def test_flattening_removes_a_known_shading():
    images = synthetic_images()
    fit = fit_background(images.imgf, 2, 8)
    flat = flatten_image(images.imgf, fit.correction())
    before = np.std(images.imgf / images.img1)
    assert np.std(flat / images.img1) < 0.6 * before
    dark = -6000.0
    shaded = dark + (images.imgp - dark) * images.shading
    fit = fit_background(shaded, 2, 8, dark_count=dark)
    flat = flatten_image(shaded, fit.correction((512, 512)), dark)
    np.testing.assert_allclose(flat, dark + (shaded - dark) * fit.correction(), rtol=1e-12)


def test_a_fit_near_zero_does_not_explode():
    # Corrections from -2.7e5 to 2.4e5 were written into images.
    image = 100.0 - 0.6 * np.tile(np.arange(200), (200, 1))
    with pytest.warns(AnalysisWarning, match="near zero"):
        found = fit_background(image, 1)
    factor = found.correction()
    assert factor.min() >= 0.1
    assert factor.max() <= 10.0


def test_overlapping_regions_count_once():
    image = synthetic_images().imgf
    once = fit_background(image, rois=[[0, 512, 0, 512]])
    twice = fit_background(image, rois=[[0, 512, 0, 512], [0, 200, 0, 200]])
    np.testing.assert_array_equal(once.coefficients, twice.coefficients)


def test_blocks_with_missing_pixels_are_left_out():
    image = synthetic_images().imgf.copy()
    image[10, 10] = np.nan
    found = fit_background(image)
    assert not found.used[1, 1]
    assert found.used.sum() == found.used.size - 1
    assert np.isfinite(found.correction()).all()
