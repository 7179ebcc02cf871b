"""Trend and Pairs in a browser, on a small application of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.frames import find_frames
from fibsem_dash.registration.pipeline import Registration

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect

pytestmark = pytest.mark.ui

PROJECT = Path(__file__).resolve().parents[2]

APP = """
import sys
from pathlib import Path
import panel as pn
import panel_material_ui as pmui

root = Path(sys.argv[1])

def build():
    from components.config import ServerConfig
    from components.keyboard import Keyboard
    from components.pages.pairs_view import PairsView
    from components.pages.trend_view import TrendView
    from components.session import Session
    pn.extension("tabulator", notifications=True)
    session = Session(ServerConfig((root / "data",), root / "runs"))
    session.run_folder = str(root / "runs" / "run")
    views = [TrendView(session), PairsView(session)]
    tabs = pmui.Tabs(("Trend", views[0]), ("Pairs", views[1]), sizing_mode="stretch_both")
    keys = Keyboard()
    keys.param.watch(lambda e: views[tabs.active].on_key(e.new[0]), "pressed")
    def turn(e):
        views[e.old].on_leave()
        views[e.new].on_enter()
    tabs.param.watch(turn, "active")
    views[0].on_enter()
    return pmui.Page(title="trend", main=[tabs, keys], busy_indicator=None)

server = pn.serve({"/": build}, address="127.0.0.1", port=0, show=False, start=False,
                  verbose=False)
server.start()
print(f"is at http://127.0.0.1:{server.port}/", flush=True)
server.io_loop.start()
"""


@pytest.fixture(scope="module")
def server(chromium, tmp_path_factory):
    """Address of a server that shows one run."""
    root = tmp_path_factory.mktemp("trendui").resolve()
    folder = write_phantom(root / "data", frames=10, size=192, seed=2).folder
    Registration(find_frames(folder), root / "runs" / "run").run()
    (root / "app.py").write_text(APP)
    with (root / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(root / "app.py"), str(root)],
            cwd=PROJECT,
            env=os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        line = process.stdout.readline()
        try:
            found = re.search(r"is at (http://\S+)", line)
            assert found, (root / "log").read_text()
            yield found[1]
        finally:
            process.terminate()
            process.wait(20)
            process.stdout.close()


def test_trend_curves_follow_a_control_and_ctrl_z(tab):
    tab.open("", ready="Largest residual x")
    page = tab.page
    row = page.locator("tr", has_text="Line taken out of x").locator("td.n")
    expect(row).not_to_have_text("0")
    before = row.inner_text()
    page.get_by_label("Line out of x", exact=True).click()
    expect(row).to_have_text("0")
    tab.shot("_changed")
    page.get_by_text("Numbers", exact=True).click()
    page.keyboard.press("Control+z")
    expect(row).to_have_text(before)
    page.get_by_role("button", name="Write with these settings").click()
    expect(page.get_by_text(re.compile("Nothing has to be computed"))).to_be_visible()


def test_pairs_are_opened_and_placed_by_arrow_keys(tab):
    tab.open("", ready="Largest residual x")
    page = tab.page
    page.get_by_role("tab", name="Pairs").click()
    page.locator(".tabulator-row").nth(1).click()
    expect(page.get_by_text(re.compile(r"Frame \d left, frame \d right"))).to_be_visible()
    page.get_by_role("tab", name="By hand").click()
    words = page.get_by_text(re.compile("second frame moved by"))
    expect(words).to_be_visible()
    before = words.inner_text()
    page.keyboard.press("Shift+ArrowRight")
    expect(words).not_to_have_text(before)
    page.get_by_text(re.compile("Use placing")).click()
    expect(page.get_by_text(re.compile("1 pair decided"))).to_be_visible()
    tab.shot("_placed")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text(re.compile("To be computed"))).to_be_visible()
