"""Trend, Pairs and Reports of a finished run, as tabs of the Registration page."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

pytestmark = pytest.mark.ui

PAINTED = """title => {
    const views = [];
    const look = view => {
        views.push(view);
        for (const child of view.children ? [...view.children()] : []) look(child);
        for (const child of view.child_views ?? []) if (!views.includes(child)) look(child);
    };
    for (const root of Object.values(Bokeh.index)) look(root);
    const view = views.find(v => v.model?.title?.text?.startsWith(title) && v.canvas_view);
    if (!view) return "";
    const canvas = view.canvas_view.primary.canvas ?? view.canvas_view.compose().canvas;
    return canvas.width ? canvas.toDataURL() : "";
}"""
"""What a figure has drawn, as a picture; empty while there is none."""

CHANGED = f"([title, before]) => {{ const now = ({PAINTED})(title); return now && now != before; }}"

DATA = """title => {
    const own = model => model.title?.text?.startsWith(title) && model.renderers?.length;
    const plot = Bokeh.documents.flatMap(d => [...d._all_models.values()]).find(own);
    const source = plot.renderers.map(r => r.data_source).find(s => s?.get_column("x"));
    return JSON.stringify(Array.from(source.get_column("image")?.[0] ?? source.get_column("x")));
}"""
"""The values behind a figure; its axes may be others after an undo."""

SAME = f"([title, wanted]) => ({DATA})(title) == wanted"


WATCH_LAYOUTS = """title => {
    const views = [];
    const look = view => {
        views.push(view);
        for (const child of view.child_views ?? []) if (!views.includes(child)) look(child);
    };
    for (const root of Object.values(Bokeh.index)) look(root);
    const view = views.find(v => v.model?.title?.text?.startsWith(title));
    const after = view.after_layout;
    let layouts = 0;
    view.after_layout = function () { layouts += 1; return after.call(this); };
    // The planes of the result come later, and may have other numbers at their axes.
    view.model.y_range.change.connect(() => { layouts = 0; delete window.drawnAfterLayouts; });
    view.repainted.connect(() => { window.drawnAfterLayouts ??= layouts; });
    return view.layout.left_panel.bbox.width;
}"""
"""Count how often the page is laid out for a figure's other ends; returns its axis's width."""


@pytest.fixture
def run_page(tab: Any, finished_run: Path, request: pytest.FixtureRequest) -> Any:
    """The Registration page with a run of this story's own, opened at a tab."""
    own = finished_run.with_name(f"tabs-{request.node.name.split('[')[0][-24:]}")
    shutil.copytree(finished_run, own)
    tab.open("?" + urlencode({"page": "registration", "run": str(own)}), ready=request.param)
    tab.page.get_by_role("tab", name=request.param).click()
    return tab.page


def drawn(page: Any, title: str) -> str:
    """Return the picture of a figure once nothing is drawn any more."""
    page.wait_for_function(CHANGED, arg=[title, ""])
    before = ""
    while (now := page.evaluate(PAINTED, title)) != before:
        before = now
        page.wait_for_timeout(700)
    return before


@pytest.mark.parametrize("run_page", ["Trend"], indirect=True)
def test_curves_and_planes_follow_a_fit_and_undo(tab: Any, run_page: Any) -> None:
    page = run_page
    row = page.locator("tr", has_text="Line taken out of x").locator("td.n")
    expect(row).not_to_have_text("0")
    taken = row.inner_text()
    titles = "Shift, residual after the fits", "XZ plane", "YZ plane"
    fitted = {title: drawn(page, title) for title in titles}
    values = {title: page.evaluate(DATA, title) for title in titles}
    undo = page.locator("button", has_text="Undo").filter(visible=True)
    for take_back in ("the button", "ctrl-z"):
        page.get_by_label("Line out of x", exact=True).click()
        expect(row).to_have_text("0")
        # A line out of x moves the frames along x, which only the plane along x shows whole.
        for title in titles[:2]:
            page.wait_for_function(CHANGED, arg=[title, fitted[title]])
        tab.shot(f"_changed_{take_back.split()[-1]}")
        if take_back == "ctrl-z":
            page.get_by_text("Numbers", exact=True).click()
            page.keyboard.press("Control+z")
        else:
            undo.click()
        expect(row).to_have_text(taken)
        for title in titles[:2]:
            page.wait_for_function(SAME, arg=[title, values[title]])
    expect(undo).to_be_disabled()
    page.get_by_role("button", name="Write with these settings").click()
    expect(page.get_by_text(re.compile("Nothing has to be computed"))).to_be_visible()


