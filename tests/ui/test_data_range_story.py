from __future__ import annotations

import re

import pytest

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
WAIT = 60_000

pytestmark = pytest.mark.ui


def open_range(open_page, stack_folder):
    page = open_page(f"?page=range&folder={stack_folder}&frame=1")
    expect(page.get_by_text(re.compile("counts become 0 to 255"))).to_be_visible(timeout=WAIT)
    return page


def test_a_larger_share_clips_more(open_page, stack_folder):
    page = open_range(open_page, stack_folder)
    expect(page.get_by_text(re.compile("frames measured"))).to_be_visible()
    share = page.get_by_label("Threshold min", exact=True).first
    share.fill("0.2")
    share.press("Enter")
    expect(page.get_by_text(re.compile(r"clipped: (1|2)\d(\.\d)? % below"))).to_be_visible(
        timeout=WAIT
    )


def test_defaults_bring_the_share_back(open_page, stack_folder):
    page = open_range(open_page, stack_folder)
    share = page.get_by_label("Threshold min", exact=True).first
    share.fill("0.2")
    share.press("Enter")
    expect(page.get_by_text(re.compile(r"clipped: (1|2)\d(\.\d)? % below"))).to_be_visible(
        timeout=WAIT
    )
    page.get_by_role("button", name="Defaults").first.click()
    expect(page.get_by_text(re.compile(r"clipped: 0[.\d]* % below"))).to_be_visible(timeout=WAIT)


def test_keys_move_the_frame_and_flicker(open_page, stack_folder):
    page = open_range(open_page, stack_folder)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text(re.compile("Frame 2, left raw"))).to_be_visible(timeout=WAIT)
    page.keyboard.press(" ")
    expect(page.get_by_text(re.compile(r"Frame 2, raw \(space"))).to_be_visible(timeout=WAIT)


def test_all_frames_are_measured_on_demand(open_page, stack_folder):
    page = open_range(open_page, stack_folder)
    page.get_by_role("button", name="Run on all frames").click()
    expect(page.get_by_text(re.compile(r"^(\d+) of \1 frames measured"))).to_be_visible(
        timeout=WAIT
    )
