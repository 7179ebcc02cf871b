"""Open a stack in napari or Neuroglancer itself and take a picture, to be looked at.

``python docs/try_viewers.py napari PATH OUT.png``: needs napari with a Qt, and a display (or
``xvfb-run``). ``python docs/try_viewers.py neuroglancer STACK.zarr OUT.png``: needs the packages
neuroglancer and playwright, and Chromium. Both are too heavy for the tests; the results of the last
trial are in docs/interoperability.md.
"""

from __future__ import annotations

import argparse
import shutil
import threading
import time
from pathlib import Path
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
"""WebGL without a graphics card."""

SIZE = (1366, 768)
SETTLE_S = 15
"""How long Neuroglancer is left to load chunks."""


def in_napari(path: Path, out: Path) -> None:
    """Open a path with our reader; print the layers and save the window."""
    import napari
    from qtpy.QtWidgets import QApplication

    viewer = napari.Viewer()
    viewer.window._qt_window.resize(*SIZE)
    for layer in viewer.open(str(path), plugin="fibsem-dash"):
        levels = layer.data if layer.multiscale else [layer.data]
        print(layer.name, *[level.shape for level in levels], layer.dtype, sep="  ")
        print("  scale", layer.scale, *map(str, layer.units), "contrast", layer.contrast_limits)
    viewer.canvas.overlays.scale_bar.visible = True
    end = time.monotonic() + 3
    while time.monotonic() < end:
        QApplication.processEvents()
    viewer.screenshot(str(out), canvas_only=False, flash=False)
    viewer.close()


def in_neuroglancer(path: Path, out: Path) -> None:
    """Give the state of our link to the viewer of the package; print what it asks for."""
    import neuroglancer
    from playwright.sync_api import sync_playwright

    from fibsem_dash.interoperability.neuroglancer import ZarrServer

    viewer = neuroglancer.Viewer()
    browser = next(found for name in BROWSERS if (found := shutil.which(name)))
    answers: dict[tuple[str, int], int] = {}

    def count(answer: Any) -> None:
        key = answer.request.method, answer.status
        if answer.url.startswith(server.source):
            answers[key] = answers.get(key, 0) + 1

    with ZarrServer(path) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        viewer.set_state(neuroglancer.parse_url(server.link))
        chromium = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        page = chromium.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        page.on("pageerror", lambda error: print("error in the page:", error))
        page.on("response", count)
        page.goto(viewer.get_viewer_url())
        page.wait_for_timeout(SETTLE_S * 1000)
        page.screenshot(path=str(out))
        chromium.close()
        server.shutdown()
    print("answers of our server:", answers)


def main() -> None:
    """Run the program that is named."""
    parser = argparse.ArgumentParser(description="Open a stack in napari or Neuroglancer.")
    parser.add_argument("program", choices=["napari", "neuroglancer"])
    parser.add_argument("path", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    show = in_napari if arguments.program == "napari" else in_neuroglancer
    show(arguments.path, arguments.out)


if __name__ == "__main__":
    main()
