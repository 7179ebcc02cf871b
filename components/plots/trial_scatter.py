"""Correlation of compared trials against their time, the efficient ones marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure

from components.plots.base import hold_ranges
from components.plots.colours import CURSOR, RUNS
from components.plots.export import add_export
from fibsem_dash.registration.trial_table import TrialRow, variant_name
from fibsem_dash.settings import TRANSFORMS

MARKERS = {"RANSAC": "circle", "LinReg": "square"}


def efficient_rows(rows: Sequence[TrialRow]) -> list[bool]:
    """Tell which rows are efficient: no other one is both faster and correlates better."""
    good = [row for row in rows if _is_good(row)]
    return [
        _is_good(row) and not any(o.ncc > row.ncc and o.seconds < row.seconds for o in good)
        for row in rows
    ]


def _is_good(row: TrialRow) -> bool:
    return bool(np.isfinite(row.ncc) and np.isfinite(row.seconds))


def scatter_columns(rows: Sequence[TrialRow]) -> dict[str, Any]:
    """Return the points of NCC against time; efficient rows are larger."""
    good = [(r, e) for r, e in zip(rows, efficient_rows(rows), strict=True) if _is_good(r)]
    return {
        "seconds": [r.seconds for r, _ in good],
        "ncc": [r.ncc for r, _ in good],
        "name": [
            variant_name(r.transform, r.solver, r.matcher, r.changed, r.estimator) for r, _ in good
        ],
        "pair": [r.pair for r, _ in good],
        "error": [r.error_px for r, _ in good],
        "colour": [RUNS[TRANSFORMS.index(r.transform)] for r, _ in good],
        "marker": [
            "diamond" if r.estimator == "blocks" else MARKERS.get(r.solver, "circle")
            for r, _ in good
        ],
        "size": [14 if e else 8 for _, e in good],
        "model": [r.transform for r, _ in good],
    }


def frontier_columns(rows: Sequence[TrialRow]) -> dict[str, Any]:
    """Return the line through the efficient rows, fastest first."""
    marks = efficient_rows(rows)
    chosen = sorted((r.seconds, r.ncc) for r, mark in zip(rows, marks, strict=True) if mark)
    return {"seconds": [s for s, _ in chosen], "ncc": [n for _, n in chosen]}


class TrialScatter:
    """The figure with its data.

    Attributes
    ----------
    source : ColumnDataSource
        See `scatter_columns`.
    frontier : ColumnDataSource
        See `frontier_columns`.
    """

    def __init__(self) -> None:
        self.source = ColumnDataSource(scatter_columns([]))
        self.frontier = ColumnDataSource(frontier_columns([]))
        plot = figure(
            x_axis_label="time per pair (s, one core);  ● RANSAC   ■ LinReg   ◆ blocks",
            y_axis_label="NCC, aligned",
            tools="pan,wheel_zoom,box_zoom,reset,save",
            output_backend="canvas",
            sizing_mode="stretch_both",
            toolbar_location="right",
            min_height=160,
        )
        plot.toolbar.logo = None
        plot.y_range.range_padding = 0.2
        plot.yaxis.ticker.desired_num_ticks = 4
        plot.line(
            "seconds", "ncc", source=self.frontier, color=CURSOR, line_dash="dashed",
        )  # fmt: skip
        points = plot.scatter(
            "seconds", "ncc", source=self.source, marker="marker", size="size", color="colour",
            fill_alpha=0.8, legend_field="model",
        )  # fmt: skip
        hold_ranges(plot, self.source)
        plot.legend.label_text_font_size = "9pt"
        plot.legend.spacing = 0
        plot.legend.glyph_height = plot.legend.label_height = 14
        plot.legend.padding = 4
        plot.add_layout(plot.legend[0], "right")
        tips = [("", "@name"), ("frames", "@pair"), ("error", "@error{0.000} px")]
        plot.add_tools(HoverTool(tooltips=[*tips, ("NCC", "@ncc{0.0000}")], renderers=[points]))
        titles = {"seconds": "time per pair (s)", "ncc": "NCC", "error": "error (px)"}
        self.figure = add_export(plot, "laboratory", titles, sources=[self.source])

    def show(self, rows: Sequence[TrialRow]) -> None:
        """Draw other rows."""
        self.source.data = scatter_columns(rows)
        self.frontier.data = frontier_columns(rows)
