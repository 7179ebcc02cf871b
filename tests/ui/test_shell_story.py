"""The frame around the pages in a browser: history, hint, theme, addresses."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

pytestmark = pytest.mark.ui


def changed_since(frame: int) -> re.Pattern[str]:
    """The line that counts the changed header fields; a checkbox names the frame too."""
    return re.compile(f"fields.*changed since frame {frame}")


def test_back_hint_and_theme(open_page: Callable[[str], Any], stack_folder: Path) -> None:
    expect = pytest.importorskip("playwright.sync_api").expect
    stack = {"stack": str(stack_folder)}
    page = open_page("?" + urlencode({"page": "header", "frame": 1} | stack))
    expect(page.get_by_text(changed_since(0))).to_be_visible()
    entries = page.evaluate("history.length")

    # Frames replace the address, pages add to the history.
    for frame in (1, 2, 3):
        page.locator("body").press("ArrowRight")
        expect(page.get_by_text(changed_since(frame))).to_be_visible()
    page.wait_for_url("**frame=4**")
    assert page.evaluate("history.length") == entries
    page.get_by_label("Toggle theme").click()
    # Its tooltip lies over the hint for as long as the mouse stays.
    page.mouse.move(640, 500)
    page.get_by_role("button", name="Close the hint").click()
    page.get_by_text("SIFT", exact=True).first.click()
    expect(page.get_by_text("Matching").first).to_be_visible()
    page.wait_for_function("length => history.length === length", arg=entries + 1)
    page.go_back()
    expect(page.get_by_text(changed_since(3))).to_be_visible()
    page.go_forward()
    expect(page.get_by_text("Matching").first).to_be_visible()

    # A reload keeps the theme and the closed hint; a frame that is not there is told.
    page.goto(page.url.partition("?")[0] + "?" + urlencode({"page": "header", "frame": 99} | stack))
    expect(page.get_by_text("There is no frame 99").first).to_be_visible()
    expect(page.get_by_role("button", name="Close the hint")).to_be_hidden()
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    assert cookies["fibsem-dash-theme"] == "dark"


def test_style_sheets_that_stay_the_same_are_not_written_again(
    open_page: Callable[[str], Any], stack_folder: Path
) -> None:
    page = open_page("?" + urlencode({"page": "header", "stack": str(stack_folder)}))
    page.wait_for_function("() => Object.values(Bokeh.index)[0]?._css_vars._update.keepsSame")
    kept, written = page.evaluate("""() => {
      const sheet = Object.values(Bokeh.index)[0]._css_vars
      sheet.replace(":host { --tried: 1; }")
      const node = sheet.el.firstChild
      sheet.replace(":host { --tried: 1; }")
      const kept = node !== null && sheet.el.firstChild === node
      sheet.replace(":host { --tried: 2; }")
      return [kept, sheet.el.textContent]
    }""")
    assert kept
    assert written == ":host { --tried: 2; }"
