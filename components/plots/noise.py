"""Variance of the noise against the signal, with the line that counting makes."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, HoverTool, Range1d, Span

from components.plots.base import curve_figure, finish_curves, number
from components.plots.colours import INLIER, OUTLIER, THRESHOLD, Y_LIGHT, Y
from components.plots.export import add_export
from components.plots.paint import HIGH, LOW, opaque, to_grey
from fibsem_dash.image.noise import NoiseStatistics

MASK_PX = 400
"""Most pixels of the mask preview per side; every n-th pixel of larger images is shown."""


def noise_figures(result: NoiseStatistics, region: tuple[int, int, int, int] | None = None) -> Any:
    """Draw the variance over the signal, and below it which pixels were analysed.

    Parameters
    ----------
    result : NoiseStatistics
        Of the region.
    region : (int, int, int, int), optional
        Bounds (yi, ya, xi, xa) of the analysed part of the frame, px.
    """
    return column(noise_figure(result), mask_figure(result, region), sizing_mode="stretch_width")


def mask_figure(
    result: NoiseStatistics, region: tuple[int, int, int, int] | None = None, width: int = 360
) -> Any:
    """Draw the smoothed image: blue pixels were left out as too dark, red ones as too bright.

    Parameters
    ----------
    result : NoiseStatistics
        Of the region.
    region : (int, int, int, int), optional
        Bounds (yi, ya, xi, xa) of the analysed part of the frame, px.
    width : int
        About how wide it is shown, px; for its height.
    """
    smoothed = np.where(result.used, result.smoothed, -np.inf)
    rows, columns = smoothed.shape
    yi, ya, xi, xa = region or (0, rows, 0, columns)
    # The smoothing kernel leaves a margin out on every side.
    top, left = yi + (ya - yi - rows) // 2, xi + (xa - xi - columns) // 2
    step = max(1, -(-max(rows, columns) // MASK_PX))
    shown = smoothed[::step, ::step]
    colours = opaque(to_grey(shown, result.low, result.high))
    colours[shown < result.low, :3], colours[shown > result.high, :3] = LOW, HIGH
    outside = np.count_nonzero((smoothed < result.low) | (smoothed > result.high))
    title = f"Left out: {number(100 * outside / smoothed.size, 3)} % (blue dark, red bright)"
    height = int(np.clip((width - 70) * rows / columns, 100, 360)) + 70
    plot = curve_figure(title, "x (px)", "y (px)", height)
    plot.x_range, plot.y_range = Range1d(left, left + columns), Range1d(top + rows, top)
    plot.grid.visible = False
    packed = np.ascontiguousarray(colours).view(np.uint32)[..., 0]
    place = {"x": [left], "y": [top], "dw": [columns], "dh": [rows]}
    source = ColumnDataSource({"image": [packed], **place}, name="mask")
    plot.image_rgba("image", "x", "y", "dw", "dh", source=source)
    return add_export(plot, "noise mask", data=False)


def noise_figure(result: NoiseStatistics) -> Any:
    """Draw variance against mean signal, the fitted line and the dark counts."""
    plot = curve_figure("", "Mean signal (counts)", "Variance of the noise (counts²)", height=280)
    _add_unused(plot, result)
    source = ColumnDataSource(
        {"mean": result.means, "variance": result.variances, "pixels": result.counts}, name="bins"
    )
    dots = plot.scatter(
        "mean", "variance", source=source, size=6, color=Y, legend_label="grey levels"
    )
    if np.isfinite(result.slope):
        start = result.fitted_dark_count
        ends = np.array([start if np.isfinite(start) else result.low, result.high])
        line = ColumnDataSource(
            {"mean": ends, "variance": result.slope * ends + result.intercept}, name="line"
        )
        plot.line(
            "mean", "variance", source=line, color=Y_LIGHT, line_dash="dashed", line_width=2.5,
            legend_label=f"line, slope {number(result.slope, 3)}",
        )  # fmt: skip
    _add_level(plot, result.dark_count, THRESHOLD, "dotted")
    _add_level(plot, result.fitted_dark_count, INLIER, "dashed")
    finish_curves(plot)
    tips = [("mean", "@mean{0.0}"), ("variance", "@variance{0.0}"), ("pixels", "@pixels{0,0}")]
    plot.add_tools(HoverTool(tooltips=tips, renderers=[dots]))
    titles = {"mean": "mean (counts)", "variance": "variance (counts²)"}
    return add_export(plot, "noise", titles)


def _add_unused(plot: Any, result: NoiseStatistics) -> None:
    """Grey levels that hold too few pixels are shown, but do not count."""
    unused = np.isfinite(result.all_variances) & ~np.isin(result.all_means, result.means)
    if unused.any():
        plot.scatter(
            result.all_means[unused], result.all_variances[unused], size=5, marker="x",
            color=OUTLIER, legend_label="too few pixels",
        )  # fmt: skip


def _add_level(plot: Any, level: float, colour: str, dash: str) -> None:
    if np.isfinite(level):
        plot.add_layout(
            Span(
                location=float(level),
                dimension="height",
                line_color=colour,
                line_dash=dash,
                line_width=2,
            )
        )


def histogram_figure(result: NoiseStatistics) -> Any:
    """Draw the histogram of the smoothed signal with its peak."""
    plot = curve_figure("", "Signal without noise (counts)", "Pixels", height=180)
    source = ColumnDataSource(
        {"level": result.histogram_centres, "pixels": result.histogram}, name="histogram"
    )
    plot.varea("level", 0, "pixels", source=source, color=Y, fill_alpha=0.3)
    plot.line("level", "pixels", source=source, color=Y)
    _add_level(plot, result.peak, THRESHOLD, "solid")
    return add_export(plot, "noise signal", {"level": "signal (counts)"})
