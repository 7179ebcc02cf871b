"""A registration as old notebooks run it, on the phantom."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fibsem_dash.compat as old
from fibsem_dash.errors import FormatError, ParameterError
from fibsem_dash.io import open_stack

SIFT_KWARGS = {
    "ftype": 0,
    "Sample_ID": "phantom",
    "EightBit": 0,
    "threshold_min": 1e-3,
    "threshold_max": 1e-3,
    "nbins": 256,
    "sliding_minmax": True,
    "kp_max_num": 20000,
    "TransformType": old.ShiftTransform,
    "l2_matrix": np.diag([1e-5, 1e-5, 0, 1e-5, 1e-5, 0]),
    "targ_vector": np.array([1, 0, 0, 0, 1, 0]),
    "solver": "RANSAC",
    "drmax": 1.5,
    "max_iter": 500,
    "BFMatcher": True,
    "save_matches": True,
    "save_res_png ": False,
    "zbin_2x": False,
    "preserve_scales": True,
    "fit_params": ["SG", 7, 3],
    "int_order": 1,
    "subtract_linear_fit": [True, True],
    "pad_edges": True,
    "use_DASK": False,
}


@pytest.fixture
def dataset(phantom, tmp_path, untouched):
    return old.FIBSEM_dataset(phantom.files, tmp_path / "results", **SIFT_KWARGS)


@pytest.mark.filterwarnings("ignore:Shares of detector B")
def test_the_sequence_of_2022(dataset, phantom, capsys):
    low, high, seconds, matrix, n, rejected, points = dataset.SIFT_evaluation(phantom.files[:2])
    true = phantom.matrices[1] @ np.linalg.inv(phantom.matrices[0])
    assert matrix[:2, 2] == pytest.approx(true[:2, 2], abs=0.6)
    assert n == len(points[0]) == len(points[1]) > 10
    assert low < high
    assert seconds > 0
    assert rejected >= 0
    tifs = dataset.convert_raw_data_to_tif_files()
    assert [Path(name).exists() for name in tifs] == [True] * 8
    minimum, maximum, sliding_minimum, sliding_maximum = dataset.calc_data_range("")
    assert minimum < maximum
    assert sliding_minimum.shape == sliding_maximum.shape == (8,)
    assert all(Path(name).exists() for name in dataset.extract_keypoints(""))
    results = dataset.determine_transformations("")
    assert [len(result) for result in results] == [5] * 7
    assert dataset.transformation_matrix.shape == (7, 3, 3)
    assert all(Path(name).exists() for name in dataset.fnms_matches)
    assert dataset.npts.min() > 10
    chain = dataset.process_transformation_matrix()
    assert chain.shape == (8, 3, 3)
    assert chain is dataset.tr_matr_cum_residual
    path = dataset.save_parameters(dump_file="parameters.bin")
    assert Path(path).suffix == ".json"
    assert dataset.check_for_nomatch_frames(5).shape == (8, 3, 3)
    assert len(dataset.show_eval_box(evaluation_box=[20, 100, 20, 90], frame_inds=[0, 4])) == 2
    shares = dataset.estimate_SNRs(frame_inds=[1, 4], evaluation_box=[0, 0, 0, 0])
    assert len(shares) == 3
    best, gain, fractions, ratios = dataset.evaluate_ImgB_fractions([0, 0.1, 0.2], [1, 2, 3])
    assert len(fractions) == len(ratios) == 3
    assert np.isfinite([best, gain]).all()
    table = dataset.transform_and_save(True, -1, perfrom_transformation=True, invert_data=False)
    assert list(table.columns) == [
        "Frame",
        "Npts",
        "Mean Abs Error",
        "Image NSAD",
        "Image NCC",
        "Image MI",
    ]
    with open_stack(dataset.registered_file) as stack:
        assert len(stack) == 8
    assert "Mean number of matches" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:Shares of detector B")
def test_the_sequence_of_2025(phantom, tmp_path, untouched):
    dataset = old.FIBSEM_dataset(
        phantom.files,
        data_dir=tmp_path / "results",
        TransformType=old.ScaleShiftTransform,
        SIFT_contrastThreshold=0.03,
        fit_params=["LF"],
        int_order=1,
        save_res_png=False,
        eval_metrics=["NSAD", "NCC", "NMI", "FSC"],
        fnm_types=["mrc", "h5"],
    )
    assert (dataset.drmax, dataset.zbin_factor, dataset.flipY) == (1.5, None, False)
    data = dataset.evaluate_FIBSEM_statistics(use_existing_data=False)
    assert len(data) == 13
    assert list(pd.read_excel(data[0]).columns)[:3] == ["Frame", "Min", "Max"]
    assert len(dataset.SIFT_evaluation(number_of_repeats=2)) == 9
    assert [len(r) for r in dataset.determine_transformations(start="edges")] == [7] * 7
    chain, book = dataset.process_transformation_matrix(verbose=False)
    assert chain.shape == (8, 3, 3)
    cumulative = pd.read_excel(book, sheet_name="Cum. Transformation Matrix")
    assert cumulative["T02 (Tx)"].to_numpy() == pytest.approx(chain[:, 0, 2])
    table, path = dataset.transform_and_save(
        frame_inds=np.arange(2, 7), image_scales=np.full(8, 2.0), dtp=np.int16
    )
    assert list(table.columns)[:5] == ["Frame", "xi_eval", "xa_eval", "yi_eval", "ya_eval"]
    assert set(table.columns) >= {"NSAD", "NCC", "NMI", "FSC"}
    assert len(table) == 4
    assert Path(path).suffix == ".xlsx"
    assert len(dataset.evaluate_ImgB_fractions([0, 0.1, 0.2], [1, 2])) == 5


def test_results_leave_the_folder_of_the_frames(phantom, untouched, elsewhere, capsys):
    dataset = old.FIBSEM_dataset(phantom.files, str(untouched), EightBit=0)
    expected = elsewhere / "fibsem_dash_results" / untouched.name
    assert Path(dataset.data_dir) == expected
    assert "Nothing is written beside raw frames" in capsys.readouterr().out


def test_defaults_are_those_of_the_generation(phantom, tmp_path):
    seed = old.FIBSEM_dataset(phantom.files, tmp_path / "a")
    assert (seed.drmax, seed.zbin_2x, seed.flipY) == (2.0, True, True)
    assert seed.fnm_reg == (
        "Registered_I16_zbin2_RegularizedAffineTransform_RANSAC_drmax2.0_const_scls_SG"
        "_shift_subtr_padded.mrc"
    )
    later = old.FIBSEM_dataset(phantom.files, tmp_path / "b", zbin_factor=4)
    assert later.generation == "2025"
    assert later.drmax == 1.5


def test_parameters_are_recalled_without_pickle(dataset, phantom, tmp_path):
    dataset.process_transformation_matrix(drmax=2.5)
    path = Path(dataset.save_parameters())
    assert json.loads(path.read_text())["parameters"]["TransformType"] == "ShiftTransform"
    again = old.FIBSEM_dataset(
        phantom.files, tmp_path / "results", recall_parameters=True, dump_filename=path
    )
    assert again.drmax == 2.5
    assert again.TransformType is old.ShiftTransform
    assert np.array_equal(again.tr_matr_cum_residual, dataset.tr_matr_cum_residual)
    broken = tmp_path / "old.bin"
    broken.write_bytes(b"\x80\x04N.")
    with pytest.raises(FormatError, match="cannot be read"):
        again.recall(broken)


def test_an_attribute_that_changes_changes_the_result(dataset):
    dataset.TransformType = old.ShiftTransform
    dataset.process_transformation_matrix()
    assert np.allclose(dataset.transformation_matrix[:, :2, :2], np.eye(2))
    dataset.process_transformation_matrix(TransformType=old.AffineTransform)
    dataset.determine_transformations()
    assert not np.allclose(dataset.transformation_matrix[:, :2, :2], np.eye(2), atol=1e-9)


def test_metrics_without_a_stack(dataset):
    table = dataset.transform_and_save(save_transformed_dataset=False)
    assert len(table) == 7
    assert not hasattr(dataset, "registered_file")


def test_unknown_and_absent_things_are_errors(dataset):
    with pytest.raises(ParameterError, match="Did you mean 'evaluation_box'"):
        dataset.transform_and_save(evalution_box=[0, 0, 0, 0])
    with pytest.raises(ParameterError, match="follow each other"):
        dataset.transform_and_save(True, [0, 2])
    with pytest.raises(ParameterError, match="deformation"):
        dataset.transform_and_save(perform_deformation=True)


def test_a_dask_client_and_use_dask_together_are_understood(dataset, mrc_stack):
    from distributed import Client

    alone = old.analyze_mrc_stack_registration(mrc_stack, save_res_png=False, frame_inds=[1, 2])
    with Client(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as c:
        dataset.calc_data_range(c, use_DASK=True)
        assert dataset.run().registration.executor.n_workers == 1
        assert "Dask" in type(dataset.run().registration.executor).__name__
        shared = old.analyze_mrc_stack_registration(
            mrc_stack, c, use_DASK=True, save_res_png=False, frame_inds=[1, 2]
        )
    assert shared.equals(alone)
    dataset.calc_data_range("", use_DASK=False)
    assert "Dask" not in type(dataset.run().registration.executor).__name__
