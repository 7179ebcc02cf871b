"""Measures of several runs along the stack: one row per measure, frames shared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.events import LegendItemClick
from bokeh.models import (
    BasicTickFormatter,
    ColumnDataSource,
    CustomJS,
    HoverTool,
    Legend,
    LegendItem,
    Range1d,
    Span,
    WheelZoomTool,
)
from bokeh.plotting import figure

from components.plots.colours import CURSOR
from components.plots.export import add_export
from components.plots.telemetry import envelope
from fibsem_dash.quality import METRICS, QualityTable

ROBUST_SHARE = 0.5
"""Percent of the values at either end that the y limits leave out."""

COLUMNS = 1_000
"""Pixel columns of a figure whose width is not known yet."""

AXES = {"error": "Error (px)", "npts": "Key points", "FSC": "FSC (1/px)"}
"""Short titles of axes; the other measures have no unit, and their names are known."""

DASHES = ("solid", "dashed", "dotted", "dotdash")
"""Runs with the same colour differ in these."""

Limits = tuple[float, float]


@dataclass(frozen=True)
class CurveStyle:
    """How one run is drawn."""

    key: str
    label: str
    colour: str
    dash: str = "solid"


def styles_of(runs: Sequence[tuple[str, str, str]]) -> list[CurveStyle]:
    """Return how runs (key, label, colour) are drawn; a colour that comes again gets a dash."""
    seen: dict[str, int] = {}
    styles = []
    for key, label, colour in runs:
        k = seen.get(colour.lower(), 0)
        seen[colour.lower()] = k + 1
        # Two dollar signs would begin a formula.
        styles.append(CurveStyle(key, label.replace("$$", "$ $"), colour, DASHES[k % len(DASHES)]))
    return styles


def curve_data(
    table: QualityTable, metric: str, start: float, end: float, columns: int = COLUMNS
) -> dict[str, npt.NDArray[np.float32]]:
    """Return what is drawn of a measure: all points, or two per pixel column.

    Parameters
    ----------
    table : QualityTable
        A table without the measure gives no points.
    metric : str
        Name of the measure.
    start, end : float
        Visible range of frames.
    columns : int
        Pixel columns of the range. Each gives its smallest and its largest value, so that no
        outlier is lost.

    Returns
    -------
    dict
        Columns x (frame) and y.
    """
    if metric not in table.columns or not len(table):
        empty = np.zeros(0, np.float32)
        return {"x": empty, "y": empty}
    frames = table.frames
    first = float(np.searchsorted(frames, start))
    last = float(np.searchsorted(frames, end))
    places, values = envelope(np.asarray(table.columns[metric]), first, last, columns)
    shown = np.where(np.isfinite(values), values, np.nan)
    return {
        "x": frames[places.astype(np.intp)].astype(np.float32),
        "y": shown.astype(np.float32),
    }


def limits_of(tables: Sequence[QualityTable], metric: str, robust: bool = True) -> Limits:
    """Return the y limits of a row.

    Parameters
    ----------
    tables : sequence of QualityTable
        What is drawn.
    metric : str
        The measure.
    robust : bool
        Leave outliers out: limits at percentiles, taken for each run by itself, so that a run
        that is different as a whole is still seen.

    Returns
    -------
    low, high : float
        With a margin; (0, 1) where there are no values.
    """
    ends = []
    for table in tables:
        values = table.columns.get(metric)
        finite = values[np.isfinite(values)] if values is not None else np.zeros(0)
        if finite.size:
            share = ROBUST_SHARE if robust else 0.0
            ends.append(np.percentile(finite, (share, 100 - share)))
    if not ends:
        return 0.0, 1.0
    low, high = float(min(e[0] for e in ends)), float(max(e[1] for e in ends))
    margin = 0.08 * (high - low) or 0.05 * abs(high) or 0.5
    return low - margin, high + margin


class QualityRow:
    """The figure of one measure.

    Attributes
    ----------
    figure : bokeh figure
        Shares its x range and cursor with the other rows.
    sources : dict of str to ColumnDataSource
        Columns x and y by the key of the run.
    lines : dict of str to GlyphRenderer
        By the key of the run.
    samples : dict of str to GlyphRenderer
        What the legend shows of them, without a point that is seen.
    """

    def __init__(self, metric: str, x_range: Range1d, cursor: Span) -> None:
        self.metric = metric
        self.robust = True
        self.sources: dict[str, ColumnDataSource] = {}
        self.lines: dict[str, Any] = {}
        self.samples: dict[str, Any] = {}
        self.legend = Legend(visible=False)
        self.hover = HoverTool(
            tooltips=[("run", "$name"), ("frame", "@x{0}"), (metric, "@y{0.[00000]}")],
            renderers=[],
            mode="mouse",
            point_policy="snap_to_data",
            line_policy="nearest",
        )
        self.figure = self._build(x_range, cursor)

    def _build(self, x_range: Range1d, cursor: Span) -> Any:
        axis = AXES.get(self.metric, self.metric)
        plot = figure(
            x_range=x_range,
            y_range=Range1d(0, 1),
            x_axis_location="above",
            tools="xpan,box_zoom,save,tap",
            active_drag="xpan",
            output_backend="canvas",
            y_axis_label=axis,
            toolbar_location="right",
            sizing_mode="stretch_both",
            # Left edges line up whatever the numbers on the axes.
            min_border_left=76,
            min_border_right=8,
            min_border_top=4,
            lod_threshold=None,
            lod_timeout=100,
        )
        wheel = WheelZoomTool(dimensions="width", modifiers={"ctrl": True})
        plot.add_tools(wheel, self.hover)
        plot.toolbar.active_scroll = wheel
        plot.toolbar.logo = None
        plot.toolbar.autohide = True
        plot.xaxis.axis_label = "Frame"
        plot.xaxis.axis_label_standoff = 0
        plot.xaxis.formatter = BasicTickFormatter(use_scientific=False)
        plot.yaxis.formatter = BasicTickFormatter(use_scientific=True, power_limit_high=6)
        plot.yaxis.ticker.desired_num_ticks = 4
        plot.add_layout(cursor)
        self.legend.update(
            orientation="horizontal", click_policy="mute", border_line_color=None,
            background_fill_alpha=0.0, label_text_font_size="12px", glyph_width=22,
            spacing=10, padding=0, margin=2, ncols=4,
        )  # fmt: skip
        plot.add_layout(self.legend, "above")
        return plot

    def set_runs(self, styles: Sequence[CurveStyle]) -> None:
        """Draw these runs, in this order; lines of the others go."""
        keys = {style.key for style in styles}
        for key in [key for key in self.lines if key not in keys]:
            del self.lines[key], self.sources[key], self.samples[key]
        for style in styles:
            if style.key not in self.lines:
                self._add_line(style.key)
            self.lines[style.key].name = self.sources[style.key].name = style.label
            self.samples[style.key].update(name=style.label, tags=[style.key])
            for line in (self.lines[style.key], self.samples[style.key]):
                line.glyph.update(line_color=style.colour, line_dash=style.dash)
                line.muted_glyph.update(line_color=style.colour, line_dash=style.dash)
        lines, samples = ([d[s.key] for s in styles] for d in (self.lines, self.samples))
        self.figure.renderers = lines + samples
        self.hover.renderers = lines
        self.legend.items = [
            LegendItem(label={"value": style.label}, renderers=[sample])
            for style, sample in zip(styles, samples, strict=True)
        ]

    def _add_line(self, key: str) -> None:
        source = ColumnDataSource({"x": [], "y": []})
        self.sources[key] = source
        # The browser makes a legend anew at each change of anything that its lines refer to: it
        # gets lines of its own, whose points never change.
        still = ColumnDataSource({"x": [np.nan], "y": [np.nan]})
        self.lines[key], self.samples[key] = (
            self.figure.line(
                "x", "y", source=points, line_width=1.4, muted_alpha=0.12, line_join="bevel"
            )
            for points in (source, still)
        )

    def set_limits(self, tables: Sequence[QualityTable]) -> None:
        """Fit the y axis to what is drawn."""
        low, high = limits_of(tables, self.metric, self.robust)
        self.figure.y_range.update(start=low, end=high, reset_start=low, reset_end=high)

    def finish(self) -> None:
        """Add the buttons that save; they take what the figure draws when they are pressed."""
        titles = {"x": "frame", "y": METRICS[self.metric].title}
        add_export(self.figure, f"quality {self.metric}", titles)


MUTE_ALL = """
const sample = cb_obj.item.renderers[0]
const others = runs[sample.tags[0]].filter((line) => line !== sample)
const muted = !others[0].muted
for (const line of others) line.muted = muted
"""
"""The legend itself mutes the sample that is clicked, before or after this."""


def link_muting(rows: Sequence[QualityRow]) -> None:
    """Mute a run in all rows when it is clicked in the legend of one."""
    runs: dict[str, list[Any]] = {}
    for row in rows:
        for key in row.lines:
            runs.setdefault(key, []).extend((row.lines[key], row.samples[key]))
    # On the legends: a callback of a sample would tie its legend to all that the callback names.
    follow = CustomJS(args={"runs": runs}, code=MUTE_ALL)
    for row in rows:
        row.legend.js_event_callbacks = {LegendItemClick.event_name: [follow]}


def cursor_span(frame: int) -> Span:
    """Return the line at the frame under the cursor, shared by all rows."""
    return Span(location=frame, dimension="height", line_color=CURSOR, line_width=2)
