"""Telemetry of the headers as curves over the frames, sharing x, with gaps shaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.models import (
    BasicTickFormatter,
    ColumnDataSource,
    HoverTool,
    Range1d,
    Span,
    VStrip,
    WheelZoomTool,
)
from bokeh.plotting import figure

from components.plots.colours import BAD, CURSOR, GAP, TELEMETRY, X, Y
from components.plots.export import add_export

Series = npt.NDArray[np.float64]

ALL_POINTS = 20_000
"""Series up to this length are sent as they are."""

COLUMNS = 2_000
"""Pixel columns of longer ones: two points each, the smallest and the largest value."""


@dataclass(frozen=True)
class Curve:
    """How one column of the telemetry is shown."""

    label: str
    unit: str
    colour: str = TELEMETRY

    @property
    def title(self) -> str:
        """Label and unit, for an axis."""
        return f"{self.label} ({self.unit})"


CURVES = {
    "working_distance_mm": Curve("Working distance", "mm"),
    "milling_y_voltage_v": Curve("Milling Y voltage", "V"),
    "eht_kv": Curve("EHT", "kV"),
    "specimen_current_na": Curve("Specimen current", "nA"),
    "scan_rate_hz": Curve("Scan rate", "Hz"),
    "stage_x_mm": Curve("Stage x", "mm", X),
    "stage_y_mm": Curve("Stage y", "mm", Y),
    "stage_z_mm": Curve("Stage z", "mm"),
    "fov_centre_x_px": Curve("FOV centre x", "px", X),
    "fov_centre_y_px": Curve("FOV centre y", "px", Y),
    "time_between_frames_s": Curve("Time between frames", "s"),
}
"""The columns that can be shown, in their order."""


def envelope(
    y: Series, start: float = 0.0, end: float = np.inf, columns: int = COLUMNS
) -> tuple[Series, Series]:
    """Reduce part of a series to what a screen can show.

    Parameters
    ----------
    y : array
        Values over the frames; NaN where there is none.
    start, end : float
        Visible range of frames; a frame more is taken on either side.
    columns : int
        Pixel columns. Each gives its smallest and its largest value in their order.

    Returns
    -------
    x, y : array
        All points of the range if they are few, at most two per column otherwise.
    """
    first = int(np.clip(np.floor(start) - 1, 0, y.size))
    last = int(np.clip(np.ceil(min(end, y.size)) + 2, first, y.size))
    part = y[first:last]
    if part.size <= 2 * columns:
        return np.arange(first, last, dtype=np.float64), part
    width = -(-part.size // columns)
    padded = np.full(width * (-(-part.size // width)), np.nan)
    padded[: part.size] = part
    grid = padded.reshape(-1, width)
    empty = np.isnan(grid)
    lowest = np.where(empty, np.inf, grid).argmin(axis=1)
    highest = np.where(empty, -np.inf, grid).argmax(axis=1)
    starts = np.arange(grid.shape[0]) * width
    picked = np.unique(np.concatenate([starts + lowest, starts + highest]))
    picked = picked[picked < part.size]
    return (picked + first).astype(np.float64), part[picked]


def visible_data(y: Series, start: float, end: float) -> dict[str, Series]:
    """Return the data of a curve's source for the visible range of frames."""
    if y.size <= ALL_POINTS:
        return {"x": np.arange(y.size, dtype=np.float64), "y": y}
    x, values = envelope(y, start, end)
    return {"x": x, "y": values}


def strips(gaps: Sequence[tuple[int, int, int]], bad: Sequence[int]) -> dict[str, list[Any]]:
    """Return what is shaded: missing frames between their neighbours, frames without values."""
    return {
        "x0": [index + 0.2 for index, _, _ in gaps] + [index - 0.5 for index in bad],
        "x1": [index + 0.8 for index, _, _ in gaps] + [index + 0.5 for index in bad],
        "colour": [GAP] * len(gaps) + [BAD] * len(bad),
    }


def telemetry_figure(
    curve: Curve, source: ColumnDataSource, shaded: ColumnDataSource, x_range: Range1d, cursor: Span
) -> Any:
    """Draw one curve.

    Parameters
    ----------
    curve : Curve
        Label, unit and colour.
    source : ColumnDataSource
        Columns x and y.
    shaded : ColumnDataSource
        As returned by `strips`.
    x_range : Range1d
        Shared by all curves.
    cursor : Span
        The frame under the cursor.
    """
    plot = figure(
        height=180,
        sizing_mode="stretch_width",
        x_range=x_range,
        tools="xpan,xbox_zoom,reset,save",
        active_drag="xpan",
        output_backend="canvas",
        title=curve.title,
        x_axis_label="Frame",
        toolbar_location="above",
        # Left edges line up whatever the numbers on the axes.
        min_border_left=64,
        lod_threshold=None,
        lod_timeout=100,
    )
    wheel = WheelZoomTool(dimensions="width", modifiers={"ctrl": True})
    plot.add_tools(wheel)
    plot.toolbar.active_scroll = wheel
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.title.text_font_size = "12px"
    plot.xaxis.axis_label_standoff = 2
    plot.yaxis.formatter = BasicTickFormatter(use_scientific=True, power_limit_high=6)
    plot.yaxis.ticker.desired_num_ticks = 4
    glyph = VStrip(x0="x0", x1="x1", fill_color="colour", fill_alpha=0.22, line_color=None)
    plot.add_glyph(shaded, glyph)
    line = plot.line("x", "y", source=source, color=curve.colour, line_width=1.5)
    plot.y_range.renderers = [line]
    tips = [("frame", "@x{0}"), (curve.label, f"@y{{0.[00000]}} {curve.unit}")]
    plot.add_tools(HoverTool(tooltips=tips, renderers=[line], mode="vline"))
    plot.add_layout(cursor)
    titles = {"x": "frame", "y": curve.title}
    return add_export(plot, f"telemetry {curve.label}", titles, sources=[source])


def cursor_line(frame: int) -> Span:
    """Return the line at the frame under the cursor."""
    return Span(location=frame, dimension="height", line_color=CURSOR, line_width=2)
