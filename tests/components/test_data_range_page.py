from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from components.config import ServerConfig
from components.pages import range_model
from components.pages.data_range import DataRangePage
from components.pages.range_model import KeptRanges, fit, limits_at, sample_of
from components.session import Session
from fibsem_dash.errors import RunError
from fibsem_dash.io import open_frame
from fibsem_dash.io.tif import write_tif
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.data_range import FrameRange
from fibsem_dash.registration.frames import FrameInfo, find_frames
from fibsem_dash.settings import DataRangeSettings
from tests.open_session import open_session


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_phantom(tmp_path_factory.mktemp("range"), frames=6, size=192, seed=3).folder


@pytest.fixture(autouse=True)
def kept(monkeypatch):
    """What visitors of one test keep is not seen by the next."""
    kept = KeptRanges()
    monkeypatch.setattr(range_model, "SHARED", kept)
    return kept


@pytest.fixture
def measured(monkeypatch):
    """Indices of the frames that were measured."""
    indices = []
    original = range_model.measure_frame

    def measure_frame(frame, *arguments):
        indices.append(frame.index)
        return original(frame, *arguments)

    monkeypatch.setattr(range_model, "measure_frame", measure_frame)
    return indices


@pytest.fixture
def page(folder):
    page = DataRangePage(open_session(folder))
    page.__panel__()
    page.on_enter()
    return page


def test_the_page_measures_at_once_and_says_what_is_clipped(page):
    assert page.scan.error == ""
    assert page.numbers.tolist() == list(range(6))
    data = page.curves.source.data
    assert np.all(data["minimum"] < data["maximum"])
    assert "6 of 6 frames" in page.state.object
    low, high = page.preview.low, page.preview.high
    image = open_frame(page.session.frame_path).raw("A")
    share = 100 * (image < low).mean()
    assert f"{share:.3g} % below (blue)" in page.preview.words.object
    assert page.histogram.source.data["count"].sum() == image.size
    assert high > low
    page.__panel__().get_root()


def test_thresholds_measure_again_and_the_fit_does_not(page):
    before = page.curves.source.data["minimum"].copy()
    runs = page.scan.done_count
    page.params.order = 1
    page.params.sliding = False
    assert page.scan.done_count == runs
    assert page.preview.low == page.levels.global_minimum
    page.params.thr_min = 0.05
    assert page.scan.done_count > runs
    assert np.all(page.curves.source.data["minimum"] > before)
    runs = page.scan.done_count
    page.params.reset()
    assert page.scan.done_count == runs, "ranges that were measured before are not measured again"


def test_the_cursor_is_shared(page):
    page.session.frame = 4
    assert page.curves.cursor.location == 4
    assert page.preview.words.object.startswith("Frame 4")
    page._on_tap(SimpleNamespace(x=2.3))
    assert page.session.frame == 2
    page._on_tap(SimpleNamespace(x=99.0))
    assert page.session.frame == 5


def test_space_shows_the_other_image_at_the_same_place(page):
    page.on_key(" ")
    assert page.preview.mode.value == "flicker"
    words = page.preview.words.object
    page.on_key(" ")
    assert page.preview.words.object != words
    assert len(page.preview.layers()) == 1


def test_clipped_pixels_are_coloured(page):
    page.params.thr_max = 0.2
    colours = page.preview.layers()[1].paint(slice(0, 192), slice(0, 192), 1)
    red = (colours[..., 0] == 214) & (colours[..., 1] == 39)
    image = open_frame(page.session.frame_path).raw("A")
    assert np.array_equal(red, image > page.preview.high)


def test_a_dragged_limit_becomes_the_threshold_of_all_frames(page):
    image = open_frame(page.session.frame_path).raw("A")
    low = page.preview.low
    page.params.sliding = False
    before = page.curves.source.data["minimum"].copy()
    page.histogram.boxes[1].left = float(np.quantile(image, 0.1))
    assert page.params.thr_min == pytest.approx(0.1, abs=0.01)
    assert page.params.thr_max == 1e-3, "the other limit keeps its threshold"
    assert np.all(page.curves.source.data["minimum"] > before)
    assert page.histogram.boxes[0].left == page.histogram.boxes[1].left == page.preview.low > low
    assert "% below" in page.preview.words.object


def test_a_limit_cannot_be_dragged_beyond_half_of_the_pixels(page):
    page.histogram.boxes[0].left = page.preview.high - 1
    assert page.params.thr_min == 0.49


def test_detectors_and_their_mixture_are_looked_at(page):
    choice = page.detector
    assert choice.which.options == ["A", "B", "fused"]
    alone = page.curves.source.data["maximum"].copy()
    choice.which.value = "fused"
    choice.share.param.update(value=0.25, value_throttled=0.25)
    frame = open_frame(page.session.frame_path)
    a, b = (frame.raw(letter).astype(np.float32) for letter in "AB")
    fused = np.rint(a * np.float32(0.75) + b * np.float32(0.25))
    assert np.array_equal(np.asarray(page.preview.image), fused)
    assert page.preview.work.result.levels[0] == fused.min()
    assert not np.array_equal(page.curves.source.data["maximum"], alone)
    assert page.session.settings.input.detector == "A"
    assert page.session.settings.output.detector_b_fraction == 0.0, "looking changes nothing"
    choice.use_share()
    assert page.session.settings.output.detector_b_fraction == 0.25
    assert choice.use.disabled
    choice.which.value = "B"
    assert page.session.settings.input.detector == "B"
    assert np.array_equal(np.asarray(page.preview.image), frame.raw("B"))
    page.session.settings.input.detector = "A"
    assert choice.which.value == "A"


