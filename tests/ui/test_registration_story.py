"""A user starts a registration, closes the tab, opens another one and sees the run finish."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

pytestmark = pytest.mark.ui


def test_a_run_goes_on_without_its_tab_and_another_tab_shows_it(
    tab: Any, stack_folder: Path
) -> None:
    query = "?" + urlencode({"page": "registration", "folder": str(stack_folder)})
    tab.open(query, ready="What it will take")
    page = tab.page
    page.get_by_text("8 of 8 frames").wait_for()
    page.get_by_role("button", name="Key points").click()
    page.get_by_label("Contrast threshold").wait_for()
    tab.shot("_form")
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("progressbar", name="Writing stack").wait_for()
    page.wait_for_function("location.search.includes('run=')")
    address = page.url
    # The first tab leaves; only the address is left.
    page.goto("about:blank")
    page.goto(address)
    page.get_by_text("Median NCC").wait_for()
    page.get_by_role("link", name="Report").wait_for()
    page.get_by_text("frames.csv").wait_for()
