"""Lowest and highest grey level of the frames along the stack."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, Legend, Range1d, Span
from bokeh.plotting import figure

from components.plots.base import hold_ranges
from components.plots.colours import THRESHOLD
from components.plots.export import add_export
from components.plots.paint import HIGH_HEX, LOW_HEX
from fibsem_dash.registration.data_range import StackRange

COLUMNS = ("frame", "minimum", "maximum", "sliding_minimum", "sliding_maximum")
LIGHT = {"minimum": "#8FB1F5", "maximum": "#F09A9A"}
"""Lighter tones of the measured curves, for the fits."""


def curve_data(frames: Any, levels: StackRange | None) -> dict[str, Any]:
    """Return the columns of the curves, one row per measured frame."""
    if levels is None:
        return {name: np.zeros(0) for name in COLUMNS}
    return {"frame": np.asarray(frames)} | {name: getattr(levels, name) for name in COLUMNS[1:]}


class RangeCurves:
    """The figure with its data and its marks.

    Attributes
    ----------
    source : ColumnDataSource
        Columns `COLUMNS`.
    cursor : Span
        The frame under the cursor.
    """

    def __init__(self) -> None:
        self.source = ColumnDataSource(curve_data((), None))
        self.figure = figure(
            x_axis_label="frame",
            y_axis_label="grey level (counts)",
            tools="xpan,xwheel_zoom,box_zoom,reset,save,tap",
            active_scroll="xwheel_zoom",
            output_backend="canvas",
            sizing_mode="stretch_both",
            toolbar_location="above",
            x_range=Range1d(-0.5, 0.5),
        )
        # A legend that exists before the curves do is the one that they are put into.
        self.figure.add_layout(Legend(orientation="horizontal"), "above")
        measured = [
            self._curve("maximum", "maximum", HIGH_HEX, "triangle"),
            self._curve("minimum", "minimum", LOW_HEX, "inverted_triangle"),
        ]
        for name in ("maximum", "minimum"):
            self.figure.line(
                "frame", f"sliding_{name}", source=self.source, color=LIGHT[name], line_width=2.5,
                line_dash="dashed", legend_label=f"sliding fit of the {name}",
            )  # fmt: skip
        options = {"dimension": "width", "line_color": THRESHOLD, "line_width": 2}
        self.limits = [Span(location=0, visible=False, **options) for _ in range(2)]
        self.cursor = Span(dimension="height", line_color="#808080", line_width=1.5, location=0)
        for mark in (*self.limits, self.cursor):
            self.figure.add_layout(mark)
        # A curve without points that puts the lines for all frames into the legend.
        self.figure.line(
            [0], [np.nan], color=THRESHOLD, line_width=2, legend_label="one for all frames"
        )
        tips = [("frame", "@frame"), ("minimum", "@minimum{0.0} counts")]
        tips += [
            ("maximum", "@maximum{0.0} counts"),
            ("fit", "@sliding_minimum{0.0} to @sliding_maximum{0.0} counts"),
        ]
        hold_ranges(self.figure, self.source)
        self.figure.add_tools(HoverTool(tooltips=tips, renderers=measured[:1], mode="vline"))
        self.figure.legend.click_policy = "hide"
        self.figure.legend.padding = 2
        self.figure.legend.update(
            label_text_font_size="11px", glyph_width=16, spacing=8, margin=2,
            border_line_color=None, background_fill_alpha=0.0,
        )  # fmt: skip
        self.figure.toolbar.logo = None
        titles = {n: f"{n.replace('_', ' ')} (counts)" for n in COLUMNS[1:]}
        add_export(self.figure, "data range", titles, sources=[self.source])

    def _curve(self, name: str, label: str, colour: str, marker: str) -> Any:
        self.figure.line("frame", name, source=self.source, color=colour, legend_label=label)
        return self.figure.scatter(
            "frame", name, source=self.source, color=colour, size=6, marker=marker,
            legend_label=label,
        )  # fmt: skip

    def show(self, frames: Any, levels: StackRange | None, sliding: bool) -> None:
        """Draw other results."""
        self.source.data = curve_data(frames, levels)
        for mark, name in zip(self.limits, ("global_minimum", "global_maximum"), strict=True):
            mark.visible = levels is not None
            mark.location = getattr(levels, name, 0.0)
            mark.line_alpha = 0.45 if sliding else 1.0
            mark.line_width = 1.5 if sliding else 3

    def set_length(self, n_frames: int) -> None:
        """Show all frames of a stack."""
        end = max(n_frames - 0.5, 0.5)
        self.figure.x_range.update(start=-0.5, end=end, reset_start=-0.5, reset_end=end)
