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


HANDLE = """() => {
  const found = []
  const walk = (view) => {
    if (view.model.type === "Figure") found.push(view)
    for (const child of view.children ? view.children() : []) walk(child)
  }
  for (const view of Bokeh.index.roots) walk(view)
  for (const view of found) {
    const box = view.model.center.find((item) => item.type === "BoxAnnotation")
    const place = view.el.getBoundingClientRect()
    const {x_scale, bbox} = view.frame
    if (box && place.width > 10)
      return [place.left + x_scale.compute(box.left), place.top + (bbox.top + bbox.bottom) / 2]
  }
  return null
}"""
"""Where the lower limit of the histogram is on the screen."""


def test_a_limit_of_the_histogram_is_dragged(open_page, stack_folder):
    page = open_range(open_page, stack_folder)
    page.wait_for_function(f"({HANDLE})() !== null")
    page.wait_for_timeout(1000)
    x, y = page.evaluate(HANDLE)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 45, y, steps=8)
    page.mouse.up()
    share = page.get_by_label("Threshold min", exact=True).first
    expect(share).not_to_have_value("0.001", timeout=WAIT)
    expect(page.get_by_label("Threshold max", exact=True).first).to_have_value("0.001")
    expect(page.get_by_text(re.compile(r"clipped: \d[\d.]* % below"))).to_be_visible(timeout=WAIT)


def test_fused_detectors_are_looked_at(open_page, stack_folder):
    page = open_range(open_page, stack_folder)
    page.get_by_role("button", name="fused").click()
    expect(page.get_by_text(re.compile("writes 0 % of"))).to_be_visible(timeout=WAIT)
    page.get_by_role("button", name="Use for the written slices").click()
    expect(page.get_by_text(re.compile("writes 50 % of"))).to_be_visible(timeout=WAIT)


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
