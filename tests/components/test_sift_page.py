from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from components.config import ServerConfig
from components.pages.sift import BLOCKS, SiftPage, run_trial
from components.pages.sift_results import number_rows, results_html, significant
from components.pages.sift_settings import PRESETS, settings_from_yaml, settings_yaml
from components.plots.matches import match_columns
from components.plots.residuals import histogram_columns, round_length, vector_columns
from components.session import Session
from components.stream import StreamWork
from fibsem_dash.errors import FibsemDashError, RunError
from fibsem_dash.io.dat import write_dat
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.frames import find_frames, inspect_frame
from fibsem_dash.registration.trial_cache import TrialCache
from fibsem_dash.registration.trial_table import compare_trials, spread_pairs, variants_of
from fibsem_dash.settings import RunSettings, from_dict, update

# Panel's table calls pandas in a way that pandas wants to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


def open_session(folder: Path) -> Session:
    session = Session(ServerConfig((folder,), folder / "runs"))
    paths = find_frames(folder)
    session.open_frames(str(folder), [inspect_frame(i, str(p)) for i, p in enumerate(paths)])
    return session


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_phantom(tmp_path_factory.mktemp("sift"), frames=6, size=192, seed=3).folder


@pytest.fixture
def page(folder):
    page = SiftPage(open_session(folder))
    page.__panel__()
    page.on_enter()
    return page


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


def test_settings_go_through_yaml_and_back(page):
    page.tuned.params.solver.drmax = 2.5
    page.session.settings.chain.fit_order = 1
    text = page.tuned.yaml()
    assert from_dict(yaml.safe_load(text)) == page.tuned.settings()
    page.tuned.take_preset("Defaults")
    assert page.tuned.params.solver.drmax == 1.5
    page.session.settings.chain.fit_order = 3
    page.side._on_load(SimpleNamespace(new=text.encode()))
    assert page.tuned.params.solver.drmax == 2.5
    assert page.session.settings.chain.fit_order == 3
    assert "Use for the run" in page.side.problem.object
    page.side.use_for_run()
    assert page.session.settings.chain.fit_order == 1
    assert settings_from_yaml(settings_yaml(RunSettings()).encode())[0] == RunSettings()


@pytest.mark.parametrize(
    "content",
    [b"a: [", b"\xff\xfe", b"- 1", b"", b"solver: {drmaxx: 1}", b"solver: {drmax: -1}",
     b"!!python/object/apply:os.system ['true']", b"1: 2", b"solver: 3", b"x" * 1_000_001],
)  # fmt: skip
def test_bad_files_are_told_in_words_and_change_nothing(page, content):
    before = page.tuned.settings()
    with pytest.raises(FibsemDashError):
        settings_from_yaml(content)
    if content:
        page.side._on_load(SimpleNamespace(new=content))
        assert page.side.problem.visible
        assert page.side.problem.object
    assert page.tuned.settings() == before


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid(name):
    assert update(RunSettings(), PRESETS[name])


def test_the_laboratory_fills_its_table_and_loads_a_row(page):
    lab = page.laboratory
    lab.transforms.value, lab.n_pairs.value = ["shift", "affine"], 2
    lab.start()
    assert len(lab.rows) == 8
    assert len(lab.table.value) == 4
    assert len(lab.plot.source.data["ncc"]) == 4
    assert 14 in lab.plot.source.data["size"]
    assert "★" in list(lab.table.value["efficient"])
    lab.rows_shown.value = "each pair"
    assert len(lab.table.value) == 8
    place = list(lab.table.value["transform"]).index("affine")
    lab._on_click(SimpleNamespace(row=place))
    assert page.tuned.params.solver.transform == "affine"
    lab.transforms.value = []
    lab.start()
    assert "Choose" in lab.alert.object


def test_the_laboratory_varies_one_more_setting_and_loads_its_value(page):
    lab = page.laboratory
    lab.transforms.value, lab.solvers.value, lab.n_pairs.value = ["shift"], ["RANSAC"], 1
    lab.varied.value = "sift.sigma"
    assert lab.values.visible
    lab.values.value = "1.6, 2"
    page.session.frame = 3
    lab.start()
    assert [row.changed for row in lab.rows] == ["sigma 1.6", "sigma 2"]
    assert {row.pair for row in lab.rows} == {"3 → 4"}, "one pair is that of the Pair tab"
    assert "changed" not in lab.table.hidden_columns
    lab._on_click(SimpleNamespace(row=1))
    assert page.tuned.params.sift.sigma == 2.0
    assert "Loaded: shift, RANSAC, auto, sigma 2" in lab.words.object


