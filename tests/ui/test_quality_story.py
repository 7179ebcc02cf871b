"""A user compares eight registrations of a long stack."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from benchmarks.quality_tables import write_tables
from components.router import SEPARATOR
from tests.ui_server import PROJECT

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
