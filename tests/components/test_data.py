"""The Data page, driven without a browser."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("panel_material_ui")

from components import reading
from components.config import ServerConfig
from components.pages.data import DataPage
from components.plots.telemetry import ALL_POINTS, envelope, visible_data
from components.run_plan import pixel_size_note
from components.session import Session
from components.shell import Shell
from components.widgets.plain import plain
from components.widgets.tiles import tiles_html
from fibsem_dash.io.tif import write_tif
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.run_store import RunStore


@pytest.fixture
def page(session: Session) -> DataPage:
    page = DataPage(session)
    page.__panel__().get_root()
    return page


def tiles(page: DataPage) -> dict[str, str]:
    return {label: value for label, value, _ in page.tiles.entries}


def test_a_folder_is_listed_summarized_and_drawn(page: DataPage, frames_root: Path) -> None:
    page.choose(str(frames_root / "stack"))
    session = page.session
    assert session.folder == str(frames_root / "stack")
    assert len(session.frames) == 6
    shown = tiles(page)
    assert shown["Frames found"] == "6"
    assert shown["Frame size"] == "64 × 64 px"
    assert shown["Pixel size"] == "8 nm"
    assert shown["Gaps in numbering"] == "1 (2 missing)"
    assert list(page.frame_table.value["State"]) == ["ok"] * 6
    source = page.curves.sources["working_distance_mm"].data
    np.testing.assert_array_equal(source["x"], np.arange(6))
    assert source["y"][0] == pytest.approx(5.0, abs=1e-3)
    assert page.curves.shaded.data["x0"] == [pytest.approx(2.2)]


def test_frame_row_and_curves_are_linked(page: DataPage, frames_root: Path) -> None:
    page.choose(str(frames_root / "stack"))
    page._on_frame_row(4)
    assert page.session.frame == 4
    assert {cursor.location for cursor in page.curves.cursors.values()} == {4}
    page.session.frame = 2
    assert page.frame_table.selection == [2]

    class Tap:
        x = 99.0

    page.curves._on_tap(Tap())
    assert page.session.frame == 5


def test_problems_are_named(page: DataPage, frames_root: Path, config: ServerConfig) -> None:
    folder = frames_root / "broken"
    write_phantom(folder, frames=5, size=64, seed=1)
    files = sorted(folder.glob("*.dat"))
    files[1].write_bytes(b"")
    files[2].write_bytes(b"no header at all")
    page.choose(str(folder))
    rows = page.problem_table.value
    assert list(rows["#"]) == [1, 2]
    assert list(rows["Kind"]) == ["empty file", "unreadable"]
    assert all(rows["Reason"])
    page._on_problem_row(1)
    assert page.session.frame == 2
    assert page.curves.shaded.data["x0"] == [0.5, 1.5]


@pytest.mark.parametrize("path", ["/etc", "/no/such/folder", "nul\0byte", ".."])
def test_a_folder_that_is_not_open_is_refused(page: DataPage, path: str) -> None:
    page.choose(path)
    assert page.alert.visible
    assert page.session.folder == ""
    assert not page.reader.busy


def test_after_an_error_the_page_goes_on(page: DataPage, frames_root: Path) -> None:
    (frames_root / "nothing").mkdir(exist_ok=True)
    page.choose(str(frames_root / "nothing"))
    assert "no frames found" in page.reader.error
    page.choose(str(frames_root / "stack"))
    assert not page.alert.visible
    assert len(page.session.frames) == 6


def test_nothing_is_opened_where_no_frame_matches(page: DataPage, frames_root: Path) -> None:
    page.choose(str(frames_root / "stack"))
    assert not page.open_button.disabled
    page.pattern.value = "*.nothing"
    page.choose(str(frames_root / "stack"))
    assert page.open_button.disabled
    assert "no frames found" in page.alert.object
    page.pattern.value = ""
    page.choose(str(frames_root / "stack"))
    assert not page.open_button.disabled
    assert not page.alert.visible
    damaged = frames_root / "damaged"
    damaged.mkdir()
    (damaged / "f_0.dat").write_bytes(b"no frame")
    page.choose(str(damaged))
    assert page.open_button.disabled
    assert "None of these files can be read" in page.note.object


def test_an_assumed_pixel_size_is_called_so(page: DataPage, frames_root: Path) -> None:
    for name, size in (("uncalibrated", None), ("calibrated", 5.0)):
        folder = frames_root / name
        folder.mkdir()
        for k in range(2):
            image = np.full((32, 32), k, np.uint8)
            write_tif(folder / f"f_{k}.tif", image, pixel_size_nm=size)
    page.choose(str(frames_root / "uncalibrated"))
    assert tiles(page)["Pixel size"] == "8 nm, assumed"
    assert plain("how large a pixel is: 8 nm is assumed") in page.note.object
    assert pixel_size_note(page.session.frames, 4.0) == ""
    page.choose(str(frames_root / "calibrated"))
    assert tiles(page)["Pixel size"] == "5 nm"
    assert not page.note.visible


def test_links_do_not_lead_out(
    page: DataPage, frames_root: Path, tmp_path: Path, config: ServerConfig
) -> None:
    outside = tmp_path / "outside"
    write_phantom(outside, frames=2, size=64)
    link = frames_root / "link"
    link.unlink(missing_ok=True)
    link.symlink_to(outside, target_is_directory=True)
    assert "link" not in reading.subfolders(config, frames_root)
    page.choose(str(link))
    assert page.alert.visible
    assert page.session.folder == ""
    mixed = frames_root / "mixed"
    mixed.mkdir(exist_ok=True)
    stack = sorted((frames_root / "stack").glob("*.dat"))
    (mixed / "a_1.dat").write_bytes(stack[0].read_bytes())
    (mixed / "a_2.dat").unlink(missing_ok=True)
    (mixed / "a_2.dat").symlink_to(next(outside.glob("*.dat")))
    page.choose(str(mixed))
    assert [frame.name for frame in page.session.frames] == ["a_1.dat"]
    assert "1 files are links" in page._remark(page.reader.result)


@pytest.mark.skipif(os.name == "nt", reason="such a name is not possible there")
def test_a_file_name_is_never_markup(page: DataPage, frames_root: Path) -> None:
    name = "<script>alert(1)<script>_1.dat"
    folder = frames_root / "markup"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"")
    page.choose(str(folder))
    assert page.frame_table.value["File"].iloc[0] == name
    for table in (page.frame_table, page.problem_table):
        assert set(table.value.columns) == set(table.formatters)
        assert all(kind == {"type": "plaintext"} for kind in table.formatters.values())
    assert "<script>" not in tiles_html([("Sample", name, False)])
    model: Any = page.alert.clone(object=plain(f"{name} **bold** [x](javascript:1)")).get_root()
    text = str(model.data.object)
    assert "script>" not in text.replace("&amp;lt;script&amp;gt;", "")
    assert "strong" not in text
    assert "href" not in text


def test_order_and_pattern(page: DataPage, frames_root: Path) -> None:
    files = sorted((frames_root / "stack").glob("*.dat"))
    for age, file in enumerate(files):
        os.utime(file, (1e9 - age, 1e9 - age))
    page.order.value = "time"
    page.pattern.value = "*_00000[0-2]_*"
    page.choose(str(frames_root / "stack"))
    assert [frame.name[-16:-10] for frame in page.session.frames] == ["000002", "000001", "000000"]
    assert page.session.pattern == "*_00000[0-2]_*"


def test_stop_keeps_what_was_read(
    page: DataPage, frames_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BATCH", 2)
    real = reading._collect

    def stop_after_one(waiting: Any, activity: Any) -> Any:
        activity.stop.set()
        return real(waiting, activity)

    monkeypatch.setattr(reading, "_collect", stop_after_one)
    activity = reading.Activity("x")
    activity.stop.set()
    assert reading.read_headers([frames_root / "stack" / "x.dat"], activity) == []


def test_demo_is_drawn_once(page: DataPage) -> None:
    page.open_demo()
    assert page.reader.error == ""
    first = [frame.identity for frame in page.session.frames]
    assert len(first) == reading.DEMO["frames"]
    page.open_demo()
    assert [frame.identity for frame in page.session.frames] == first


def test_a_run_can_be_resumed(page: DataPage, config: ServerConfig) -> None:
    store = RunStore(config.run_root / "first")
    store.create()
    store.write({"schema_version": 1, "state": "cancelled", "created": "2026-01-02T03:04:05"})
    page.on_enter()
    row = page.runs.table.value.iloc[0]
    assert (row["Run"], row["State"], row["Begun"]) == ("first", "cancelled", "2026-01-02 03:04")
    page.runs._on_row(0)
    page.runs.open()
    assert page.session.run_folder == str(config.run_root / "first")


def test_recent_folders_are_kept(page: DataPage, frames_root: Path, config: ServerConfig) -> None:
    page.choose(str(frames_root / "stack"))
    again = DataPage(Session(config))
    assert str(frames_root / "stack") in again.picker.recents.options.values()


def test_folders_are_completed_and_browsed(page: DataPage, frames_root: Path) -> None:
    picker = page.picker
    assert picker.suggest(str(frames_root / "sta")) == [str(frames_root / "stack")]
    assert str(frames_root / "stack") in picker.suggest(f"{frames_root}/")
    assert picker.suggest("/") == [str(frames_root)]
    assert picker.suggest("/etc/") == []
    picker.list.active = picker._names.index("stack")
    assert picker.current == frames_root / "stack"
    picker.go_up()
    assert picker.current == frames_root
    picker.go_up()
    assert picker.current in (None, frames_root)


def test_the_shell_opens_an_address(config: ServerConfig, frames_root: Path) -> None:
    shell = Shell(config, f"?page=data&folder={frames_root / 'stack'}&frame=3")
    assert shell.session.frame == 3
    assert len(shell.session.frames) == 6
    shell.view.get_root()


def test_long_series_keep_their_extremes() -> None:
    y = np.sin(np.arange(100_000) / 500.0)
    y[77_777], y[100] = 9.0, np.nan
    x, values = envelope(y, columns=1000)
    assert values.size <= 2000
    assert np.nanmax(values) == 9.0
    assert np.nanmin(values) == pytest.approx(-1.0, abs=1e-4)
    assert (np.diff(x) > 0).all()
    zoomed = visible_data(y, 77_700, 77_800)
    assert zoomed["x"][0] <= 77_700
    assert zoomed["x"].size < 110
    assert visible_data(y[:ALL_POINTS], 5, 6)["x"].size == ALL_POINTS


def test_frames_are_excluded_counted_and_taken_back(page: DataPage, frames_root: Path) -> None:
    page.choose(str(frames_root / "stack"))
    session, tools = page.session, page.exclusion
    session.frame = 2
    tools.toggle()
    name = session.frames[2].name
    assert session.excluded == (name,)
    assert session.settings.to_settings().input.exclude == (name,)
    assert tools.words.object == "1 excluded"
    assert tools.button.label == "Include frame 2"
    assert list(page.frame_table.value["State"]) == ["ok", "ok", "excluded", "ok", "ok", "ok"]
    session.frame = 4
    tools.toggle()
    assert tools.words.object == "2 excluded"
    tools.undo()
    assert session.excluded == (name,)
    tools.undo()
    assert session.excluded == ()
    assert list(page.frame_table.value["State"]) == ["ok"] * 6
    assert not tools.undo_button.visible


def test_all_problem_frames_are_excluded_at_once(page: DataPage, frames_root: Path) -> None:
    folder = frames_root / "exclude"
    write_phantom(folder, frames=5, size=64, seed=1)
    files = sorted(folder.glob("*.dat"))
    files[1].write_bytes(b"")
    files[3].write_bytes(b"no header at all")
    page.choose(str(folder))
    page.exclusion.exclude_problems()
    assert page.session.excluded == (files[1].name, files[3].name)
    # Another folder begins with all of its frames.
    page.choose(str(frames_root / "stack"))
    assert page.session.excluded == ()
