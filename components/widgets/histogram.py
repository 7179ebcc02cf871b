"""A histogram with two handles for the grey levels that are shown black and white."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
import param
from bokeh.models import BoxAnnotation, ColumnDataSource, LinearAxis, Range1d
from bokeh.plotting import figure

from components.plots.base import hold_ranges
from components.plots.colours import THRESHOLD
from components.plots.export import add_export
from fibsem_dash.image.thresholds import HistogramCdf

BAR, CDF = "#78909C", "#AD1457"
"""Grey-blue bars; the cumulative curve is drawn dashed over them."""


def histogram_data(histogram: HistogramCdf, log: bool) -> dict[str, Any]:
    """Return the columns of the bars: empty bins have no height on a logarithmic axis."""
    floor = 0.5 if log else 0.0
    return {
        "left": histogram.edges[:-1],
        "right": histogram.edges[1:],
        "bottom": np.full(histogram.counts.size, floor),
        "top": np.maximum(histogram.counts, floor),
        "cdf": histogram.cdf,
    }


class HistogramView(pn.viewable.Viewer):  # type: ignore[misc]
    """Histogram with draggable thresholds, linked both ways with two numbers."""

    low = param.Number(0.0, doc="Grey level shown black")
    high = param.Number(1.0, doc="Grey level shown white")
    logarithmic = param.Boolean(
        False, label="Logarithmic", doc="Pixel numbers on a logarithmic axis"
    )
    show_cdf = param.Boolean(
        False, label="Cumulative", doc="Share of the pixels up to a grey level"
    )
    unit = param.String("counts", doc="Unit of the grey levels")

    def __init__(self, width: int = 290, height: int = 190, **values: Any) -> None:
        super().__init__(**values)
        self._size = width, height
        self._moving = False
        self.histogram: HistogramCdf | None = None
        self.source = ColumnDataSource(
            {"left": [], "right": [], "bottom": [], "top": [], "cdf": []}, name="histogram"
        )
        self.box = self._make_box()
        self.pane = pn.pane.Bokeh(self._figure(), margin=(0, 2))
        options = {"width": (width - 16) // 2, "margin": (4, 4), "size": "small"}
        self.low_input = pmui.FloatInput.from_param(self.param.low, label="Black", **options)
        self.high_input = pmui.FloatInput.from_param(self.param.high, label="White", **options)

    def _make_box(self) -> BoxAnnotation:
        box = BoxAnnotation(
            left=self.low, right=self.high, editable=True, resizable="x", movable="x",
            line_color=THRESHOLD, line_width=2, fill_color=THRESHOLD, fill_alpha=0.10,
        )  # fmt: skip
        box.on_change("left", self._on_dragged)
        box.on_change("right", self._on_dragged)
        return box

    def _figure(self) -> Any:
        width, height = self._size
        plot = figure(
            width=width, height=height, tools="xpan,xwheel_zoom,reset", toolbar_location="above",
            active_scroll="xwheel_zoom", y_axis_type="log" if self.logarithmic else "linear",
            x_axis_label=f"Grey level ({self.unit})", y_axis_label="Pixels",
            output_backend="canvas", x_range=Range1d(0, 1), min_border_left=46,
        )  # fmt: skip
        plot.quad("left", "right", "top", "bottom", source=self.source, color=BAR, line_color=None)
        plot.extra_y_ranges = {"share": Range1d(0, 1.02)}
        self.cdf_axis = LinearAxis(y_range_name="share", axis_label="Share", visible=self.show_cdf)
        plot.add_layout(self.cdf_axis, "right")
        self.cdf = plot.line(
            "right", "cdf", source=self.source, y_range_name="share", color=CDF,
            line_dash="dashed", line_width=1.5, visible=self.show_cdf,
        )  # fmt: skip
        # The share's range must not move with the bars.
        plot.y_range.renderers = [plot.renderers[0]]
        hold_ranges(plot, self.source, low=0.5)
        plot.ygrid.visible = False
        plot.add_layout(self.box)
        for axis in (*plot.xaxis, *plot.yaxis):
            axis.axis_label_text_font_size = "11px"
            axis.major_label_text_font_size = "10px"
        plot.xaxis[0].ticker.desired_num_ticks = 4
        plot.toolbar.logo = None
        plot.toolbar.autohide = True
        titles = {"left": f"from ({self.unit})", "right": f"to ({self.unit})", "top": "pixels",
                  "cdf": "share"}  # fmt: skip
        self.figure = add_export(plot, "histogram", titles)
        return plot

    def set_histogram(self, histogram: HistogramCdf, unit: str = "counts") -> None:
        """Show another histogram."""
        self.histogram = histogram
        self.unit = unit
        self.source.data = histogram_data(histogram, self.logarithmic)
        self.figure.xaxis[0].axis_label = f"Grey level ({unit})"
        self.show_levels()

    def show_levels(self) -> None:
        """Zoom to the data and to both handles."""
        if self.histogram is None:
            return
        edges = self.histogram.edges
        low, high = min(float(edges[0]), self.low), max(float(edges[-1]), self.high)
        margin = 0.04 * max(high - low, 1e-9)
        bounds = {"start": low - margin, "end": high + margin}
        self.figure.x_range.update(**bounds, reset_start=bounds["start"], reset_end=bounds["end"])

    @param.depends("low", "high", watch=True)
    def _move_box(self) -> None:
        self._moving = True
        try:
            self.box.update(left=float(self.low or 0.0), right=float(self.high or 0.0))
        finally:
            self._moving = False

    def _on_dragged(self, _name: str, _old: Any, _new: Any) -> None:
        edges = (self.box.left, self.box.right)
        if self._moving or not all(isinstance(edge, (int, float)) for edge in edges):
            return
        low, high = sorted(float(f"{edge:.6g}") for edge in edges)
        self.param.update(low=low, high=high)

    @param.depends("logarithmic", watch=True)
    def _rebuild(self) -> None:
        # An axis cannot change between linear and logarithmic.
        self.box = self._make_box()
        if self.histogram is not None:
            self.source = ColumnDataSource(
                histogram_data(self.histogram, self.logarithmic), name="histogram"
            )
        self.pane.object = self._figure()
        self.show_levels()

    @param.depends("show_cdf", watch=True)
    def _toggle_cdf(self) -> None:
        self.cdf.visible = self.cdf_axis.visible = self.show_cdf

    def __panel__(self) -> Any:
        return pn.Column(self.pane, pn.Row(self.low_input, self.high_input, margin=0), margin=0)
