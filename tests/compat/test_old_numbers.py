"""The numbers of old reports, through the old interface."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re

import mrcfile
import numpy as np
import pandas as pd
import pytest

import fibsem_dash.compat as old
from tests.metric_cases import gemini_detectors, golden, synthetic_images, synthetic_stack

pytestmark = pytest.mark.real
QUIET = {"disp_res": False, "save_res_png": False}


@pytest.fixture(scope="module")
def answers(shared):
    return golden(shared, "golden_frame_image.json")


@pytest.fixture(scope="module")
def stack_answers(shared):
    return golden(shared, "golden_evaluation.json")


@pytest.fixture(scope="module")
def frame(shared):
    return old.FIBSEM_frame(shared / "data" / "dat" / "gemini_v9.dat")


@pytest.fixture(scope="module", params=["img1", "imgp", "gemini"])
def case(request, shared, answers):
    if request.param == "gemini":
        known = answers["gemini"]["functions on RawImageA"]
        return gemini_detectors(shared)["A"], -6160.6533203125, 10, known
    image = getattr(synthetic_images(), request.param)
    dark = -6000.0 if request.param == "imgp" else 0.0
    return image, dark, 8, answers["synthetic"][request.param]


def test_thresholds(case):
    image, _, _, known = case
    for name, expected in known.items():
        if name.startswith("get_min_max"):
            arguments = {k: ast.literal_eval(v) for k, v in re.findall(r"(\w+)=([\d.e-]+)", name)}
            found = old.get_min_max_thresholds(image, **arguments)
            assert found == pytest.approx(expected["seed_2022"], rel=1e-12)
            found = old.get_min_max_thresholds(image, **arguments, log=False, disp_res=False)
            assert found == pytest.approx(expected["newest"], rel=1e-12)


def test_signal_to_noise_of_both_generations(case):
    image, _, _, known = case
    found = old.Single_Image_SNR(image, edge_fraction=0.10, **QUIET)
    assert found == pytest.approx(known["Single_Image_SNR seed"]["seed_2022"], rel=1e-8)
    for method in ("nearest", "linear", "parabolic", "gaussian", "LDR"):
        nlags = {"nlags": 64} if method == "LDR" else {}
        found = old.Single_Image_SNR(
            image, extrapolate_signal=method, zero_mean=True, **nlags, **QUIET
        )
        expected = known[f"Single_Image_SNR {method} zero_mean=True"]["newest"]
        assert found == pytest.approx(expected, rel=1e-6)


def test_noise_statistics_of_both_generations(case):
    image, dark, _, known = case
    expected = known["Single_Image_Noise_Statistics full"]
    found = old.Single_Image_Noise_Statistics(image, DarkCount=dark, **QUIET)
    check_statistics(found, expected["seed_2022"])
    found = old.Single_Image_Noise_Statistics(image, DarkCount=dark, generation="2025", **QUIET)
    check_statistics(found, expected["newest"])


def check_statistics(found, expected):
    assert len(found[0]) == expected["mean_vals_len"]
    assert found[1].sum() == pytest.approx(expected["var_vals_sum"], rel=1e-9)
    assert found[2:5] == pytest.approx([expected[f"ret[{k}]"] for k in (2, 3, 4)], rel=1e-6)
    assert found[5] == pytest.approx(expected["popt"], rel=1e-6)
    assert list(found[6].shape) == expected["result_shape"]


def test_noise_in_regions(case):
    image, dark, _, known = case
    known = known["Single_Image_Noise_ROIs"]
    rois = ast.literal_eval(re.search(r"Noise_ROIs=(\[\[.*?\]\])", known["call"])[1])
    region = ast.literal_eval(re.search(r"Hist_ROI=(\[.*?\])", known["call"])[1])
    found = old.Single_Image_Noise_ROIs(image, rois, region, DarkCount=dark, **QUIET)
    for value, expected in zip(found, known["newest"], strict=True):
        assert value == pytest.approx(expected, rel=1e-9)


def test_backgrounds(answers):
    image = synthetic_images().imgf
    for name, expected in answers["synthetic"]["imgf"].items():
        arguments = ast.literal_eval(name.split(" ", 1)[1])
        found = old.Perform_2D_fit(
            image, None, calc_corr=True, generation="2025", **arguments, **QUIET
        )
        check_background(found, expected["newest"])
        if expected.get("seed_2022", {}) and "intercept" in (expected["seed_2022"] or {}):
            del arguments["degree"]
            found = old.Perform_2D_fit(image, None, calc_corr=True, **arguments, **QUIET)
            check_background(found, expected["seed_2022"])


def check_background(found, expected):
    assert found[0] == pytest.approx(expected["intercept"], rel=1e-9)
    np.testing.assert_allclose(found[1], expected["coefs"], rtol=1e-6, atol=1e-10)
    assert found[2] == pytest.approx(expected["mse"], rel=1e-9)
    assert found[3].sum() == pytest.approx(expected["corr_array"]["sum"], rel=1e-6)


def test_spread_and_smoothing_and_profiles(answers):
    t = np.arange(2000.0)
    series = np.sin(t / 100) + 0.1 * np.cos(1.7 * t)
    known = answers["synthetic"]["get_spread"]
    name = "seed default (window 501, mode interp)"
    assert old.get_spread(series) == pytest.approx(known[name], rel=1e-9)
    assert old.get_spread(series[:300]) == 0.0
    name = "newest default (window 501, mode mirror)"
    assert old.get_spread(series, generation="2025") == pytest.approx(known[name], rel=1e-9)
    curve = np.arange(30.0) ** 2
    for name, expected in answers["synthetic"]["smooth"].items():
        if name.startswith("window_len"):
            length, shape = re.match(r"window_len=(\d+) (\w+)", name).groups()
            np.testing.assert_allclose(
                old.smooth(curve, int(length), shape), expected["values"], rtol=1e-12
            )
    image = 10.0 * np.arange(9)[:, None] + np.arange(11)[None, :]
    known = answers["synthetic"]["radial_profile"]["newest"]
    assert old.radial_profile(image, [5, 4]) == pytest.approx(known)
    known = answers["synthetic"]["radial_profile_select_angles"]
    found = old.radial_profile_select_angles(image, [5, 4])
    np.testing.assert_allclose(found, known["seed defaults (89,91,4)"])
    found = old.radial_profile_select_angles(image, [5, 4], -30, 30, 2)
    np.testing.assert_allclose(found, known["seed astart=-30,astop=30,symm=2"])
    found = old.radial_profile_select_angles(image, [5, 4], -30, 30, 2, generation="2025")
    np.testing.assert_allclose(found, known["newest astart=-30,astop=30,symm=2"])


def test_pairs_of_images(answers):
    images = synthetic_images()
    known = answers["synthetic"]["pair (img1,img2)"]
    checked = 0
    for name, expected in known.items():
        if name.startswith("NCC_SNR"):
            zero_mean = name.endswith("True")
            found = old.Two_Image_NCC_SNR(images.img1, images.img2, zero_mean=zero_mean)
            assert found == pytest.approx(expected["newest"], rel=1e-9)
        elif name.startswith("MI"):
            bins, normalized = re.match(r"MI bin=(\d+) normalized=(\w+)", name).groups()
            arguments = {"sigma": 1.0, "bin": int(bins), "normalized": normalized == "True"}
            for function in (old.mutual_information_2d, old.mutual_information_2d_cp):
                found = function(images.img1.ravel(), images.img2.ravel(), **arguments)
                assert found == pytest.approx(expected["newest"], abs=1e-10)
        elif name.startswith("FSC "):
            for generation, key in (("2022", "seed_2022"), ("2025", "newest")):
                arguments = json.loads(name[4:])
                answer = expected.get(key)
                if not answer or "ERROR" in answer:
                    continue
                found = old.Two_Image_FSC(
                    images.img1, images.img2, generation=generation, **arguments
                )
                index = answer["idx"]
                np.testing.assert_allclose(found[0][index], answer["freq_at_idx"], atol=1e-15)
                np.testing.assert_allclose(found[1][index], answer["fsc_at_idx"], atol=1e-9)
                np.testing.assert_allclose(found[3][index], answer["T_at_idx"], atol=1e-12)
                assert found[4] == pytest.approx(answer["FSC_bw"], abs=1e-9)
                checked += 1
    assert checked >= 8


def test_attributes_of_a_frame(frame, answers):
    known = answers["gemini"]["frame_attributes_seed"]
    arrays = ("RawImageA", "RawImageB", "ImageA", "ImageB")
    for name, expected in known.items():
        if name in ("header", "fname", *arrays):
            continue
        value = getattr(frame, name)
        if isinstance(expected, str):
            assert value == expected.rstrip("\0"), name
        else:
            assert np.asarray(value) == pytest.approx(np.asarray(expected), rel=1e-12), name
    for name in arrays:
        assert int(getattr(frame, name).shape[0]) == 1000
    pixels = answers["gemini"]["ImageA_pixels"]["[0,0:8]"]
    assert frame.ImageA[0, :8] == pytest.approx(pixels, rel=1e-12)
    assert len(frame.header) == 1024
    with pytest.raises(AttributeError, match="RawImageC"):
        _ = frame.RawImageC


def test_printed_header(frame, answers):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        frame.print_header()
    expected = answers["gemini"]["print_header_seed_stdout"].replace("\0", "")
    assert printed.getvalue() == expected.replace("\\0", "")


def test_methods_of_a_frame(frame, answers):
    known = answers["gemini"]
    for letter in "AB":
        name = f"RawImage{letter}"
        expected = known[f"get_image_min_max('{name}')"]["seed_2022"]
        assert frame.get_image_min_max(name) == pytest.approx(expected, rel=1e-12)
        method = getattr(frame, f"{name}_8bit_thresholds")
        for text, arguments in (
            ("()", {"data_min": -1, "data_max": -1}),
            ("(data_min=-6000,data_max=2000)", {"data_min": -6000, "data_max": 2000}),
        ):
            expected = known[f"{name}_8bit_thresholds{text}"]
            image, low, high = method(**arguments)
            assert (low, high) == pytest.approx((expected["data_min"], expected["data_max"]))
            assert int(image.astype(np.int64).sum()) == int(expected["img"]["sum"])
        box = known[f"analyze_SNR_autocorr {name} box"]
        found = frame.analyze_SNR_autocorr(
            image_name=name, evaluation_box=[100, 301, 150, 250], **QUIET
        )
        assert found == pytest.approx(box["seed_2022"], rel=1e-8)
    expected = known["analyze_noise_statistics RawImageA"]["newest"]
    found = frame.analyze_noise_statistics(image_name="RawImageA", generation="2025", **QUIET)
    check_statistics(found, expected)
    assert frame.get_image_min_max() == pytest.approx(
        known["get_image_min_max('ImageA')"]["newest"], rel=1e-12
    )


@pytest.mark.parametrize("boxed", [False, True])
def test_quality_of_a_stack_of_both_generations(stack_answers, mrc_stack, boxed):
    case = stack_answers["pairs_eval_box" if boxed else "pairs_full_frame"]
    arguments = {"evaluation_box": case["evaluation_box"], "save_res_png": False}
    table, path = old.analyze_mrc_stack_registration(mrc_stack, generation="2025", **arguments)
    for name, column in (("NSAD", 1e-12), ("NCC", 1e-12), ("NMI", 1e-10)):
        expected = [pair[name] for pair in case["pairs"]]
        assert table[name].tolist() == pytest.approx(expected, abs=column)
        assert old.get_spread(table[name], generation="2025") == pytest.approx(
            case["spread"][name], abs=1e-10
        )
    assert table["Frame"].tolist() == list(range(1, 12))
    sheets = pd.read_excel(path, sheet_name=None)
    assert list(sheets) == ["Registration Quality Statistics", "Stack Info"]
    if boxed:
        seed = stack_answers["seed_2022_NSAD_formula_box_32_192_16_200"]
        known = seed["NSAD_pairs_1_to_11"]["stack"]["not_inverted"]
        table = old.analyze_mrc_stack_registration(mrc_stack, **arguments)
        assert list(table.columns) == ["Image NSAD", "Image NCC", "Image MI"]
        assert table["Image NSAD"].tolist() == pytest.approx(known, abs=1e-12)


def test_signed_levels_have_the_nsad_of_2022(stack_answers, elsewhere):
    path = elsewhere / "signed.mrc"
    with mrcfile.new(path) as mrc:
        mrc.set_data(synthetic_stack() + np.int16(-1000))
    seed = stack_answers["seed_2022_NSAD_formula_box_32_192_16_200"]["NSAD_pairs_1_to_11"]
    for inverted in (False, True):
        table = old.analyze_mrc_stack_registration(
            path, evaluation_box=[32, 192, 16, 200], invert_data=inverted, save_res_png=False
        )
        known = seed["offset_-1000"]["inverted" if inverted else "not_inverted"]
        assert table["Image NSAD"].tolist() == pytest.approx(known, abs=1e-12)
