"""Variance of the noise against the signal, with the line that counting makes."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, Span

from components.plots.base import curve_figure, finish_curves, number
from components.plots.colours import INLIER, OUTLIER, THRESHOLD, Y_LIGHT, Y
from components.plots.export import add_export
from fibsem_dash.image.noise import NoiseStatistics


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
