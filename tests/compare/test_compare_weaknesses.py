"""Defects of the old measures of two images that must not come back."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from fibsem_dash.compare import (
    compare_images,
    find_bandwidth,
    fsc,
    mutual_information,
    ncc,
    nsad,
    snr_from_ncc,
    threshold_curve,
)
from fibsem_dash.errors import ParameterError
from fibsem_dash.numerics.notes import AnalysisWarning
from tests.metric_cases import synthetic_images

TRUE_BANDWIDTH = 0.11605830848794935
TRUE_INFORMATION = 0.5108256237659907


@pytest.fixture(scope="module")
def pair():
    images = synthetic_images()
    return images.img1, images.img2


@pytest.mark.parametrize("taper", ["hann", "tukey", "none"])
@pytest.mark.parametrize("remove_mean", [True, False])
def test_bandwidth_is_that_of_theory(pair, taper, remove_mean):
    found = fsc(*pair, taper=taper, remove_mean=remove_mean)
    assert found.bandwidth == pytest.approx(TRUE_BANDWIDTH, rel=0.05)
    assert found.status == "crossed"


def test_odd_smoothing_windows_work(pair):
    # WEAK 11: IndexError.
    for length in (0, 3, 5, 11, 20):
        found = fsc(*pair, smooth_window=length)
        assert found.smoothed.shape == found.correlation.shape
        assert found.bandwidth == pytest.approx(TRUE_BANDWIDTH, rel=0.05)


def test_first_rings_are_not_lost_to_smoothing(pair):
    # The NaN of ring 0 used to spread over the first 11 smoothed points.
    found = fsc(*pair)
    assert np.isfinite(found.smoothed[1:]).all()
    assert np.isnan(found.correlation[0])


def test_bandwidth_of_unrelated_images_is_not_negative():
    # WEAK 21: -0.0084.
    first, second = synthetic_images().noise
    found = fsc(first + 1000, second + 1000)
    assert 0.0 <= found.bandwidth < 0.02
    index = np.arange(50.0)
    below = find_bandwidth(index / 100, np.full(50, 0.05))
    assert (below.value, below.status) == (0.0, "always below")
    above = find_bandwidth(index / 100, np.ones(50))
    assert (above.value, above.status) == (0.49, "always above")


def test_correlation_of_noise_scatters_around_zero():
    # The modulus used to lift it to 0.03.
    found = fsc(*synthetic_images().noise)
    assert abs(found.correlation[50:200].mean()) < 0.01
    assert found.correlation[50:200].min() < 0


def test_anticorrelated_images_have_negative_correlation(pair):
    found = fsc(pair[0], -pair[1])
    assert found.correlation[1:20].max() < -0.9
    assert found.bandwidth == 0.0


def test_fit_of_the_curve_works(pair):
    # WEAK 22: NameError.
    found = fsc(*pair, fit_power=6)
    assert found.fit_frequencies.size == found.fit_correlation.size == 25
    assert 0.08 < found.bandwidth < 0.18
    assert fsc(*pair, fit_power=6, threshold=0.5).bandwidth < found.bandwidth


def test_centre_is_the_origin_for_images_without_mean(pair):
    # WEAK 23: the centre moved to the greatest coefficient.
    centred = [image - image.mean() for image in pair]
    assert fsc(*centred, remove_mean=False).bandwidth == pytest.approx(
        fsc(*pair).bandwidth, rel=1e-9
    )


@pytest.mark.parametrize("region", [np.s_[:, :400], np.s_[:400], np.s_[:, :301], np.s_[1:512:1]])
def test_bandwidth_does_not_depend_on_the_shape(pair, region):
    # WEAK 24: 0.1149 and 0.1487 for 512 x 400 and 400 x 512.
    found = fsc(pair[0][region], pair[1][region])
    assert found.bandwidth == pytest.approx(TRUE_BANDWIDTH, rel=0.05)
    assert found.frequencies[-1] <= 0.501


def test_border_leakage_does_not_correlate_unrelated_noise():
    # Both images share a shading, which must not look like shared detail.
    first, second = (noise + np.arange(512) / 50 for noise in synthetic_images().noise)
    assert fsc(first, second).bandwidth < 0.02
    assert fsc(first, second, taper="none").correlation[30:60].max() < 1


def test_sectors_separate_directions():
    rng = np.random.default_rng(3)
    lines = np.repeat(rng.standard_normal((256, 1)), 256, axis=1)
    first, second = (lines + 0.2 * rng.standard_normal((256, 256)) for _ in range(2))
    along_y = fsc(first, second, sectors=(80, 100), symmetry=2)
    along_x = fsc(first, second, sectors=(-10, 10), symmetry=2)
    assert along_y.bandwidth > 0.2
    assert along_x.bandwidth < 0.05


def test_sectors_that_cross_the_half_turn_are_whole():
    rng = np.random.default_rng(4)
    first = rng.standard_normal((64, 64))
    second = first + rng.standard_normal((64, 64))
    left = fsc(first, second, sectors=(165, 195), symmetry=1)
    right = fsc(first, second, sectors=(-15, 15), symmetry=1)
    np.testing.assert_allclose(left.correlation, right.correlation)


def test_threshold_curves_are_the_published_ones():
    n = np.array([1.0, 16.0, 100.0, 1e8])
    half = (0.2071 + 1.9102 / np.sqrt(n)) / (1.2071 + 0.9102 / np.sqrt(n))
    np.testing.assert_allclose(threshold_curve("half-bit", n), half, atol=2e-4)
    one = (0.5 + 2.4142 / np.sqrt(n)) / (1.5 + 1.4142 / np.sqrt(n))
    np.testing.assert_allclose(threshold_curve("one-bit", n), one, atol=1e-4)
    assert threshold_curve("three-sigma", n)[2] == pytest.approx(3 / np.sqrt(50))
    assert (threshold_curve(0.143, n) == 0.143).all()


@pytest.mark.parametrize("criterion", ["half-bit", "one-bit", "three-sigma"])
def test_threshold_curves_give_a_bandwidth(pair, criterion):
    found = fsc(*pair, criterion)
    assert found.bandwidth == pytest.approx(TRUE_BANDWIDTH, rel=0.1)


def test_resolution_is_given_in_nanometres(pair):
    found = fsc(*pair, pixel_size_nm=8.0)
    assert found.resolution_nm == pytest.approx(8.0 / found.bandwidth)
    assert found.frequencies_per_nm[-1] == pytest.approx(found.frequencies[-1] / 8.0)
    assert np.isnan(fsc(*pair).resolution_nm)


def test_corrected_information_is_that_of_theory_for_boxes_of_any_size(pair):
    for size in (128, 256, 512):
        crops = [image[:size, :size] for image in pair]
        expected = -0.5 * np.log(1 - ncc(*crops) ** 2)
        found = compare_images(*crops, metrics=("MI",))["MI"]
        assert found == pytest.approx(expected, rel=0.05)
    plain = mutual_information(*pair, 2048)
    better = mutual_information(*pair, 2048, bias_correction="grassberger")
    assert plain - TRUE_INFORMATION > 2 * abs(better - TRUE_INFORMATION)


@pytest.mark.parametrize("correction", ["miller-madow", "grassberger"])
def test_corrected_information_of_unrelated_images_is_zero(correction):
    found = mutual_information(*synthetic_images().noise, 64, bias_correction=correction)
    assert abs(found) < 2e-3
    assert mutual_information(*synthetic_images().noise, 64) > 3e-3


def test_robust_bins_ignore_a_hot_pixel(pair):
    hot = pair[0].copy()
    hot[5, 5] = 1e6
    settings = {"bins": "robust", "bias_correction": "grassberger"}
    clean = mutual_information(*pair, **settings)
    assert mutual_information(hot, pair[1], **settings) == pytest.approx(clean, rel=1e-3)
    assert mutual_information(hot, pair[1]) < 0.3 * mutual_information(*pair)


def test_nsad_warns_where_the_absolute_value_folds(pair):
    centred = [image - 1000 for image in pair]
    with pytest.warns(AnalysisWarning, match="both sides of zero"):
        nsad(*centred)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        signed = nsad(*centred, mode="signed")
        assert signed == pytest.approx(nsad(*pair, mode="signed"), rel=1e-9)
        compare_images(*centred)


def test_nsad_against_a_common_level(pair):
    first, second = pair
    level = (first + second).mean() / 2 - 100
    expected = np.abs(first - second).mean() / level
    assert nsad(first, second, "offset", 100.0) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ParameterError):
        nsad(first, second, "offset")


def test_snr_of_two_images_is_that_of_theory(pair):
    assert snr_from_ncc(ncc(*pair)) == pytest.approx(4.0, rel=0.05)
    assert np.isnan(snr_from_ncc(-0.2))
    assert snr_from_ncc(-0.2, reference=True) == pytest.approx(-1 / 6)
    assert snr_from_ncc(1.0) == np.inf
    assert np.isnan(snr_from_ncc(np.nan))


def test_integers_do_not_overflow():
    # int16 products used to wrap with zero_mean=False.
    first = np.array([[32767, -32768], [32767, -32768]], np.int16)
    wide = first.astype(np.float64)
    for zero_mean in (True, False):
        assert ncc(first, first[::-1], zero_mean) == pytest.approx(ncc(wide, wide[::-1], zero_mean))
    assert nsad(first, -first - 1, "signed") != nsad(first, first, "signed")
    inverted = compare_images(first, first, invert=True)
    assert inverted["NCC"] == 1.0


def test_single_precision_is_hidden_by_the_rounding_of_integers():
    # Smooth images of great range and little noise are the hardest case.
    y, x = np.mgrid[0:300, 0:200]
    smooth = 30000 * np.sin(x / 30) * np.cos(y / 41)
    rng = np.random.default_rng(0)
    first, second = (
        np.rint(smooth + rng.standard_normal(smooth.shape)).astype(np.int16) for _ in range(2)
    )
    for settings in ({}, {"taper": "none"}, {"remove_mean": False}):
        single = fsc(first, second, precision="single", **settings)
        double = fsc(first, second, precision="double", **settings)
        np.testing.assert_allclose(single.correlation, double.correlation, atol=3e-3)
        assert single.bandwidth == pytest.approx(double.bandwidth, rel=1e-3)
