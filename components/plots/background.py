"""Slow variation of brightness: the fitted surface and profiles before and after."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.layouts import column
from bokeh.models import ColorBar, ColumnDataSource, HoverTool, LinearColorMapper, Range1d
from bokeh.palettes import Viridis256

from components.plots.base import curve_figure, finish_curves
from components.plots.colours import X_LIGHT, Y_LIGHT, X, Y
from components.plots.export import add_export
from fibsem_dash.image.flatten import BackgroundFit


def background_figure(fit: BackgroundFit, step: int = 1, width: int = 360) -> Any:
    """Draw the fitted surface and the mean profiles along x and y.

    Parameters
    ----------
    fit : BackgroundFit
        What `fit_background` gives.
    step : int
        Pixels of the frame per pixel of the fitted image.
    width : int
        About how wide it is shown, px; for the height of the surface.
    """
    edge = fit.bins * step
    return column(
        _surface(fit, edge, width),
        _profile(fit, edge, axis=0, name="x", colours=(X, X_LIGHT)),
        _profile(fit, edge, axis=1, name="y", colours=(Y, Y_LIGHT)),
        sizing_mode="stretch_width",
    )


def _surface(fit: BackgroundFit, edge: int, width: int) -> Any:
    rows, columns = fit.fitted.shape
    height = int(np.clip((width - 110) * rows / columns, 120, 360)) + 70
    plot = curve_figure("Fitted brightness above the dark count", "x (px)", "y (px)", height)
    plot.x_range = Range1d(0, columns * edge)
    plot.y_range = Range1d(rows * edge, 0)
    plot.grid.visible = False
    low, high = float(fit.fitted.min()), float(fit.fitted.max())
    mapper = LinearColorMapper(palette=Viridis256, low=low, high=max(high, low + 1e-9))
    source = ColumnDataSource(
        {
            "image": [np.ascontiguousarray(fit.fitted, np.float32)],
            "x": [0], "y": [0], "dw": [columns * edge], "dh": [rows * edge],
        },
        name="surface",
    )  # fmt: skip
    glyph = plot.image("image", "x", "y", "dw", "dh", source=source, color_mapper=mapper)
    plot.add_layout(ColorBar(color_mapper=mapper, width=10, title="counts"), "right")
    tips = [("x, y", "$x{0}, $y{0} px"), ("fit", "@image{0.0} counts")]
    plot.add_tools(HoverTool(tooltips=tips, renderers=[glyph]))
    return add_export(plot, "background")


def _profile(fit: BackgroundFit, edge: int, axis: int, name: str, colours: tuple[str, str]) -> Any:
    plot = curve_figure("", f"{name} (px)", "Mean (counts)", height=190)
    # Blocks without a finite pixel are NaN and must not spoil the mean of their row.
    valid = np.isfinite(fit.blocks)
    share = np.maximum(valid.sum(axis=axis), 1)
    before = np.where(valid, fit.blocks, 0.0).sum(axis=axis) / share
    factor = fit.fitted_mean / np.where(fit.fitted == 0, np.nan, fit.fitted)
    flat = fit.blocks * np.clip(factor, 0.1, 10.0)
    after = np.where(np.isfinite(flat), flat, 0.0).sum(axis=axis) / share
    source = ColumnDataSource(
        {
            "place": (np.arange(before.size) + 0.5) * edge,
            "before": before,
            "after": after,
            "fit": fit.fitted.mean(axis=axis),
        },
        name=f"profile_{name}",
    )
    colour, light = colours
    plot.line("place", "before", source=source, color="#9E9E9E", legend_label="before")
    plot.line(
        "place", "fit", source=source, color=light, line_dash="dashed", line_width=2,
        legend_label="fit",
    )  # fmt: skip
    plot.line("place", "after", source=source, color=colour, line_width=1.5, legend_label="after")
    titles = {"place": f"{name} (px)"} | {n: f"{n} (counts)" for n in ("before", "fit", "after")}
    return add_export(finish_curves(plot), f"background profile {name}", titles)
