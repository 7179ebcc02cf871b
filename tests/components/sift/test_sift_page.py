"""The SIFT page: a pair is tried, drawn, and told in numbers."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from components.config import ServerConfig
from components.pages.sift import SiftPage, run_trial
from components.pages.sift_results import number_rows, results_html, significant
from components.plots.matches import match_columns
from components.plots.residuals import histogram_columns, round_length, vector_columns
from components.session import Session
from fibsem_dash.errors import RunError
from fibsem_dash.io.dat import write_dat
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.frames import inspect_frame
from tests.open_session import open_session

# Panel's table calls pandas in a way that pandas wants to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


def test_the_page_tries_the_pair_under_the_cursor(page):
    assert page.work.error == ""
    trial = page.work.result.trial
    assert trial.n_inliers > 20
    assert len(page.picture.lines["inliers"].data["x0"]) == min(trial.n_inliers, 100)
    assert len(page.vectors.source.data["x0"]) == trial.n_inliers
    assert sum(page.histograms.sources["x"].data["count"]) == trial.n_inliers
    assert significant(trial.estimate.error_abs_mean) in page.numbers.object
    assert not page.failure.visible
    page.__panel__().get_root()


def test_every_change_is_tried_and_the_run_is_left_alone(page):
    before = page.work.result.trial
    page.tuned.params.solver.transform = "shift"
    after = page.work.result.trial
    assert after is not before
    assert after.matrix[:2, :2].tolist() == [[1, 0], [0, 1]]
    assert {"read", "range", "key points", "matching"} <= after.kept
    page.tuned.params.sift.kp_max_num = 50
    assert len(page.work.result.trial.first_points) == 50
    assert page.session.settings.solver.transform == "regularized_affine"
    assert "other settings" in page.side.note.object
    page.side.use_for_run()
    assert page.session.settings.solver.transform == "shift"
    assert page.session.settings.sift.kp_max_num == 50
    assert page.side.use.disabled


def test_the_pair_follows_the_cursor_and_the_step(page):
    page.session.frame = 2
    page.side.step.value = 3
    request = page.work.result.request
    assert (request.first.index, request.second.index) == (2, 5)
    page.session.frame = 5
    request = page.work.result.request
    assert (request.first.index, request.second.index) == (2, 5), "the pair stays in the stack"


def test_pictures_beside_and_aligned(page):
    assert len(page.picture.layers()) == 2
    for mode in ("overlay", "difference", "flicker"):
        page.picture.mode.value = mode
        assert len(page.picture.layers()) == 1
        lines = page.picture.lines["inliers"].data
        lengths = np.hypot(lines["x1"] - lines["x0"], lines["y1"] - lines["y0"])
        assert lengths.max() < 2, "aligned matches lie on each other"
    words = page.picture.words.object
    page.on_key(" ")
    assert page.picture.words.object != words
    page.session.box = (20, 60, 30, 80)
    page.picture.at_box.value = True
    layer = page.picture.layers()[0]
    assert (layer.shape, layer.x, layer.y) == ((60, 80), 30, 20)


def test_a_tapped_match_shows_its_numbers(page):
    page.picture.tell("inliers", [0])
    assert page.picture.match_words.object.startswith("Inlier at x ")
    page.picture.tell("inliers", [])
    assert page.picture.match_words.object == ""


def test_no_more_is_drawn_than_asked_for(page):
    page.picture.limit.value = 30
    assert len(page.picture.lines["inliers"].data["x0"]) == 30
    page.picture.shown.value = ["inliers", "key points"]
    n = page.work.result.trial.n_inliers
    assert f"30 of {n} inliers" in page.picture.words.object
    ratio = match_columns(page.work.result.trial, page.work.result.trial.inliers, None)["ratio"]
    assert np.all(np.diff(ratio) >= 0)


def test_a_failed_pair_says_why_and_the_page_goes_on(page, folder, tmp_path):
    page.tuned.params.solver.min_matches = 100_000
    assert page.failure.visible
    assert "100000 are needed" in page.failure.object
    page.tuned.params.solver.min_matches = 10
    assert not page.failure.visible


def test_a_blank_frame_gives_a_readable_failure(tmp_path):
    rng = np.random.default_rng(0)
    write_dat(tmp_path / "f0.dat", {"A": rng.normal(0, 99, (128, 128)).astype(np.int16)})
    write_dat(tmp_path / "f1.dat", {"A": np.full((128, 128), 7, np.int16)})
    page = SiftPage(open_session(tmp_path))
    page.__panel__()
    page.on_enter()
    assert page.failure.visible
    assert page.failure.object.startswith("No transform: ")
    assert "–" in page.numbers.object
    for mode in ("overlay", "difference", "flicker"):
        page.picture.mode.value = mode
        assert "no transform" in page.picture.words.object


def test_a_frame_that_cannot_be_read_is_an_error_and_the_last_result_stays(page, folder):
    good = page.work.result
    frames = list(page.session.frames)
    bad = folder / "<b>bad<&>.dat"
    bad.write_bytes(b"no frame")
    try:
        frames[3] = inspect_frame(3, str(bad))
    finally:
        bad.unlink()
    page.session.frames = frames
    page.session.frame = 3
    assert "frame 3 cannot be used" in page.work.error
    assert page.work.result is good
    page.session.frame = 0
    assert page.work.error == ""


def test_without_a_stack_the_page_says_what_to_do(tmp_path):
    session = Session(ServerConfig((tmp_path,), tmp_path))
    page = SiftPage(session)
    page.__panel__()
    page.on_enter()
    assert page.no_stack.visible
    page.no_stack[1].param.trigger("clicks")
    assert session.page == "data"


def test_large_frames_are_tried_in_their_middle_until_the_whole_is_asked_for(tmp_path):
    folder = write_phantom(tmp_path / "big", frames=2, size=1600, seed=3).folder
    page = SiftPage(open_session(folder))
    page.__panel__()
    page.on_enter()
    page.tuned.params.sift.kp_max_num = 500
    assert page.work.result.trial.first.image.size <= 2_000_000
    assert page.note_row.visible
    assert "of 1600 x 1600 px" in page.note.object
    page.whole.param.trigger("clicks")
    assert page.work.result.trial.first.image.shape == (1600, 1600)
    assert not page.note_row.visible


def test_a_request_that_is_not_wanted_any_more_is_not_worked_on(page):
    request = page.work.result.request
    with pytest.raises(RunError, match="stopped"):
        run_trial(request, lambda _request: False)


def test_keys_fit_the_view_and_stretch_the_contrast(page):
    page.on_key("c")
    assert "contrast stretched" in page.picture.words.object
    page.on_key("c")
    assert "contrast stretched" not in page.picture.words.object
    view = page.picture.view
    view._on_ranges(SimpleNamespace(x0=10, x1=20, y0=10, y1=20))
    assert view.source.data["dw"][0] < 30
    page.on_key("f")
    assert view.source.data["dw"][0] == 192
    assert view.extent.data["left"]


def test_only_the_newest_of_several_requests_counts(folder):
    async def story():
        page = SiftPage(open_session(folder))
        page.__panel__()
        page.on_enter()
        for drmax in (0.5, 1.0, 2.0, 3.0):
            page.tuned.params.solver.drmax = drmax
        for _ in range(400):
            await asyncio.sleep(0.025)
            if not page.work.busy:
                break
        return page

    page = asyncio.run(story())
    assert page.work.done_count == 1
    assert page.work.result.request.settings.solver.drmax == 3.0


def test_numbers_and_scales():
    assert significant(0.69412) == "0.694"
    assert significant(1234.5) == "1234"
    assert significant(float("nan")) == "–"
    assert round_length(0.34) == pytest.approx(0.2)
    assert round_length(5.0) == 5
    assert histogram_columns([])["count"] == []


def test_arrows_have_one_scale(page):
    trial = page.work.result.trial
    arrows, scale = vector_columns(trial)
    unit = float(scale["text"][0].split()[0])
    factor = (scale["x1"][0] - scale["x0"][0]) / unit
    assert arrows["x1"] - arrows["x0"] == pytest.approx(factor * arrows["dx"], rel=1e-6)
    assert "<script" not in results_html(trial)


def test_the_counts_of_matches_add_up(page):
    trial = page.work.result.trial
    counts = {name: int(value.replace("\u2009", "")) for name, value, _ in number_rows(trial)[2:6]}
    matches, outliers, added, inliers = counts.values()
    assert inliers == trial.n_inliers > 0
    assert matches - outliers + added == inliers
    passed = trial.matches.below(page.tuned.params.matching.lowe_ratio)
    assert matches == passed.sum()
    assert outliers == (passed & ~trial.inliers).sum()
