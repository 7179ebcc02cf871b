"""Histogram and distribution of an image with the grey levels that were chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fibsem_dash.figures.style import HIGH, LOW, RADIAL, add_legend, new_figure, style_axes
from fibsem_dash.image.thresholds import HistogramCdf, IntensityRange

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_thresholds(
    histogram: HistogramCdf,
    levels: IntensityRange,
    shares: tuple[float, float] = (1e-3, 1e-3),
    *,
    log: bool = False,
) -> Figure:
    """Draw how often each grey level occurs, and the share of pixels up to each.

    Parameters
    ----------
    histogram : HistogramCdf
    levels : IntensityRange
        The chosen levels, counts.
    shares : (float, float), default (1e-3, 1e-3)
        Shares of the pixels below and above them.
    log : bool, default False
        Logarithmic numbers of pixels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(6, 7)
    upper, lower = figure.subplots(2, 1, sharex=True)
    edges = histogram.edges
    upper.stairs(histogram.counts, edges, color=RADIAL)
    lower.plot(edges[1:], histogram.cdf, color=RADIAL)
    if log:
        upper.set_yscale("log")
    marks = ((levels.minimum, shares[0], LOW), (levels.maximum, 1 - shares[1], HIGH))
    for value, share, colour in marks:
        lower.axhline(share, color=colour, linewidth=0.8)
        for axes in (upper, lower):
            axes.axvline(value, color=colour, linestyle="--", label=f"{value:.6g}")
    margin = (levels.maximum - levels.minimum) / 2
    if margin > 0:
        lower.set_xlim(levels.minimum - margin, levels.maximum + margin)
    style_axes(upper, "", "Pixels")
    style_axes(lower, "Grey level (counts)", "Share of pixels up to it")
    add_legend(upper)
    return figure
