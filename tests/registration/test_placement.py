"""Boxes of the first frame in the slices of a stack, and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem_dash.io import open_stack
from fibsem_dash.io.tables import read_quality
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.boxes import box_bounds, flip_bounds
from fibsem_dash.registration.canvas import Canvas
from fibsem_dash.registration.frames import find_frames
from fibsem_dash.registration.pipeline import Registration
from fibsem_dash.registration.placement import Placement, placement_of
from fibsem_dash.registration.stored_run import read_run
from fibsem_dash.settings import RunSettings, update

FRAME = (50, 70)
CANVAS = Canvas((61, 78), (5, 8))
BOX = (30, 60, 40, 50)


@pytest.mark.parametrize("flipped", [False, True])
@given(top=st.integers(0, 49), left=st.integers(0, 69), data=st.data())
def test_a_box_lies_where_the_run_measures_it(
    flipped: bool, top: int, left: int, data: st.DataObject
) -> None:
    height, width = data.draw(st.integers(0, 50 - top)), data.draw(st.integers(0, 70 - left))
    box = (top, height, left, width)
    if not any(box):
        return
    placement = Placement(FRAME, CANVAS, flipped)
    bounds = box_bounds(1, FRAME, box, origin=CANVAS.offset)
    xi, xa, yi, ya = (flip_bounds(bounds, CANVAS.shape[0]) if flipped else bounds)[0]
    found = placement.to_slices(box)
    assert found == (yi, ya - yi, xi, xa - xi)
    assert placement.to_frame(found) == (top, height or 50 - top, left, width or 70 - left)


@pytest.mark.parametrize("flipped", [False, True])
def test_what_is_drawn_beyond_the_frame_is_cut_off(flipped: bool) -> None:
    placement = Placement(FRAME, CANVAS, flipped)
    assert placement.to_frame((0, 61, 0, 78)) == (0, 50, 0, 70)
    assert placement.to_frame((0, 61, 0, 10)) == (0, 50, 0, 5)
    # Nothing is left: one pixel at the edge, not a box that means everything.
    assert placement.to_frame((20, 5, 0, 3))[2:] == (0, 1)


def test_no_box_means_whole_slices() -> None:
    assert Placement(FRAME, CANVAS).to_slices((0, 0, 0, 0)) == (0, 0, 0, 0)
    assert Placement(FRAME, CANVAS).moves
    assert not Placement(FRAME, Canvas(FRAME)).moves
    assert Placement(FRAME, Canvas(FRAME), flipped=True).moves


@pytest.mark.parametrize("flip", [False, True])
def test_the_box_of_a_run_is_found_in_its_stack(tmp_path: Path, flip: bool) -> None:
    frames = tmp_path / "frames"
    write_phantom(frames, frames=5, size=160)
    settings = update(RunSettings(), {"quality.box": list(BOX), "output.flip_y": flip})
    Registration(find_frames(frames), tmp_path / "run", settings).run()
    run = read_run(tmp_path / "run")
    with open_stack(next((tmp_path / "run").glob("*.mrc"))) as stack:
        shape = stack.shape[1:]
    placement = placement_of(run, shape)
    assert placement is not None
    assert placement.moves
    top, height, left, width = placement.to_slices(BOX)
    table = read_quality(next((tmp_path / "run").glob("*_RegistrationQuality.csv")))
    columns = ["xi_eval", "xa_eval", "yi_eval", "ya_eval"]
    expected = np.tile([left, left + width, top, top + height], (len(table), 1))
    np.testing.assert_array_equal(table[columns].to_numpy(), expected)
    # Slices of another size are not those of this run.
    assert placement_of(run, (shape[0] + 1, shape[1])) is None
    assert placement_of(replace(run, settings=RunSettings()), shape) == replace(
        placement, flipped=False
    )
