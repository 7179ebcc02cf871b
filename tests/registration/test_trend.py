"""The curves of the trend view: equal to what the run wrote, for every setting, at any moment."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fibsem_dash.compute.progress import Cancelled
from fibsem_dash.errors import FormatError, RunError
from fibsem_dash.io.tables import read_csv
from fibsem_dash.registration.edits import RunEdits, frame_names
from fibsem_dash.registration.pipeline import Registration
from fibsem_dash.registration.run_store import RunStore
from fibsem_dash.registration.tables import MATRIX_COLUMNS
from fibsem_dash.registration.trend import QUANTITIES, compute_trend, read_trend
from fibsem_dash.settings import ChainSettings, RunSettings, update

SETTINGS = {
    "defaults": {},
    "no fit": {"preserve_scales": False},
    "line": {"fit_method": "LF"},
    "polynomial": {"fit_method": "PF", "fit_order": 2},
    "short window": {"fit_window": 5, "fit_order": 1},
    "no lines": {"subtract_linear_x": False, "subtract_linear_y": False},
    "first order": {"shift_refit": "first_order", "subtract_linear_y": False},
    "no trend of the field": {"subtract_fov_trend_x": False},
}
ORDER = {"scale_x": "T00", "scale_y": "T11", "shear_xy": "T01", "shear_yx": "T10"} | {
    "shift_x": "T02",
    "shift_y": "T12",
}


@pytest.mark.parametrize("changes", SETTINGS.values(), ids=list(SETTINGS))
def test_the_curves_are_what_a_run_with_these_settings_writes(
    changes: dict[str, Any], reference: Any, phantom: Any, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files)
    run.start(quality__metrics=[], **{f"chain__{k}": v for k, v in changes.items()})
    table = read_csv(run.folder / "transforms.csv")
    # From the folder of another run, whose settings of the chain differ.
    trend = compute_trend(read_trend(reference.folder), ChainSettings(**changes))
    for k, name in enumerate(QUANTITIES):
        np.testing.assert_array_equal(trend.residual[:, k], table[ORDER[name]])
        np.testing.assert_array_equal(trend.cumulative[:, k], table[f"orig_{ORDER[name]}"])
    identity = np.array([1, 1, 0, 0, 0, 0])
    np.testing.assert_allclose(trend.before_fit - trend.fit + identity, trend.residual, atol=1e-9)


def test_each_frame_has_its_pair_and_its_numbers(reference: Any) -> None:
    trend = compute_trend(read_trend(reference.folder))
    table, pairs = trend.to_table(), read_csv(reference.folder / "pairs.csv")
    assert len(table) == 12
    assert table.loc[1:, "frame_to_frame_shift_x"].tolist() == pairs["T02"].tolist()
    assert np.isnan(table.loc[0, "frame_to_frame_shift_x"])
    assert table.loc[1:, "error_abs_mean"].tolist() == pairs["error_abs_mean"].tolist()
    assert table.loc[1:, "npts"].tolist() == pairs["npts"].tolist()
    assert (table["n_keypoints"] > 50).all()
    assert table["pair_source"].tolist() == ["", *["sift"] * 11]


def test_a_repeated_call_does_not_multiply_the_matrices_again(
    reference: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = read_trend(reference.folder)
    first = compute_trend(data)
    monkeypatch.setattr("fibsem_dash.registration.trend.cumulate", None)
    monkeypatch.setattr("fibsem_dash.registration.chain.cumulate", None)
    np.testing.assert_array_equal(compute_trend(data).residual, first.residual)


def test_edited_and_failed_pairs_and_left_out_frames_show(
    phantom: Any, new_run: Callable[..., Any]
) -> None:
    run, names = new_run(phantom.files), frame_names(phantom.files)
    edits = RunEdits().exclude(names[3]).set_matrix(names[0], names[1], np.eye(3))
    edits = edits.retry(names[7], names[8], {"min_matches": 100_000})
    Registration(run.paths, run.folder, RunSettings(), edits=edits).run()
    data = read_trend(run.folder)
    assert data.frames.tolist() == [k for k in range(12) if k != 3]
    assert data.statuses.count("failed") == 1
    assert (data.statuses[6], data.sources[6], data.sources[0]) == ("failed", "retried", "manual")
    trend = compute_trend(data)
    assert np.isnan(trend.frame_to_frame[7]).all()
    np.testing.assert_array_equal(trend.cumulative[7], trend.cumulative[6])
    table = read_csv(run.folder / "transforms.csv").dropna()
    np.testing.assert_array_equal(trend.residual[:, 4], table["T02"])


def test_a_run_that_was_stopped_shows_what_is_there(
    phantom: Any, new_run: Callable[..., Any], cancel_after: Any, reference: Any
) -> None:
    run = new_run(phantom.files)
    with pytest.raises(RunError):
        read_trend(run.folder)
    with pytest.raises(Cancelled):
        run.start(monitor=cancel_after("keypoints", 12))
    assert set(read_trend(run.folder).statuses) == {"pending"}
    with pytest.raises(Cancelled):
        run.start(monitor=cancel_after("pairs", 4))
    data, whole = read_trend(run.folder), read_trend(reference.folder)
    known = [k for k, status in enumerate(data.statuses) if status == "ok"]
    assert 4 <= len(known) < 11
    assert not data.complete
    assert whole.complete
    np.testing.assert_array_equal(data.matrices[known], whole.matrices[known])
    np.testing.assert_array_equal(data.mean_src[known], whole.mean_src[known])
    assert np.isfinite(compute_trend(data).residual).all()
    with pytest.raises(Cancelled):
        run.start(monitor=cancel_after("stack", 1))
    np.testing.assert_array_equal(read_trend(run.folder).matrices, whole.matrices)


def test_a_run_by_blocks_that_was_stopped_shows_its_pairs(
    phantom: Any, new_run: Callable[..., Any], cancel_after: Any
) -> None:
    run = new_run(phantom.files)
    with pytest.raises(Cancelled):
        run.start(monitor=cancel_after("pairs", 4), estimation__estimator="blocks")
    data = read_trend(run.folder)
    known = [k for k, status in enumerate(data.statuses) if status == "ok"]
    assert len(known) >= 4
    assert {data.sources[k] for k in known} == {"blocks"}
    assert np.isfinite(data.matrices[known]).all()


@pytest.mark.parametrize("estimator", ["sift", "blocks", "auto"])
def test_the_cache_tells_what_the_table_tells(
    estimator: str, phantom: Any, new_run: Callable[..., Any]
) -> None:
    run, names = new_run(phantom.files), frame_names(phantom.files)
    edits = RunEdits().set_matrix(names[0], names[1], np.eye(3)).accept(names[4], names[5])
    settings = update(RunSettings(), {"estimation.estimator": estimator, "quality.metrics": []})
    Registration(run.paths, run.folder, settings, edits=edits).run()
    table = read_trend(run.folder)
    (run.folder / "pairs.csv").unlink()
    cache = read_trend(run.folder)
    for field in dataclasses.fields(table):
        a, b = getattr(table, field.name), getattr(cache, field.name)
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b, err_msg=field.name)
        else:
            assert a == b


def test_a_folder_that_contradicts_itself_is_refused(
    phantom: Any, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files)
    run.start(quality__metrics=[])
    store = RunStore(run.folder)
    record = store.read()
    store.write(record | {"input": record["input"][:3]})
    with pytest.raises(FormatError, match=r"frames\.csv and the input list"):
        read_trend(run.folder)
    store.write(record | {"settings": {"solver": {"drmax": "wide"}}})
    with pytest.raises(FormatError, match="drmax"):
        read_trend(run.folder)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_short_stacks_have_curves(n: int, phantom: Any, new_run: Callable[..., Any]) -> None:
    run = new_run(phantom.files[:n])
    run.start()
    trend = compute_trend(read_trend(run.folder))
    assert trend.residual.shape == (n, 6)
    assert np.isfinite(trend.residual).all()
    assert [c for c in read_csv(run.folder / "pairs.csv").columns if c in MATRIX_COLUMNS]
