from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from bokeh.models import ColumnDataSource

from components.config import ServerConfig
from components.history import ValueHistory
from components.pages.trend_view import TrendView
from components.plots.axes import visible_extremes
from components.plots.trend_curves import (
    ALL_POINTS,
    PANELS,
    panel_values,
    set_columns,
    visible_columns,
    y_ends,
)
from components.session import Session
from components.widgets.plane_view import depth_scale
from fibsem_dash.compute.executor import InProcessExecutor
from fibsem_dash.jobs import JobRegistry
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.frames import find_frames, inspect_frame
from fibsem_dash.registration.pipeline import Registration
from fibsem_dash.registration.trend import compute_trend, read_trend
from fibsem_dash.settings import ChainSettings, RunSettings


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory) -> Path:
    """A run of 12 frames, of which one is missing in the middle."""
    root = tmp_path_factory.mktemp("trend").resolve()
    folder = write_phantom(root / "data", frames=12, size=160, seed=5).folder
    settings = dataclasses.replace(RunSettings(), chain=ChainSettings(fit_window=7))
    Registration(find_frames(folder), root / "runs" / "run", settings, InProcessExecutor()).run()
    return root / "runs" / "run"


@pytest.fixture
def view(run_folder) -> TrendView:
    root = run_folder.parents[1]
    session = Session(ServerConfig((root / "data",), root / "runs"))
    session.open_frames(
        str(root / "data"),
        [inspect_frame(i, str(p)) for i, p in enumerate(find_frames(root / "data"))],
    )
    session.run_folder = str(run_folder)
    view = TrendView(session)
    view.__panel__()
    view.on_enter()
    return view


def drawn(view: TrendView, figure: str, column: str) -> np.ndarray:
    return np.asarray(view.plots.figures[figure].source.data[column])


def test_the_curves_are_those_of_the_run(view, run_folder):
    assert view.load.error == view.live.error == ""
    trend = compute_trend(read_trend(run_folder), ChainSettings(fit_window=7))
    assert drawn(view, "residual_shift", "x").tolist() == trend.residual[:, 4].tolist()
    assert np.allclose(drawn(view, "cumulative_scale", "y"), (trend.before_fit[:, 1] - 1) * 1e3)
    assert drawn(view, "keypoints", "n").tolist() == trend.data.n_keypoints.tolist()
    assert np.isnan(drawn(view, "error", "error")[0])
    view.__panel__().get_root()


def test_a_control_redraws_the_curves_and_both_planes(view):
    before = drawn(view, "residual_shift", "x").copy()
    planes = {axis: plane.shown for axis, plane in view.planes.items()}
    assert all(p is not None and p.final for p in planes.values())
    view.controls.model.subtract_linear_x = False
    after = drawn(view, "residual_shift", "x")
    assert not np.allclose(before, after)
    expected = compute_trend(view.loaded.data, ChainSettings(fit_window=7, subtract_linear_x=False))
    assert after.tolist() == expected.residual[:, 4].tolist()
    assert all(view.planes[axis].shown is not planes[axis] for axis in planes)
    assert view.planes["xz"].shown.image.shape[0] == 12


def test_undo_redo_and_reset_bring_settings_and_curves_back(view):
    first = drawn(view, "residual_scale", "x").tolist()
    assert view.controls.undo_button.disabled
    view.controls.model.fit_method = "LF"
    second = drawn(view, "residual_scale", "x").tolist()
    view.controls.model.preserve_scales = False
    third = drawn(view, "residual_scale", "x").tolist()
    assert first != second != third
    view.on_key("ctrl-z")
    assert drawn(view, "residual_scale", "x").tolist() == second
    view.on_key("ctrl-z")
    assert drawn(view, "residual_scale", "x").tolist() == first
    assert view.controls.undo_button.disabled
    assert not view.controls.redo_button.disabled
    view.on_key("ctrl-y")
    assert view.controls.model.fit_method == "LF"
    view.controls.reset()
    assert view.controls.settings == view.loaded.run.settings.chain
    view.on_key("ctrl-z")
    assert view.controls.model.fit_method == "LF"


def test_a_dragged_slider_is_one_step_of_the_history():
    now = [0.0]
    history = ValueHistory(1, clock=lambda: now[0])
    for value in (2, 3, 4):
        now[0] += 0.1
        history.push(value, "window")
    now[0] += 5
    history.push(5, "window")
    history.push(6, "order")
    assert [history.undo() for _ in range(4)] == [5, 4, 1, 1]
    assert [history.redo() for _ in range(4)] == [4, 5, 6, 6]


def test_the_frame_under_the_cursor_is_shared(view):
    view.session.frame = 5
    assert {f.cursor.location for f in view.plots.figures.values()} == {5}
    marks = {plane.cursor.location for plane in view.planes.values()}
    assert marks == {view.planes["xz"].slice_depth_um(5)}
    assert marks != {0}
    view._on_slice(7)
    assert view.session.frame == 7


def test_moving_the_cross_hair_moves_only_the_plane_it_concerns(view):
    column, row = view.cross.place
    planes = {axis: plane.shown for axis, plane in view.planes.items()}
    view.cross.place = (column, row + 10)
    assert view.row.value == row + 10
    assert view.planes["xz"].shown is not planes["xz"]
    assert view.planes["yz"].shown is planes["yz"]


def test_before_shows_the_frames_as_they_lie(view):
    after = view.planes["xz"].shown.image
    view.flip()
    assert view.when.value == "before"
    assert not np.array_equal(view.planes["xz"].shown.image, after)


def test_the_code_makes_the_same_curves(view):
    view.controls.model.fit_method = "PF"
    names: dict[str, object] = {}
    exec(view.python(), names)
    assert names["table"]["residual_shift_x"].tolist() == view.table()["residual_shift_x"].tolist()
    assert "chain.fit_method=PF" in view.command()


