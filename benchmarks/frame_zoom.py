"""Time from the wheel, or the end of a pan, to the new pixels of a large frame in the browser.

Opens a frame on the Header page and prints the median and the worst of ten zooms and of ten pans,
in milliseconds from the last event of the mouse to the moment at which the browser has the pixels
of the part that is visible then; 100 ms of it are the pause in which the browser waits for the next
event. Then the time that the server takes to read such parts by itself. Run with
``python benchmarks/frame_zoom.py [--size 10000] [--frame FILE.dat]``; needs playwright, Chromium.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from browsing import open_browser, served
from playwright.sync_api import sync_playwright

from components.pages.header_frame import picture_of
from components.widgets.image_view import visible_part
from fibsem_dash.frame import FIBSEMFrame
from fibsem_dash.phantom import write_phantom

PARTS = (1.0, 0.7, 0.5, 0.4, 0.35, 0.2, 0.1)
"""Shares of the sides that are visible, for the reading by itself."""

WATCH = """() => {
  const models = Bokeh.documents.flatMap(document => [...document._all_models.values()])
  const figure = models.find(model => model.type === 'Figure' && model.renderers.some(
    renderer => renderer.glyph?.type === 'Image' && renderer.data_source.data.image?.length > 0))
  if (!figure) return false
  const source = figure.renderers.find(r => r.glyph?.type === 'Image').data_source
  window.zoom = {event: 0, came: 0, n: 0, figure, source}
  for (const kind of ['wheel', 'pointermove', 'pointerup'])
    window.addEventListener(kind, event => {
      if (kind !== 'pointermove' || event.buttons) window.zoom.event = performance.now()
    }, {capture: true, passive: true})
  source.properties.data.change.connect(() => {
    window.zoom.came = performance.now()
    window.zoom.n += 1
  })
  return true
}"""
"""Note when the mouse moves what is visible, and when new pixels come."""

CAME = "before => window.zoom.n > before && window.zoom.came > window.zoom.event"


def main() -> int:
    """Print the times; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--frame", help="a frame of its own instead of a phantom")
    parser.add_argument("--repeat", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name).resolve()
        if arguments.frame:
            (folder / "stack").mkdir()
            (folder / "stack" / "frame.dat").hardlink_to(Path(arguments.frame).resolve())
        else:
            write_phantom(folder / "stack", frames=1, size=arguments.size)
        frame = next((folder / "stack").glob("*.dat"))
        browser = open_browser(playwright)
        with served(folder) as (_pid, address):
            query = urlencode({"page": "header", "folder": str(frame.parent), "frame": 0})
            page = browser.new_page(viewport={"width": 1366, "height": 768})
            page.goto(f"{address}?{query}", timeout=120_000)
            measure(page, arguments.repeat)
        browser.close()
        read_alone(frame)
    return 0


def measure(page: Any, repeat: int) -> None:
    """Zoom and pan on an open page, and print the times."""
    page.wait_for_function(WATCH, timeout=120_000)
    # Thumbnails and tabs are still on their way.
    page.wait_for_timeout(8000)
    figures = page.locator(".bk-Figure").all()
    box = max((f.bounding_box() for f in figures if f.is_visible()), key=lambda b: b["height"])
    x, y = box["x"] + 0.55 * box["width"], box["y"] + 0.45 * box["height"]
    page.mouse.move(x, y)
    inward = max(repeat * 2 // 3, 1)

    def zoom(k: int) -> None:
        page.mouse.wheel(0, -250 if k < inward else 250)

    def pan(k: int) -> None:
        page.mouse.down()
        page.mouse.move(x + (40 if k % 2 else -40), y + 25, steps=4)
        page.mouse.up()
        page.mouse.move(x, y)

    for what, act in (("zoom", zoom), ("pan", pan)):
        report(what, [once(page, act, k) for k in range(repeat)])


def once(page: Any, act: Callable[[int], None], k: int) -> float:
    """Do something with the mouse; return the milliseconds until the pixels came."""
    before = page.evaluate("() => window.zoom.n")
    act(k)
    page.wait_for_function(CAME, arg=before, timeout=60_000)
    # What comes later replaces what came: it is the last that counts.
    page.wait_for_timeout(400)
    return float(page.evaluate("() => window.zoom.came - window.zoom.event"))


def read_alone(path: Path) -> None:
    """Print how long parts of a frame take to be read and reduced in this process."""
    frame = FIBSEMFrame(path)
    picture = picture_of(frame, {frame.detectors[0]: 1.0}, "raw")
    height, width = frame.shape
    for share in PARTS:
        low, high = (1 - share) / 2, (1 + share) / 2
        bounds = (width * low, width * high, height * low, height * high)
        times = []
        for _ in range(5):
            started = time.perf_counter()
            part, _place = visible_part(frame.shape, picture, bounds)
            times.append(1000 * (time.perf_counter() - started))
        report(f"read {100 * share:.0f} %", times, f"{part.nbytes / 1e6:.1f} MB to send")


def report(what: str, times: list[float], more: str = "") -> None:
    """Print one line of the table."""
    sys.stdout.write(
        f"{what:<12} median {statistics.median(times):7.0f} ms   worst {max(times):7.0f} ms   "
        f"{more}\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
