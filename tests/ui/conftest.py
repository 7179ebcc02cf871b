"""One server and one browser for all stories; every page must be clean in every story."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.frames import find_frames
from fibsem_dash.registration.pipeline import Registration
from tests.ui_server import PROJECT, Server

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

SHOTS = PROJECT / "artifacts" / "ui"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000
"""How long a story waits for something to appear; a busy machine is slow."""

BOKEH_WARNINGS = ("could not set initial ranges", "could not determine", "[bokeh] Error")
"""Warnings in the console that no page may cause."""

sync_api.expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def chromium() -> str:
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    pytest.skip(f"none of {', '.join(BROWSERS)} is installed")


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a stack of 30 frames, of which one number is missing and one is broken."""
    root = tmp_path_factory.mktemp("ui").resolve()
    stack = root / "data" / "stack"
    write_phantom(stack, frames=31, size=128)
    (stack / "Phantom_22-01-01_000020_0-0-0.dat").unlink()
    (stack / "Phantom_22-01-01_000012_0-0-0.dat").write_bytes(b"no frame")
    return root / "data"


@pytest.fixture(scope="session")
def stack_folder(data_root: Path) -> Path:
    """A folder with 8 good frames, 320 x 320 px, below the root that the server may show."""
    folder = data_root / "good"
    write_phantom(folder, frames=8, size=320)
    return folder


@pytest.fixture(scope="session")
def finished_run(data_root: Path, stack_folder: Path) -> Path:
    """The run folder of the good frames, registered, below the run root of the server."""
    folder = data_root.parent / "runs" / "ready"
    Registration(find_frames(stack_folder), folder).run()
    return folder


@pytest.fixture(scope="session")
def server(chromium: str, data_root: Path) -> Iterator[str]:
    """Address of the server that all stories share, at a free port."""
    running = Server(data_root, data_root.parent / "runs")
    yield running.address
    running.stop()


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


class Tab:
    """A browser tab that remembers everything that must not happen."""

    def __init__(self, context: Any, server: str, name: str) -> None:
        self.context, self.server, self.name = context, server, name
        self.faults: list[str] = []
        self.renew()

    def renew(self) -> Any:
        """Take a new tab of the same browser, watched as the one before, and return its page."""
        page = self.page = self.context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.faults.append(f"page error: {error}"))
        page.on("console", self._on_console)
        page.on("response", self._on_response)
        page.route("**/*", self._on_request)
        return page

    def _on_console(self, message: Any) -> None:
        # Bokeh warns of figures that it could not draw as they should be.
        broken = message.type == "warning" and any(w in message.text for w in BOKEH_WARNINGS)
        if message.type == "error" or broken:
            self.faults.append(f"console: {message.text}")

    def _on_response(self, response: Any) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status} {response.url}")

    def _on_request(self, route: Any) -> None:
        if route.request.url.startswith((self.server.rstrip("/"), "data:", "blob:")):
            route.continue_()
        else:
            self.faults.append(f"request to {route.request.url}")
            route.abort()

    def open(self, query: str = "", ready: str = "Frames") -> None:
        """Open an address twice: some faults only meet the second visitor of a server."""
        for _ in range(2):
            self.page.goto(self.server + query)
            self.page.get_by_text(ready, exact=True).first.wait_for()

    def shot(self, suffix: str = "") -> None:
        """Keep a picture."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{self.name}{suffix}.png")


@pytest.fixture
def tab(browser: Any, server: str, request: pytest.FixtureRequest) -> Iterator[Tab]:
    """A tab of 1366 x 768 px; the story fails when the page was not clean."""
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    name = request.node.name.removeprefix("test_")
    tab = Tab(context, server, re.sub(r"[^\w-]+", "_", name))
    yield tab
    tab.shot()
    context.close()
    assert tab.faults == []


@pytest.fixture
def open_page(tab: Tab) -> Callable[[str], Any]:
    """Open an address by its query and return the browser page."""

    def opened(query: str) -> Any:
        tab.page.goto(tab.server + query)
        tab.page.get_by_text("fibsem-dash").first.wait_for()
        # Some faults only meet the second visitor of a server.
        tab.page.goto(tab.server + query)
        return tab.page

    return opened
