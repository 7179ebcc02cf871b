"""Runs go on without their tab and without their server; they are stopped and resumed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from fibsem_dash.phantom import write_phantom
from tests.ui_server import Server

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

pytestmark = pytest.mark.ui

LONG_MS = 90_000
"""A run has to start its workers first; a busy machine takes long for that."""


@pytest.fixture(scope="module")
def long_stack(data_root: Path) -> Path:
    """Frames that keep two workers busy for some seconds."""
    folder = data_root / "long"
    write_phantom(folder, frames=48, size=512)
    return folder


def start_run(tab: Any, folder: Path, name: str, n_frames: int) -> str:
    """Start a run and return its address, once it is under way."""
    page = tab.page
    query = "?" + urlencode({"page": "registration", "folder": str(folder)})
    tab.open(query, ready="What it will take")
    page.get_by_text(f"{n_frames} of {n_frames} frames").wait_for()
    field = page.get_by_role("textbox", name="Name of the run")
    field.fill(name)
    field.press("Enter")
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("progressbar", name="Writing stack").wait_for(state="attached")
    page.wait_for_function("name => location.search.includes(name)", arg=name)
    return str(page.url)


def test_a_run_goes_on_without_its_tab_and_another_tab_shows_it(tab: Any, long_stack: Path) -> None:
    address = start_run(tab, long_stack, "left-alone", 48)
    page = tab.page
    page.get_by_role("tab", name="Dask").click()
    frame = page.frame_locator("iframe[title='Dask dashboard']")
    frame.locator("canvas").first.wait_for(timeout=LONG_MS)
    tab.shot("_dask")
    # The first tab leaves; only the address is left.
    page.close()
    again = tab.renew()
    again.goto(address)
    again.get_by_text("Median NCC").wait_for(timeout=LONG_MS)
    again.get_by_role("link", name="Report").wait_for()
    again.get_by_text("frames.csv").first.wait_for()


def test_a_run_is_stopped_and_resumed(tab: Any, long_stack: Path) -> None:
    start_run(tab, long_stack, "stopped", 48)
    page = tab.page
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_text("Stop this run?").wait_for()
    tab.shot("_question")
    page.get_by_role("button", name="Stop the run").click()
    page.get_by_text("Stopped. What was finished is kept").wait_for(timeout=LONG_MS)
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("Median NCC").wait_for(timeout=LONG_MS)
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_hidden()


@pytest.fixture
def mortal(tab: Any, data_root: Path, tmp_path: Path) -> Iterator[list[Server]]:
    """A server that may be killed, with a run root of its own; the tab shows its pages."""
    servers = [Server(data_root, tmp_path / "runs")]
    tab.server = servers[0].address
    yield servers
    for server in servers:
        server.stop()


@pytest.mark.slow
def test_a_run_outlives_its_server(
    tab: Any, mortal: list[Server], data_root: Path, long_stack: Path, tmp_path: Path
) -> None:
    address = start_run(tab, long_stack, "orphan", 48)
    page = tab.page
    # A tab would complain of the lost connection.
    page.goto("about:blank")
    mortal[0].stop(kill=True)
    mortal.append(Server(data_root, tmp_path / "runs", mortal[0].port))
    assert mortal[1].address == mortal[0].address
    page.goto(address)
    page.get_by_role("progressbar", name="Writing stack").wait_for(state="attached")
    tab.shot("_attached")
    page.get_by_text("Median NCC").wait_for(timeout=LONG_MS)
