"""Every name of the old interface, called as an old notebook calls it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fibsem_dash.compat as old
from fibsem_dash.errors import ParameterError

SHIFT = np.array([3.0, -2.0])
QUIET = {"disp_res": False, "save_res_png": False}

FUNCTIONS = {
    "get_spread": lambda img, mrc: old.get_spread(img[:, 0], window=51, porder=3),
    "get_min_max_thresholds": lambda img, mrc: old.get_min_max_thresholds(img, 1e-3, 1e-3, 256),
    "radial_profile": lambda img, mrc: old.radial_profile(img, [128, 128]),
    "radial_profile_select_angles": lambda img, mrc: old.radial_profile_select_angles(
        img, [128, 128], 89, 91, 4
    ),
    "smooth": lambda img, mrc: old.smooth(img[:, 0], window_len=11, window="hanning"),
    "Single_Image_SNR": lambda img, mrc: old.Single_Image_SNR(img, edge_fraction=0.1, **QUIET),
    "Single_Image_Noise_ROIs": lambda img, mrc: old.Single_Image_Noise_ROIs(
        img, [[10, 60, 10, 60], [100, 160, 90, 150]], [0, 256, 0, 256], DarkCount=-500, **QUIET
    ),
    "Single_Image_Noise_Statistics": lambda img, mrc: old.Single_Image_Noise_Statistics(
        img, DarkCount=-500, evaluation_box=[10, 200, 10, 200], **QUIET
    ),
    "Perform_2D_fit": lambda img, mrc: old.Perform_2D_fit(img, None, bins=8, **QUIET),
    "mutual_information_2d": lambda img, mrc: old.mutual_information_2d(
        img.ravel(), img[::-1].ravel(), sigma=1.0, bin=64, normalized=True
    ),
    "mutual_information_2d_cp": lambda img, mrc: old.mutual_information_2d_cp(
        img.ravel(), img[::-1].ravel(), bin=64
    ),
    "Two_Image_NCC_SNR": lambda img, mrc: old.Two_Image_NCC_SNR(img, img[::-1], zero_mean=True),
    "Two_Image_FSC": lambda img, mrc: old.Two_Image_FSC(img, img[::-1], SNRt=0.143, symm=4),
    "analyze_mrc_stack_registration": lambda img, mrc: old.analyze_mrc_stack_registration(
        mrc, "", use_DASK=False, frame_inds=np.arange(1, 4), evaluation_box=[32, 192, 16, 200]
    ),
    "show_eval_box_mrc_stack": lambda img, mrc: old.show_eval_box_mrc_stack(
        mrc, frame_inds=[1], evaluation_box=[32, 192, 16, 200], Sample_ID="S"
    ),
    "plot_registrtion_quality_csvs": lambda img, mrc: old.plot_registrtion_quality_csvs(
        [_table(mrc)] * 2, ["first", "second"], ncc_bounds=[0.5, 1.0], colors=["red", "blue"]
    ),
}
LENGTHS = {
    "get_min_max_thresholds": 2,
    "Single_Image_SNR": 3,
    "Single_Image_Noise_ROIs": 6,
    "Single_Image_Noise_Statistics": 7,
    "Perform_2D_fit": 4,
    "Two_Image_NCC_SNR": 2,
    "Two_Image_FSC": 5,
    "analyze_mrc_stack_registration": 3,
    "show_eval_box_mrc_stack": 1,
}
FRAME_METHODS = {
    "print_header": lambda f: f.print_header(),
    "display_images": lambda f: f.display_images(),
    "save_images_jpeg": lambda f: f.save_images_jpeg(images_to_save="Both", invert=True),
    "save_images_tif": lambda f: f.save_images_tif("Both"),
    "get_image_min_max": lambda f: f.get_image_min_max("ImageA", 1e-4, 1e-3, 256, False),
    "RawImageA_8bit_thresholds": lambda f: f.RawImageA_8bit_thresholds(data_min=-1, data_max=-1),
    "RawImageB_8bit_thresholds": lambda f: f.RawImageB_8bit_thresholds(thr_min=1e-3),
    "save_snapshot": lambda f: f.save_snapshot(False, 60, 1e-3, 1e-3, 256),
    "analyze_noise_ROIs": lambda f: f.analyze_noise_ROIs(
        [[10, 60, 10, 60], [100, 160, 90, 150]], [0, 192, 0, 192], image_name="RawImageA"
    ),
    "analyze_noise_statistics": lambda f: f.analyze_noise_statistics(image_name="RawImageB"),
    "analyze_SNR_autocorr": lambda f: f.analyze_SNR_autocorr(evaluation_box=[10, 101, 10, 120]),
    "show_eval_box": lambda f: f.show_eval_box(evaluation_box=[10, 50, 10, 60], save_res_png=True),
    "determine_field_fattening_parameters": lambda f: f.determine_field_fattening_parameters(
        image_name="RawImageA", calc_corr=True, bins=8
    ),
    "flatten_image": lambda f: f.flatten_image(image_name="RawImageA"),
}
FRAME_LENGTHS = {
    "save_images_jpeg": 2,
    "save_images_tif": 2,
    "get_image_min_max": 2,
    "RawImageA_8bit_thresholds": 3,
    "RawImageB_8bit_thresholds": 3,
    "analyze_noise_ROIs": 6,
    "analyze_noise_statistics": 7,
    "analyze_SNR_autocorr": 3,
    "determine_field_fattening_parameters": 4,
}
TYPES = (
    "ShiftTransform",
    "XScaleShiftTransform",
    "ScaleShiftTransform",
    "AffineTransform",
    "RegularizedAffineTransform",
)


def _table(mrc):
    path = Path("known_RegistrationQuality.csv")
    columns = {"Image NSAD": [0.1, 0.2], "Image NCC": [0.8, 0.7], "Image MI": [0.2, 0.3]}
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def test_the_list_is_whole():
    assert {*FUNCTIONS, *TYPES, "FIBSEM_frame", "FIBSEM_dataset"} | {
        "plot_registrtion_quality_xlsx"
    } == set(old.__all__)
    methods = {name for name in dir(old.FIBSEM_frame) if not name.startswith("_")}
    assert methods == {*FRAME_METHODS, "calculate_scaled_images"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name, texture, mrc_stack):
    result = FUNCTIONS[name](texture, mrc_stack)
    assert result is not None
    if name in LENGTHS:
        assert len(result) == LENGTHS[name]


@pytest.mark.parametrize("name", FRAME_METHODS)
def test_frame_method(name, phantom, untouched, elsewhere):
    frame = old.FIBSEM_frame(phantom.files[0], ftype=0, use_dask_arrays=False)
    result = FRAME_METHODS[name](frame)
    if name in FRAME_LENGTHS:
        assert len(result) == FRAME_LENGTHS[name]
    written = [p for p in elsewhere.rglob("*") if p.is_file()]
    writes = ("save", "analyze", "show_eval_box")
    assert bool(written) == name.startswith(writes), written


@pytest.mark.parametrize("name", TYPES)
def test_transform_type_finds_a_known_shift(name):
    kind = getattr(old, name)
    src = np.random.default_rng(0).uniform(0, 500, (40, 2))
    found = kind()
    assert found.estimate(src, src + SHIFT)
    assert found.params[:2, 2] == pytest.approx([3.0, -2.0], abs=0.05)
    assert found.residuals(src, src + SHIFT).max() < 0.05
    assert np.allclose(found.inverse(found(src)), src)
    chained = kind(translation=(1, 2)) + kind(translation=(3, 4))
    assert chained.params[:2, 2] == pytest.approx([4, 6])


def test_transform_types_leave_the_given_matrix_alone_and_refuse_two_sources():
    given = np.array([[1.1, 0.2, 3.0], [0.1, 0.9, 4.0], [0, 0, 1.0]])
    kept = given.copy()
    assert old.ScaleShiftTransform(given).params[0, 1] == 0
    assert (given == kept).all()
    with pytest.raises(ValueError, match="not both"):
        old.ShiftTransform(given, translation=(1, 2))
    with pytest.raises(ValueError, match="3 x 3"):
        old.AffineTransform(np.eye(2))
    turned = old.RegularizedAffineTransform(rotation=0.1, scale=(1.1, 0.9))
    assert turned.rotation == pytest.approx(0.1)


def test_scikit_image_takes_the_types():
    from skimage.measure import ransac
    from skimage.transform import warp

    rng = np.random.default_rng(0)
    src = rng.uniform(0, 500, (60, 2))
    dst = src + np.array([5.0, 1.0])
    dst[:10] += 80
    model, inliers = ransac(
        (src, dst), old.ShiftTransform, min_samples=2, residual_threshold=1.5, rng=0
    )
    assert inliers.sum() == 50
    assert model.params[:2, 2] == pytest.approx([5.0, 1.0])
    image = np.zeros((20, 20))
    image[5, 7] = 1
    assert warp(image, old.ShiftTransform(translation=(2, 0)), order=0)[5, 5] == 1


@pytest.mark.parametrize(
    ("call", "nearest"),
    [
        (lambda img: old.Single_Image_SNR(img, edge_fracton=0.1), "edge_fraction"),
        (lambda img: old.Two_Image_FSC(img, img, snrt=0.1), "SNRt"),
        (lambda img: old.get_min_max_thresholds(img, treshold_min=1e-3), "threshold_min"),
        (lambda img: old.show_eval_box_mrc_stack("x.mrc", frame_ind=[1]), "frame_inds"),
    ],
)
def test_an_unknown_argument_names_the_nearest(call, nearest, texture):
    with pytest.raises((ParameterError, TypeError), match=f"Did you mean '{nearest}'"):
        call(texture)


def test_an_argument_in_both_spellings_is_refused(phantom):
    with pytest.raises(ParameterError, match="the same"):
        old.FIBSEM_dataset(phantom.files, "out", thr_min=1e-3, threshold_min=1e-3)


def test_results_never_go_beside_raw_frames(phantom, untouched, monkeypatch):
    frame = old.FIBSEM_frame(phantom.files[0])
    with pytest.raises(ParameterError, match="beside raw frames"):
        frame.save_snapshot(snapshot_name=str(untouched / "x.png"))
    monkeypatch.chdir(untouched)
    with pytest.raises(ParameterError, match="nothing is written"):
        frame.save_images_jpeg()


def test_out_dir_takes_what_was_written_beside_the_frame(phantom, untouched, elsewhere):
    frame = old.FIBSEM_frame(phantom.files[0], out_dir=elsewhere / "mine")
    path = frame.save_snapshot()
    assert path.parent == elsewhere / "mine"
    assert path.name == f"{Path(phantom.files[0]).stem}_snapshot.png"
