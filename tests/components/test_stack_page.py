"""The Stack page without a browser: opening, linked planes, box, jobs, tools, address."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from components.config import ServerConfig
from components.pages.stack import StackPage
from components.pages.stack_box import PreviewRequest, preview_html
from components.pages.stack_jobs import free_name
from components.pages.stack_volume import edges_um, open_volume, run_stacks
from components.router import query_of, read_query
from components.session import Session
from components.widgets.stack_plane_view import content
from fibsem_dash.errors import FibsemDashError, ParameterError
from fibsem_dash.io import open_stack
from fibsem_dash.io.mrc import MrcStackWriter
from fibsem_dash.io.tables import read_quality
from fibsem_dash.jobs import JobRegistry, jobs_folder
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.boxes import box_bounds
from fibsem_dash.registration.frames import find_frames
from fibsem_dash.registration.pipeline import Registration
from fibsem_dash.registration.stack_conversion import convert_stack
from fibsem_dash.settings import RunSettings, update

SHAPE = (12, 60, 80)


@pytest.fixture(scope="module")
def volume():
    rng = np.random.default_rng(5)
    return rng.integers(20, 230, SHAPE).astype(np.uint8)


@pytest.fixture
def root(tmp_path, volume):
    """An allowed folder with the same stack in several formats, and a place for runs."""
    data = tmp_path.resolve() / "data"
    data.mkdir()
    writer = MrcStackWriter.create(data / "a.mrc", SHAPE, np.uint8, (20.0, 10.0, 10.0))
    for k, image in enumerate(volume):
        writer.write_slice(k, image)
    writer.finish(20, 230, 120, 10)
    tifffile.imwrite(data / "b.tif", volume, photometric="minisblack")
    convert_stack([data / "a.mrc"], data / "c.zarr")
    convert_stack([data / "a.mrc"], data / "d.h5")
    convert_stack([data / "a.mrc"], data / "slices")
    return data


@pytest.fixture
def config(root):
    return ServerConfig((root,), root.parent / "runs")


@pytest.fixture
def page(config):
    page = StackPage(Session(config))
    page.__panel__()
    page.on_enter()
    yield page
    page.close()


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


def test_the_box_is_one_value_in_numbers_on_the_picture_and_in_the_session(page, root):
    page.open(str(root / "a.mrc"))
    box = page.box
    box.use_box = True
    page.session.box = (10, 20, 30, 40)
    assert [field.value for field in box.numbers] == [10, 20, 30, 40]
    mark = page.planes.views["z"]._box
    edges = (mark.left, mark.right, mark.top, mark.bottom)
    assert edges == pytest.approx((0.295, 0.695, 0.095, 0.295))
    assert mark.visible
    box.numbers[3].value = 25
    assert page.session.box == (10, 20, 30, 25)
    mark.right = 0.5
    assert page.session.box == (10, 20, 30, 20)
    box.numbers[0].value = 5000
    assert page.session.box[0] == 59, "the box stays on the slices"
    geometry = {"type": "rect", "x0": 0.1, "x1": 0.3, "y0": 0.4, "y1": 0.2}
    box._on_geometry(SimpleNamespace(final=True, geometry=geometry))
    assert page.session.box == (20, 20, 10, 20) or page.session.box == (21, 19, 11, 19)
    box.clear()
    assert page.session.box == (0, 0, 0, 0)


def test_a_sliding_box_shows_its_path_and_its_end(page, root):
    page.open(str(root / "a.mrc"))
    page.session.box = (10, 20, 30, 40)
    page.box.param.update(use_box=True, sliding=True, stop=(30, 20, 5, 40))
    path = page.box.paths["y"].data
    assert path["x"] == pytest.approx([0.295, 0.695, 0.445, 0.045])
    assert path["y"] == pytest.approx([-0.01, -0.01, 0.23, 0.23])
    assert page.box.stop_mark.visible
    page.box.stop_numbers[0].value = 5000
    assert page.box.stop == (40, 20, 5, 40)
    page.box.stop_mark.left = 0.195
    assert page.box.stop[2] == 20
    page.box.use_box = False
    assert page.box.paths["y"].data["x"] == []


def test_the_preview_shows_slices_of_the_whole_stack(page, root):
    page.open(str(root / "a.mrc"))
    page.session.box = (10, 20, 30, 40)
    page.box.previewed = True
    html = page.box.strip.object
    assert page.box.strip.visible
    assert html.count("<img") == 5
    assert "Slice 0<" in html
    assert "Slice 11<" in html
    assert "columns 30 to 70, rows 10 to 30" in html
    volume = page.planes.volume
    request = PreviewRequest(volume, (10, 20, 30, 40), (30, 20, 5, 40), 3, True, 0, 255, False)
    bounds = box_bounds(12, (60, 80), (10, 20, 30, 40), stop_box=(30, 20, 5, 40))
    xi, xa, yi, ya = bounds[-1]
    assert f"columns {xi} to {xa}, rows {yi} to {ya}" in preview_html(request)
    assert preview_html(request, lambda: False) == ""


def wait_for(line, seconds=60.0):
    end = time.monotonic() + seconds
    while line.active and time.monotonic() < end:
        time.sleep(0.2)
        line.look()
    assert not line.active, "the job did not end"


@pytest.fixture
def registry(config):
    registry = JobRegistry(jobs_folder(config.run_root))
    yield registry
    registry.close()


def test_an_evaluation_runs_as_a_job_and_is_handed_to_the_quality_page(page, root, registry):
    page.open(str(root / "a.mrc"))
    page.session.box = (10, 20, 30, 40)
    page.box.param.update(sliding=True, stop=(30, 20, 5, 40))
    page.evaluation.job._registry = lambda: registry
    page.evaluation.start()
    wait_for(page.evaluation.job)
    assert not page.evaluation.job.alert.visible, page.evaluation.job.alert.object
    target = page.evaluation.target
    assert target.is_relative_to(page.session.config.run_root)
    table = read_quality(target)
    assert len(table) == 11
    expected = box_bounds(12, (60, 80), (10, 20, 30, 40), stop_box=(30, 20, 5, 40))
    assert table["xi_eval"].tolist() == expected[1:, 0].tolist()
    assert page.evaluation.open.visible == page.evaluation.has_quality_page
    page.evaluation.open_in_quality()
    assert page.session.compared == [str(target)]
    assert page.session.page == "quality"


def test_a_cropped_and_binned_stack_is_written_below_the_run_root(page, root, volume, registry):
    page.open(str(root / "a.mrc"))
    tools = page.tools
    tools.job._registry = lambda: registry
    page.session.box = (10, 20, 30, 40)
    tools.crop_box.value = True
    tools.bins[1].value = tools.bins[2].value = 2
    tools.z_from.value, tools.z_to.value = 2, 7
    assert "20 × 10 × 6 voxels" in tools.result.text
    assert "1.2 kB" in tools.result.text
    tools.start()
    wait_for(tools.job)
    assert not tools.job.alert.visible, tools.job.alert.object
    assert tools.target.is_relative_to(page.session.config.run_root)
    with open_stack(tools.target) as stack:
        assert stack.shape == (6, 10, 20)
        assert stack.voxel_size_nm == pytest.approx((20, 20, 20))
        part = volume[2, 10:30, 30:70].reshape(10, 2, 20, 2).mean((1, 3))
        assert np.array_equal(stack[0], np.rint(part).astype(np.uint8))
    assert tools.open.visible
    tools.open.param.trigger("clicks")
    assert page.session.stack_file == str(tools.target)


def test_what_cannot_be_written_is_told_before(page, root):
    page.open(str(root / "a.mrc"))
    tools = page.tools
    tools.bins[0].value = 50
    assert tools.problem.visible
    assert tools.button.disabled
    tools.bins[0].value = 1
    assert not tools.problem.visible
    tools.others.value = "/etc/passwd"
    assert "not open to the dashboard" in tools.problem.object.replace("\\", "")
    tools.others.value = str(root / "a.mrc")
    assert "2 stacks" in tools.result.text
    tools.crop_box.value = True
    page.session.box = (1, 5, 1, 5)
    with pytest.raises(ParameterError):
        tools.arguments(root / "never.mrc")


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


def test_names_are_never_used_twice(tmp_path):
    (tmp_path / "a.csv").touch()
    (tmp_path / "a-2.csv").touch()
    assert free_name(tmp_path, "a", ".csv") == tmp_path / "a-3.csv"


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


@pytest.fixture
def run_page(root, config):
    """The Stack page with the stack of a run whose slices are larger than its frames."""
    frames, run = root / "frames", config.run_root / "run"
    write_phantom(frames, frames=5, size=160)
    settings = update(RunSettings(), {"quality.box": [30, 60, 40, 50]})
    Registration(find_frames(frames), run, settings).run()
    page = StackPage(Session(config))
    page.__panel__()
    page.on_enter()
    page.open(str(run))
    assert page.opening.error == ""
    yield page
    page.close()


def test_the_box_of_a_run_is_drawn_where_the_run_measures(run_page, registry):
    page, box = run_page, run_page.box
    offset_x, offset_y = box.placement.canvas.offset
    assert offset_x + offset_y > 0
    box.use_box = True
    page.session.box = (30, 60, 40, 50)
    assert [field.value for field in box.numbers] == [30, 60, 40, 50]
    mark, (dy, dx) = page.planes.views["z"]._box, page.planes.edges[1:]
    drawn = [
        mark.left / dx + 0.5,
        mark.right / dx + 0.5,
        mark.top / dy + 0.5,
        mark.bottom / dy + 0.5,
    ]
    edges = [40 + offset_x, 90 + offset_x, 30 + offset_y, 90 + offset_y]
    assert drawn == pytest.approx(edges)
    assert f"rows {edges[2]} to {edges[3]}" in box.frame_note.text
    assert box.frame_note.visible

    # What the job measures is what the run itself has measured.
    page.evaluation.job._registry = lambda: registry
    page.evaluation.start()
    wait_for(page.evaluation.job)
    own = read_quality(next(page._volume.path.parent.glob("*_RegistrationQuality.csv")))
    table = read_quality(page.evaluation.target)
    columns = ["xi_eval", "xa_eval", "yi_eval", "ya_eval", "NSAD", "NCC"]
    np.testing.assert_allclose(table[columns], own[columns], rtol=1e-6)

    # A rectangle moved on the picture comes back as numbers of the first frame.
    mark.update(left=mark.left + 7 * dx, right=mark.right + 7 * dx)
    assert page.session.box == (30, 60, 47, 50)


def test_a_box_drawn_into_the_margin_of_a_run_is_cut_to_its_frame(run_page):
    page, box = run_page, run_page.box
    rows, columns = page._volume.shape[1:]
    dy, dx = page.planes.edges[1:]
    geometry = {"type": "rect", "x0": -0.5 * dx, "x1": (columns - 0.5) * dx,
                "y0": -0.5 * dy, "y1": (rows - 0.5) * dy}  # fmt: skip
    box._on_geometry(SimpleNamespace(final=True, geometry=geometry))
    assert page.session.box == (0, 160, 0, 160)
    mark = page.planes.views["z"]._box
    assert (mark.right - mark.left) / dx == pytest.approx(160)
    box.sliding = True
    box.stop = (0, 160, 0, 160)
    assert box.stop_in_slices == box.in_slices
    assert page.tools.plan().change.crop[2:] == (0, rows, 0, columns)
    page.tools.crop_box.value = True
    top, height, left, width = box.in_slices
    assert page.tools.plan().change.crop[2:] == (top, top + height, left, left + width)
