"""The background of an image: block means, the polynomial through them, and cross-sections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fibsem_dash.figures.style import (
    GREY,
    RESULT,
    X_LIGHT,
    Y_LIGHT,
    X,
    Y,
    add_legend,
    display_limits,
    draw_notes,
    finite_span,
    format_number,
    new_figure,
    set_figure_title,
    set_title,
    style_axes,
)
from fibsem_dash.image.flatten import BackgroundFit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_UNIT = "counts above dark"


def draw_background(
    fit: BackgroundFit,
    *,
    x_section: int | None = None,
    y_section: int | None = None,
    title: str = "",
) -> Figure:
    """Draw the block means, the fit and one cross-section along either axis.

    Parameters
    ----------
    fit : BackgroundFit
    x_section : int, optional
        Column, px, of the cross-section along y; the middle by default.
    y_section : int, optional
        Row, px, of the cross-section along x; the middle by default.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        Lines of the cross-sections are labelled "blocks" and "fit". Blocks that were not fitted
        are dimmed.
    """
    rows, columns = fit.blocks.shape
    wanted = (
        fit.shape[1] // 2 if x_section is None else x_section,
        fit.shape[0] // 2 if y_section is None else y_section,
    )
    column, row = (
        min(max(pixel // fit.bins, 0), n - 1)
        for pixel, n in zip(wanted, (columns, rows), strict=True)
    )
    # The middle of a block, in pixels of the image.
    x = np.arange(columns) * fit.bins + (fit.bins - 1) / 2
    y = np.arange(rows) * fit.bins + (fit.bins - 1) / 2
    figure = new_figure(11, 7.6)
    set_figure_title(figure, title)
    (top_left, top_right), (below_left, below_right) = figure.subplots(
        2, 2, height_ratios=(1.5, 1.0)
    )
    limits = _common_limits(fit)
    _draw_map(top_left, fit, "blocks", limits, (x[column], y[row]))
    _draw_map(top_right, fit, "fitted", limits, (x[column], y[row]))
    set_title(top_left, f"Means of {fit.bins} × {fit.bins} px blocks")
    root = format_number(float(np.sqrt(fit.mse)), 3)
    degree = int(fit.powers.sum(axis=1).max(initial=0))
    set_title(top_right, f"Polynomial of degree {degree}; RMS residual {root} counts")
    _draw_section(below_left, x, fit.blocks[row], fit.fitted[row], (X, X_LIGHT), limits)
    _draw_section(
        below_right, y, fit.blocks[:, column], fit.fitted[:, column], (Y, Y_LIGHT), limits
    )
    style_axes(below_left, "x (px)", f"Signal ({_UNIT})")
    style_axes(below_right, "y (px)", f"Signal ({_UNIT})")
    set_title(below_left, f"Along x at y = {y[row]:g} px")
    set_title(below_right, f"Along y at x = {x[column]:g} px")
    add_legend(below_left)
    add_legend(below_right)
    draw_notes(figure, fit.notes)
    return figure


def _common_limits(fit: BackgroundFit) -> tuple[float, float]:
    low, high = display_limits(fit.blocks)
    span = finite_span(fit.fitted, 0.0)
    if span is not None:
        low, high = min(low, span[0]), max(high, span[1])
    return low, high


def _draw_map(
    axes: Axes,
    fit: BackgroundFit,
    name: str,
    limits: tuple[float, float],
    crossing: tuple[float, float],
) -> None:
    values = getattr(fit, name)
    height, width = (n * fit.bins for n in values.shape)
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    shown = axes.imshow(
        values, cmap="viridis", vmin=limits[0], vmax=limits[1], extent=extent, aspect="equal"
    )
    bar = axes.figure.colorbar(shown, ax=axes, shrink=0.9)
    bar.set_label(f"Signal ({_UNIT})", fontsize=9)
    bar.ax.tick_params(labelsize=7.5)
    if name == "blocks" and not fit.used.all():
        away = np.ma.masked_where(fit.used, np.ones(fit.used.shape))
        axes.imshow(away, cmap="Greys", vmin=0, vmax=2, alpha=0.55, extent=extent)
        edges = np.repeat(np.repeat(fit.used, 2, axis=0), 2, axis=1).astype(float)
        if fit.used.any():
            axes.contour(edges, [0.5], colors=RESULT, linewidths=1.2, extent=extent, origin="upper")
    axes.axhline(crossing[1], color=X, linewidth=0.8, linestyle="--")
    axes.axvline(crossing[0], color=Y, linewidth=0.8, linestyle="--")
    axes.set_xlabel("x (px)", fontsize=9)
    axes.set_ylabel("y (px)", fontsize=9)
    axes.tick_params(labelsize=7.5)


def _draw_section(
    axes: Axes,
    place: np.ndarray,
    blocks: np.ndarray,
    fitted: np.ndarray,
    colours: tuple[str, str],
    limits: tuple[float, float],
) -> None:
    axes.plot(place, blocks, color=colours[0], linewidth=0.9, label="blocks")
    axes.plot(place, fitted, color=colours[1], linewidth=2.0, linestyle="--", label="fit")
    if limits[0] < 0 < limits[1]:
        axes.axhline(0.0, color=GREY, linewidth=0.8)
