"""The signal-to-noise ratio of one image: its autocorrelation and what is extrapolated from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.figures.style import (
    RADIAL,
    X_LIGHT,
    Y_LIGHT,
    X,
    Y,
    add_legend,
    draw_notes,
    format_number,
    new_figure,
    set_figure_title,
    set_title,
    show_image,
    style_axes,
)
from fibsem_dash.image.snr import DirectionSnr, SnrResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ZOOM = 5


def draw_snr(
    result: SnrResult,
    image: NDArray[Any] | None = None,
    *,
    title: str = "",
    pixel_size_nm: float = 0.0,
    high_is_dark: bool = True,
) -> Figure:
    """Draw the autocorrelation along x, y and rings, far and near, with the noise-free peak.

    Parameters
    ----------
    result : SnrResult
    image : ndarray, (y, x), optional
        The pixels that were analysed, shown at the left.
    title : str
    pixel_size_nm : float, default 0
        For the scale bar, nm; 0 for none.
    high_is_dark : bool, default True
        High counts dark.

    Returns
    -------
    matplotlib.figure.Figure
        Lines are labelled "x", "y" and "radial".
    """
    figure = new_figure(13 if image is not None else 9, 4.2)
    axes = list(figure.subplots(1, 3 if image is not None else 2, squeeze=False)[0])
    set_figure_title(figure, title)
    if image is not None:
        first = axes.pop(0)
        show_image(first, image, pixel_size_nm=pixel_size_nm, high_is_dark=high_is_dark)
        set_title(first, f"{image.shape[1]} × {image.shape[0]} px")
    far, near = axes
    for name, direction, colour, light, marker in (
        ("x", result.x, X, X_LIGHT, "o"),
        ("y", result.y, Y, Y_LIGHT, "s"),
        ("radial", result.radial, RADIAL, "#AAAAAA", "^"),
    ):
        _draw_far(far, name, direction, colour)
        _draw_near(near, name, direction, (colour, light), marker)
    for axis, text in ((far, "Autocorrelation"), (near, "Around lag 0")):
        style_axes(axis, "Lag (px)", "Autocorrelation (1 at lag 0)")
        set_title(axis, text)
    near.set_xlim(-_ZOOM - 0.5, _ZOOM + 0.5)
    add_legend(far, loc="upper right")
    add_legend(near, loc="upper left", title="signal / noise power", title_fontsize=7.5)
    draw_notes(figure, result.notes)
    return figure


def _draw_far(axes: Axes, name: str, direction: DirectionSnr, colour: str) -> None:
    axes.plot(direction.lags, direction.autocorrelation, color=colour, linewidth=1.0, label=name)
    if direction.baseline:
        axes.axhline(direction.baseline, color=colour, linewidth=0.8, linestyle=":")


def _draw_near(
    axes: Axes, name: str, direction: DirectionSnr, colours: tuple[str, str], marker: str
) -> None:
    close = np.abs(direction.lags) <= _ZOOM + 0.5
    lags, values = direction.lags[close], direction.autocorrelation[close]
    label = f"{name}: {format_number(direction.snr)}"
    axes.plot(lags, values, color=colours[0], marker=marker, markersize=4, lw=0.8, label=label)
    # The same curve with the noise taken off its peak.
    signal = np.where(lags == 0, direction.noise_free, values)
    axes.plot(lags, signal, color=colours[1], linestyle="--", linewidth=1.4)
    axes.plot(
        [0.0], [direction.noise_free], color=colours[1], marker="*", markersize=11, linestyle="none"
    )
