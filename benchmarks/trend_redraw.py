"""Time from a change of a control of the Trend tab to painted curves, for a run of 10,000 frames.

Makes a run folder of that many frames, opens it on the Registration page, and changes each control
of the fits with mouse and keys. Prints in milliseconds, for each control, the median and the worst
time from the event in the browser to the end of the last painting of a curve, the time in which the
browser's main thread and the server's processor worked for it (both with the planes, which follow
200 ms after the curves), and how many figures were painted how often. Run with
``python benchmarks/trend_redraw.py [--frames 10000] [--repeat 8]``; needs playwright, Chromium.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import psutil
from browsing import open_browser, served
from playwright.sync_api import sync_playwright

from fibsem_dash.io.tables import read_csv, write_csv
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.frames import find_frames
from fibsem_dash.registration.pipeline import Registration
from fibsem_dash.registration.tables import MATRIX_COLUMNS

REAL_FRAMES = 12
"""Frames that are registered; the tables of the long run are made of theirs."""

SETTLED_MS = 1500
"""So long nothing is painted before the next change: the planes are done by then."""

WATCH = """() => {
  const views = []
  const look = view => {
    if (views.includes(view)) return
    views.push(view)
    for (const child of view.children ? [...view.children()] : []) look(child)
    for (const child of view.child_views ?? []) look(child)
  }
  for (const root of Object.values(Bokeh.index)) look(root)
  const titles = /frame to frame|cumulative and fit|residual after|Key points per|Matches with|Mean/
  const plots = views.filter(view => titles.test(view.model?.title?.text ?? ""))
  if (plots.length < 12 || !plots.every(plot => plot.layout?.bbox.width > 0)) return false
  window.trend = {event: 0, painted: 0, paints: 0, layouts: 0, figures: new Set()}
  for (const plot of plots) {
    plot.repainted.connect(() => {
      trend.painted = performance.now()
      trend.paints += 1
      trend.figures.add(plot)
    })
    const after = plot.after_layout
    plot.after_layout = function () { trend.layouts += 1; return after.call(this) }
  }
  // The first event counts: it is the user's.
  for (const kind of ["click", "keydown"])
    window.addEventListener(kind, () => trend.event ||= performance.now(), {capture: true})
  return true
}"""
"""Note when the user acts and when a figure of the curves has been painted."""

START = "() => Object.assign(trend, {event: 0, paints: 0, layouts: 0, painted: 0}).figures.clear()"

DONE = f"""() => trend.painted > trend.event && trend.event > 0
  && performance.now() - trend.painted > {SETTLED_MS}"""

RESULT = """() => [trend.painted - trend.event, trend.paints, trend.figures.size,
  trend.layouts / 12]"""


def main() -> int:
    """Print the times; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=8)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name).resolve()
        run = write_long_run(folder, arguments.frames)
        browser = open_browser(playwright)
        with served(folder) as (pid, address):
            page = browser.new_page(viewport={"width": 1366, "height": 768})
            query = urlencode({"page": "registration", "run": str(run)})
            page.goto(f"{address}?{query}", timeout=120_000)
            measure(page, psutil.Process(pid), arguments.repeat)
        browser.close()
    return 0


def write_long_run(folder: Path, n_frames: int) -> Path:
    """Register a few frames, and make a run folder whose tables say that there were many."""
    short, run = folder / "short", folder / "runs" / "long"
    frames = write_phantom(folder / "stack", frames=REAL_FRAMES, size=256).folder
    Registration(find_frames(frames), short).run()
    run.mkdir(parents=True)
    random = np.random.default_rng(1)
    places = np.arange(n_frames) % REAL_FRAMES
    table = read_csv(short / "frames.csv").iloc[places].reset_index(drop=True)
    table["frame"] = np.arange(n_frames)
    write_csv(run / "frames.csv", table)
    pairs = read_csv(short / "pairs.csv")
    pairs = pairs.iloc[np.arange(n_frames - 1) % len(pairs)].reset_index(drop=True)
    pairs["frame"], pairs["previous_frame"] = np.arange(1, n_frames), np.arange(n_frames - 1)
    # Scales, shears and shifts that wander as those of a stack do.
    spreads = (2e-5, 2e-5, 1.0, 2e-5, 2e-5, 1.0)
    for name, middle, spread in zip(MATRIX_COLUMNS, np.eye(3)[:2].ravel(), spreads, strict=True):
        pairs[name] = random.normal(middle, spread, n_frames - 1)
    write_csv(run / "pairs.csv", pairs)
    record = json.loads((short / "run.json").read_text())
    inputs = record["input"]
    record["input"] = [dict(inputs[k], mtime_ns=j) for j, k in enumerate(places)]
    (run / "run.json").write_text(json.dumps(record))
    shutil.rmtree(short)
    return run


def measure(page: Any, server: psutil.Process, repeat: int) -> None:
    """Change every control some times, and print the times."""
    page.get_by_role("tab", name="Trend", exact=True).click(timeout=120_000)
    page.get_by_text("Largest residual x").first.wait_for(state="attached", timeout=120_000)
    page.wait_for_function(WATCH, timeout=120_000)
    page.wait_for_timeout(6000)
    performance = page.context.new_cdp_session(page)
    performance.send("Performance.enable")

    def busy() -> tuple[float, float]:
        metrics = performance.send("Performance.getMetrics")["metrics"]
        found = {m["name"]: m["value"] for m in metrics}
        return 1000 * found["TaskDuration"], 1000 * sum(server.cpu_times()[:2])

    for what, act in controls(page).items():
        rows = []
        for k in range(repeat):
            page.evaluate(START)
            before = busy()
            act(k)
            page.wait_for_function(DONE, timeout=60_000, polling=100)
            after = busy()
            rows.append([*page.evaluate(RESULT), after[0] - before[0], after[1] - before[1]])
        report(what, rows)


def controls(page: Any) -> dict[str, Callable[[int], None]]:
    """Return what a user does with each control."""

    def switch(label: str) -> Callable[[int], None]:
        return lambda _k: page.get_by_label(label, exact=True).click()

    def slider(label: str) -> Callable[[int], None]:
        thumb = page.get_by_role("slider", name=label)
        return lambda k: thumb.press("ArrowRight" if k % 2 else "ArrowLeft")

    def method(k: int) -> None:
        page.get_by_role("button", name=("LF", "PF", "SG")[k % 3], exact=True).click()

    return {
        "preserve scales": switch("Preserve scales"),
        "window": slider("Window (frames)"),
        "order": slider("Order"),
        "line out of x": switch("Line out of x"),
        "line out of y": switch("Line out of y"),
        "method": method,
    }


def report(what: str, rows: list[list[float]]) -> None:
    """Print one line of the table."""
    times, paints, figures, layouts, browser, server = zip(*rows, strict=True)
    sys.stdout.write(
        f"{what:<16} median {statistics.median(times):6.0f} ms   worst {max(times):6.0f} ms   "
        f"browser busy {statistics.median(browser):6.0f} ms   server "
        f"{statistics.median(server):5.0f} ms   {max(figures):.0f} figures, "
        f"{statistics.median(paints):.0f} paintings, {statistics.median(layouts):.1f} layouts\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
