"""The Stack page without a browser: opening, linked planes, contrast, address, code."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from components.pages.stack import StackPage
from components.pages.stack_volume import edges_um, open_volume, run_stacks
from components.router import query_of, read_query
from components.session import Session
from components.widgets.stack_plane_view import content
from fibsem_dash.errors import FibsemDashError
from tests.components.stack.stack_cases import SHAPE


@pytest.mark.parametrize("name", ["a.mrc", "b.tif", "c.zarr", "d.h5", "slices"])
def test_every_format_opens_in_its_middle_with_three_planes(page, root, volume, name):
    page.open(str(root / name))
    assert page.opening.error == ""
    assert page.planes.position == (6, 30, 40)
    images = {axis: view.work.result.plane.image for axis, view in page.planes.views.items()}
    assert np.array_equal(images["z"], volume[6])
    assert np.array_equal(images["y"], volume[:, 30])
    assert np.array_equal(images["x"], volume[:, :, 40].T)
    assert page.pictures.visible
    assert not page.no_stack.visible
    assert page.session.stack_file == str(root / name)
    page.layout.get_root()


def test_without_a_stack_the_page_says_what_to_do(page):
    assert page.no_stack.visible
    assert not page.pictures.visible
    page.on_key("f")
    page.step_frame(1)
    page.evaluation.start()
    assert page.tools.button.disabled


def test_a_click_in_one_plane_moves_the_others(page, root, volume):
    page.open(str(root / "a.mrc"))
    view = page.planes.views["y"]
    # XZ: x to the right, z downwards, in micrometres.
    view._on_tap(SimpleNamespace(x=0.05, y=0.04))
    assert page.planes.position == (2, 30, 5)
    assert np.array_equal(page.planes.views["z"].work.result.plane.image, volume[2])
    assert np.array_equal(page.planes.views["x"].work.result.plane.image, volume[:, :, 5].T)
    assert page.planes.views["z"].down.location == pytest.approx(0.05)
    page.planes.views["z"].across.location = 0.1
    assert page.planes.position == (2, 10, 5)
    view._on_tap(SimpleNamespace(x=99.0, y=-99.0))
    assert page.planes.position == (0, 10, 79), "never outside of the stack"


def test_sliders_and_keys_move_along_the_slices(page, root):
    page.open(str(root / "a.mrc"))
    page.step_frame(-1)
    assert page.planes.position[0] == 5
    page.step_frame(10**9)
    assert page.planes.position[0] == 11
    page.planes.sliders["x"].slider.value = 7
    assert page.planes.position == (11, 30, 7)
    assert page.planes.sliders["x"].number.value == 7
    assert "0.070 µm" in page.planes.sliders["x"].number.label
    assert page.session.stack_position == (11, 30, 7)


def test_zoom_reads_only_what_is_visible(page, root, volume):
    page.open(str(root / "a.mrc"))
    view = page.planes.views["z"]
    view._on_ranges(SimpleNamespace(x0=0.1, x1=0.2, y0=0.3, y1=0.15))
    assert view.work.result.plane.image.shape < SHAPE[1:]
    r0, r1, c0, c1 = (int(v) for v in view.work.result.plane.region)
    assert (r0, c0) == (15, 10)
    assert np.array_equal(view.work.result.plane.image, volume[6, r0:r1, c0:c1])
    page.on_key("f")
    assert view.work.result.plane.image.shape == SHAPE[1:]


def test_planes_have_the_proportions_of_the_sample(page, root):
    page.open(str(root / "a.mrc"))
    left, right, top, bottom = page.planes.views["y"].extent
    assert (right - left, bottom - top) == pytest.approx((0.8, 0.24))
    data = page.planes.views["y"].source.data
    assert (data["dw"][0], data["dh"][0]) == pytest.approx((0.8, 0.24))
    page.distance.value = 40.0
    assert page.planes.views["y"].source.data["dh"][0] == pytest.approx(0.48)


def test_contrast_is_shared_or_per_plane(page, root):
    page.open(str(root / "a.mrc"))
    views = page.planes.views
    assert len({(v.low, v.high) for v in views.values()}) == 1
    page.planes.histogram.high = 111.0
    assert {v.high for v in views.values()} == {111.0}
    page.planes.shared = False
    page.planes.plane = "XZ"
    page.planes.histogram.low = 55.0
    assert views["y"].low == 55.0
    assert views["z"].low != 55.0
    page.planes.inverted = True
    assert all(v.inverted for v in views.values())
    page.on_key("c")
    assert views["y"].low != 55.0


def test_padding_does_not_decide_on_the_contrast():
    image = np.random.default_rng(0).integers(-6000, -5000, (90, 90)).astype(np.int16)
    image[:30] = 0
    image[30] = -100
    assert content(image).max() < -4900
    assert content(image[40:]).shape == (50, 90)
    assert content(np.zeros((5, 5), np.uint8)).shape == (5, 5)


def test_stacks_that_cannot_be_read_are_told_in_words_and_the_last_one_stays(page, root):
    page.open(str(root / "a.mrc"))
    cut = root / "cut.mrc"
    cut.write_bytes((root / "a.mrc").read_bytes()[:5000])
    (root / "foreign.zarr").mkdir()
    (root / "foreign.zarr" / "zarr.json").write_text('{"zarr_format": 3}')
    (root / "text.h5").write_text("no HDF5")
    for name in ("cut.mrc", "foreign.zarr", "text.h5", "missing.mrc", "../../etc/passwd"):
        page.open(str(root / name))
        assert page.alert.visible, name
        assert "Traceback" not in page.alert.object
        assert page.session.stack_file == str(root / "a.mrc")
    page.open(str(root / "b.tif"))
    assert not page.alert.visible


def test_a_run_leads_to_its_stack_and_never_out_of_its_folder(config, root):
    run = root / "run"
    run.mkdir()
    record = {"schema_version": 1, "outputs": ["../a.mrc", "gone.mrc"]}
    (run / "run.json").write_text(json.dumps(record))
    assert run_stacks(run) == []
    with pytest.raises(FibsemDashError):
        open_volume(config, str(run))
    (run / "a.mrc").write_bytes((root / "a.mrc").read_bytes())
    volume = open_volume(config, str(run))
    assert volume.path == run / "a.mrc"
    volume.reader.close()


def test_unknown_voxel_sizes_are_said_and_replaced():
    nan = float("nan")
    assert edges_um((20, 10, 10)) == ((0.02, 0.01, 0.01), "µm", "")
    edges, unit, note = edges_um((nan, 10, 10))
    assert (edges, unit) == ((0.01, 0.01, 0.01), "µm")
    assert "distance of slices" in note
    assert edges_um((nan, 10, 10), 25) == ((0.025, 0.01, 0.01), "µm", "")
    assert edges_um((nan, nan, nan))[1] == "voxels"


def test_the_address_holds_stack_and_place(page, config, root):
    page.open(str(root / "a.mrc"))
    page.session.page = "stack"
    page.planes.position = (3, 4, 5)
    values, problems = read_query(query_of(page.session), ("stack",))
    assert not problems
    assert values["stack_file"] == str(root / "a.mrc")
    assert values["stack_position"] == (3, 4, 5)
    again = Session(config)
    again.param.update(stack_file=values["stack_file"], stack_position=values["stack_position"])
    other = StackPage(again)
    other.__panel__()
    other.on_enter()
    assert other.planes.position == (3, 4, 5)
    other.close()
    assert read_query("?at=1,2", ("stack",))[1]


def test_code_does_what_the_page_shows(page, root, volume):
    page.open(str(root / "a.mrc"))
    python, command = page.as_code()
    names: dict[str, object] = {}
    exec(python, names)
    assert np.array_equal(names["xz"], volume[:, 30])
    assert command.startswith("fibsem-dash info ")
    page.session.box = (10, 20, 30, 40)
    assert "--box 10 20 30 40" in page.evaluation.as_code()[1]
    assert page.tools.as_code()[1].startswith("fibsem-dash convert ")


def test_pixels_that_are_mixed_with_padding_do_not_set_the_contrast():
    slices = np.full((40, 60), -5000, np.int16)
    slices[:, :2] = 0
    # The canvas ends where the last column is half filled: nothing behind it is zero.
    slices[:, -1] = -1000
    assert set(np.unique(content(slices))) == {-5000}
