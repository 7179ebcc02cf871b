"""The story of the Data page in a real browser."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect

pytestmark = pytest.mark.ui

LONG = 20_000
expect.set_options()


def row(page: Any, text: str) -> Any:
    return page.locator(".tabulator-row", has_text=text).first


def choose(page: Any, frame: int) -> None:
    """Click a row until it is chosen: one that the table is drawing anew does not feel a click."""
    chosen = re.compile(f"frame={frame}(&|$)")
    for _ in range(3):
        row(page, f"_{frame:06}_").click()
        with contextlib.suppress(sync_api.TimeoutError):
            page.wait_for_url(chosen, timeout=LONG / 4)
            return
    page.wait_for_url(chosen, timeout=LONG)


def test_data_page_story(tab: Any, data_root: Path) -> None:
    tab.open()
    page = tab.page
    field = page.get_by_role("combobox", name="Folder", exact=False).first
    field.fill("")
    field.press_sequentially(f"{data_root}/st")
    page.get_by_role("option", name=str(data_root / "stack")).click()
    expect(page.get_by_text("1 (1 missing)")).to_be_visible()
    expect(page.get_by_text("128 × 128 px")).to_be_visible()
    expect(page.get_by_text("1 frame", exact=True)).to_be_visible()
    expect(page.get_by_text("stack  ·  30 frames")).to_be_visible()
    expect(page.locator(".bk-Figure").first).to_be_visible()
    expect(field).to_have_value(str(data_root / "stack"))
    tab.shot("_opened")

    for frame in (4, 7, 4):
        choose(page, frame)
    expect(row(page, "_000004_")).to_have_class(re.compile("tabulator-selected"))

    page.locator("body").press("?")
    expect(page.get_by_role("dialog")).to_contain_text("one file per frame")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()

    page.get_by_label("Toggle theme").click()
    dark = "() => getComputedStyle(document.body).backgroundColor !== 'rgb(255, 255, 255)'"
    page.wait_for_function(dark)


def test_data_page_from_an_address(tab: Any, data_root: Path) -> None:
    tab.page.set_viewport_size({"width": 2560, "height": 1440})
    tab.open(f"?page=data&folder={data_root / 'stack'}&frame=9", ready="From the headers")
    selected = tab.page.locator(".tabulator-row.tabulator-selected")
    expect(selected).to_contain_text("_000009_")


def test_data_page_refuses_what_is_not_open(tab: Any) -> None:
    tab.open("?page=data&folder=/etc")
    expect(tab.page.get_by_text("this folder is not open to the dashboard")).to_be_visible()
    tab.page.get_by_role("button", name="Open the demo").first.click()
    expect(tab.page.get_by_text("demo-frames  ·  24 frames")).to_be_visible(timeout=60_000)
