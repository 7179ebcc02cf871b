"""Stages that are called one by one leave a run folder like any other."""

from __future__ import annotations

import pytest

from fibsem_dash.dataset import FIBSEMDataset
from fibsem_dash.errors import RunError
from fibsem_dash.interoperability import open_stack

SETTINGS = {"transform": "shift", "output.file_name": "s"}


def test_stages_one_by_one_write_what_a_run_writes(phantom, tmp_path):
    whole = FIBSEMDataset(phantom.files[:5], tmp_path / "whole", **SETTINGS)
    whole.register()
    single = FIBSEMDataset(phantom.files[:5], tmp_path / "single", **SETTINGS)
    single.process_transformation_matrix()
    record = single.registration.store.read()
    assert record["state"] == "cancelled"
    with pytest.raises(RunError, match="no stack yet"):
        open_stack(tmp_path / "single")
    single.transform_and_save()
    record = single.registration.store.read()
    assert record["state"] == "done"
    assert len(record["input"]) == 5
    for name in ("s.mrc", "s_RegistrationQuality.csv", "pairs.csv"):
        assert (tmp_path / "single" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    with single.open_stack() as stack:
        assert len(stack) == 5


def test_settings_may_change_between_stages(phantom, tmp_path):
    dataset = FIBSEMDataset(phantom.files[:4], tmp_path / "run", **SETTINGS)
    dataset.process_transformation_matrix()
    first = dataset.registration.pairs[0].matrix
    dataset.configure(transform="affine")
    dataset.process_transformation_matrix()
    second = dataset.registration.pairs[0].matrix
    assert (first[:2, :2] == [[1, 0], [0, 1]]).all()
    assert (second[:2, :2] != [[1, 0], [0, 1]]).all()


def test_single_stages_never_write_beside_raw_frames(phantom):
    folder = phantom.files[0].parent
    before = sorted(folder.iterdir())
    with pytest.raises(RunError, match="raw frames"):
        FIBSEMDataset(phantom.files[:4], folder / "run", **SETTINGS).measure_data_range()
    assert sorted(folder.iterdir()) == before
