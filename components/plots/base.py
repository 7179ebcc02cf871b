"""What the figures of analyses have in common."""

from __future__ import annotations

from typing import Any

from bokeh.models import ColumnDataSource, DataRange1d, HoverTool, Legend
from bokeh.plotting import figure

THIN = "\u2009"
"""Thin space: between groups of digits, and between a number and its unit."""


def curve_figure(title: str, x_label: str, y_label: str, height: int = 260, **options: Any) -> Any:
    """Return an empty figure for curves, with pan, zoom, reset and save."""
    plot = figure(
        title=title or None,
        x_axis_label=x_label,
        y_axis_label=y_label,
        height=height,
        sizing_mode="stretch_width",
        tools="pan,wheel_zoom,box_zoom,reset,save",
        # Without a graphics card, WebGL in the browser is many times slower.
        output_backend="canvas",
        toolbar_location="above",
        **options,
    )
    plot.toolbar.logo = None
    # Above the curves rather than on them.
    plot.add_layout(
        Legend(orientation="horizontal", border_line_color=None, ncols=2, visible=False), "above"
    )
    return plot


def map_figure(title: str, extent: ColumnDataSource, **options: Any) -> Any:
    """Return a figure in pixels of a frame, y downwards, with the outline of what it shows.

    Parameters
    ----------
    title : str
        Above it.
    extent : ColumnDataSource
        Columns left, right, top, bottom, px, of the outline, which the ranges follow.
    **options
        Further options of the figure.
    """
    plot = figure(
        title=title, x_range=DataRange1d(range_padding=0.02),
        y_range=DataRange1d(range_padding=0.02, flipped=True),
        tools="pan,wheel_zoom,reset,save", active_scroll="wheel_zoom", match_aspect=True,
        x_axis_label="x (px)", y_axis_label="y (px)", output_backend="canvas",
        sizing_mode="stretch_both", toolbar_location="above", **options,
    )  # fmt: skip
    plot.toolbar.logo = None
    plot.grid.visible = False
    frame = plot.quad(
        "left", "right", "top", "bottom", source=extent,
        fill_color="#8080800F", line_color="#9E9E9E",
    )  # fmt: skip
    plot.x_range.renderers = plot.y_range.renderers = [frame]
    hold_ranges(plot, extent)
    return plot


def finish_curves(plot: Any, tips: list[tuple[str, str]] | None = None) -> Any:
    """Place the legend, let a click on it hide curves, and show values under the mouse."""
    legend = plot.legend[0]
    legend.visible = bool(legend.items)
    legend.update(
        click_policy="hide",
        background_fill_alpha=0.0,
        label_text_font_size="11px",
        glyph_width=18,
        spacing=8,
        padding=0,
        margin=2,
    )
    if tips:
        plot.add_tools(HoverTool(tooltips=tips))
    return plot


def hold_ranges(plot: Any, *sources: ColumnDataSource, low: float = 0.0) -> None:
    """Give a figure ranges while it has no data: Bokeh finds none then, and complains.

    Parameters
    ----------
    plot : bokeh figure
        Its ranges may be automatic; what they follow is kept.
    sources : ColumnDataSource
        What the figure draws. Two invisible points, (low, low) and (1, 1), stand in while all of
        them are empty.
    low : float
        Above 0 where an axis is logarithmic.
    """
    points: dict[str, list[float]] = {"x": [low, 1.0], "y": [low, 1.0]}
    nothing: dict[str, list[float]] = {"x": [], "y": []}
    stand_in = ColumnDataSource(points)
    # No marker at all: the points only take part in the ranges.
    glyph = plot.scatter("x", "y", source=stand_in, size=0, fill_alpha=0, line_alpha=0)
    for axis_range in (plot.x_range, plot.y_range):
        if isinstance(axis_range, DataRange1d) and axis_range.renderers:
            axis_range.renderers = [*axis_range.renderers, glyph]

    def is_filled() -> bool:
        return any(len(column) for source in sources for column in source.data.values())

    def set_points() -> None:
        wanted = nothing if is_filled() else points
        if dict(stand_in.data) != wanted:
            stand_in.data = dict(wanted)

    def follow(_name: str, _old: Any, _new: Any) -> None:
        document = stand_in.document
        if is_filled() and document is not None and document.session_context is not None:
            # Bokeh calls this before it sends the data. The points must go after they came: a
            # figure that is drawn for the first time in between would have neither.
            document.add_next_tick_callback(set_points)
        else:
            set_points()

    for source in sources:
        source.on_change("data", follow)
    set_points()


def number(value: float | None, digits: int = 4, unit: str = "") -> str:
    """Return a number for people: significant digits, thin spaces, unit; a dash for none.

    Parameters
    ----------
    value : float or None
        NaN, None and infinity give a dash.
    digits : int
        Significant digits; more where the whole part has more.
    unit : str
        Put behind it.
    """
    if value is None or value != value or abs(value) == float("inf"):
        return "–"
    if value != 0 and not 1e-4 <= abs(value) < 1e7:
        text = f"{value:.{digits - 1}e}"
    else:
        whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
        text = f"{value:.{max(digits, whole)}g}" if whole < digits else f"{value:.0f}"
        text = grouped(text)
    return f"{text}{THIN}{unit}" if unit else text


def grouped(text: str) -> str:
    """Put thin spaces between groups of three digits of the whole part, from five digits on."""
    sign = text[:1] if text[:1] in "+-" else ""
    whole, dot, rest = text[len(sign) :].partition(".")
    if not whole.isdigit() or len(whole) < 5:
        return text
    head = len(whole) % 3
    groups = ([whole[:head]] if head else []) + [
        whole[i : i + 3] for i in range(head, len(whole), 3)
    ]
    return sign + THIN.join(groups) + dot + rest
