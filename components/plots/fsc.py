"""Fourier ring correlation with its threshold and the bandwidth."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, Range1d, Span

from components.plots.base import curve_figure, finish_curves, number
from components.plots.colours import INLIER, THRESHOLD, Y_LIGHT, Y
from components.plots.export import add_export
from fibsem_dash.compare.resolution import FscResult


def fsc_figure(result: FscResult, pixels: int = 1) -> Any:
    """Draw the correlation against the frequency.

    Parameters
    ----------
    result : FscResult
        What `fsc` gives.
    pixels : int
        Pixels of the frame per pixel of the images that were compared.
    """
    plot = curve_figure("", "Frequency (cycles per px of the frame)", "Correlation", height=320)
    frequency = result.frequencies / pixels
    period = np.divide(1.0, frequency, out=np.full(frequency.shape, np.nan), where=frequency > 0)
    source = ColumnDataSource(
        {
            "frequency": frequency,
            "correlation": result.correlation,
            "smoothed": result.smoothed,
            "criterion": np.broadcast_to(result.criterion, frequency.shape),
            "period": period,
        },
        name="fsc",
    )
    plot.x_range = Range1d(0, 0.5 / pixels)
    plot.y_range = Range1d(-0.1, 1.05)
    plot.line("frequency", "correlation", source=source, color=Y_LIGHT, legend_label="correlation")
    plot.line(
        "frequency", "smoothed", source=source, color=Y, line_width=2, legend_label="smoothed"
    )
    plot.line(
        "frequency", "criterion", source=source, color=THRESHOLD, line_dash="dashed",
        line_width=1.5, legend_label="threshold",
    )  # fmt: skip
    if np.isfinite(result.bandwidth):
        place = result.bandwidth / pixels
        plot.add_layout(
            Span(location=place, dimension="height", line_color=INLIER, line_dash="dotted",
                 line_width=2)
        )  # fmt: skip
        plot.line(
            [place, place], [0, 0], color=INLIER, line_dash="dotted", line_width=2,
            legend_label=f"bandwidth {number(place, 3)}",
        )  # fmt: skip
    tips = [
        ("frequency", "@frequency{0.0000} cycles/px"),
        ("period", "@period{0.00} px"),
        ("correlation", "@correlation{0.000}"),
    ]
    titles = {"frequency": "frequency (cycles/px)", "period": "period (px)"}
    return add_export(finish_curves(plot, tips), "fsc", titles)
