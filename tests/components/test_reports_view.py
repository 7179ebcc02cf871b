"""Reports of a run: equal to the library's, in tabs, empty where files do not tell."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.config import ServerConfig
from components.pages.reports_view import CODE, NOT_RECORDED, NOT_YET, ReportsView
from components.plots.run_reports import ReportCurve as Curve
from components.plots.run_reports import ReportFigures, ReportGroup, ReportPanel
from components.plots.trend_curves import ALL_POINTS
from components.session import Session
from fibsem_dash.compute.executor import InProcessExecutor
from fibsem_dash.io import open_frame
from fibsem_dash.io.tables import read_csv
from fibsem_dash.io.tif import write_tif
from fibsem_dash.phantom import write_phantom
from fibsem_dash.quality import telemetry_reports as reports
from fibsem_dash.registration.frames import find_frames
from fibsem_dash.registration.pipeline import Registration
from fibsem_dash.settings import RunSettings, update

QUICK = update(RunSettings(), {"quality.metrics": [], "estimation.estimator": "blocks"})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of the same six frames as .dat and as TIFF files."""
    root = tmp_path_factory.mktemp("reports").resolve()
    write_phantom(root / "dat", frames=6, size=160, seed=5)
    (root / "tif").mkdir()
    for k, path in enumerate(find_frames(root / "dat")):
        write_tif(root / "tif" / f"frame_{k:03}.tif", open_frame(path).raw("A"))
    for name in ("dat", "tif"):
        paths = find_frames(root / name)
        Registration(paths, root / "runs" / name, QUICK, InProcessExecutor()).run()
    return root


def opened(root: Path, name: str) -> ReportsView:
    session = Session(ServerConfig((root / "dat", root / "tif"), root / "runs"))
    session.run_folder = str(root / "runs" / name)
    view = ReportsView(session)
    view.__panel__()
    view.on_enter()
    return view


def show(view: ReportsView, title: str) -> Any:
    view.tabs.active = list(CODE).index(title)
    return view.parts[title]


def curves_of(view: ReportsView, title: str, panel: str) -> list[np.ndarray]:
    show(view, title)
    figures = view.figures[title]
    (place,) = [k for k, p in enumerate(figures.group.recorded) if p.title == panel]
    data = figures.sources[place].data
    return [np.asarray(data[key]) for key in sorted(data) if key != "frame"]


def test_the_figures_draw_what_the_reports_tell(root: Path) -> None:
    view = opened(root, "dat")
    assert view.load.error == ""
    frames = read_csv(root / "runs" / "dat" / "frames.csv")
    mill, scan = reports.mill_rate(frames), reports.scan_report(frames)
    np.testing.assert_array_equal(
        curves_of(view, "Milling", "Milling Y voltage"),
        [mill.milling_y_voltage_v, mill.voltage_fit.line],
    )
    np.testing.assert_array_equal(curves_of(view, "Scan", "EHT"), [scan.eht_kv])
    shift = reports.field_of_view(frames).shift_px
    np.testing.assert_array_equal(curves_of(view, "Field of view", "Smooth displacement"), shift.T)
    levels = curves_of(view, "Grey levels", "Data minimum and maximum")
    np.testing.assert_array_equal(levels[:2], [frames["min"], frames["max"]])
    tables = [read_csv(root / "runs" / "dat" / f"{n}.csv") for n in ("pairs", "transforms")]
    told = reports.transformation_report(*tables)
    np.testing.assert_array_equal(
        curves_of(view, "Transformations", "Shift, residual"), told.final[:, :, 2].T
    )
    view.__panel__().get_root()


def test_facts_and_tables_have_units(root: Path) -> None:
    view = opened(root, "dat")
    part = show(view, "Milling")
    assert any("nm per frame" in value for _name, value in part.facts.values)
    table = view._table_of("Scan")()
    assert [name for name in table if name.endswith("(kHz)")]
    assert table["frame"].tolist() == list(range(6))
    for figures in view.figures.values():
        for plot in figures.plots:
            assert plot.yaxis.axis_label
    widths = {panel.quantity for panel in view.loaded.groups["Transformations"].panels}
    assert {"error (px)", "FWHM (px)", "shift (px)"} <= widths


def test_figures_are_made_when_their_tab_is_opened(root: Path) -> None:
    view = opened(root, "dat")
    assert list(view.figures) == ["Milling"]
    show(view, "Scan")
    assert list(view.figures) == ["Milling", "Scan"]


