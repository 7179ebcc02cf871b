"""Known answers of the analyses of one image: reference=... gives the numbers of old reports."""

from __future__ import annotations

import ast
import re

import numpy as np
import pytest

from fibsem_dash.image import (
    autocorrelation_snr,
    fit_background,
    intensity_range,
    noise_roi_statistics,
    noise_statistics,
    radial_profile,
    smooth_curve,
    spread,
)
from tests.metric_cases import gemini_detectors, golden, synthetic_images

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def answers(shared):
    return golden(shared, "golden_frame_image.json")


@pytest.fixture(scope="module", params=["img1", "imgp", "gemini"])
def known_image(request, shared, answers):
    """Pixels, dark count, block size and known numbers."""
    if request.param == "gemini":
        known = answers["gemini"]["functions on RawImageA"]
        return gemini_detectors(shared)["A"], -6160.6533203125, 10, known
    image = getattr(synthetic_images(), request.param)
    dark = -6000.0 if request.param == "imgp" else 0.0
    return image, dark, 8, answers["synthetic"][request.param]


@pytest.mark.parametrize("method", ["nearest", "linear", "parabolic", "gaussian", "LDR"])
def test_reference_snr_is_known(known_image, method):
    image, _, _, known = known_image
    name = "levinson-durbin" if method == "LDR" else method
    order = 64 if method == "LDR" else None
    found = autocorrelation_snr(image, name, order=order, reference=True)
    expected = known[f"Single_Image_SNR {method} zero_mean=True"]["newest"]
    assert list(found.values) == pytest.approx(expected, rel=1e-6)


def test_reference_snr_with_the_mean_and_that_of_2022_are_known(known_image):
    image, _, _, known = known_image
    found = autocorrelation_snr(image, zero_mean=False, reference=True)
    expected = known["Single_Image_SNR parabolic zero_mean=False"]["newest"]
    assert list(found.values) == pytest.approx(expected, rel=1e-8)
    found = autocorrelation_snr(image, reference="2022")
    expected = known["Single_Image_SNR seed"]["seed_2022"]
    assert list(found.values) == pytest.approx(expected, rel=1e-8)


def test_reference_snr_of_a_box_is_known(shared, answers):
    for letter, pixels in gemini_detectors(shared).items():
        known = answers["gemini"][f"analyze_SNR_autocorr RawImage{letter} box"]
        crop = pixels[100:401, 150:400]
        for version, key in (("2025", "newest"), ("2022", "seed_2022")):
            found = autocorrelation_snr(crop, reference=version)
            assert list(found.values) == pytest.approx(known[key], rel=1e-8)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("full", {}),
        ("box", {"box": (100, 300, 150, 250)}),
        ("32 bins", {"nbins": 32, "thresholds": (5e-2, 5e-2)}),
    ],
)
def test_reference_noise_statistics_are_known(known_image, name, settings):
    image, dark, _, known = known_image
    case = known[f"Single_Image_Noise_Statistics {name}"]
    found = noise_statistics(image, dark, reference=True, **settings)
    expected = case["newest"]
    assert found.means.size == expected["mean_vals_len"]
    assert found.means[:3] == pytest.approx(expected["mean_vals_first3"], rel=1e-9)
    assert found.means[-3:] == pytest.approx(expected["mean_vals_last3"], rel=1e-9)
    assert found.variances[:3] == pytest.approx(expected["var_vals_first3"], rel=1e-9)
    assert found.variances.sum() == pytest.approx(expected["var_vals_sum"], rel=1e-9)
    line = found.slope, found.intercept
    assert line == pytest.approx(expected["popt"], rel=1e-6)
    numbers = found.fitted_dark_count, found.snr0, found.snr1
    assert numbers == pytest.approx([expected[f"ret[{k}]"] for k in (2, 3, 4)], rel=1e-6)
    if "seed_2022" in case:
        old = case["seed_2022"]
        numbers = found.peak_snr, found.dynamic_snr
        assert numbers == pytest.approx([old["ret[3]"], old["ret[4]"]], rel=1e-6)


def test_reference_noise_in_regions_is_known(known_image):
    image, dark, _, known = known_image
    case = known["Single_Image_Noise_ROIs"]
    rois = ast.literal_eval(re.search(r"Noise_ROIs=(\[\[.*?\]\])", case["call"])[1])
    region = ast.literal_eval(re.search(r"Hist_ROI=(\[.*?\])", case["call"])[1])
    found = noise_roi_statistics(image, rois, region, dark, reference=True)
    means, variances, *numbers = case["newest"]
    assert [dark, *found.means] == pytest.approx(means, rel=1e-12)
    assert [0.0, *found.variances] == pytest.approx(variances, rel=1e-9)
    ratios = found.slope, found.peak_snr, found.mean_snr, found.dynamic_snr
    assert ratios == pytest.approx(numbers, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("deg2", {}),
        ("deg2 ignore_Y", {"ignore_y": True}),
        ("deg2 linear_Y", {"linear_y": True}),
        ("deg4", {"degree": 4}),
        ("deg2 ROI", {"rois": [[0, 240, 0, 240], [240, 480, 240, 480]]}),
    ],
)
def test_reference_background_is_known(known_image, name, settings):
    image, dark, bins, known = known_image
    case = known[f"Perform_2D_fit {name}"]
    for version, key in (("2025", "newest"), ("2022", "seed_2022")):
        if case.get(key):
            found = fit_background(image, bins=bins, dark_count=dark, reference=version, **settings)
            check_background(found, case[key])


