"""Memory of the server while one page is opened again and again.

Prints the resident memory of a server's process (MB) before the first visit, after 1, 10 and N
visits of the Header page with a phantom frame of 2000 x 2000 px in headless Chromium, and once more
when the sessions of the closed tabs were discarded; then the growth per visit from the 10th on.
Flat from some visit on means that nothing is kept of a closed page. Run with
``python benchmarks/page_reloads.py [--visits 50] [--size 2000]``; needs playwright and Chromium.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

import psutil
from browsing import open_browser, served
from playwright.sync_api import sync_playwright

from fibsem_dash.phantom import write_phantom

DISCARD_S = 40.0
"""Bokeh discards the session of a closed tab 15 s after it, and looks every 17 s."""

CHANGED = re.compile("fields.*changed since frame 0")


def main() -> int:
    """Print the figures; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visits", type=int, default=50)
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stack = Path(folder).resolve() / "stack"
        write_phantom(stack, frames=2, size=arguments.size)
        with served(Path(folder).resolve(), arguments.port) as (pid, address):
            query = urlencode({"page": "header", "stack": str(stack), "frame": 1})
            measure(pid, f"{address}?{query}", arguments.visits)
    return 0


def measure(pid: int, address: str, visits: int) -> None:
    """Visit an address and print the memory of a process."""
    # The pages are built once after the start.
    time.sleep(10)
    memory = {0: report(pid, "before")}
    with sync_playwright() as playwright:
        browser = open_browser(playwright)
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        for visit in range(1, visits + 1):
            page.goto(address, wait_until="commit", timeout=120_000)
            page.get_by_text(CHANGED).wait_for(timeout=120_000)
            if visit in (1, 10, visits):
                memory[visit] = report(pid, f"after {visit}")
        browser.close()
    time.sleep(DISCARD_S)
    report(pid, "sessions discarded")
    if visits > 10:
        growth = (memory[visits] - memory[10]) / (visits - 10)
        sys.stdout.write(f"growth per visit  {growth:.2f} MB\n")


def report(pid: int, when: str) -> float:
    """Print and return the resident memory of a process, MB."""
    megabytes = psutil.Process(pid).memory_info().rss / 1e6
    sys.stdout.write(f"{when:<20}{megabytes:8.1f} MB\n")
    sys.stdout.flush()
    return megabytes


if __name__ == "__main__":
    sys.exit(main())
