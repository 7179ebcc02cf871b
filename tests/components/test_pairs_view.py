from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.config import ServerConfig
from components.pages.pairs_view import PairsView
from components.pages.registration import RegistrationPage
from components.run_result import problem_table
from components.session import Session
from components.widgets.hand_align import overlap_ncc
from fibsem_dash.compute.executor import InProcessExecutor
from fibsem_dash.io import open_frame
from fibsem_dash.io.tables import read_csv
from fibsem_dash.jobs import JobRegistry, jobs_folder
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.by_hand import turned_by
from fibsem_dash.registration.edits import run_edits, write_edits
from fibsem_dash.registration.frames import find_frames, inspect_frame
from fibsem_dash.registration.pipeline import Registration
from fibsem_dash.transforms.matrices import apply, translation

# Panel's table calls pandas in a way that pandas wants to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")

BLANK = 4


def blank_frame(path: Path) -> None:
    """Replace the pixels of a frame by one grey level."""
    frame = open_frame(path)
    content = bytearray(path.read_bytes())
    n = int(np.prod(frame.shape)) * len(frame.detectors)
    level = np.array([int(np.median(frame.raw("A")))], ">i2").tobytes()
    content[1024 : 1024 + 2 * n] = level * n
    path.write_bytes(content)


@pytest.fixture
def run_folder(tmp_path) -> Path:
    """A run of 9 frames, of which one has no content."""
    root = tmp_path.resolve()
    folder = write_phantom(root / "data", frames=9, size=160, seed=5).folder
    blank_frame(find_frames(folder)[BLANK])
    Registration(find_frames(folder), root / "runs" / "run", executor=InProcessExecutor()).run()
    return root / "runs" / "run"


@pytest.fixture
def view(run_folder) -> PairsView:
    root = run_folder.parents[1]
    session = Session(ServerConfig((root / "data",), root / "runs"))
    paths = find_frames(root / "data")
    session.open_frames(str(root / "data"), [inspect_frame(i, str(p)) for i, p in enumerate(paths)])
    session.run_folder = str(run_folder)
    view = PairsView(session)
    view.__panel__()
    view.on_enter()
    return view


def row_of(view: PairsView, pair: str) -> int:
    return view.rows.index[view.rows["Pair"] == pair][0]


def test_problems_come_first_and_the_first_one_is_open(view):
    assert view.load.error == ""
    assert view.rows["Status"].tolist() == ["left out", *["ok"] * 7]
    assert view.rows["second"].iloc[0] == BLANK
    assert "featureless" in view.rows["Reason"].iloc[0]
    assert view.pair == (BLANK - 1, BLANK)
    assert "No transform" in view.failure.object
    errors = view.rows["Error (px)"].iloc[1:].tolist()
    assert errors == sorted(errors, reverse=True)
    view.__panel__().get_root()


def test_the_table_is_limited_and_ordered(view):
    view.status.value = "left out"
    assert view.table.value["second"].tolist() == [BLANK]
    view.status.value = "ok"
    view.order.value = "fewest matches first"
    matches = view.table.value["Matches"].tolist()
    assert matches == sorted(matches)
    assert len(matches) == 7
    view.status.value, view.order.value = "all", "frame"
    assert view.table.value["second"].tolist() == list(range(1, 9))


def test_a_row_opens_its_pair(view):
    view.open_row(row_of(view, "1 – 2"))
    trial = view.work.result.trial
    assert view.session.frame == 2
    assert trial.n_inliers > 20
    assert view.failure.object == ""
    stored = view.loaded.data
    assert np.allclose(trial.matrix, stored.matrices[1], atol=0.05)
    assert len(view.picture.lines["inliers"].data["x0"]) > 0


def test_other_settings_are_tried_before_they_are_used(view):
    view.open_row(row_of(view, "1 – 2"))
    assert view.actions.buttons["retry"].disabled
    view.settings.params.solver.transform = "shift"
    assert view.work.result.trial.matrix[:2, :2].tolist() == [[1, 0], [0, 1]]
    assert not view.actions.edits
    view.actions.retry()
    assert view.actions.edit.settings == (("solver.transform", "shift"),)
    assert view.rows["Decision"].iloc[row_of(view, "1 – 2")] == "other settings"
    view.open_row(row_of(view, "5 – 6"))
    assert view.settings.changes == {}
    view.open_row(row_of(view, "1 – 2"))
    assert view.settings.changes == {"solver.transform": "shift"}
    view.actions.reset()
    assert not view.actions.edits
    assert view.settings.changes == {}


def test_by_hand_the_correlation_tells_where_the_frame_fits(view):
    view.open_row(row_of(view, "1 – 2"))
    best = view.hand.work.result[2]
    view.hand.keys.pressed = [1.0, 0.0, 0.0, 1]
    view.hand.keys.pressed = [1.0, 0.0, 0.0, 2]
    assert view.hand.work.result[2] < best
    view.hand.keys.pressed = [-2.0, 0.0, 0.0, 3]
    assert view.hand.work.result[2] == pytest.approx(best, abs=1e-6)
    view.hand.move(0.1, 0)
    view.actions.set_by_hand()
    found = view.actions.edit.whole_matrix()
    assert np.allclose(found, view.hand.matrix)
    assert view.work.result.trial.matrix[0, 2] - found[0, 2] == pytest.approx(0.1, abs=0.01)


