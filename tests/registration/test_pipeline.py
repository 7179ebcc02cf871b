"""A whole registration of a small phantom."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from fibsem_dash.compute.cluster import open_executor
from fibsem_dash.io.tables import read_csv, read_quality
from fibsem_dash.phantom import PhantomResult
from fibsem_dash.transforms import apply

MATRIX = ["T00", "T01", "T02", "T10", "T11", "T12"]
COLUMNS = {
    "frames.csv": [
        "frame",
        "file",
        "status",
        "min",
        "max",
        "sliding_min",
        "sliding_max",
        "working_distance_mm",
        "milling_y_voltage_v",
        "scan_rate_hz",
        "eht_kv",
        "specimen_current_na",
        "fov_centre_x_px",
        "fov_centre_y_px",
    ],
    "pairs.csv": [
        "frame",
        "file",
        "status",
        "npts",
        "n_matches",
        "error_abs_mean",
        "fwhm_x",
        "fwhm_y",
        *MATRIX,
    ],
    "transforms.csv": ["frame", "file", "status", *MATRIX, *(f"orig_{name}" for name in MATRIX)],
}
QUALITY = ["frame", "xi_eval", "xa_eval", "yi_eval", "ya_eval", "NSAD", "NCC", "NMI"]
QUALITY += ["Npts", "Mean Abs Error"]


def matrices_of(table: Any, prefix: str = "") -> np.ndarray:
    rows = table[[prefix + name for name in MATRIX]].to_numpy().reshape(-1, 2, 3)
    return np.concatenate([rows, np.tile([[[0.0, 0, 1]]], (len(rows), 1, 1))], 1)


def test_the_truth_is_recovered(reference: Any, phantom: PhantomResult) -> None:
    found = matrices_of(read_csv(reference.folder / "pairs.csv"))
    true = phantom.matrices[1:] @ np.linalg.inv(phantom.matrices[:-1])
    centre = [[95.5, 95.5]]
    error = np.linalg.norm((apply(found, centre) - apply(true, centre))[:, 0], axis=1)
    assert np.sqrt((error**2).mean()) < 0.3
    assert error.max() < 0.7


def test_slices_fit_each_other_better_than_frames(
    reference: Any, phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    unmoved = new_run(phantom.files)
    before = unmoved.start(output__perform_transformation=False).stack.median_quality
    after = reference.start().stack.median_quality
    assert after["NCC"] > before["NCC"] + 0.02
    assert after["NSAD"] < before["NSAD"]


@pytest.mark.parametrize("name", COLUMNS)
def test_tables_have_the_columns_of_the_contract(name: str, reference: Any) -> None:
    table = read_csv(reference.folder / name)
    assert list(table.columns)[: len(COLUMNS[name])] == COLUMNS[name]
    assert len(table) == (11 if name == "pairs.csv" else 12)
    assert (table["status"] == "ok").all()
    assert table["frame"].tolist() == list(range(12 - len(table), 12))


def test_the_quality_table_has_the_columns_of_the_contract(reference: Any) -> None:
    (path,) = reference.folder.glob("*_RegistrationQuality.csv")
    table = read_quality(path)
    assert list(read_csv(path).columns) == QUALITY
    assert table["frame"].tolist() == list(range(1, 12))
    assert table["NCC"].between(0.8, 1).all()


def test_the_first_frame_keeps_its_position(reference: Any) -> None:
    table = read_csv(reference.folder / "transforms.csv")
    np.testing.assert_array_equal(matrices_of(table, "orig_")[0], np.eye(3))
    np.testing.assert_array_equal(matrices_of(table)[0, :2, 2], 0)


def test_mrcfile_opens_the_stack(reference: Any) -> None:
    (path,) = reference.folder.glob("*.mrc")
    with mrcfile.open(path) as file:
        assert file.data.shape[0] == 12
        assert file.data.dtype == np.int16
        assert file.data.shape[1] >= 192
        size = file.voxel_size
        assert (float(size.x), float(size.y)) == (80.0, 80.0)
        # The headers' working distances say 8 nm, with their noise.
        assert float(size.z) == pytest.approx(80.0, rel=0.02)
        assert file.data[-1].any()
    assert mrcfile.validate(path)


def test_the_record_tells_what_happened(reference: Any, phantom: PhantomResult) -> None:
    record = reference.record
    assert record["schema_version"] == 1
    assert record["state"] == "done"
    assert record["finished"] >= record["created"]
    assert {stage["state"] for stage in record["stages"].values()} == {"done"}
    assert [Path(item["path"]) for item in record["input"]] == list(phantom.files)
    assert record["input"][0]["size"] == phantom.files[0].stat().st_size
    assert record["settings"]["solver"]["drmax"] == 1.5
    assert all((reference.folder / name).is_file() for name in record["outputs"])
    assert not (reference.folder / "run.lock").exists()


def test_two_runs_give_the_same_bytes(
    reference: Any, phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    again = new_run(phantom.files)
    again.start()
    assert again.contents == reference.contents
    assert len(again.contents) == 5


def test_the_same_run_again_reuses_everything(
    phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files)
    run.start()
    before = run.contents
    run.start()
    assert run.contents == before
    assert run.counts == {
        "data_range": (12, 0),
        "keypoints": (12, 0),
        "pairs": (11, 0),
        "stack": (12, 0),
    }


def test_nothing_is_written_beside_the_raw_frames(
    copied_phantom: list[Path], new_run: Callable[..., Any], fingerprint: Callable[..., Any]
) -> None:
    folder = copied_phantom[0].parent
    before = fingerprint(folder)
    run = new_run(copied_phantom)
    run.start()
    run.start(output__order=3)
    assert fingerprint(folder) == before


@pytest.mark.parametrize("name", ["shift", "x_scale_shift", "scale_shift", "affine"])
def test_every_model_and_solver_runs(
    name: str, phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files[:4])
    solver = "LinReg" if name in ("shift", "affine") else "RANSAC"
    summary = run.start(solver__transform=name, solver__solver=solver, chain__fit_method="LF")
    assert summary.n_problems == 0
    linear = matrices_of(read_csv(run.folder / "pairs.csv"))[:, :2, :2]
    if name == "shift":
        np.testing.assert_array_equal(linear, np.tile(np.eye(2), (3, 1, 1)))


@pytest.mark.parametrize("z_bin", [2, 3, 5])
def test_binned_slices_include_a_short_last_group(
    z_bin: int, phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files[:7])
    summary = run.start(output__z_bin=z_bin, input__z_step_nm=4.0, output__file_name="s")
    n_slices = -(-7 // z_bin)
    assert summary.n_slices == n_slices
    with mrcfile.open(run.folder / "s.mrc") as file:
        assert file.data.shape[0] == n_slices
        assert file.data[-1].any()
        assert float(file.voxel_size.z) == pytest.approx(40.0 * z_bin)
    assert len(read_csv(run.folder / "s_RegistrationQuality.csv")) == n_slices - 1
    slices = read_csv(run.folder / "transforms.csv")["slice"]
    assert slices.tolist() == [k // z_bin for k in range(7)]


def test_flipped_slices_have_the_same_quality(
    reference: Any, phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    flipped = new_run(phantom.files)
    quality = flipped.start(output__flip_y=True).stack.median_quality
    assert quality == pytest.approx(reference.start().stack.median_quality)
    (plain,), (turned,) = (r.folder.glob("*.mrc") for r in (reference, flipped))
    with mrcfile.open(plain) as a, mrcfile.open(turned) as b:
        np.testing.assert_array_equal(a.data[:, ::-1], b.data)


def test_an_8_bit_stack_spans_the_range_of_the_frames(
    reference: Any, phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files)
    run.start(output__dtype="uint8", output__file_name="small")
    table = read_csv(run.folder / "frames.csv")
    low, high = np.quantile(table["min"], 1e-3), np.quantile(table["max"], 1 - 1e-3)
    (path,) = reference.folder.glob("*.mrc")
    with mrcfile.open(path) as file, mrcfile.open(run.folder / "small.mrc") as small:
        inner = np.s_[:, 20:-20, 20:-20]
        counts = file.data[inner].astype(float)
        found = small.data.view(np.uint8)[inner]
    exact = (255 * (counts - low) / (high - low)).clip(0, 255)
    # The counts of the 16-bit stack are rounded already.
    np.testing.assert_allclose(found, exact, atol=0.5 + 255 / (high - low))


def test_a_cluster_gives_the_same_bytes(
    reference: Any, phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files)
    with open_executor(workers=2) as executor:
        summary = run.start(executor=executor)
    assert executor.n_workers == 2
    assert summary.n_problems == 0
    assert run.contents == reference.contents
    assert json.loads((run.folder / "run.json").read_text())["state"] == "done"
