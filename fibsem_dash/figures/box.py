"""The evaluation box on one or several frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike, NDArray

from fibsem_dash.errors import ParameterError
from fibsem_dash.figures.style import (
    display_limits,
    draw_rectangle,
    new_figure,
    set_figure_title,
    set_title,
    show_image,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_box(
    images: Sequence[NDArray[Any]],
    bounds: ArrayLike,
    *,
    titles: Sequence[str] = (),
    title: str = "",
    colour: str = "#F0E442",
    line_width: float = 1.5,
    pixel_size_nm: float = 0.0,
    high_is_dark: bool = True,
) -> Figure:
    """Draw frames side by side, each with its evaluation box and in the contrast of that box.

    Parameters
    ----------
    images : sequence of ndarray, (y, x)
    bounds : array-like of int, (n, 4) or (4,)
        (xi, xa, yi, ya) of each box, half open, px; one for all, or one for each.
    titles : sequence of str, optional
        One for each frame.
    title : str
    colour : str, default "#F0E442"
        Of the box: yellow, with a dark edge that shows on light ground.
    line_width : float, default 1.5
        Points.
    pixel_size_nm : float, default 0
        For the scale bar, nm; 0 for none.
    high_is_dark : bool, default True
        High counts dark.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ParameterError
        Without an image, or where boxes and images do not fit together.
    """
    import numpy as np

    boxes = np.atleast_2d(np.asarray(bounds, dtype=np.int64))
    if len(images) and boxes.shape == (1, 4):
        boxes = np.repeat(boxes, len(images), axis=0)
    if not len(images) or boxes.shape != (len(images), 4):
        raise ParameterError(
            "Frames and evaluation boxes do not fit together",
            expected="one box (xi, xa, yi, ya) for all frames or one for each",
            found=f"{len(images)} frames, boxes of shape {boxes.shape}",
        )
    height, width = images[0].shape
    # One frame takes half a page, several share its width.
    panel = 7.0 if len(images) == 1 else max(15.0 / len(images), 4.0)
    side = min(max((panel - 0.6) * height / width, 1.5), 12.0)
    figure = new_figure(panel * len(images), side + 0.6 + 0.25 * bool(title) + 0.2 * bool(titles))
    set_figure_title(figure, title)
    panels = figure.subplots(1, len(images), squeeze=False)[0]
    for k, (axes, image, box) in enumerate(zip(panels, images, boxes, strict=True)):
        xi, xa, yi, ya = (int(v) for v in box)
        inside = image[max(yi, 0) : ya, max(xi, 0) : xa]
        limits = display_limits(inside if inside.size else image)
        show_image(
            axes,
            image,
            limits,
            pixel_size_nm=pixel_size_nm,
            high_is_dark=high_is_dark,
            ticks=True,
        )
        draw_rectangle(axes, box, "black", linewidth=line_width + 1.5, alpha=0.6)
        draw_rectangle(axes, box, colour, linewidth=line_width)
        set_title(axes, titles[k] if k < len(titles) else "")
        if k:
            axes.set_ylabel("")
    return figure
