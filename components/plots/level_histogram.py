"""How often each grey level of a frame occurs, with limits of the 8-bit image to drag."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.models import BoxAnnotation, ColumnDataSource, HoverTool
from bokeh.plotting import figure

from components.plots.base import hold_ranges
from components.plots.colours import THRESHOLD
from components.plots.export import add_export


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
    """Two figures of the same data, one with a logarithmic axis; both limits can be dragged.

    Parameters
    ----------
    on_drag : callable
        Told (low, high), counts, whenever the user moved a limit.

    Attributes
    ----------
    boxes : list of BoxAnnotation
        From the lower to the upper limit, in the linear and the logarithmic figure.
    """

    def __init__(self, on_drag: Callable[[float, float], None] = lambda _low, _high: None) -> None:
        self.on_drag = on_drag
        self._moving = False
        self.source = ColumnDataSource(histogram_data(np.zeros(0), np.zeros(1)))
        self.boxes: list[BoxAnnotation] = []
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
        plot.xaxis.ticker.desired_num_ticks = 4
        box = BoxAnnotation(
            left=0, right=1, visible=False, editable=True, resizable="x", movable="none",
            line_color=THRESHOLD, line_width=2.5, line_alpha=1.0,
            fill_color=THRESHOLD, fill_alpha=0.06,
        )  # fmt: skip
        for edge in ("left", "right"):
            box.on_change(edge, lambda _a, _o, _n, box=box: self._on_moved(box))
        plot.add_layout(box)
        self.boxes.append(box)
        titles = {"left": "from (counts)", "right": "to (counts)", "count": "pixels"}
        return add_export(plot, "histogram", titles)

    def show(self, counts: Any, edges: Any) -> None:
        """Draw another histogram."""
        self.source.data = histogram_data(counts, edges)

    def set_editable(self, editable: bool) -> None:
        """Allow the limits to be dragged, or not."""
        for box in self.boxes:
            box.editable = editable

    def set_limits(self, low: float, high: float) -> None:
        """Move the limits."""
        self._moving = True
        try:
            for box in self.boxes:
                box.update(left=low, right=high, visible=True)
        finally:
            self._moving = False

    def _on_moved(self, box: BoxAnnotation) -> None:
        edges = box.left, box.right
        if self._moving or not all(isinstance(e, (int, float)) and np.isfinite(e) for e in edges):
            return
        low, high = sorted(map(float, edges))
        self.on_drag(low, high)