def test_writing_with_other_settings_says_what_it_does_and_starts_a_job(view, tmp_path):
    registry = JobRegistry(tmp_path / "jobs", watch=False)
    view.rerun._registry = registry
    view.controls.model.subtract_linear_y = False
    view.rerun.prepare()
    assert "12 slices of 12" in view.rerun.text.object
    assert view.rerun.question.visible
    view.controls.model.subtract_linear_x = False
    assert not view.rerun.question.visible
    view.rerun.prepare()
    view.rerun.start()
    (job,) = registry.jobs()
    assert job.folder == view.session.run_folder
    assert job.arguments[1] == "--out"
    config = Path(job.arguments[job.arguments.index("--config") + 1]).read_text()
    assert "subtract_linear_x: false" in config
    assert "fit_window: 7" in config
    view.rerun.prepare()
    view.rerun.start()
    assert "already" in view.rerun.text.object
    assert len(registry.jobs()) == 1


def test_all_figures_follow_a_run_that_was_made_again(view):
    trend = view.trend
    fewer = dataclasses.replace(trend.data, n_keypoints=trend.data.n_keypoints - 1)
    view.plots.show(compute_trend(fewer, ChainSettings(fit_window=7)))
    assert drawn(view, "keypoints", "n").tolist() == fewer.n_keypoints.tolist()


def test_a_run_outside_the_allowed_folders_is_refused(run_folder, tmp_path):
    session = Session(ServerConfig((tmp_path,), tmp_path))
    session.run_folder = str(run_folder)
    view = TrendView(session)
    view.on_enter()
    assert view.loaded is None
    assert "allowed" in view.load.error


def test_long_curves_keep_their_spikes():
    n = 10_000
    frames = np.arange(n)
    values = np.sin(frames / 500)
    values[[1234, 8765]] = 50, -50
    shown = visible_columns(frames, {"x": values, "y": values[::-1].copy()})
    assert len(shown["frame"]) < ALL_POINTS
    assert {50.0, -50.0} <= set(shown["x"])
    near = visible_columns(frames, {"x": values}, 1200, 1300)
    assert near["frame"].tolist() == list(range(1199, 1302))
    low, high = y_ends(frames, {"x": values}, 1200, 1300)
    assert low < values[1200:1300].min()
    assert 50 < high < 60


def test_extremes_are_those_of_finite_visible_values():
    frames = np.arange(5)
    curves = {"x": np.array([9.0, 1, np.nan, 2, 7]), "y": np.array([0.0, -np.inf, 3, 4, 5])}
    assert visible_extremes(frames, curves) == (0, 9)
    assert visible_extremes(frames, curves, 1, 3) == (1, 4)
    assert visible_extremes(frames, {"x": curves["x"]}, 1.5, 2.5) is None
    assert visible_extremes(frames, curves, 10, 20) is None


def test_only_columns_that_changed_are_sent_again(view):
    sent: list[str] = []
    for name, figure in view.plots.figures.items():
        figure.source.on_change("data", lambda _a, _o, _n, name=name: sent.append(name))
    view.controls.model.subtract_linear_x = False
    assert sorted(sent) == ["cumulative_shift", "residual_shift"]


def test_a_source_takes_other_columns_of_any_length():
    source = ColumnDataSource({"frame": np.arange(3.0), "x": np.array([1, np.nan, 3])})
    told: list[object] = []
    source.on_change("data", lambda _a, _o, _n: told.append(1))
    set_columns(source, {"frame": np.arange(3.0), "x": np.array([1, np.nan, 3])})
    assert not told
    set_columns(source, {"frame": np.arange(3.0), "x": np.array([1, 2.0, 3])})
    set_columns(source, {"frame": np.arange(2.0), "x": np.array([1, 2.0])})
    assert len(told) == 2
    assert source.data["x"].tolist() == [1, 2]
    assert source.data["frame"].tolist() == [0, 1]


def test_an_axis_stands_still_while_the_curves_fill_it(view):
    plots, trend = view.plots, view.trend
    y_range = plots.figures["cumulative_shift"].plot.y_range
    before = y_range.start, y_range.end

    def scaled(factor: float) -> tuple[float, float]:
        scaled = {name: getattr(trend, name) * factor for name in ("before_fit", "fit")}
        plots.show(dataclasses.replace(trend, **scaled))
        return y_range.start, y_range.end

    assert scaled(0.9) == before
    smaller = scaled(0.2)
    assert before[0] < smaller[0] < smaller[1] < before[1]
    larger = scaled(3)
    assert larger[0] < before[0]
    assert before[1] < larger[1]
    plots.refine(2.0, 6.0)
    assert (y_range.start, y_range.end) != larger


@pytest.mark.parametrize(
    ("depth", "scale"), [(0.1, 20), (1, 2), (10, 1), (19, 1), (80, 1 / 10), (1e6, 1e-3)]
)
def test_a_plane_that_would_be_a_line_is_stretched(depth, scale):
    assert depth_scale(10.0, depth) == pytest.approx(scale)


def test_a_stretched_plane_says_so(view):
    plane = view.planes["xz"]
    plane._scale(4.0, 2.0)
    assert plane.figure.title.text == "XZ plane"
    plane._scale(13.8, 0.112)
    assert plane.figure.title.text == "XZ plane, z × 20"
    plane._scale(4.0, 80.0)
    assert plane.figure.title.text == "XZ plane, z ÷ 20"
    assert plane.figure.aspect_scale == 20


def test_all_curves_of_a_figure_are_given(view):
    values = panel_values(view.trend)
    for name, panel in PANELS.items():
        assert set(values[name]) == {line.name for line in panel.lines}