@pytest.mark.parametrize("run_page", ["Trend"], indirect=True)
def test_other_numbers_at_the_axes_do_not_move_the_page(tab: Any, run_page: Any) -> None:
    page = run_page
    scale, shift = "Scale, residual after the fits", "Shift, residual after the fits"
    # The planes come last, and lay the page out when they do.
    for plane in ("XZ plane", "YZ plane"):
        drawn(page, plane)
    before = drawn(page, scale)
    widths = [page.evaluate(WATCH_LAYOUTS, title) for title in (shift, scale)]
    assert widths[0] == widths[1]
    page.get_by_label("Preserve scales", exact=True).click()
    page.wait_for_function(CHANGED, arg=[scale, before])
    page.wait_for_function("() => 'drawnAfterLayouts' in window")
    assert page.evaluate("drawnAfterLayouts") == 0


@pytest.mark.parametrize("run_page", ["Pairs"], indirect=True)
def test_pairs_are_opened_and_placed_by_arrow_keys(tab: Any, run_page: Any) -> None:
    page = run_page
    page.locator(".tabulator-row").nth(1).click()
    expect(page.get_by_text(re.compile(r"Frame \d left, frame \d right"))).to_be_visible()
    figure = page.locator(".bk-Figure").filter(visible=True).first.bounding_box()
    # Frames of a pair, one beside the other, on the smallest screen.
    assert figure["width"] > 700
    assert figure["height"] > 350
    page.get_by_role("tab", name="By hand").click()
    words = page.get_by_text(re.compile("second frame moved by"))
    expect(words).to_be_visible()
    before = words.inner_text()
    # The keys belong to the tool as soon as the server knows that its tab is open.
    for _ in range(60):
        page.keyboard.press("Shift+ArrowRight")
        page.wait_for_timeout(500)
        if words.inner_text() != before:
            break
    expect(words).not_to_have_text(before)
    degrees = re.compile(r"turned by (-?[\d.]+)°")
    expect(words).to_contain_text(degrees)
    for key, angle in (("Shift+E", 0.2), ("q", -0.02)):
        before = words.inner_text()
        page.keyboard.press(key)
        expect(words).not_to_have_text(before)
        turned = [float(degrees.search(text)[1]) for text in (before, words.inner_text())]
        assert turned[1] - turned[0] == pytest.approx(angle, abs=0.011)
    page.get_by_text(re.compile("Use placing")).click()
    expect(page.get_by_text(re.compile("1 pair decided"))).to_be_visible()
    tab.shot("_placed")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text(re.compile("To be computed"))).to_be_visible()


@pytest.mark.parametrize("run_page", ["Reports"], indirect=True)
def test_reports_of_the_headers_are_drawn(tab: Any, run_page: Any) -> None:
    page = run_page
    for name, row, title in (
        ("Scan", "Scan rate", "Specimen current"),
        ("Field of view", "Displacement in x", "Smooth displacement"),
    ):
        page.get_by_role("tab", name=name, exact=True).click()
        expect(page.locator("tr", has_text=row).first).to_be_visible()
        assert len(drawn(page, title)) > 2000
        tab.shot("_" + name.replace(" ", "_"))
