"""A server of the dashboard in a process of its own, and a headless browser to visit it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Playwright

BROWSERS = "chromium", "chromium-browser", "google-chrome"


@contextmanager
def served(folder: Path, port: int = 0) -> Iterator[tuple[int, str]]:
    """Serve a folder; give the server's process id and address."""
    command = [sys.executable, "-m", "components.server", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--run-root", str(folder / "runs"), "--", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        found = (re.search(r"is at (http://\S+)", line) for line in process.stdout or ())
        yield process.pid, next(match[1] for match in found if match)
    finally:
        process.terminate()
        process.wait(20)


def open_browser(playwright: Playwright) -> Any:
    """Start Chromium; leaves with a message where there is none."""
    for name in BROWSERS:
        if found := shutil.which(name):
            return playwright.chromium.launch(
                executable_path=found,
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            )
    raise SystemExit(f"none of {', '.join(BROWSERS)} is installed")
