"""Edits as values, as a file, and as what a run makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fibsem_dash.cli.entry import main
from fibsem_dash.errors import FormatError, ParameterError
from fibsem_dash.io.tables import read_csv
from fibsem_dash.registration.by_hand import align_pair_preview, nudge, turn, turned_by
from fibsem_dash.registration.canvas import Canvas
from fibsem_dash.registration.edit_history import EditHistory
from fibsem_dash.registration.edits import (
    EDITS_FILE,
    RunEdits,
    frame_names,
    read_edits,
    resolve_frames,
    run_edits,
    write_edits,
)
from fibsem_dash.registration.pipeline import Registration
from fibsem_dash.registration.warp import RenderSettings, warp_image
from fibsem_dash.settings import RunSettings
from fibsem_dash.transforms import translation

MATRIX = [[1.001, 0.002, 3.5], [-0.001, 0.999, -1.25]]


def every_kind(names: list[str]) -> RunEdits:
    """An edit of each kind, for a stack of at least nine frames."""
    edits = RunEdits().exclude(names[4]).set_matrix(names[1], names[2], MATRIX)
    edits = edits.retry(names[6], names[7], {"drmax": 0.8, "sift.contrast_threshold": 0.02})
    return edits.accept(names[7], names[8])


def test_edits_survive_their_file(tmp_path: Path) -> None:
    edits = every_kind([f"f{k}.dat" for k in range(9)])
    write_edits(tmp_path, edits)
    assert run_edits(tmp_path) == edits == read_edits(tmp_path / EDITS_FILE)
    write_edits(tmp_path, RunEdits())
    assert not (tmp_path / EDITS_FILE).exists()
    assert run_edits(tmp_path) == RunEdits()


def test_a_change_gives_a_new_value_and_can_be_taken_back() -> None:
    start = RunEdits()
    edits = start.exclude("b", "a").retry("a", "b", {"drmax": 3})
    assert start == RunEdits()
    assert edits.excluded == ("a", "b")
    assert edits.find("a", "b").source == "retried"  # type: ignore[union-attr]
    assert edits.accept("a", "b").find("a", "b").settings == (("solver.drmax", 3.0),)  # type: ignore[union-attr]
    assert edits.include("a", "b").reset("a", "b") == start


BAD: dict[str, Any] = {
    "no object": [],
    "no version": {"excluded": []},
    "newer version": {"schema_version": 2},
    "unknown key": {"schema_version": 1, "exec": "x"},
    "number as name": {"schema_version": 1, "excluded": [3]},
    "names as text": {"schema_version": 1, "excluded": "abc"},
    "pair without second": {"schema_version": 1, "pairs": [{"first": "a"}]},
    "matrix of text": {
        "schema_version": 1,
        "pairs": [{"first": "a", "second": "b", "matrix": [["x", 0, 0], [0, 1, 0]]}],
    },
    "singular matrix": {
        "schema_version": 1,
        "pairs": [{"first": "a", "second": "b", "matrix": [[0, 0, 0], [0, 1, 0]]}],
    },
    "unknown setting": {
        "schema_version": 1,
        "pairs": [{"first": "a", "second": "b", "settings": {"solver.nothing": 1}}],
    },
    "setting of another stage": {
        "schema_version": 1,
        "pairs": [{"first": "a", "second": "b", "settings": {"output.order": 1}}],
    },
    "value out of bounds": {
        "schema_version": 1,
        "pairs": [{"first": "a", "second": "b", "settings": {"solver.drmax": -1}}],
    },
    "a pair twice": {"schema_version": 1, "pairs": [{"first": "a", "second": "b"}] * 2},
    "accepted as text": {
        "schema_version": 1,
        "pairs": [{"first": "a", "second": "b", "accepted": "yes"}],
    },
}


@pytest.mark.parametrize("content", [*BAD.values(), None], ids=[*BAD, "not JSON"])
def test_a_bad_edits_file_is_refused_with_its_path(tmp_path: Path, content: Any) -> None:
    path = tmp_path / EDITS_FILE
    path.write_text("{" if content is None else json.dumps(content))
    with pytest.raises(FormatError) as caught:
        run_edits(tmp_path)
    assert caught.value.path == str(path)


def test_a_run_stops_at_a_bad_edits_file_before_it_changes_anything(reference: Any) -> None:
    path = reference.folder / EDITS_FILE
    before = reference.contents
    path.write_text("[]")
    try:
        with pytest.raises(FormatError):
            reference.start()
    finally:
        path.unlink()
    assert reference.contents == before


@pytest.mark.parametrize("matrix", [np.eye(2), np.full((3, 3), np.nan), np.diag([1, -1, 1]), "x"])
def test_a_matrix_that_is_no_place_of_a_frame_is_refused(matrix: Any) -> None:
    with pytest.raises(ParameterError):
        RunEdits().set_matrix("a", "b", matrix)


def test_frames_are_called_by_name_or_number() -> None:
    paths = ["/d/a.dat", "/d/b.dat", "/d/7"]
    assert resolve_frames(["b.dat", "0", "7"], paths) == ["b.dat", "a.dat", "7"]
    for wrong in ("c.dat", "3", "-1"):
        with pytest.raises(ParameterError, match=wrong):
            resolve_frames([wrong], paths)


def test_equal_file_names_carry_their_folder() -> None:
    assert frame_names(["/d/1/a.dat", "/d/2/a.dat", "/d/2/b.dat"]) == [
        "1/a.dat",
        "2/a.dat",
        "b.dat",
    ]


def test_history_goes_back_and_forth_and_is_bounded() -> None:
    history = EditHistory(limit=3)
    values = [RunEdits(), *(RunEdits((str(k),)) for k in range(5))]
    for value in values[1:]:
        assert history.push(value) == value
    assert [history.undo() for _ in range(4)] == [values[4], values[3], values[2], values[2]]
    assert not history.can_undo
    assert history.redo() == values[3]
    history.push(values[3])
    assert history.can_redo
    history.push(values[0])
    assert not history.can_redo
    assert history.redo() == values[0]


def test_nudging_moves_the_aligned_frame_by_so_many_pixels() -> None:
    rng = np.random.default_rng(0)
    image = rng.random((40, 50)).astype(np.float32)
    matrix = np.array([[1.01, 0.02, 1.0], [-0.01, 0.99, 2.0], [0, 0, 1]])
    _, before = align_pair_preview(image, image, matrix)
    _, after = align_pair_preview(image, image, nudge(matrix, 3, -2))
    np.testing.assert_allclose(after[5:25, 10:30], before[7:27, 7:27], atol=1e-3)


def test_a_turn_leaves_its_centre_in_place_and_is_clockwise() -> None:
    image = np.zeros((41, 51), np.float32)
    image[20, 35] = image[10, 25] = 1
    _, after = align_pair_preview(image, image, turn(np.eye(3), 90, (25, 20)))
    # What lay to the right and above lies below and to the right.
    assert np.argwhere(after > 0.9).tolist() == [[20, 35], [30, 25]]
    matrix = np.array([[1.01, 0.02, 1.0], [-0.01, 0.99, 2.0], [0, 0, 1]])
    turned = turn(matrix, 0.3, (12.5, 7))
    assert (turned @ (12.5, 7, 1)).tolist() == pytest.approx((matrix @ (12.5, 7, 1)).tolist())
    np.testing.assert_allclose(turn(turned, -0.3, (12.5, 7)), matrix, atol=1e-12)
    assert turned_by(turn(np.eye(3), -1.25, (3, 4))) == pytest.approx(-1.25)


def test_the_crop_of_an_aligned_pair_is_that_of_the_written_frame() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 255, (2, 60, 70), np.uint8)
    matrix = np.array([[1.01, 0.02, 1.0], [-0.01, 0.99, 2.0], [0, 0, 1]])
    whole = warp_image(second.astype(np.float32), matrix, RenderSettings(Canvas((60, 70)), "uint8"))
    a, b = align_pair_preview(first, second, matrix, (10, 20, 5, 0))
    np.testing.assert_array_equal(a, first[10:30, 5:])
    np.testing.assert_allclose(b, whole[10:30, 5:], atol=0.51)
    with pytest.raises(ParameterError, match="leaves the frame"):
        align_pair_preview(first, second, matrix, (50, 20, 0, 0))


def run_with(run: Any, edits: RunEdits | None) -> Any:
    return Registration(run.paths, run.folder, RunSettings(), edits=edits).run()


def test_edits_on_an_old_run_give_the_bytes_of_a_fresh_run_with_them(
    phantom: Any, new_run: Callable[..., Any]
) -> None:
    old, fresh = new_run(phantom.files), new_run(phantom.files)
    edits = every_kind(frame_names(phantom.files))
    old.start()
    summary = run_with(old, edits)
    assert summary.excluded == {4: "excluded by hand"}
    assert summary.n_problems == 0
    # Pairs across the frame that is left out, and the one tried again; two frames' key points.
    assert old.counts["data_range"][1] == old.counts["keypoints"][1] == 0
    assert old.counts["pairs"][1] == 2
    run_with(fresh, edits)
    assert old.contents == fresh.contents
    assert old.record["edits"] == edits.to_dict()
    # What the folder holds is honoured without being asked for.
    again = old.start()
    assert again.excluded == {4: "excluded by hand"}
    assert old.counts["stack"] == (11, 0)


def test_pairs_tell_how_they_came_to_be(phantom: Any, new_run: Callable[..., Any]) -> None:
    run = new_run(phantom.files)
    run_with(run, every_kind(frame_names(phantom.files)))
    table = read_csv(run.folder / "pairs.csv").set_index("frame")
    assert table.columns[-1] == "source"
    sources = table["source"].astype(str).to_dict()
    assert (sources[2], sources[7], sources[8], sources[1]) == (
        "manual",
        "retried",
        "accepted",
        "sift",
    )
    assert table.loc[4, "status"] == "excluded"
    assert (table["status"].drop(4) == "ok").all()
    row = table.loc[2, ["T00", "T01", "T02", "T10", "T11", "T12"]].astype(float)
    assert row.tolist() == [v for line in MATRIX for v in line]


def test_an_accepted_failed_pair_is_no_problem_and_takes_no_frame_out(
    phantom: Any, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files)
    names = frame_names(phantom.files)
    impossible = {"solver.min_matches": 100000}
    failed = RunEdits().retry(names[4], names[5], impossible).retry(names[5], names[6], impossible)
    assert run_with(run, failed).excluded == {5: "matches neither neighbour"}
    accepted = failed.accept(names[4], names[5])
    summary = run_with(run, accepted)
    assert summary.excluded == {}
    assert [(p.first, p.second) for p in summary.failed] == [(5, 6)]
    table = read_csv(run.folder / "pairs.csv").set_index("frame")
    assert table.loc[5, ["status", "source"]].tolist() == ["failed", "accepted"]
    assert np.isnan(table.loc[5, "T00"])


def test_names_of_no_frame_are_told_and_nothing_else(
    phantom: Any, new_run: Callable[..., Any], reference: Any
) -> None:
    run = new_run(phantom.files)
    run_with(run, RunEdits().exclude("nobody.dat"))
    assert any("nobody.dat" in text for text in run.record["messages"])
    assert run.contents["transforms.csv"] == reference.contents["transforms.csv"]


def test_the_command_excludes_by_number_and_takes_a_file(
    phantom: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = frame_names(phantom.files)
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(RunEdits().set_matrix(names[0], names[1], MATRIX).to_dict()))
    raw, out = str(phantom.files[0].parent), str(tmp_path / "run")
    command = ["register", raw, "--out", out, "--workers", "0", "--exclude", "3", names[5]]
    assert main([*command, "--edits", str(file)]) == 0
    edits = run_edits(out)
    assert edits.excluded == (names[3], names[5])
    assert edits.find(names[0], names[1]) is not None
    assert "frame 3 left out: excluded by hand" in capsys.readouterr().out
    assert main([*command, "99"]) == 2
    assert "no such frame" in capsys.readouterr().err
    file.write_text("{}")
    assert main(["register", raw, "--out", out, "--edits", str(file)]) != 0
    assert "not the edits of a run" in capsys.readouterr().err


def test_a_shift_set_by_hand_places_the_frames_after_it(
    phantom: Any, new_run: Callable[..., Any]
) -> None:
    names = frame_names(phantom.files)
    run = new_run(phantom.files)
    edits = RunEdits().set_matrix(names[2], names[3], translation(5.0, -2.0))
    run_with(run, edits)
    table = read_csv(run.folder / "transforms.csv").set_index("frame")
    columns = ["orig_T02", "orig_T12"]
    moved = table.loc[3, columns].to_numpy(float) - table.loc[2, columns].to_numpy(float)
    np.testing.assert_allclose(moved, [5.0, -2.0], atol=1e-9)
