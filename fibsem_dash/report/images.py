"""Small pictures of a registered stack."""

from __future__ import annotations

import base64
import math
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.image import intensity_range, to_8bit
from fibsem_dash.io import open_stack
from fibsem_dash.io.planes import read_plane
from fibsem_dash.io.stack import Stack
from fibsem_dash.quality.pair_view import reduce_image

WIDTH_PX = 420
"""Largest width and height of a picture."""

CUT_PIXELS = 400
"""Largest number of pixels along each side of a cut along the stack, before it is stretched."""

Picture = npt.NDArray[Any]
Box = tuple[int, int, int, int]


def stack_pictures(path: Path, box: Box | None) -> str:
    """Return first, middle and last slice and a cut along the stack, as HTML.

    Parameters
    ----------
    path : Path
        The stack.
    box : (xi, xa, yi, ya) or None
        Evaluation box that is drawn, px.

    Raises
    ------
    FibsemDashError
        When the stack cannot be read.
    """
    parts = []
    with open_stack(path) as stack:
        depth, height, width = stack.shape
        dx = stack.voxel_size_nm[2]
        step = max(1, math.ceil(max(height, width) / WIDTH_PX))
        names = {0: "First slice", depth // 2: "Middle slice", depth - 1: "Last slice"}
        for k, name in sorted(names.items()):
            picture = reduce_image(stack[k], step)
            caption = f"{name} ({k})"
            parts.append(_figure(picture, caption, dx * step, _frame(box, width, height)))
        if depth > 1:
            row = (box[2] + box[3]) // 2 if box else height // 2
            parts.append(_cut_figure(stack, min(row, height - 1)))
    return f'<div class="images">{"".join(parts)}</div>'


def _cut_figure(stack: Stack, row: int) -> str:
    dz, _, dx = stack.voxel_size_nm
    plane = read_plane(stack, "y", row, max_pixels=CUT_PIXELS)
    z0, z1, x0, x1 = plane.region
    pixel_nm = dx * (x1 - x0) / plane.image.shape[1]
    stretch = dz * (z1 - z0) / plane.image.shape[0] / pixel_nm if pixel_nm > 0 else 1.0
    caption = f"XZ cut at row {row}, first slice at the top"
    slices = plane.step[0] * plane.factors[0]
    if slices > 1:
        means = plane.averaged or plane.factors[0] > 1
        caption += f", means of {slices} slices" if means else f", every {slices}th slice"
    return _figure(_stretched(plane.image, stretch), caption, pixel_nm, "")


def _stretched(cut: Picture, factor: float) -> Picture:
    """Stretch a cut to its physical height, as far as it stays a picture."""
    import cv2

    if not math.isfinite(factor) or factor <= 0:
        return cut
    height = round(min(max(len(cut) * factor, 8), 2 * WIDTH_PX))
    return np.asarray(cv2.resize(cut, (cut.shape[1], height), interpolation=cv2.INTER_AREA))


def _frame(box: Box | None, width: int, height: int) -> str:
    if box is None:
        return ""
    xi, xa, yi, ya = box
    style = (
        f"left:{100 * xi / width:.2f}%;top:{100 * yi / height:.2f}%;"
        f"width:{100 * (xa - xi) / width:.2f}%;height:{100 * (ya - yi) / height:.2f}%"
    )
    return f'<div class="box" style="{style}" title="Evaluation box"></div>'


def _figure(picture: Picture, caption: str, pixel_nm: float, overlay: str) -> str:
    width = picture.shape[1]
    bar = ""
    length = bar_length_nm(width * pixel_nm)
    if length:
        share = 100 * length / (width * pixel_nm)
        text = f"{length / 1000:g} µm" if length >= 1000 else f"{length:g} nm"
        bar = f'<div class="bar" style="width:{share:.2f}%">{escape(text)}</div>'
    image = f'<img width="{width}" alt="{escape(caption)}" src="{data_uri(picture)}">'
    return (
        f'<figure><div class="picture" style="width:{width}px;max-width:100%">'
        f"{image}{overlay}{bar}</div>"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def bar_length_nm(width_nm: float) -> float:
    """Return a round length of about a quarter of a width, nm; 0 where the width is not known."""
    if not math.isfinite(width_nm) or width_nm <= 0:
        return 0.0
    wanted = width_nm / 4
    power = 10.0 ** math.floor(math.log10(wanted))
    return max(factor for factor in (1, 2, 5) if factor * power <= wanted) * power


def data_uri(picture: Picture) -> str:
    """Return a picture as PNG in a data address, with its own contrast."""
    import cv2

    finite = np.nan_to_num(np.asarray(picture, np.float32))
    # The middle alone: the fill around the frames would take the contrast away.
    top, left = (size // 6 for size in finite.shape)
    levels = intensity_range(finite[top : finite.shape[0] - top, left : finite.shape[1] - left])
    grey = to_8bit(finite, levels.minimum, levels.maximum, "nearest")
    done, content = cv2.imencode(".png", grey)
    assert done
    return "data:image/png;base64," + base64.b64encode(content.tobytes()).decode()
