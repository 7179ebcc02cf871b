"""Text of files that looks like markup is shown letter by letter and never runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from components.pages import PAGES
from fibsem_dash.io.dat import open_dat, write_dat
from fibsem_dash.phantom import write_phantom

pytestmark = [pytest.mark.ui, pytest.mark.slow]

NOTES = "<script>hacked=1</script><img src=x onerror=hacked=2><b id=forged>bold</b>"
SAMPLE = "<img src=y onerror=h=3>"
NAME = "<img src=z onerror=hacked=4>&amp;`code`**bold**[a](javascript:hacked=5)_{k:04d}.dat"

FORGED = """() => {
  const found = []
  const look = root => {
    for (const node of root.querySelectorAll('*')) {
      if (node.id === 'forged' || node.hasAttribute('onerror')
          || (node.href || '').toString().startsWith('javascript:')) found.push(node.outerHTML)
      if (node.shadowRoot) look(node.shadowRoot)
    }
  }
  look(document)
  return [window.hacked === undefined ? '' : String(window.hacked), found]
}"""
"""Finds what ran and what became an element, in all shadow trees."""


@pytest.fixture(scope="module")
def hostile_folder(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six frames whose names, notes and sample are markup, in a folder of such a name."""
    plain = tmp_path_factory.mktemp("plain")
    folder = data_root / "<img src=w onerror=hacked=6>"
    folder.mkdir()
    for k, path in enumerate(write_phantom(plain, frames=6, size=320).files):
        frame = open_dat(path)
        header = dict(frame.header) | {"Notes": NOTES, "Sample_ID": SAMPLE}
        images = {letter: frame.raw(letter) for letter in frame.detectors}
        write_dat(folder / NAME.format(k=k), images, header, trailer=frame.trailer)
    return folder


@pytest.mark.parametrize("key", [entry.key for entry in PAGES])
def test_markup_in_names_and_headers_is_text(key: str, tab: Any, hostile_folder: Path) -> None:
    query = urlencode({"page": key, "stack": str(hostile_folder), "frame": 2})
    tab.page.goto(f"{tab.server}?{query}")
    tab.page.wait_for_function("document.title.length > 0")
    # The title bar says which folder is open.
    tab.page.get_by_text("onerror=hacked=6").first.wait_for()
    # Time for pictures that do not exist to fail, and for late parts of the page.
    tab.page.wait_for_timeout(4000)
    if key == "header":
        tab.page.get_by_text("hacked=1").first.wait_for()
    hacked, forged = tab.page.evaluate(FORGED)
    assert hacked == ""
    assert forged == []


def test_the_search_for_forged_elements_finds_them(tab: Any) -> None:
    tab.page.goto(tab.server)
    tab.page.get_by_text("fibsem-dash").first.wait_for()
    tab.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<b id=forged>x</b>')")
    tab.page.evaluate("window.hacked = 7")
    hacked, forged = tab.page.evaluate(FORGED)
    assert hacked == "7"
    assert len(forged) == 1
