"""The Header page in a browser, as a user meets it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

pytestmark = pytest.mark.ui


def test_a_user_reads_a_frame(open_page: Callable[[str], Any], stack_folder: Path) -> None:
    sync = pytest.importorskip("playwright.sync_api")
    expect = sync.expect
    page = open_page("?" + urlencode({"page": "header", "folder": str(stack_folder), "frame": 1}))

    # The image, its frame number and what changed since the frame before.
    expect(page.get_by_label("Frame", exact=True).first).to_have_value("1")
    expect(page.get_by_text(re.compile("fields.*changed since frame 0"))).to_be_visible()

    # The arrow keys step through the frames.
    page.locator("body").press("ArrowRight")
    expect(page.get_by_text(re.compile("fields.*changed since frame 1"))).to_be_visible()

    # Searching leaves the fields that hold the words.
    page.get_by_label("Search").fill("working distance")
    expect(page.get_by_text("1 of ")).to_be_visible()
    expect(page.get_by_role("gridcell", name="WD", exact=True)).to_be_visible()

    # Both detectors, then the live analyses.
    page.get_by_role("button", name="A beside B").click()
    expect(page.get_by_text("Histogram and tabs of detector")).to_be_visible()
    for tab, result in (
        ("SNR", "SNR radial"),
        ("Noise", "Dark count of the header"),
        ("Flatten", "Mean above the dark count"),
        ("FSC", "Resolution"),
    ):
        page.locator(".bk-tab", has_text=tab).click()
        expect(page.get_by_text(result, exact=True)).to_be_visible(timeout=20_000)

    # The box limits what is analysed.
    page.locator("body").press("b")
    expect(page.get_by_text("the box,")).to_be_visible(timeout=20_000)


def test_without_a_stack_the_page_leads_to_data(open_page: Callable[[str], Any]) -> None:
    expect = pytest.importorskip("playwright.sync_api").expect
    page = open_page("?page=header")
    expect(page.get_by_text("No stack is open")).to_be_visible()
    expect(page.get_by_role("button", name="Go to Data")).to_be_visible()