def test_by_hand_the_frame_is_turned_about_the_middle(view, run_folder):
    view.open_row(row_of(view, "1 – 2"))
    before, best = view.hand.matrix, view.hand.work.result[2]
    words = view.hand.words.object
    view.hand.keys.pressed = [0.0, 0.0, 0.5, 1]
    assert view.hand.work.result[2] < best
    assert turned_by(view.hand.matrix) - turned_by(before) == pytest.approx(0.5, abs=0.01)
    assert np.allclose(*(apply(m, [view.hand.middle]) for m in (before, view.hand.matrix)))
    assert (
        view.hand.words.object.split("turned")[0].split("moved")[1]
        == (words.split("turned")[0].split("moved")[1])
    )
    for button in view.hand.turns:
        button.clicks += 1
    assert turned_by(view.hand.matrix) - turned_by(before) == pytest.approx(0.5, abs=0.01)
    view.actions.set_by_hand()
    write_edits(run_folder, view.actions.edits)
    (edit,) = run_edits(run_folder).pairs
    assert np.allclose(edit.whole_matrix(), view.hand.matrix)


def test_overlap_counts_only_what_both_frames_have():
    rng = np.random.default_rng(0)
    first = rng.integers(1, 255, (60, 80)).astype(np.uint8)
    shifted = np.zeros_like(first)
    shifted[:, 10:] = first[:, 10:]
    assert overlap_ncc(first, shifted, translation(-10, 0), (60, 80)) == pytest.approx(1)
    assert np.isnan(overlap_ncc(first, shifted, translation(200, 0), (60, 80)))


def test_arrow_keys_belong_to_the_tool_only_while_it_is_shown(view):
    assert not view.hand.keys.active
    view.tabs.active = 1
    assert view.hand.keys.active
    view.on_leave()
    assert not view.hand.keys.active


def test_decisions_are_undone_and_redone(view):
    view.open_row(row_of(view, "1 – 2"))
    view.actions.exclude()
    view.actions.accept()
    name = view.names[2]
    assert view.actions.edits.excluded == (name,)
    assert view.actions.edit.accepted
    view.on_key("ctrl-z")
    view.on_key("ctrl-z")
    assert not view.actions.edits
    assert view.actions.buttons["undo"].disabled
    view.on_key("ctrl-y")
    assert view.actions.edits.excluded == (name,)
    view.actions.include()
    assert not view.actions.edits


def test_applied_decisions_change_the_pairs_of_the_run(view, run_folder):
    registry = JobRegistry(jobs_folder(run_folder.parent))
    view.rerun._registry = registry
    try:
        before = read_csv(run_folder / "pairs.csv")
        view.open_row(row_of(view, "1 – 2"))
        view.hand.move(3.0, 0)
        view.actions.set_by_hand()
        view.open_row(row_of(view, "7 – 8"))
        view.actions.exclude()
        view.rerun.prepare()
        assert "slices of 7" in view.rerun.text.object
        assert not run_edits(run_folder)
        view.rerun.start()
        assert run_edits(run_folder) == view.actions.edits
        ends = time.monotonic() + 120
        while view.rerun.job and time.monotonic() < ends:
            time.sleep(0.3)
            view.rerun.poll()
        assert "Done" in view.rerun.text.object
    finally:
        registry.close()
    after = read_csv(run_folder / "pairs.csv")
    moved = after[after["frame"] == 2].iloc[0]
    assert moved["source"] == "manual"
    old = before[before["frame"] == 2].iloc[0]
    assert old["T02"] - moved["T02"] == pytest.approx(3, abs=0.1)
    assert after[after["frame"] == 8].iloc[0]["status"] == "excluded"
    assert view.rows["Decision"].tolist().count("set by hand") == 1
    assert view.rows[view.rows["second"] == 8]["Status"].tolist() == ["left out"]


def test_a_pair_is_opened_and_marked_from_elsewhere(view, run_folder):
    view.status.value = "decided"
    view.show_pair(6, 7)
    assert view.pair == (6, 7)
    assert view.status.value == "all"
    assert view.table.selection == [row_of(view, "6 – 7")]
    view.show_pair(-1, BLANK)
    assert view.pair == (BLANK - 1, BLANK)
    # One that is not read yet opens the pair as soon as it is.
    fresh = PairsView(view.session)
    fresh.show_pair(6, 7)
    assert fresh.pair is None
    fresh.on_enter()
    assert fresh.pair == (6, 7)


def test_problems_of_a_result_lead_to_their_pairs(view, run_folder):
    page = RegistrationPage(view.session)
    page.__panel__()
    page.on_enter()
    page.open_pair(2, 3)
    pairs = page.shown_view
    assert pairs.active
    assert pairs.pair == (2, 3)
    result = page.result
    result.open(str(run_folder))
    assert result.problem_part.visible
    assert result.problems.value["Kind"].tolist() == ["frame"]
    result.open_problem(0)
    assert page.shown_view.pair == (BLANK - 1, BLANK)
    assert pairs.table.selection == [0]
    page.tabs.active = 0
    assert not pairs.active
    page.tabs.active = 2
    assert pairs.active
    page.on_leave()
    assert not pairs.active
    page.on_enter()
    assert pairs.active
    page.on_leave()


def test_failed_pairs_are_problems_with_their_frames():
    frames = pd.DataFrame(
        [(0, "a", "ok", ""), (1, "b", "excluded", "dark"), (2, "c", "ok", "")],
        columns=["frame", "file", "status", "reason"],
    )
    pairs = pd.DataFrame(
        [(2, "c", "failed", "3 matches", 0.0)],
        columns=["frame", "file", "status", "reason", "previous_frame"],
    )
    table = problem_table(frames, pairs)
    assert table[["first", "second"]].to_numpy().tolist() == [[-1, 1], [0, 2]]
    assert table["Reason"].tolist() == ["dark", "3 matches"]
