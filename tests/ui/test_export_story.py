"""Figures and tables are saved, and code is copied, as a user does it."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest

from components.plots.export import icon

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = pytest.mark.ui


def saved(page: Any, button: Any) -> tuple[str, bytes]:
    """Click a button and return name and content of the file that comes."""
    with page.expect_download() as download:
        button.click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def tool(figure: Any, kind: str) -> Any:
    """Return a button of a figure's toolbar, which comes with the mouse."""
    if kind == "PNG":
        return figure.locator(".bk-tool-icon-save")
    return figure.locator(f'.bk-tool-icon[style*="{icon(kind).rpartition(",")[2]}"]')


def check_figure(page: Any, figure: Any, name: str) -> list[list[str]]:
    """Save a figure in all forms; return the rows of its CSV."""
    figure.scroll_into_view_if_needed()
    figure.hover()
    file, content = saved(page, tool(figure, "PNG"))
    assert (file, content[:4]) == (f"{name}.png", b"\x89PNG")
    file, content = saved(page, tool(figure, "SVG"))
    assert file == f"{name}.svg"
    svg = ElementTree.fromstring(content)
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    # Vectors and text, not a picture of the figure.
    assert len(list(svg.iter("{http://www.w3.org/2000/svg}path"))) > 5
    assert len(list(svg.iter("{http://www.w3.org/2000/svg}text"))) > 5
    file, content = saved(page, tool(figure, "CSV"))
    assert file == f"{name}.csv"
    return list(csv.reader(content.decode().splitlines()))


def test_tables_and_curves_of_the_data_page_are_saved(tab: Any, stack_folder: Path) -> None:
    tab.open("?" + urlencode({"page": "data", "folder": str(stack_folder)}), "From the headers")
    page = tab.page
    buttons = page.locator("button", has_text="CSV")
    sync_api.expect(buttons).to_have_count(2)
    names = {}
    for index in range(buttons.count()):
        name, content = saved(page, buttons.nth(index))
        names[name] = list(csv.reader(content.decode().splitlines()))
    assert set(names) == {"good_frames.csv", "good_telemetry.csv"}
    assert len(names["good_frames.csv"]) == 9
    assert "Working distance (mm)" in names["good_telemetry.csv"][0]
    rows = check_figure(page, page.locator(".bk-Figure").first, "telemetry_Working_distance")
    assert rows[0] == ["frame", "Working distance (mm)"]
    assert len(rows) == 9
    assert float(rows[1][1]) == pytest.approx(5.0, abs=0.1)


def test_results_of_the_header_page_are_saved(tab: Any, stack_folder: Path) -> None:
    query = urlencode({"page": "header", "folder": str(stack_folder), "frame": 1})
    tab.open("?" + query, "Contrast")
    page = tab.page
    page.locator(".bk-tab", has_text="SNR").click()
    page.get_by_text("SNR radial", exact=True).wait_for()
    stem = sorted(stack_folder.glob("*.dat"))[1].stem
    figure = page.locator(".bk-Figure").last
    figure.hover()
    file, content = saved(page, tool(figure, "CSV"))
    assert file == f"{stem}_A_snr.csv"
    assert content.decode().splitlines()[0].startswith("x lag (px),x autocorrelation,")

    page.get_by_role("button", name="Copy as code").last.click()
    page.get_by_role("menuitem", name="Command line").click()
    said = page.get_by_role("status").filter(has_text="✓ Copied")
    said.wait_for()
    assert said.get_attribute("title").startswith("fibsem-dash snr ")
    for label, start in (("PNG", b"\x89PNG"), ("JPEG", b"\xff\xd8"), ("TIFF", b"II"),
                         ("Snapshot PNG", b"\x89PNG"), ("Snapshot JPEG", b"\xff\xd8")):  # fmt: skip
        button = page.locator("button", has_text=re.compile(rf"^(download)?\s*{label}$"))
        with page.expect_download() as download:
            button.click()
        file, content = (
            download.value.suggested_filename,
            Path(download.value.path()).read_bytes(),
        )
        assert file.startswith(stem), label
        assert content.startswith(start), label


def test_curves_of_the_data_range_are_saved(tab: Any, stack_folder: Path) -> None:
    tab.open("?" + urlencode({"page": "range", "folder": str(stack_folder)}), "Measure")
    page = tab.page
    page.get_by_text("8 of 8 frames measured").wait_for()
    rows = check_figure(page, page.locator(".bk-Figure").first, "data_range")
    assert rows[0][:3] == ["frame", "minimum (counts)", "maximum (counts)"]
    assert len(rows) == 9


def test_residuals_of_a_pair_are_saved(tab: Any, stack_folder: Path) -> None:
    tab.open("?" + urlencode({"page": "sift", "folder": str(stack_folder)}), "Laboratory")
    page = tab.page
    page.get_by_text("Inliers").first.wait_for()
    rows = check_figure(page, page.locator(".bk-Figure").nth(2), "residuals_x")
    assert rows[0] == ["from (px)", "to (px)", "matches"]
    assert len(rows) == 65
