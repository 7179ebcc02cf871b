"""Small pictures of a few frames, under the marks of the frame slider."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import panel as pn
import param

from components.plots.paint import robust_levels, to_grey
from components.work import LatestWork
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.frame import FIBSEMFrame
from fibsem_dash.registration.frames import FrameInfo

HEIGHT = 34
"""Height of a picture on the screen, px; it is made twice as large for fine screens."""

MOST = 7
"""Most pictures: more would overlap on a small screen."""

SAMPLES = 4
"""Pixels read for each pixel of a picture and axis; they are averaged."""


def marks(n_frames: int, most: int = MOST) -> list[int]:
    """Return the indices of a few frames, evenly over the stack, first and last included."""
    if n_frames < 1:
        return []
    return sorted({round(i) for i in np.linspace(0, n_frames - 1, min(most, n_frames))})


@lru_cache(maxsize=256)
def _picture(path: str, detector: str, _modified_ns: int) -> str:
    frame = FIBSEMFrame(path)
    letter = detector if detector in frame.detectors else frame.detectors[0]
    step = max(1, frame.shape[0] // (2 * HEIGHT * SAMPLES))
    part = np.asarray(frame.source.view(letter)[::step, ::step], np.float32)
    height = min(2 * HEIGHT, part.shape[0])
    width = max(1, round(height * part.shape[1] / part.shape[0]))
    small = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".png", to_grey(small, *robust_levels(small)))
    if not done:
        return ""
    return "data:image/png;base64," + base64.b64encode(data.tobytes()).decode("ascii")


def thumbnails(
    frames: Sequence[FrameInfo], detector: str = "A", most: int = MOST
) -> list[list[Any]]:
    """Return [index, data URL] of a few frames spread over a stack.

    Pictures are kept for files that do not change. A frame that cannot be read has none.

    Parameters
    ----------
    frames : sequence of FrameInfo
        All frames, in order.
    detector : str
        Letter of the detector; frames without it show their first one.
    most : int
        Most pictures.

    Returns
    -------
    list of [int, str]
        Index of the frame, and a PNG of at most 2 x `HEIGHT` px height as a data URL.
    """
    result: list[list[Any]] = []
    for index in marks(len(frames), most):
        if not frames[index].usable:
            continue
        path = frames[index].path
        try:
            picture = _picture(path, detector, os.stat(path).st_mtime_ns)
        except (FibsemDashError, OSError):
            continue
        if picture:
            result.append([index, picture])
    return result


class ThumbnailStrip(pn.custom.JSComponent):
    """Pictures side by side, each where the slider has its frame; a click asks for the frame."""

    pictures = param.List([], doc="[index, data URL] of each picture")
    last = param.Integer(1, bounds=(1, None), doc="Index of the last frame")
    clicked = param.List([-1, 0], doc="Index of the frame that was clicked, and a counter")

    _esm = """
    export function render({model}) {
      const element = document.createElement('div')
      element.style.cssText = 'position: relative; width: 100%; height: HEIGHTpx'
      let count = 0
      const draw = () => {
        element.replaceChildren(...model.pictures.map(([index, url]) => {
          const picture = document.createElement('img')
          const place = 100 * index / model.last
          picture.src = url
          picture.alt = picture.title = `Frame ${index}`
          picture.style.cssText = `position: absolute; height: HEIGHTpx; cursor: pointer;
            border-radius: 3px; left: ${place}%; transform: translateX(-${place}%)`
          picture.addEventListener('click', () => {
            count += 1
            model.clicked = [index, count]
          })
          return picture
        }))
      }
      model.on('pictures', draw)
      model.on('last', draw)
      draw()
      return element
    }
    """.replace("HEIGHT", str(HEIGHT))


class Thumbnails(pn.viewable.Viewer):  # type: ignore[misc]
    """Makes the pictures of a stack in the background and shows them."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.strip = ThumbnailStrip(sizing_mode="stretch_width", height=HEIGHT, margin=(0, 14))
        self.work = LatestWork(lambda frames, detector: (thumbnails(frames, detector), frames))
        self.work.param.watch(self._show, "done_count")

    def request(self, frames: Sequence[FrameInfo], detector: str = "A") -> None:
        """Show pictures of another stack."""
        self.work.request(tuple(frames), detector)

    def _show(self, _event: Any) -> None:
        pictures, frames = self.work.result
        self.strip.param.update(last=max(len(frames) - 1, 1), pictures=pictures)

    def __panel__(self) -> Any:
        return self.strip
