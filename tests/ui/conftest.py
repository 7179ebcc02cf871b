"""One server and one browser for all stories; every page must be clean in every story."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fibsem_dash.phantom import write_phantom

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

PROJECT = Path(__file__).resolve().parents[2]
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
def server(chromium: str, data_root: Path) -> Iterator[str]:
    """Address of a server of its own process, at a free port."""
    runs = data_root.parent / "runs"
    command = [sys.executable, "-m", "components.server", "--port", "0", "--run-root", str(runs)]
    process = subprocess.Popen(
        [*command, "--", str(data_root)],
        cwd=PROJECT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    address = ""
    for line in process.stdout or ():
        lines.append(line)
        if found := re.search(r"is at (http://\S+)", line):
            address = found[1]
            break
    # The pipe must be emptied, or a server that says much would stand still.
    drain = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
    drain.start()
    try:
        assert address, "the server did not start:\n" + "".join(lines)
        yield address
    finally:
        process.terminate()
        process.wait(20)
        drain.join(5)
        if process.stdout:
            process.stdout.close()


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


class Tab:
    """A browser tab that remembers everything that must not happen."""

    def __init__(self, page: Any, server: str, name: str) -> None:
        self.page, self.server, self.name = page, server, name
        self.faults: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.faults.append(f"page error: {error}"))
        page.on("console", self._on_console)
        page.on("response", self._on_response)
        page.route("**/*", self._on_request)

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
    tab = Tab(context.new_page(), server, re.sub(r"[^\w-]+", "_", name))
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
