"""The chain of a run as twelve figures that share the frame axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.models import (
    BoxZoomTool,
    ColumnDataSource,
    HoverTool,
    Range1d,
    WheelZoomTool,
)
from bokeh.plotting import figure

from components.plots.axes import keep_width, visible_extremes
from components.plots.colours import BAD, GAP, INLIER, OUTLIER, TELEMETRY, X_LIGHT, Y_LIGHT, X, Y
from components.plots.export import add_export
from components.plots.telemetry import cursor_line
from fibsem_dash.registration.trend import Trend

Series = npt.NDArray[np.float64]

ALL_POINTS = 4_000
"""Curves up to this length are sent as they are."""

BUCKETS = 500
"""Groups of frames of longer ones: each gives the smallest and the largest value of every curve of
a figure, so that no spike is lost. About one group for each pixel of a figure."""

ROOM = 0.5
"""Curves that fill at least this share of their figure do not change its vertical axis."""

LAST_ROW = 3
"""Row whose figures show the numbers of the frames."""

ROW_HEIGHTS = ("1fr", "1fr", "1fr", "1.5fr")
"""Shares of the rows: the last has the frame axis."""

LEAST_HEIGHTS = (104, 138)
"""Of the figures of the upper rows and of the last one, px."""

LEGEND = (
    (X, "x (scale, shift), xy (shear)", "solid"),
    (Y, "y (scale, shift), yx (shear)", "solid"),
    (X_LIGHT, "fit", "dashed"),
    (INLIER, "inliers", "solid"),
    (OUTLIER, "matches", "dashed"),
    (BAD, "pair failed", "solid"),
    (GAP, "frame left out", "dashed"),
)
"""Colour, meaning and dash of what the figures draw."""

THOUSANDTHS = 1e3
"""Scales and shears differ from those of the identity by thousandths."""


@dataclass(frozen=True)
class Line:
    """How one curve is drawn: column, words, colour, dash."""

    name: str
    label: str
    colour: str
    dash: str = "solid"


@dataclass(frozen=True)
class Panel:
    """One figure: its place, its title, the quantity with its unit, and its curves."""

    row: int
    column: int
    title: str
    quantity: str
    lines: tuple[Line, ...]


def _axes(x: str = "x", y: str = "y") -> tuple[Line, Line]:
    return Line("x", x, X), Line("y", y, Y)


def _with_fit(x: str, y: str) -> tuple[Line, ...]:
    fits = (
        Line("x_fit", f"{x}, fit", X_LIGHT, "dashed"),
        Line("y_fit", f"{y}, fit", Y_LIGHT, "dashed"),
    )
    return (*_axes(x, y), *fits)


GROUPS = (
    ("scale", "Scale", "scale − 1 (‰)", ("x", "y")),
    ("shear", "Shear", "shear (‰)", ("xy", "yx")),
    ("shift", "Shift", "shift (px)", ("x", "y")),
)
"""Columns of the figures: key, title, quantity, words for the two directions."""

PANELS: dict[str, Panel] = {
    "keypoints": Panel(
        0, 0, "Key points per frame", "key points", (Line("n", "key points", TELEMETRY),)
    ),
    "matches": Panel(
        0, 1, "Matches with frame before", "matches",
        (Line("matches", "matches", OUTLIER, "dashed"), Line("inliers", "inliers", INLIER)),
    ),
    "error": Panel(
        0, 2, "Mean error of the pair", "error (px)", (Line("error", "error", TELEMETRY),)
    ),
}  # fmt: skip
"""All figures by name."""

for _column, (_key, _title, _quantity, _words) in enumerate(GROUPS):
    PANELS[f"frame_to_frame_{_key}"] = Panel(
        1, _column, f"{_title}, frame to frame", _quantity, _axes(*_words)
    )
    PANELS[f"cumulative_{_key}"] = Panel(
        2, _column, f"{_title}, cumulative and fit", _quantity, _with_fit(*_words)
    )
    PANELS[f"residual_{_key}"] = Panel(
        3, _column, f"{_title}, residual after the fits", _quantity, _axes(*_words)
    )


def panel_values(trend: Trend) -> dict[str, dict[str, Series]]:
    """Return the curves of every figure, one value for each frame of the trend, as drawn.

    Scales are drawn as thousandths by which they differ from 1, shears as thousandths.
    """
    data = trend.data
    nan = [np.nan]
    values = {
        "keypoints": {"n": data.n_keypoints},
        "matches": {
            "matches": np.concatenate([nan, data.n_matches]),
            "inliers": np.concatenate([nan, data.n_inliers]),
        },
        "error": {"error": trend.errors},
    }
    for k, (key, *_rest) in enumerate(GROUPS):
        factor, origin = (1.0, 0.0) if key == "shift" else (THOUSANDTHS, float(key == "scale"))

        def drawn(
            table: Series, k: int = k, factor: float = factor, origin: float = origin
        ) -> tuple[Series, Series]:
            part = (table[:, 2 * k : 2 * k + 2] - origin) * factor
            return part[:, 0], part[:, 1]

        names = "x", "y"
        values[f"frame_to_frame_{key}"] = dict(zip(names, drawn(trend.frame_to_frame), strict=True))
        cumulative = dict(zip(names, drawn(trend.before_fit), strict=True))
        cumulative |= dict(zip(("x_fit", "y_fit"), drawn(trend.fit), strict=True))
        values[f"cumulative_{key}"] = cumulative
        values[f"residual_{key}"] = dict(zip(names, drawn(trend.residual), strict=True))
    return values


def visible_columns(
    frames: npt.NDArray[np.int64],
    curves: Mapping[str, Series],
    start: float = -np.inf,
    end: float = np.inf,
    buckets: int = BUCKETS,
) -> dict[str, Series]:
    """Reduce the visible part of some curves to what a screen can show.

    Parameters
    ----------
    frames : (n,) int64 array
        The abscissa, rising.
    curves : dict of (n,) arrays
        Values; NaN where there is none.
    start, end : float
        Visible range of frames; one frame more is taken on either side.
    buckets : int
        Groups of frames; each gives two frames of every curve at most.

    Returns
    -------
    dict of arrays
        Column "frame" and one column for each curve; everything where there is little.
    """
    if len(frames) <= ALL_POINTS:
        return {"frame": frames.astype(np.float64), **curves}
    first = max(int(np.searchsorted(frames, start)) - 1, 0)
    last = min(int(np.searchsorted(frames, end, "right")) + 1, len(frames))
    count = max(last - first, 0)
    if count > ALL_POINTS:
        picked = np.unique(
            np.concatenate([_extremes(c[first:last], buckets) for c in curves.values()])
        )
        chosen = first + picked
    else:
        chosen = np.arange(first, last)
    return {"frame": frames[chosen].astype(np.float64), **{k: c[chosen] for k, c in curves.items()}}


def set_columns(source: ColumnDataSource, columns: Mapping[str, Series]) -> None:
    """Give a source other columns; those that stay the same are not sent again.

    A figure none of whose columns change is not drawn again either.
    """
    changed = {
        name: column
        for name, column in columns.items()
        if not np.array_equal(column, source.data.get(name, ()), equal_nan=True)
    }
    if not changed:
        return
    if len(source.data["frame"]) == len(columns["frame"]):
        source.data.update(changed)
    else:
        source.data = dict(columns)


def _extremes(values: Series, buckets: int) -> npt.NDArray[np.intp]:
    """Return the places of the smallest and largest value of each group, and of a gap in it."""
    width = -(-values.size // buckets)
    padded = np.full(width * -(-values.size // width), np.nan)
    padded[: values.size] = values
    grid = padded.reshape(-1, width)
    empty = np.isnan(grid)
    starts = np.arange(len(grid)) * width
    lowest = np.where(empty, np.inf, grid).argmin(axis=1)
    highest = np.where(empty, -np.inf, grid).argmax(axis=1)
    places = [starts + lowest, starts + highest, (starts + empty.argmax(axis=1))[empty.any(axis=1)]]
    picked = np.concatenate([[0, values.size - 1], *places])
    return np.unique(picked[picked < values.size]).astype(np.intp)


def y_ends(
    frames: npt.NDArray[np.int64],
    curves: Mapping[str, Series],
    start: float = -np.inf,
    end: float = np.inf,
) -> tuple[float, float]:
    """Return the ends of the vertical axis for what is visible of some curves."""
    extremes = visible_extremes(frames, curves, start, end)
    if extremes is None:
        return -1.0, 1.0
    low, high = extremes
    margin = max((high - low) * 0.06, 1e-3 * max(abs(low), abs(high)), 1e-6)
    return low - margin, high + margin


def trend_marks(trend: Trend, excluded: Any = ()) -> dict[str, list[Any]]:
    """Return the lines at frames whose pair failed or is pending, and at excluded frames."""
    statuses = np.array(["ok", *trend.data.statuses])
    marks: dict[str, list[Any]] = {"frame": [], "colour": [], "why": [], "dash": []}
    for frames, colour, why, dash in (
        (trend.frames[statuses == "failed"], BAD, "pair failed", "solid"),
        (trend.frames[statuses == "pending"], OUTLIER, "pair not computed yet", "dotted"),
        (np.asarray(excluded, np.int64), GAP, "frame left out", "dashed"),
    ):
        marks["frame"] += frames.tolist()
        for name, value in (("colour", colour), ("why", why), ("dash", dash)):
            marks[name] += [value] * len(frames)
    return marks


@dataclass(frozen=True, eq=False)
class TrendFigure:
    """A figure with its data and the line at the frame under the cursor."""

    plot: Any
    source: ColumnDataSource
    cursor: Any


def trend_figure(name: str, x_range: Range1d, marks: ColumnDataSource, frame: int) -> TrendFigure:
    """Draw one of `PANELS`.

    Parameters
    ----------
    name : str
        Which one.
    x_range : Range1d
        Shared by all.
    marks : ColumnDataSource
        As `trend_marks` returns it; shared by all.
    frame : int
        The frame under the cursor.
    """
    panel = PANELS[name]
    plot = figure(
        title=panel.title, x_range=x_range, height=120, sizing_mode="stretch_both",
        min_height=LEAST_HEIGHTS[panel.row == LAST_ROW],
        x_axis_label="frame" if panel.row == LAST_ROW else None, y_axis_label=panel.quantity,
        tools="xpan,reset,save", active_drag="xpan", output_backend="canvas",
        toolbar_location="above", min_border_left=62, min_border_right=8, lod_threshold=None,
        lod_timeout=100, y_range=Range1d(-1, 1),
    )  # fmt: skip
    wheel = WheelZoomTool(dimensions="width")
    plot.add_tools(wheel, BoxZoomTool(dimensions="width"))
    plot.toolbar.active_scroll = wheel
    _slim(plot, panel.row == LAST_ROW)
    source = ColumnDataSource({"frame": [], **{line.name: [] for line in panel.lines}})
    plot.vspan(
        x="frame", source=marks, line_color="colour", line_dash="dash", line_width=2, line_alpha=0.6
    )
    lines = [
        plot.line(
            "frame", line.name, source=source, color=line.colour, line_dash=line.dash,
            line_width=2 if line.dash == "dashed" else 1.3,
        )
        for line in panel.lines
    ]  # fmt: skip
    tips = [(line.label, f"@{line.name}{{0.[0000]}}") for line in panel.lines]
    plot.add_tools(
        HoverTool(
            tooltips=[("frame", "@frame{0}"), *tips], renderers=lines[:1], mode="vline",
            attachment="horizontal",
        )
    )  # fmt: skip
    cursor = cursor_line(frame)
    plot.add_layout(cursor)
    titles = {"frame": "frame"} | {k.name: f"{k.label}: {panel.quantity}" for k in panel.lines}
    add_export(plot, f"trend {name}", titles, sources=[source])
    return TrendFigure(plot, source, cursor)


def _slim(plot: Any, with_frames: bool) -> None:
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.title.text_font_size = "12px"
    plot.yaxis.axis_label_text_font_size = "11px"
    plot.axis.axis_label_standoff = 2
    plot.xaxis.axis_label_text_font_size = "11px"
    if not with_frames:
        # All share the frames: their numbers stand below the last row. Sizes of labels would not
        # last: the theme sets them in the browser.
        plot.xaxis.visible = False
    keep_width(plot.yaxis[0])
    plot.yaxis.ticker.desired_num_ticks = 4
    # Few: at the smallest width, numbers of five digits would touch.
    plot.xaxis.ticker.desired_num_ticks = 3
