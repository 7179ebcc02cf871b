"""The Fourier ring correlation of two images, its threshold and the bandwidth read from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.compare.resolution import FscResult
from fibsem_dash.figures.style import (
    RESULT,
    THRESHOLD,
    Y_LIGHT,
    Y,
    add_legend,
    format_number,
    new_figure,
    set_figure_title,
    set_title,
    show_image,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STATUS = {
    "always above": "never falls below the threshold",
    "always below": "nowhere above the threshold",
    "undefined": "cannot be told",
}


def draw_fsc(
    result: FscResult,
    images: Sequence[NDArray[Any]] = (),
    labels: Sequence[str] = ("Image 1", "Image 2"),
    *,
    title: str = "",
    image_pixel_size_nm: float | None = None,
    high_is_dark: bool = True,
) -> Figure:
    """Draw a Fourier ring correlation, under the two images where they are given.

    Parameters
    ----------
    result : FscResult
        With a pixel size, a second axis shows 1/µm and the bandwidth is given in nm, too.
    images : sequence of two ndarray, (y, x), optional
        The pixels that were compared.
    labels : sequence of two str
        Their names.
    title : str
    image_pixel_size_nm : float, optional
        For the scale bars, nm; that of the result by default. The halves of one frame have larger
        pixels than the frame.
    high_is_dark : bool, default True
        High counts dark.

    Returns
    -------
    matplotlib.figure.Figure
        Lines are labelled "correlation of each ring", "smoothed", "threshold".
    """
    figure = new_figure(8.5, 8.6 if len(images) else 5.0)
    set_figure_title(figure, title)
    if len(images):
        pixel = result.pixel_size_nm if image_pixel_size_nm is None else image_pixel_size_nm
        ratio = images[0].shape[0] / images[0].shape[1]
        grid = figure.add_gridspec(2, 2, height_ratios=(min(max(ratio, 0.3), 1.2), 0.95))
        for k, (image, label) in enumerate(zip(images, labels, strict=False)):
            panel = figure.add_subplot(grid[0, k])
            show_image(panel, image, pixel_size_nm=pixel, high_is_dark=high_is_dark)
            set_title(panel, label)
        axes = figure.add_subplot(grid[1, :])
    else:
        axes = figure.add_subplot()
    _draw_curves(axes, result)
    return figure


def _draw_curves(axes: Axes, result: FscResult) -> None:
    f = result.frequencies
    axes.plot(
        f,
        result.correlation,
        color=Y_LIGHT,
        linewidth=0.7,
        marker=".",
        markersize=2.5,
        label="correlation of each ring",
    )
    axes.plot(f, result.smoothed, color=Y, linewidth=1.8, label="smoothed")
    axes.plot(f, result.criterion, color=THRESHOLD, linestyle="--", lw=1.4, label="threshold")
    if result.fit_frequencies.size:
        axes.plot(
            result.fit_frequencies,
            result.fit_correlation,
            color=Y_LIGHT,
            linestyle="--",
            linewidth=1.6,
            label="fit",
        )
    text = bandwidth_text(result)
    if result.bandwidth > 0:
        level = float(np.interp(result.bandwidth, f, result.criterion))
        axes.plot(
            [result.bandwidth, result.bandwidth],
            [-1.0, level],
            color=RESULT,
            linestyle="-.",
            linewidth=1.4,
            marker="o",
            markersize=5,
            label=text,
        )
    else:
        axes.plot([], [], " ", label=text)
    style_axes(axes, "Spatial frequency (cycles per pixel)", "Fourier ring correlation")
    last = min(float(f.max()), 0.5) if f.size and np.isfinite(f).any() else 0.5
    axes.set_xlim(0, last)
    shown = result.correlation[np.isfinite(result.correlation) & (f <= last)]
    axes.set_ylim(min(-0.05, float(shown.min()) - 0.03) if shown.size else -0.05, 1.05)
    if result.pixel_size_nm > 0:
        factor = 1e3 / result.pixel_size_nm
        top = axes.secondary_xaxis(
            "top",
            functions=(lambda v: np.multiply(v, factor), lambda v: np.divide(v, factor)),
        )
        top.set_xlabel("Spatial frequency (1/µm)", fontsize=9)
        top.tick_params(labelsize=7.5)
    add_legend(axes, loc="upper right")


def bandwidth_text(result: FscResult) -> str:
    """Bandwidth in words: cycles per pixel, the period in nm where known, and doubts."""
    text = f"bandwidth {format_number(result.bandwidth)} cycles per pixel"
    if np.isfinite(result.resolution_nm):
        text += f" = {format_number(result.resolution_nm, 3)} nm period"
    remark = _STATUS.get(result.status)
    return f"{text} ({remark})" if remark else text