def test_reference_background_of_a_shaded_image_is_known(answers):
    image = synthetic_images().imgf
    for name, case in answers["synthetic"]["imgf"].items():
        arguments = ast.literal_eval(name.split(" ", 1)[1])
        settings = {key.lower(): value for key, value in arguments.items()}
        found = fit_background(image, reference=True, **settings)
        check_background(found, case["newest"])


def check_background(found, expected):
    assert found.intercept == pytest.approx(expected["intercept"], rel=1e-9)
    np.testing.assert_allclose(found.coefficients, expected["coefs"], rtol=1e-6, atol=1e-10)
    assert found.mse == pytest.approx(expected["mse"], rel=1e-9)
    factor = found.correction()
    table = expected["corr_array"]
    assert factor.sum() == pytest.approx(table["sum"], rel=1e-6)
    assert factor.min() == pytest.approx(table["min"], rel=1e-6)
    corners = [factor[0, 0], factor[0, -1], factor[-1, 0], factor[-1, -1]]
    height, width = factor.shape
    corners.append(factor[height // 2, width // 2])
    assert corners == pytest.approx(expected["corr_corners_center"], rel=1e-6)


def test_reference_spread_is_known(known_image, answers):
    image, _, _, known = known_image
    profile = image.astype(np.float64).mean(axis=1)
    case = known["get_spread row-mean profile"]
    assert spread(profile, reference=True) == pytest.approx(case["newest_default"], rel=1e-9)
    assert spread(profile, 51, reference=True) == pytest.approx(case["newest_window51"], rel=1e-9)
    assert spread(profile, reference="2022") == pytest.approx(case["seed_default"], rel=1e-9)
    assert spread(profile, 51, reference="2022") == pytest.approx(case["seed_window51"], rel=1e-9)


def test_reference_spread_of_series_of_any_length_is_known(answers):
    known = answers["synthetic"]["get_spread"]
    t = np.arange(2000.0)
    series = np.sin(t / 100) + 0.1 * np.cos(1.7 * t)
    name = "newest default (window 501, mode mirror)"
    assert spread(series, reference=True) == pytest.approx(known[name], rel=1e-9)
    name = "seed default (window 501, mode interp)"
    assert spread(series, reference="2022") == pytest.approx(known[name], rel=1e-9)
    assert spread(series[:300], reference=True) == pytest.approx(known["newest z[:300]"], rel=1e-9)
    assert spread(series[:300], reference="2022") == known["seed z[:300]"]
    assert spread(series[:5], reference=True) == known["newest z[:5]"]
    assert spread(series[:6], reference=True) == pytest.approx(known["newest z[:6]"], rel=1e-9)


def test_reference_smoothing_is_known(answers):
    known = answers["synthetic"]["smooth"]
    series = np.arange(30.0) ** 2
    for name, case in known.items():
        if name.startswith("window_len"):
            length, shape = re.match(r"window_len=(\d+) (\w+)", name).groups()
            shape = "hann" if shape == "hanning" else shape
            found = smooth_curve(series, int(length), shape, reference=True)
            assert found.size == case["len"]
            np.testing.assert_allclose(found, case["values"], rtol=1e-12)


def test_radial_profiles_are_known(answers):
    image = 10.0 * np.arange(9)[:, None] + np.arange(11)[None, :]
    known = answers["synthetic"]["radial_profile"]
    assert radial_profile(image, (5, 4), reference=True).values.tolist() == pytest.approx(
        known["newest"]
    )
    known = answers["synthetic"]["radial_profile_select_angles"]
    for version, prefix in (("2025", "newest"), ("2022", "seed")):
        for start, stop, symmetry in ((0, 90, 4), (-30, 30, 2)):
            found = radial_profile(image, (5, 4), (start, stop), symmetry, reference=version)
            expected = known[f"{prefix} astart={start},astop={stop},symm={symmetry}"]
            np.testing.assert_allclose(found.values, expected, rtol=1e-12)


def test_a_small_frame_of_another_microscope_is_known(shared, answers):
    known = answers["janelia_emrp_dat"]
    content = (shared / "data" / "dat" / "janelia_small_v9.dat").read_bytes()
    pixels = np.frombuffer(content, ">i2", count=20_000, offset=1024).reshape(100, 100, 2)
    image = pixels[..., 0]
    assert int(image.astype(np.int64).sum()) == known["RawImageA"]["sum"]
    levels = intensity_range(image, method="reference")
    expected = known["get_min_max_thresholds(RawImageA, disp_res=False)"]
    assert list(levels) == pytest.approx(expected, rel=1e-12)
    name = "analyze_SNR_autocorr(RawImageA, disp_res=False, save_res_png=False)"
    found = autocorrelation_snr(image, reference=True)
    assert list(found.values) == pytest.approx(known[name], rel=1e-8)
    name = "analyze_noise_statistics(RawImageA, disp_res=False, save_res_png=False)"
    zero, snr0, snr1, line = known[f"{name} I0,SNR0,SNR1,popt"]
    noise = noise_statistics(image, known["header"]["ScalingS"][1], reference=True)
    assert noise.fitted_dark_count == pytest.approx(zero, rel=1e-6)
    assert (noise.snr0, noise.snr1) == pytest.approx((snr0, snr1), rel=1e-6)
    assert (noise.slope, noise.intercept) == pytest.approx(line, rel=1e-6)
