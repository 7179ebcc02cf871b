"""Laboratory: models and solvers compared on some pairs of the stack."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.models.widgets.tables import NumberFormatter
from bokeh.plotting import figure

from components.locked import when_locked
from components.plots.base import hold_ranges
from components.plots.colours import RUNS
from components.stream import StreamWork
from components.widgets.elapsed import Elapsed
from fibsem_dash.registration.trial_table import (
    TrialRow,
    compare_trials,
    mean_rows,
    spread_pairs,
    variants_of,
)
from fibsem_dash.settings import TRANSFORMS, RunSettings

COLUMNS = {
    "pair": "Frames",
    "transform": "Model",
    "solver": "Solver",
    "matcher": "Matcher",
    "error_px": "Error (px)",
    "n_inliers": "Inliers",
    "n_matches": "Matches",
    "ncc": "NCC",
    "seconds": "Time (s)",
    "stack_seconds": "Stack (min)",
    "reason": "Problem",
}
"""Columns of the table with their titles."""

MARKERS = {"RANSAC": "circle", "LinReg": "square"}


def table_of(rows: list[TrialRow]) -> pd.DataFrame:
    """Return rows as the table shows them; the time of the stack in minutes."""
    table = pd.DataFrame([dataclasses.asdict(row) for row in rows], columns=list(COLUMNS))
    table["stack_seconds"] = table["stack_seconds"].astype(float) / 60
    return table


def scatter_columns(rows: list[TrialRow]) -> dict[str, Any]:
    """Return the points of NCC against time; efficient rows are larger.

    A row is efficient when no other is both faster and correlates better.
    """
    good = [row for row in rows if np.isfinite(row.ncc) and np.isfinite(row.seconds)]
    efficient = [not any(o.ncc > r.ncc and o.seconds < r.seconds for o in good) for r in good]
    return {
        "seconds": [r.seconds for r in good],
        "ncc": [r.ncc for r in good],
        "name": [f"{r.transform}, {r.solver}, {r.matcher}" for r in good],
        "pair": [r.pair for r in good],
        "error": [r.error_px for r in good],
        "colour": [RUNS[TRANSFORMS.index(r.transform)] for r in good],
        "marker": [MARKERS.get(r.solver, "circle") for r in good],
        "size": [14 if e else 8 for e in efficient],
        "model": [r.transform for r in good],
    }


class Laboratory(pn.viewable.Viewer):  # type: ignore[misc]
    """Runs a set of models and solvers, and shows the results as a table and a scatter.

    Parameters
    ----------
    settings : callable
        Returns what is not varied.
    frames : callable
        Returns the frames of the stack.
    load : callable
        Told (transform, solver, matcher) of a row that was clicked.
    """

    def __init__(
        self,
        settings: Callable[[], RunSettings],
        frames: Callable[[], list[Any]],
        load: Callable[[str, str, str], None],
        options: Callable[[], dict[str, int]],
        **values: Any,
    ) -> None:
        super().__init__(**values)
        self._settings, self._frames, self._load, self._options = settings, frames, load, options
        self.rows: list[TrialRow] = []
        self.work = StreamWork()
        self.work.param.watch(self._on_rows, "done_count")
        self.work.param.watch(self._on_state, ["busy", "done", "error"])
        self._build_choices()
        self._build_results()

    def _build_choices(self) -> None:
        self.transforms = pmui.MultiChoice(
            label="Models", options=list(TRANSFORMS), value=list(TRANSFORMS), width=330
        )
        self.solvers = pmui.MultiChoice(
            label="Solvers", options=["RANSAC", "LinReg"], value=["RANSAC", "LinReg"], width=190
        )
        self.matchers = pmui.MultiChoice(
            label="Matchers", options=["auto", "brute_force", "flann"], value=["auto"], width=190
        )
        self.n_pairs = pmui.IntInput(
            label="Pairs", value=3, start=1, end=100, width=110,
            description="Spread evenly over the stack; 1 takes the first pair",
        )  # fmt: skip
        self.run = pmui.Button(label="Run", icon="play_arrow", width=100)
        self.stop = pmui.Button(
            label="Stop", icon="stop", variant="outlined", width=100, disabled=True
        )
        self.rows_shown = pmui.RadioButtonGroup(
            options=["mean", "each pair"],
            value="mean",
            size="small",
            sx={"& .MuiToggleButton-root": {"whiteSpace": "nowrap"}},
        )
        self.progress = pmui.LinearProgress(
            value=0, variant="determinate", visible=False, sizing_mode="stretch_width"
        )
        self.alert = pmui.Alert("", severity="error", visible=False, sizing_mode="stretch_width")
        self.run.on_click(lambda _event: self.start())
        self.stop.on_click(lambda _event: self.work.stop())
        self.rows_shown.param.watch(lambda *_e: self.show(), "value")

    def _build_results(self) -> None:
        numbers = {
            "error_px": "0.000", "ncc": "0.0000", "seconds": "0.000", "stack_seconds": "0.00",
            "n_inliers": "0,0", "n_matches": "0,0",
        }  # fmt: skip
        self.table = pn.widgets.Tabulator(
            table_of([]),
            show_index=False,
            disabled=True,
            titles=COLUMNS,
            text_align=dict.fromkeys(numbers, "right"),
            formatters={
                name: NumberFormatter(format=form, nan_format="–") for name, form in numbers.items()
            },
            layout="fit_data_fill",
            sizing_mode="stretch_both",
            min_height=220,
            sorters=[{"field": "error_px", "dir": "asc"}],
            theme="site",
            styles={"flex": "3 1 0"},
        )
        self.table.on_click(self._on_click)
        self.source = ColumnDataSource(scatter_columns([]))
        plot = figure(
            x_axis_label="time per pair (s, one core)",
            y_axis_label="NCC after alignment",
            tools="pan,wheel_zoom,box_zoom,reset,save",
            output_backend="canvas",
            sizing_mode="stretch_both",
            toolbar_location="above",
            min_height=160,
        )
        plot.toolbar.logo = None
        plot.y_range.range_padding = 0.2
        plot.scatter(
            "seconds", "ncc", source=self.source, marker="marker", size="size", color="colour",
            fill_alpha=0.8, legend_field="model",
        )  # fmt: skip
        hold_ranges(plot, self.source)
        plot.legend.label_text_font_size = "9pt"
        plot.add_layout(plot.legend[0], "right")
        tips = [("", "@name"), ("frames", "@pair"), ("error", "@error{0.000} px")]
        plot.add_tools(HoverTool(tooltips=[*tips, ("NCC", "@ncc{0.0000}")]))
        self.figure = plot

    def start(self) -> None:
        """Run the chosen set."""
        frames = [(f.index, f.path) for f in self._frames() if f.usable]
        options = self._options()
        pairs = spread_pairs(frames, int(self.n_pairs.value or 1), options["step"])
        variants = variants_of(
            self._settings(), self.transforms.value, self.solvers.value, self.matchers.value
        )
        problem = ""
        if not pairs:
            problem = "The stack has no pair of usable frames that far apart."
        elif not variants:
            problem = "Choose at least one model and one solver."
        self.alert.param.update(object=problem, visible=bool(problem))
        if problem:
            return
        self.rows = []
        self.show()
        self.work.start(
            lambda stop: compare_trials(
                pairs,
                variants,
                n_frames=len(frames),
                n_workers=os.cpu_count() or 1,
                max_side=options["max_side"],
                stop=stop,
            ),
            len(pairs) * len(variants),
        )

    def _on_rows(self, _event: Any) -> None:
        self.rows = [*self.rows, *self.work.new_items]
        self.show()

    def show(self) -> None:
        """Bring table and scatter up to date."""
        when_locked(self._show)

    def _show(self) -> None:
        means = self.rows_shown.value == "mean"
        rows = mean_rows(self.rows) if means else self.rows
        self.table.value = table_of(rows)
        hidden = [] if any(row.reason for row in rows) else ["reason"]
        self.table.hidden_columns = hidden + ([] if len(self.matchers.value) > 1 else ["matcher"])
        self.source.data = scatter_columns(rows)

    def _on_state(self, *_events: Any) -> None:
        work = self.work
        self.run.disabled, self.stop.disabled = work.busy, not work.busy
        self.progress.visible = work.busy
        self.progress.value = int(100 * work.done / max(work.total, 1))
        if work.error:
            self.alert.param.update(object=work.error, visible=True)

    def _on_click(self, event: Any) -> None:
        row = self.table.value.iloc[event.row]
        self._load(str(row["transform"]), str(row["solver"]), str(row["matcher"]))

    def __panel__(self) -> Any:
        choices = pn.Row(self.transforms, self.solvers, self.matchers, sizing_mode="stretch_width")
        actions = pn.Row(
            self.n_pairs, self.run, self.stop, self.rows_shown, Elapsed(self.work),
            sizing_mode="stretch_width",
        )  # fmt: skip
        words = pmui.Typography(
            "Click a row to load its settings. Large points are efficient: none is faster and "
            "better. Time: per pair on one core; of the stack, on all cores of this machine.",
            variant="body2",
            sx={"opacity": 0.75},
        )
        return pn.Column(
            choices,
            actions,
            self.progress,
            self.alert,
            words,
            self.table,
            pn.pane.Bokeh(
                self.figure, sizing_mode="stretch_both", min_height=170, styles={"flex": "2 1 0"}
            ),
            sizing_mode="stretch_both",
        )