def test_what_the_files_do_not_tell_is_said(root: Path) -> None:
    view = opened(root, "tif")
    for title in ("Milling", "Scan", "Field of view"):
        part = show(view, title)
        assert part.note.visible
        assert part.note.object == NOT_RECORDED
        assert not part.content.visible
    for title in ("Grey levels", "Transformations"):
        part = show(view, title)
        assert part.content.visible
        assert not part.note.visible


def test_a_run_opens_on_a_tab_that_has_something_to_show(root: Path) -> None:
    view = opened(root, "tif")
    assert view.shown == "Grey levels"
    view.session.run_folder = str(root / "runs" / "dat")
    assert view.shown == "Grey levels"
    assert opened(root, "dat").shown == "Milling"


def test_a_run_that_goes_on_is_followed(root: Path) -> None:
    folder = root / "runs" / "dat"
    kept = {name: (folder / name).read_bytes() for name in ("pairs.csv", "transforms.csv")}
    try:
        for name in kept:
            (folder / name).unlink()
        view = opened(root, "dat")
        part = show(view, "Transformations")
        assert part.note.object == NOT_YET
        before = view.load.done_count
        view.poll()
        assert view.load.done_count == before
    finally:
        for name, content in kept.items():
            (folder / name).write_bytes(content)
    view.poll()
    assert part.content.visible
    assert "Transformations" in view.figures


def test_a_record_that_changes_alone_does_not_draw_the_figures_again(root: Path) -> None:
    view = opened(root, "dat")
    figures = view.figures["Milling"]
    record = root / "runs" / "dat" / "run.json"
    kept = record.stat()
    try:
        os.utime(record, ns=(kept.st_atime_ns, kept.st_mtime_ns + 10**9))
        before = view.load.done_count
        view.poll()
        assert view.load.done_count == before + 1
        assert view.figures["Milling"] is figures
    finally:
        os.utime(record, ns=(kept.st_atime_ns, kept.st_mtime_ns))


def test_the_frame_under_the_cursor_is_shared(root: Path) -> None:
    view = opened(root, "dat")
    view.session.frame = 3
    places = [
        line.location
        for plot in view.figures["Milling"].plots
        for line in plot.center
        if hasattr(line, "location")
    ]
    assert set(places) == {3}
    view._on_frame(4)
    assert view.session.frame == 4


def test_a_run_outside_the_allowed_folders_is_refused(root: Path, tmp_path: Path) -> None:
    session = Session(ServerConfig((tmp_path,), tmp_path))
    view = ReportsView(session)
    view.on_enter()
    assert view.load.error == ""
    assert not view.state.has_content
    session.run_folder = str(root / "runs" / "dat")
    assert view.load.error
    assert view.loaded is None


def test_the_copied_python_makes_the_same_arrays(root: Path) -> None:
    view = opened(root, "dat")
    for title in CODE:
        show(view, title)
        found: dict[str, Any] = {}
        exec(view.python(), found)
        assert dict(view.loaded.groups[title].facts).items() >= dict(found["told"].facts).items()


def test_long_curves_keep_their_spikes() -> None:
    n = 3 * ALL_POINTS
    values = np.zeros(n)
    values[7777] = 5.0
    panel = ReportPanel("Scan rate", "rate (kHz)", (Curve("rate", values, "#000000"),))
    figures = ReportFigures(ReportGroup(np.arange(n), (panel,), ()), "run", 0, lambda _frame: None)
    data = figures.sources[0].data
    assert len(data["frame"]) < ALL_POINTS
    assert 7777 in data["frame"].tolist()
    figures.refine(7000, 8000)
    assert len(figures.sources[0].data["frame"]) > 1000


@pytest.mark.parametrize(("values", "spread"), [([5.0, 5.00024], 0.0003), ([3.0, 3.0], 0.01)])
def test_small_changes_of_a_large_value_fill_the_figure(values: list[float], spread: float) -> None:
    curve = Curve("recorded", np.array(values), "#000000")
    panel = ReportPanel("Working distance", "distance (mm)", (curve,))
    figures = ReportFigures(ReportGroup(np.arange(2), (panel,), ()), "run", 0, lambda _frame: None)
    y_range = figures.plots[0].y_range
    assert 0 < y_range.end - y_range.start < spread
    assert y_range.start < min(values) <= max(values) < y_range.end
