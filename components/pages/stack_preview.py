"""Slices spread over a stack with the evaluation box, as a strip of small pictures."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import cv2
import numpy as np

from components.pages.stack_volume import Volume
from fibsem_dash.registration.boxes import box_bounds

Box = tuple[int, int, int, int]
"""Top, height, left and width, px."""

THUMBNAIL_PX = 200
YELLOW_BGR = (0x42, 0xE4, 0xF0)
"""The colour of the box on the planes, as OpenCV takes it."""


@dataclass(frozen=True)
class PreviewRequest:
    """Thumbnails that are wanted."""

    volume: Volume
    box: Box
    stop: Box | None
    n: int
    inside: bool
    low: float
    high: float
    inverted: bool


def preview_html(request: PreviewRequest, wanted: Callable[[], bool] = lambda: True) -> str:
    """Return slices spread over the stack with the outline of the box, or what lies in it.

    Parameters
    ----------
    request : PreviewRequest
        Stack, box and contrast.
    wanted : callable
        Whether it is still asked for.
    """
    n, height, width = request.volume.shape
    bounds = box_bounds(n, (height, width), request.box, stop_box=request.stop)
    cells = []
    for k in np.unique(np.rint(np.linspace(0, n - 1, min(request.n, n))).astype(int)):
        if not wanted():
            return ""
        xi, xa, yi, ya = (int(v) for v in bounds[k])
        region = (yi, ya, xi, xa) if request.inside else (0, height, 0, width)
        plane = request.volume.reader.read("z", int(k), region, THUMBNAIL_PX)
        span = max(request.high - request.low, 1e-9)
        grey = np.clip((plane.image.astype(np.float32) - request.low) / span * 255, 0, 255)
        grey = np.nan_to_num(255 - grey if request.inverted else grey).astype(np.uint8)
        picture = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
        if not request.inside:
            sy, sx = picture.shape[0] / height, picture.shape[1] / width
            corners = (int(xi * sx), int(yi * sy)), (int(xa * sx) - 1, int(ya * sy) - 1)
            cv2.rectangle(picture, *corners, (0, 0, 0), 3)
            cv2.rectangle(picture, *corners, YELLOW_BGR, 1)
        data = base64.b64encode(cv2.imencode(".png", picture)[1].tobytes()).decode()
        title = escape(f"Slice {k}: columns {xi} to {xa}, rows {yi} to {ya}")
        cells.append(
            f'<figure><img src="data:image/png;base64,{data}" alt="{title}" title="{title}">'
            f"<figcaption>Slice {k}</figcaption></figure>"
        )
    return f'<div class="strip">{"".join(cells)}</div>'


STRIP_STYLE = """
.strip { display: flex; gap: 8px; overflow-x: auto; height: 100%; }
figure { margin: 0; flex: 1 1 0; min-width: 70px; max-width: 240px; display: flex;
  flex-direction: column; align-items: center; height: 100%; min-height: 0; }
img { max-width: 100%; max-height: calc(100% - 18px); object-fit: contain; min-height: 0; }
figcaption { font: 11px Roboto, sans-serif; opacity: 0.8;
  color: var(--mui-palette-text-primary, inherit); }
"""
