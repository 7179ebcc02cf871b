"""The evaluation box of the Stack page: drawn, in numbers, sliding, previewed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from components.pages.stack_preview import PreviewRequest, preview_html
from fibsem_dash.io.tables import read_quality
from fibsem_dash.registration.boxes import box_bounds
from tests.components.stack.stack_cases import wait_for


def test_the_box_is_one_value_in_numbers_on_the_picture_and_in_the_session(page, root):
    page.open(str(root / "a.mrc"))
    box = page.box
    box.use_box = True
    page.session.box = (10, 20, 30, 40)
    assert [field.value for field in box.numbers] == [10, 20, 30, 40]
    mark = page.planes.views["z"].box_mark
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


def test_the_box_of_a_run_is_drawn_where_the_run_measures(run_page, registry):
    page, box = run_page, run_page.box
    offset_x, offset_y = box.placement.canvas.offset
    assert offset_x + offset_y > 0
    box.use_box = True
    page.session.box = (30, 60, 40, 50)
    assert [field.value for field in box.numbers] == [30, 60, 40, 50]
    mark, (dy, dx) = page.planes.views["z"].box_mark, page.planes.edges[1:]
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
    mark = page.planes.views["z"].box_mark
    assert (mark.right - mark.left) / dx == pytest.approx(160)
    box.sliding = True
    box.stop = (0, 160, 0, 160)
    assert box.stop_in_slices == box.in_slices
    assert page.tools.plan().change.crop[2:] == (0, rows, 0, columns)
    page.tools.crop_box.value = True
    top, height, left, width = box.in_slices
    assert page.tools.plan().change.crop[2:] == (top, top + height, left, left + width)
