"""The Header page without a browser: what is loaded, shown, compared and computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.config import ServerConfig
from components.pages.header import HeaderPage
from components.pages.header_load import BESIDE, FUSED
from components.session import Session
from fibsem_dash.io.dat import write_dat
from fibsem_dash.io.tif import open_tif, write_tif
from fibsem_dash.registration.frames import find_frames, inspect_frame
from fibsem_dash.registration.warp import load_flatten

pytestmark = [
    # Panel's table resets the index of its data in place, and its buttons hold old names too.
    pytest.mark.filterwarnings("ignore:The inplace keyword"),
    pytest.mark.filterwarnings("ignore:Both 'variant' and:PendingDeprecationWarning"),
    # Tiny frames have too little of everything; the notes are shown on the page.
    pytest.mark.filterwarnings("ignore::fibsem_dash.numerics.notes.AnalysisWarning"),
]

SIZE = (96, 128)


def tissue(seed: int) -> np.ndarray:
    """Counted electrons on a smooth structure that darkens to the right."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    signal = 60 + 25 * np.sin(x / 7) * np.cos(y / 9) - 0.2 * x
    return (random.poisson(signal) * 20 + 500).astype(np.int16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three frames of version 9; each a bit deeper."""
    raw = tmp_path / "raw"
    raw.mkdir()
    scaling = np.array([[2e6, 2e6], [500.0, 500.0], [0.05, 0.05], [0.1, 0.1]])
    for index in range(3):
        header = {"WD": 3.0 + index / 1000, "Scaling": scaling, "Notes": "<b>bold</b>"}
        images = {"A": tissue(index), "B": tissue(index + 10) // 2}
        write_dat(raw / f"f_{index}.dat", images, header)
    return raw


def open_page(folder: Path, frame: int = 0) -> HeaderPage:
    session = Session(ServerConfig((folder,), folder.parent / "runs"), frame=frame)
    page = HeaderPage(session)
    page.__panel__()
    frames = [inspect_frame(i, str(path)) for i, path in enumerate(find_frames(folder))]
    session.open_frames(str(folder), frames)
    page.on_enter()
    return page


def test_the_page_without_a_stack_says_where_to_open_one(tmp_path: Path) -> None:
    page = HeaderPage(Session(ServerConfig((tmp_path,), tmp_path)))
    page.__panel__()
    page.on_enter()
    assert page.image.loaded is None
    assert page.image.state.empty.visible
    assert all(button.disabled for button in page.buttons.values())
    for key in ("f", "c", "b", " "):
        page.on_key(key)


def test_the_image_and_its_contrast_come_from_the_frame(folder: Path) -> None:
    page = open_page(folder)
    view = page.image.views[0]
    np.testing.assert_array_equal(view.source.data["image"][0], tissue(0))
    assert page.image.histogram.source.data["top"].sum() == tissue(0).size
    low, high = np.quantile(tissue(0), (0.001, 0.999), method="inverted_cdf")
    assert (view.low, view.high) == (low, high)
    assert (page.image.histogram.low, page.image.histogram.high) == (low, high)


def test_handles_and_numbers_move_each_other_and_the_image(folder: Path) -> None:
    page = open_page(folder)
    histogram, view = page.image.histogram, page.image.views[0]
    histogram.low_input.value = 1000.0
    assert histogram.box.left == 1000.0
    assert view.low == 1000.0
    histogram.box.right = 2000.123
    assert (histogram.high_input.value, view.high) == (2000.12, 2000.12)
    page.on_key("c")
    assert view.low == np.quantile(tissue(0), 0.001, method="inverted_cdf")
    page.image.inverted = True
    assert view.mapper.palette[0] == "#ffffff"
    histogram.logarithmic = True
    assert histogram.box.right == view.high
    assert histogram.source.data["bottom"][0] > 0


def test_contrast_stays_while_stepping_unless_it_is_automatic(folder: Path) -> None:
    page = open_page(folder)
    page.image.histogram.low = 777.0
    page.session.step_frame(1)
    assert page.image.views[0].low == 777.0
    np.testing.assert_array_equal(page.image.views[0].source.data["image"][0], tissue(1))
    page.image.automatic = True
    page.session.step_frame(1)
    assert page.image.views[0].low == np.quantile(tissue(2), 0.001, method="inverted_cdf")


def test_detectors_alone_fused_and_beside_each_other(folder: Path) -> None:
    page = open_page(folder)
    a, b = tissue(0).astype(float), (tissue(10) // 2).astype(float)
    page.image.view = "B"
    np.testing.assert_array_equal(page.image.views[0].source.data["image"][0], b)
    assert page.session.detector == "B"
    page.image.param.update(view=FUSED, fraction=0.25)
    np.testing.assert_allclose(
        page.image.views[0].source.data["image"][0], 0.75 * a + 0.25 * b, rtol=1e-6
    )
    page.image.view = BESIDE
    assert [v.pane.visible for v in page.image.views] == [True, True]
    np.testing.assert_array_equal(page.image.views[1].source.data["image"][0], b)
    assert page.image.views[0].figure.x_range is page.image.views[1].figure.x_range
    page.on_key(" ")
    assert page.image.view == "A"
    assert not page.image.views[1].pane.visible
    page.on_key(" ")
    assert page.image.view == "B"


def test_scaled_pixels_have_their_unit_and_raw_ones_tell_electrons(folder: Path) -> None:
    page = open_page(folder)
    tips = dict(page.image.views[0].figure.select_one({"type": _hover()}).tooltips)
    assert {"counts", "electrons"} <= set(tips)
    page.image.kind = "scaled"
    frame = page.image.loaded.frame
    np.testing.assert_allclose(
        page.image.views[0].source.data["image"][0], frame.image("A", "scaled"), rtol=1e-5
    )
    assert page.image.histogram.unit == "0.1 electrons"


def _hover() -> type:
    from bokeh.models import HoverTool

    return HoverTool


def test_the_header_marks_what_changed_since_another_frame(folder: Path) -> None:
    page = open_page(folder)
    assert not page.table.compared
    page.session.step_frame(1)
    changed = [row.name for row in page.table.rows if row.changed]
    assert changed == ["WD"]
    page.table.only_changed = True
    assert list(page.table.table.value["field"]) == ["WD"]
    assert list(page.table.table.value["other"]) == ["3"]
    assert list(page.table.table.value["value"]) == ["3.001"]
    page.compare_with.value = "frame ..."
    page.other.value = 2
    assert list(page.table.table.value["other"]) == ["3.002"]
    assert "WD,3.001,mm,3.002,yes" in page.table.as_csv()
    page.table.only_changed = False
    page.table.search = "working DIST"
    assert list(page.table.table.value["field"]) == ["WD"]
    assert set(page.table.table.formatters) == set(page.table.table.value.columns)


def test_a_tab_computes_only_while_it_is_shown(folder: Path) -> None:
    page = open_page(folder)
    assert [tab.work.done_count for tab in page.analyses] == [0, 0, 0, 0]
    for index, tab in enumerate(page.analyses, start=1):
        page.tabs.active = index
        assert tab.work.error == ""
        assert tab.work.done_count == 1
        assert tab.pane.object is not None
        assert tab.facts.values
    page.session.step_frame(1)
    assert [tab.work.done_count for tab in page.analyses] == [1, 1, 1, 2]
    page.on_leave()
    page.session.step_frame(1)
    assert page.analyses[3].work.done_count == 2


def test_the_box_feeds_tabs_histogram_and_session(folder: Path) -> None:
    page = open_page(folder)
    page.tabs.active = 1
    page.on_key("b")
    assert page.session.box == (24, 48, 32, 64)
    assert "the box, 64 × 48" in page.analyses[0].caption.text
    assert page.image.histogram.source.data["top"].sum() == 48 * 64
    page.image.views[0].box_mark.update(left=40)
    assert page.session.box == (24, 48, 40, 56)
    page.session.box = (0, 40, 0, 50)
    assert page.image.views[0].box == (0, 40, 0, 50)
    assert "50 × 40" in page.analyses[0].caption.text
    page.on_key("b")
    assert "whole frame" in page.analyses[0].caption.text


def test_applying_the_flattening_writes_what_a_run_reads(folder: Path) -> None:
    page = open_page(folder)
    page.flatten.param.update(degree=1, bins=8)
    page.apply_flatten()
    path = page.session.settings.output.flatten_file
    assert Path(path).is_relative_to(page.session.config.run_root)
    factors = load_flatten(path)
    assert set(factors) == {"A", "B"}
    assert factors["A"].shape == SIZE
    # The frame darkens to the right, so the factor grows.
    assert factors["A"][:, -1].mean() > factors["A"][:, 0].mean() * 1.2
    page.image.kind = "flattened"
    flat = page.image.views[0].source.data["image"][0]
    expected = (tissue(0) - 500.0) * factors["A"] + 500.0
    np.testing.assert_allclose(flat, expected, rtol=1e-4)


def test_a_frame_that_cannot_be_read_says_why_and_the_page_lives(folder: Path) -> None:
    broken = folder / "f_1.dat"
    broken.write_bytes(broken.read_bytes()[:5000])
    page = open_page(folder)
    page.tabs.active = 1
    page.session.step_frame(1)
    assert "ends before its pixels do" in page.image.work.error
    assert page.image.loaded is None
    assert not page.image.state.content.visible
    assert page.buttons["TIFF"].disabled
    # The header is there although the pixels are not.
    assert page.table.rows
    assert "missing" in page.table.note.text
    page.session.step_frame(1)
    assert page.image.work.error == ""
    assert page.image.loaded.frame.path.name == "f_2.dat"
    assert page.image.state.content.visible


def test_one_detector_in_eight_bit(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    write_dat(raw / "f.dat", {"A": (tissue(0) // 16).astype(np.uint8)})
    page = open_page(raw)
    assert page.image.param.view.objects == ["A"]
    assert page.image.views[0].source.data["image"][0].dtype == np.uint8
    page.on_key(" ")
    assert page.image.view == "A"
    page.tabs.active = 4
    page.analyses[3].images = "this frame and the next"
    assert "last frame" in page.analyses[3].work.error


def test_a_tiff_without_calibration(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    write_tif(raw / "f.tif", tissue(0).astype(np.uint16))
    page = open_page(raw)
    assert page.image.work.error == ""
    tips = dict(page.image.views[0].figure.select_one({"type": _hover()}).tooltips)
    assert "electrons" not in tips
    page.image.kind = "scaled"
    assert page.image.histogram.unit == "counts"
    assert any(row.name == "XResolution" for row in page.table.rows)
    # No scale, since nobody knows it; the axes are in pixels.
    assert page.image.loaded.frame.known_pixel_size_nm == 0
    assert not page.image.views[0]._bar.visible
    name, data = page.save_bytes(".tif")
    (tmp_path / name).write_bytes(data)
    assert open_tif(tmp_path / name).header["PixelSizeSource"] == "default"


def test_a_calibrated_frame_has_a_scale_bar(folder: Path) -> None:
    page = open_page(folder)
    assert page.image.loaded.frame.known_pixel_size_nm == page.image.loaded.frame.pixel_size_nm > 0
    assert page.image.views[0]._bar.visible


def test_files_hold_what_is_shown(folder: Path, tmp_path: Path) -> None:
    import cv2

    from fibsem_dash.io import open_frame

    page = open_page(folder)
    name, data = page.save_bytes(".tif")
    assert name == "f_0_A.tif"
    (tmp_path / name).write_bytes(data)
    np.testing.assert_array_equal(open_frame(tmp_path / name).raw(), tissue(0))
    page.image.param.update(use_box=True, box=(10, 20, 30, 40))
    name, data = page.save_bytes(".png")
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture.shape == (20, 40)
    assert name == "f_0_A_raw_box.png"
    assert sorted(p.name for p in folder.iterdir()) == ["f_0.dat", "f_1.dat", "f_2.dat"]
