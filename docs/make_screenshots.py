"""Make the pictures of the README: every page with a registered phantom, in headless Chromium.

``python docs/make_screenshots.py [--work FOLDER] [--out FOLDER] [--page KEY ...]``

A phantom of 60 frames with 1024 x 1024 px is written into the work folder and registered with the
default settings, once: what lies there already is used again. A server of its own shows it, and the
pages are photographed at 1500 x 900 px on light ground. The files have a palette of at most 256
colours, fewer where that is needed to keep them below 300 KB.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import sync_playwright

PROJECT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
SIZE = {"width": 1500, "height": 900}
PATIENCE_MS = 120_000
SETTLE_MS = 12_000
"""How long a page is left alone after its last text has come: pictures follow the texts."""

COLOURS = (256, 160, 96, 64)
"""Sizes of the palette; the first one that gives a small file is taken."""

LARGEST = 300_000
"""Bytes of a file at most."""

PAGES = {
    "data": "From the headers",
    "header": "Only changed since frame 24",
    "range": "Histogram (drag a limit)",
    "sift": "Matrix, first to second frame (px)",
    "registration": "Compare in Quality",
    "trend": "Compare in Quality",
    "quality": "Statistics",
    "stack": "About the stack",
}
"""What a page shows when it is nearly ready; "trend" is a tab of the page "registration"."""

WRITTEN = ("data", "header", "sift", "registration", "trend", "quality", "stack")
"""What is made without `--page`."""


def prepare(folder: Path, frames: int = 60, size: int = 1024) -> Path:
    """Write the phantom and register it, unless that was done before; return the run folder."""
    stack, run = folder / "phantom", folder / "runs" / "phantom_run"
    command = [sys.executable, "-m", "fibsem_dash"]
    if not stack.is_dir():
        options = ["--frames", str(frames), "--size", str(size)]
        subprocess.run([*command, "phantom", str(stack), *options], cwd=PROJECT, check=True)
    if not (run / "report.html").is_file():
        arguments = ["register", str(stack), "--out", str(run)]
        subprocess.run([*command, *arguments], cwd=PROJECT, check=True)
    return run


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder with the phantom and its run; give the address."""
    options = ["--port", "0", "--run-root", str(folder / "runs"), "--", str(folder)]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "components.server", *options],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        for line in process.stdout or ():
            if found := re.search(r"is at (http://\S+)", line):
                yield found[1]
                return
        raise RuntimeError("the server did not start")
    finally:
        process.terminate()
        process.wait(20)


def small_png(data: bytes) -> bytes:
    """Return a PNG again with a palette."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    result = b""
    for colours in COLOURS:
        # The method keeps rare colours, such as those of maps; without dithering flat areas stay
        # flat, and compress well.
        few = image.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        file = io.BytesIO()
        few.save(file, "PNG", optimize=True)
        result = file.getvalue()
        if len(result) <= LARGEST:
            break
    return result


def photograph(tab: Any, address: str, run: Path, key: str) -> bytes:
    """Open a page with the run and return its picture."""
    page = "registration" if key == "trend" else key
    tab.goto(address + "?" + urlencode({"page": page, "run": str(run), "frame": 25}))
    tab.get_by_text(PAGES[key]).first.wait_for(state="attached")
    if key == "trend":
        tab.wait_for_timeout(SETTLE_MS)
        tab.get_by_role("tab", name="Trend").click()
    tab.wait_for_timeout(SETTLE_MS)
    picture: bytes = tab.screenshot()
    return picture


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the pictures; return 1 where one is too large."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "fibsem-shots")
    parser.add_argument("--out", type=Path, default=PROJECT / "assets")
    parser.add_argument("--page", nargs="+", choices=list(PAGES), default=list(WRITTEN))
    options = parser.parse_args(arguments)
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        parser.error(f"none of {', '.join(BROWSERS)} is installed")
    run = prepare(options.work.resolve())
    too_large = 0
    with serving(options.work.resolve()) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        tab = browser.new_page(viewport=SIZE)
        tab.set_default_timeout(PATIENCE_MS)
        for key in options.page:
            data = small_png(photograph(tab, address, run, key))
            (options.out / f"{key}.png").write_bytes(data)
            sys.stdout.write(f"{key}.png  {len(data):,} bytes\n")
            sys.stdout.flush()
            too_large += len(data) > LARGEST
        browser.close()
    return int(bool(too_large))


if __name__ == "__main__":
    sys.exit(main())
