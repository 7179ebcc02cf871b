"""A user looks at the stack of a run, measures in a box, opens the table, and bins a TIFF."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
import pytest
import tifffile

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

pytestmark = pytest.mark.ui

SIDES = ("width", "height")
FIELDS = ("Top", "Height", "Left", "Width")

FILLED = """() => Bokeh.documents.flatMap(d => [...d._all_models.values()])
  .filter(m => m.type === 'Figure').map(f => [f.title.text,
    f.renderers.some(r => r.glyph?.type === 'Image' && r.data_source.data.image?.length > 0)])
  .filter(pair => pair[1]).map(pair => pair[0]).sort().join(' ')"""
"""Titles of the planes that have a picture."""


def z_field(page: Any, slice_number: int) -> None:
    expect(page.get_by_label(re.compile(r"^z \(")).first).to_have_value(str(slice_number))


def address(page: Any, key: str) -> list[int]:
    """Return numbers that the address holds."""
    values = parse_qs(urlsplit(page.url).query).get(key, [""])[0]
    return [int(v) for v in values.split(",") if v]


def largest_figure(page: Any) -> dict[str, float]:
    """Return the place of XY on the page, px."""
    boxes = [figure.bounding_box() for figure in page.locator(".bk-Figure").all()]
    return max(filter(None, boxes), key=lambda box: box["width"] * box["height"])


def open_cards(page: Any, *places: int) -> None:
    """Open cards by their place among the closed ones, the last first."""
    for place in sorted(places, reverse=True):
        page.get_by_role("button", name="show more").nth(place).click()


def test_the_stack_of_a_run_is_looked_at_and_measured(tab: Any, finished_run: Path) -> None:
    page = tab.page
    tab.open("?" + urlencode({"page": "stack", "run": str(finished_run)}), ready="Evaluation box")
    page.wait_for_function(f"() => ({FILLED})() === 'XY XZ YZ'")
    expect(page).to_have_url(re.compile(r"at=\d"))
    z, y, x = address(page, "at")
    z_field(page, z)

    # A click in XY moves the other two planes and keeps the slice; keys step through the slices.
    xy = largest_figure(page)
    page.mouse.click(xy["x"] + 0.4 * xy["width"], xy["y"] + 0.35 * xy["height"])
    expect(page).not_to_have_url(re.compile(rf"at={z}%2C{y}%2C{x}"))
    z_field(page, z)
    page.keyboard.press("ArrowRight")
    z_field(page, z + 1)
    page.keyboard.press("Home")
    z_field(page, 0)
    tab.shot("_planes")

    # A box drawn with the mouse fills in the numbers.
    page.keyboard.press("b")
    open_cards(page, 2)  # after the cards of the stack and of the view
    expect(page.get_by_label("Show the box")).to_be_checked()
    start, end = (0.45, 0.5), (0.6, 0.7)
    page.mouse.move(*(xy[k] + f * xy[s] for k, s, f in zip("xy", SIDES, start, strict=True)))
    page.mouse.down()
    page.mouse.move(*(xy[k] + f * xy[s] for k, s, f in zip("xy", SIDES, end, strict=True)), steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"box=\d+%2C\d\d+%2C\d+%2C\d\d+"))
    fields = {name: page.get_by_label(name, exact=True).first for name in FIELDS}
    drawn = address(page, "box")
    for field, value in zip(fields.values(), drawn, strict=True):
        expect(field).to_have_value(str(value))
    assert 50 < drawn[1] < 150, "as large as the rectangle that was drawn"
    assert 50 < drawn[3] < 150

    # Numbers move the rectangle that is drawn.
    fields["Width"].fill("150")
    fields["Width"].press("Tab")
    expect(page).to_have_url(re.compile(r"box=\d+%2C\d+%2C\d+%2C150"))
    page.wait_for_function(
        "width => Bokeh.documents.flatMap(d => [...d._all_models.values()]).some(m =>"
        " m.type === 'BoxAnnotation' && m.visible && Math.abs(m.right - m.left - width) < 1e-3)",
        arg=150 * 0.008,
    )
    page.get_by_label("Preview over slices").check()
    expect(page.get_by_text("Slice 7", exact=True)).to_be_visible()
    tab.shot("_box")

    # A job measures in it; its table is opened on the Quality page.
    page.get_by_role("button", name="Evaluate", exact=True).click()
    expect(page.get_by_text(re.compile(r"^Quality of .*: done$"))).to_be_visible()
    page.get_by_role("button", name="Open in Quality").click()
    expect(page.get_by_text("Add runs", exact=True)).to_be_visible()
    # The page that was left stays in the document, hidden.
    expect(page.locator(".bk-Figure canvas").filter(visible=True).first).to_be_visible()
    expect(page).to_have_url(re.compile("page=quality.*RegistrationQuality"))
    page.wait_for_function(
        "() => Bokeh.documents.flatMap(d => [...d._all_models.values()]).filter(m =>"
        " m.type === 'GlyphRenderer' && m.glyph.type === 'Line'"
        " && m.data_source.get_length() >= 7).length >= 3"
    )


def test_a_tiff_stack_is_opened_by_path_and_binned(tab: Any, data_root: Path) -> None:
    rows, columns = np.mgrid[:80, :100]
    slices = [(rows + columns + 4 * z).astype(np.uint8) for z in range(10)]
    file = data_root / "cube.tif"
    tifffile.imwrite(
        file, np.stack(slices), imagej=True, resolution=(125, 125),
        metadata={"axes": "ZYX", "spacing": 0.016, "unit": "um"},
    )  # fmt: skip

    page = tab.page
    tab.open("?page=stack", ready="Evaluation box")
    path = page.get_by_label("Stack or folder").first
    path.fill(str(file))
    path.press("Enter")
    page.wait_for_function(f"() => ({FILLED})() === 'XY XZ YZ'")
    z_field(page, 5)
    expect(page.get_by_label("z (0.080 µm)")).to_be_visible()
    tab.shot("_planes")

    page.get_by_role("button", name="show more").last.click()  # tools
    for axis in "zyx":
        field = page.get_by_label(f"Bin {axis}", exact=True)
        field.fill("2")
        field.press("Tab")
    expect(
        page.get_by_text(re.compile("Result: 50 × 40 × 5 voxels.*16 × 16 × 32 nm"))
    ).to_be_visible()
    page.get_by_role("button", name="Write", exact=True).click()
    expect(page.get_by_text("Write cube_new.mrc: done")).to_be_visible()
    page.get_by_role("button", name="Open the result").click()
    expect(page).to_have_url(re.compile("cube_new.mrc"))
    z_field(page, 2)
    expect(page.get_by_label("z (0.064 µm)")).to_be_visible()
