"""How often each grey level of a frame occurs, with the limits of the 8-bit image."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.models import ColumnDataSource, HoverTool, Span
from bokeh.plotting import figure

from components.plots.base import hold_ranges
from components.plots.colours import THRESHOLD


def histogram_data(counts: npt.NDArray[Any], edges: npt.NDArray[Any]) -> dict[str, Any]:
    """Return the columns of the bars; empty bins are left out, so that a log axis can show it."""
    full = counts > 0
    return {
        "left": edges[:-1][full],
        "right": edges[1:][full],
        "count": counts[full],
        "base": np.full(int(full.sum()), 0.5),
    }


class LevelHistogram:
    """Two figures of the same data, one with a logarithmic axis; `limits` are shared."""

    def __init__(self) -> None:
        self.source = ColumnDataSource(histogram_data(np.zeros(0), np.zeros(1)))
        options = {"dimension": "height", "line_color": THRESHOLD, "line_width": 2.5}
        self.limits = [Span(location=0, visible=False, **options) for _ in range(2)]
        self.linear, self.log = self._build("linear"), self._build("log")
        self.log.x_range = self.linear.x_range

    def _build(self, scale: str) -> Any:
        plot = figure(
            x_axis_label="grey level (counts)",
            y_axis_label="pixels",
            y_axis_type=scale,
            tools="xpan,xwheel_zoom,box_zoom,reset,save",
            active_scroll="xwheel_zoom",
            output_backend="canvas",
            sizing_mode="stretch_both",
            toolbar_location="above",
        )
        bars = plot.quad(
            left="left", right="right", top="count", bottom="base" if scale == "log" else 0,
            source=self.source, fill_color="#7A869A", line_color="#7A869A",
        )  # fmt: skip
        hold_ranges(plot, self.source, low=0.5)
        tips = [("grey level", "@left{0.0} to @right{0.0} counts"), ("pixels", "@count{0,0}")]
        plot.add_tools(HoverTool(tooltips=tips, renderers=[bars], mode="vline"))
        plot.toolbar.logo = None
        limits = self.limits if scale == "linear" else [s.clone() for s in self.limits]
        for limit in limits:
            plot.add_layout(limit)
        setattr(self, f"_{scale}_limits", limits)
        return plot

    def show(self, counts: Any, edges: Any) -> None:
        """Draw another histogram."""
        self.source.data = histogram_data(counts, edges)

    def set_limits(self, low: float, high: float) -> None:
        """Move the limits."""
        for limits in (self._linear_limits, self._log_limits):
            for limit, place in zip(limits, (low, high), strict=True):
                limit.update(location=place, visible=True)
