"""Time until each page of the dashboard is painted, on a server that has served pages before.

For every page prints, in seconds from the request: the browser's own "first contentful paint", the
moment at which the menu stands, and the moment at which the page's own controls stand; first with
an empty cache of the browser, then as the median of repeated visits, whose scripts the browser has
kept. The stack is a phantom of 12 frames. Run with
``python benchmarks/first_paint.py [--size 2000] [--repeat 3]``; needs playwright and Chromium.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from browsing import open_browser, served
from playwright.sync_api import sync_playwright

from fibsem_dash.phantom import write_phantom

WORDS = {
    "data": "Frames",
    "header": "Contrast",
    "range": "Thresholds",
    "sift": "Matching",
    "registration": "Start",
    "quality": "Tables",
    "stack": "Stack",
}
"""Something that stands on each page and not in the menu."""

PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def main() -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--pages", nargs="+", default=list(WORDS), choices=list(WORDS))
    arguments = parser.parse_args()
    sys.stdout.write(f"{'page':<14}{'cache':<7}{'paint':>8}{'menu':>8}{'page':>8}   s\n")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name).resolve()
        write_phantom(folder / "stack", frames=12, size=arguments.size)
        browser = open_browser(playwright)
        with served(folder) as (_pid, address):
            # The pages are built once after the start.
            time.sleep(15)
            for key in arguments.pages:
                query = urlencode({"page": key, "stack": str(folder / "stack"), "frame": 1})
                context = browser.new_context(viewport={"width": 1366, "height": 768})
                tab = context.new_page()
                first, *later = (
                    visit(tab, f"{address}?{query}", WORDS[key])
                    for _ in range(arguments.repeat + 1)
                )
                report(key, "empty", first)
                if later:
                    report(
                        key,
                        "kept",
                        [statistics.median(times) for times in zip(*later, strict=True)],
                    )
                context.close()
        browser.close()
    return 0


def visit(tab: Any, address: str, words: str) -> list[float]:
    """Open a page; return the times of paint, menu and page in seconds."""
    tab.goto("about:blank")
    started = time.monotonic()
    tab.goto(address, wait_until="commit", timeout=120_000)
    tab.get_by_text("Registration").first.wait_for(timeout=120_000)
    menu = time.monotonic() - started
    tab.get_by_text(words).first.wait_for(timeout=120_000)
    whole = time.monotonic() - started
    return [tab.evaluate(PAINTED) / 1e3, menu, whole]


def report(key: str, cache: str, times: list[float]) -> None:
    """Print one line of the table."""
    figures = "".join(f"{value:8.2f}" for value in times)
    sys.stdout.write(f"{key:<14}{cache:<7}{figures}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
