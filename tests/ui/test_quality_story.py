"""A user compares registrations: two small runs with pictures, eight long tables."""

from __future__ import annotations

import io
import os
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import pytest

from benchmarks.quality_tables import write_tables
from components.router import SEPARATOR
from fibsem_dash.registration.frames import find_frames
from fibsem_dash.registration.pipeline import Registration
from fibsem_dash.settings import RunSettings, update
from tests.ui_server import PROJECT

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

pytestmark = pytest.mark.ui

SHOTS = PROJECT / "artifacts" / "ui"

LINES = """() => {
  const found = []
  for (const document of Bokeh.documents)
    for (const model of document._all_models.values())
      if (model.type === 'GlyphRenderer' && model.glyph.type === 'Line')
        found.push([model.name, model.muted, model.data_source.get_length() ?? 0])
  return found
}"""
"""Name, muted, and number of points of every curve that the browser has."""


WIDTH = """() => Bokeh.documents.flatMap(document => [...document._all_models.values()])
  .filter(model => model.type === 'Figure').map(model => model.x_range.end - model.x_range.start)[0]
"""
"""How many frames the curves show."""

STARTS = """() => JSON.stringify(
  Bokeh.documents.flatMap(document => [...document._all_models.values()])
    .filter(model => model.type === 'GlyphRenderer' && model.glyph.type === 'Line')
    .map(model => model.data_source.data.x[0]))"""
"""Where the points of each curve begin."""


def open_tables(tab: Any, paths: list[Path]) -> Any:
    query = urlencode({"page": "quality", "runs": SEPARATOR.join(map(str, paths))})
    tab.open("?" + query, ready="Add runs")
    return tab.page


def drawn(n_lines: int) -> str:
    """Return a test, for the browser, of whether so many curves have points."""
    return f"() => ({LINES})().filter(line => line[2] > 1).length >= {n_lines}"


PICTURES = """() => Bokeh.documents.flatMap(document => [...document._all_models.values()])
  .filter(model => model.type === 'Figure' && model.title.text && model.renderers.some(
    r => r.glyph?.type === 'ImageRGBA' && r.data_source.data.image?.length))
  .map(figure => [figure.title.text, Array.from(new Uint8Array(figure.renderers.find(
    r => r.glyph?.type === 'ImageRGBA').data_source.data.image[0].slice(0, 400).buffer))])
"""
"""Title and first pixels, red to alpha, of every picture of a pair."""


@pytest.fixture
def shift_run(finished_run: Path, stack_folder: Path) -> Path:
    """The same frames registered by shifts alone, beside the other run."""
    folder = finished_run.with_name("shifts")
    settings = update(RunSettings(), {"solver.transform": "shift"})
    Registration(find_frames(stack_folder), folder, settings).run()
    return folder


def test_two_runs_are_compared(tab: Any, finished_run: Path, shift_run: Path) -> None:
    tab.open("?page=quality", ready="Add runs")
    page = tab.page
    for folder in (finished_run, shift_run):
        page.locator(".tabulator-row", has_text=folder.name).first.click()
    page.get_by_role("button", name="Add 2").click()
    page.wait_for_function(drawn(6))

    # Under a name of one's own.
    name = page.locator(f"input[value='{shift_run.name}']").element_handle()
    name.fill("Shifts only")
    name.press("Enter")
    page.wait_for_function(f"() => ({LINES})().some(line => line[0] === 'Shifts only')")

    # A click into a curve shows that pair of slices of both runs.
    figure = page.locator(".bk-Figure").first
    expect(figure.locator("canvas").first).to_be_visible()
    box = figure.bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.7 * box["height"])
    expect(page.get_by_text("Frame 0", exact=True)).to_be_hidden()
    page.get_by_text("red-cyan", exact=True).click()
    page.wait_for_function(f"() => ({PICTURES})().filter(p => p[0].includes('cyan')).length === 2")
    for title, pixels in page.evaluate(PICTURES):
        red, green, blue = pixels[::4], pixels[1::4], pixels[2::4]
        assert green == blue, title
        assert red != green, title
    tab.shot("_pair")

    # A click on the legend mutes a run in all rows.
    assert not any(muted for _name, muted, _n in page.evaluate(LINES))
    page.mouse.click(box["x"] + box["width"] - 66, box["y"] + 13)
    page.wait_for_function(f"() => ({LINES})().filter(line => line[1]).length >= 3")
    assert len({name for name, muted, _n in page.evaluate(LINES) if muted}) == 1

    # The numbers, and whether the difference is one.
    page.get_by_text("Statistics", exact=True).first.click()
    expect(page.locator("th", has_text="Median").first).to_be_visible()
    expect(page.locator("td", has_text="Shifts only").first).to_be_visible()
    page.get_by_text("Differences", exact=True).first.click()
    expect(page.locator("th", has_text="95 % interval")).to_be_visible()
    expect(page.locator("td", has_text="NCC").first).to_be_visible()
    expect(page.get_by_text("7", exact=True).first).to_be_visible()
    tab.shot("_differences")

    page.get_by_role("button", name="show more").last.click()
    with page.expect_download() as download:
        page.locator("button", has_text=re.compile(r"^(table_view)?\s*XLSX$")).click()
    sheets = pd.read_excel(io.BytesIO(Path(download.value.path()).read_bytes()), sheet_name=None)
    assert len(sheets) == 3
    assert "Shifts only" in sheets[next(iter(sheets))].to_string()


@pytest.mark.slow
def test_eight_tables_of_17000_frames_are_zoomed(tab: Any, data_root: Path) -> None:
    paths = write_tables(data_root / "tables", 17_000, 8)
    page = open_tables(tab, paths[:1])
    page.wait_for_function(drawn(3))
    begun = time.monotonic()
    query = urlencode({"page": "quality", "runs": SEPARATOR.join(map(str, paths))})
    page.goto(tab.server + "?" + query)
    page.wait_for_function(drawn(40))
    opened = time.monotonic() - begun
    tab.shot("_whole")

    # The wheel with ctrl zooms in: what is seen comes again at the resolution of the screen.
    figure = page.locator(".bk-Figure").nth(1)
    box = figure.bounding_box()
    before, content = page.evaluate(WIDTH), page.evaluate(STARTS)
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.5 * box["height"])
    page.keyboard.down("Control")
    begun = time.monotonic()
    for _ in range(6):
        page.mouse.wheel(0, -300)
    page.wait_for_function(f"before => ({STARTS})() !== before", arg=content)
    redrawn = time.monotonic() - begun
    page.keyboard.up("Control")
    assert page.evaluate(WIDTH) < 0.7 * before
    SHOTS.mkdir(parents=True, exist_ok=True)
    line = f"8 x 17000 frames: curves after {opened:.1f} s, those of a zoom after {redrawn:.2f} s"
    (SHOTS / "quality_times.txt").write_text(f"{line}, load {os.getloadavg()[0]:.1f}\n")