def test_keys_fit_the_view_and_stretch_the_raw_image(page):
    wide = page.preview.raw_levels()
    page.on_key("c")
    narrow = page.preview.raw_levels()
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    assert "stretched" in page.preview.words.object
    page.preview.view._on_ranges(SimpleNamespace(x0=10, x1=20, y0=10, y1=20))
    assert page.preview.view.source.data["dw"][0] < 30
    page.on_key("f")
    assert page.preview.view.source.data["dw"][0] == 192


def test_without_a_stack_the_page_says_what_to_do(tmp_path):
    session = Session(ServerConfig((tmp_path,), tmp_path))
    page = DataRangePage(session)
    page.__panel__()
    page.on_enter()
    assert page.no_stack.visible
    assert not page.pictures.visible
    page.no_stack[1].param.trigger("clicks")
    assert session.page == "data"


def test_frames_that_vanish_give_a_reason(tmp_path):
    folder = write_phantom(tmp_path / "x", frames=3, size=192).folder
    session = open_session(folder)
    for path in find_frames(folder):
        path.unlink()
    page = DataRangePage(session)
    page.__panel__()
    page.on_enter()
    assert "no frame could be measured" in page.scan.error
    assert page.preview.work.error


def test_8_bit_frames_need_no_scaling(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(2):
        write_tif(tmp_path / f"f{i}.tif", rng.integers(0, 255, (40, 50), dtype=np.uint8))
    page = DataRangePage(open_session(tmp_path))
    page.__panel__()
    page.on_enter()
    assert "nothing needs to be scaled" in page.state.object
    assert "nothing needs to be scaled" in page.preview.words.object
    assert not any(box.editable for box in page.histogram.boxes)


def frames(n):
    return [FrameInfo(i, f"f{i}", (f"f{i}", 1, 1), dtype="int16") for i in range(n)]


def test_a_sample_spans_the_stack():
    chosen = [frame.index for frame in sample_of(frames(1000))]
    assert len(chosen) == 60
    assert chosen[0] == 0
    assert chosen[-1] == 999
    assert len(sample_of(frames(7))) == 7


def test_the_fit_leaves_unreadable_frames_out():
    known = [(f, FrameRange(f.index, 10.0, 20.0 + f.index, False)) for f in frames(5)]
    known[2] = (known[2][0], FrameRange(2, np.nan, np.nan, False, "torn"))
    numbers, levels = fit(known, DataRangeSettings(), 5)
    assert numbers.tolist() == [0, 1, 3, 4]
    assert limits_at(2, numbers, levels, True) == pytest.approx((10, 22))
    assert limits_at(2, numbers, levels, False)[0] == 10
    with pytest.raises(RunError, match="no frame"):
        fit([known[2]], DataRangeSettings(), 5)


def visit(folder):
    """Show the page to a new visitor."""
    page = DataRangePage(open_session(folder))
    page.__panel__()
    page.on_enter()
    return page


def test_a_second_visitor_sees_what_the_first_has_measured(folder, measured):
    first = visit(folder)
    assert sorted(measured) == list(range(6))
    second = visit(folder)
    assert sorted(measured) == list(range(6))
    assert second.numbers.tolist() == first.numbers.tolist()
    assert np.array_equal(second.curves.source.data["minimum"], first.curves.source.data["minimum"])
    second.params.thr_min = 0.05
    assert len(measured) == 12, "other thresholds are other ranges"


def test_a_frame_that_changed_is_measured_again(tmp_path, measured):
    folder = write_phantom(tmp_path / "stack", frames=3, size=64, seed=3).folder
    before = visit(folder).curves.source.data["maximum"].copy()
    changed = sorted(folder.glob("*.dat"))[1]
    other = write_phantom(tmp_path / "other", frames=3, size=64, seed=9).folder
    changed.write_bytes(sorted(other.glob("*.dat"))[1].read_bytes())
    measured.clear()
    after = visit(folder).curves.source.data["maximum"]
    assert measured == [1]
    assert (after != before).tolist() == [False, True, False]


def test_few_ranges_are_kept_and_no_failures():
    kept = KeptRanges(most=2)
    ranges = {name: FrameRange(0, 1.0, 2.0, False) for name in "abc"}
    kept.add("a", ranges["a"])
    kept.add("b", ranges["b"])
    assert kept.get("a") is ranges["a"]
    kept.add("c", ranges["c"])
    assert [kept.get(name) for name in "abc"] == [ranges["a"], None, ranges["c"]]
    kept.add("bad", FrameRange(0, np.nan, np.nan, False, "cannot be read"))
    assert kept.get("bad") is None