@pytest.mark.parametrize("text", ["much", "-3", "", " , "])
def test_values_that_make_no_sense_are_told(page, text):
    lab = page.laboratory
    lab.varied.value = "sift.sigma"
    lab.values.value = text
    lab.start()
    assert lab.alert.visible
    assert lab.alert.object
    assert lab.rows == []


def test_a_stopped_comparison_has_no_row_of_the_stopped_trial(folder):
    paths = [str(path) for path in find_frames(folder)]
    answers = iter([False, False, True, True])
    rows = compare_trials(
        spread_pairs(list(enumerate(paths)), 1),
        variants_of(RunSettings(), ["shift"], ["RANSAC"]),
        cache=TrialCache(),
        stop=lambda: next(answers),
    )
    assert list(rows) == []


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


def test_the_laboratory_needs_a_pair(page):
    page.side.step.value = 100
    page.laboratory.start()
    assert "no pair" in page.laboratory.alert.object


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


def test_long_work_stops_and_keeps_what_came():
    async def story():
        work, going = StreamWork(), threading.Event()
        seen = []
        work.param.watch(lambda _e: seen.extend(work.new_items), "done_count")

        def make(stop):
            while not stop():
                yield 1
                going.wait(0.01)

        work.start(make, 1000)
        for _ in range(200):
            await asyncio.sleep(0.02)
            if seen:
                break
        work.stop()
        n = len(seen)
        await asyncio.sleep(0.6)
        return work, n, len(seen)

    work, before, after = asyncio.run(story())
    assert before == after > 0
    assert not work.busy


def test_work_that_fails_says_why():
    work = StreamWork()

    def make(_stop):
        yield 1
        raise ValueError("broken")

    work.start(make, 2)
    assert work.done == 1
    assert "broken" in work.error
    assert not work.busy


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


def test_blocks_are_tried_while_their_tab_is_shown(page):
    blocks = page.blocks
    assert blocks.work.done_count == 0
    page.tabs.active = BLOCKS
    outcome = blocks.work.result
    trial, pair = outcome.blocks, page.work.result.trial
    assert outcome.pair is pair
    used, unused = blocks.map.used.data, blocks.map.unused.data
    assert len(used["x0"]) == trial.used.sum() > 10
    assert len(used["x0"]) + len(unused["x0"]) == len(trial.matches)
    np.testing.assert_allclose(used["dx"], trial.vectors[trial.used, 0])
    page.blocks.kind.value = "residual"
    longest = np.hypot(used["x1"] - used["x0"], used["y1"] - used["y0"]).max()
    left = blocks.map.used.data
    np.testing.assert_allclose(left["rx"], trial.residuals[trial.used, 0])
    assert longest > 0
    done = blocks.work.done_count
    page.tuned.params.blocks.block_size = 64
    assert blocks.work.done_count == done + 1
    assert blocks.work.result.blocks.block_size == 64
    assert page.side.note.object.startswith("Tried on a copy")
    page.tabs.active = 0
    page.tuned.params.blocks.block_size = 48
    assert blocks.work.done_count == done + 1


def test_blocks_that_give_no_transform_say_why(page):
    page.tabs.active = BLOCKS
    page.tuned.params.blocks.confidence = 1.0
    assert page.blocks.failure.visible
    assert "No transform" in page.blocks.failure.object
    page.blocks.kind.value = "residual"
    assert len(page.blocks.map.used.data["x0"]) == 0


def test_the_blocks_come_first_where_the_run_uses_them(folder):
    session = open_session(folder)
    session.settings.estimation.estimator = "blocks"
    page = SiftPage(session)
    page.__panel__()
    page.on_enter()
    assert page.tabs.active == BLOCKS
    assert page.blocks.work.done_count == 1
    page.on_leave()
    assert not page.blocks.active
