"""Laboratory: models and solvers compared on some pairs of the stack."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui

from components.locked import when_locked
from components.pages.laboratory_table import COLUMNS, result_table, table_of
from components.plots.trial_scatter import TrialScatter, efficient_rows
from components.stream import StreamWork
from components.widgets.elapsed import Elapsed
from components.widgets.figure_tools import table_download
from components.widgets.plain import plain
from fibsem_dash.compute.executor import describe_error
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.registration.trial_table import (
    TrialPair,
    TrialRow,
    Variant,
    compare_trials,
    mean_rows,
    spread_pairs,
    variant_name,
    variants_of,
)
from fibsem_dash.settings import TRANSFORMS, RunSettings

MATCHERS = ("auto", "guided", "brute_force", "flann")


VARIED = {
    "nothing else": "",
    "contrast threshold": "sift.contrast_threshold",
    "sigma": "sift.sigma",
    "octave layers": "sift.n_octave_layers",
    "key points at most": "sift.kp_max_num",
    "Lowe ratio": "matching.lowe_ratio",
    "grow ratio": "matching.grow_ratio",
    "largest residual": "solver.drmax",
    "l2 parameter": "solver.l2_param",
}
"""Settings that can be varied besides model, solver and matcher, by what the page calls them."""

EXAMPLES = {
    "sift.contrast_threshold": "0.02, 0.03, 0.04",
    "sift.sigma": "1.2, 1.6, 2.4",
    "sift.n_octave_layers": "3, 4, 5",
    "sift.kp_max_num": "1000, 3000, -1",
    "matching.lowe_ratio": "0.6, 0.7, 0.8",
    "matching.grow_ratio": "0, 0.85, 0.95",
    "solver.drmax": "0.75, 1.5, 3",
    "solver.l2_param": "1e-6, 1e-5, 1e-4",
}
"""Values that are offered first."""


WORDS = "Click a row to load it. ★ and dashed line: no other row is faster and better."


class Laboratory(pn.viewable.Viewer):  # type: ignore[misc]
    """Runs a set of models and solvers, and shows the results as a table and a scatter.

    Parameters
    ----------
    settings : callable
        Returns what is not varied.
    frames : callable
        Returns the frames of the stack.
    load : callable
        Told the settings, by ``group.setting``, of a row that was clicked.
    options : callable
        Returns step, longest side of the part of the frames, and the frame under the cursor.
    """

    def __init__(
        self,
        settings: Callable[[], RunSettings],
        frames: Callable[[], list[Any]],
        load: Callable[[dict[str, Any]], None],
        options: Callable[[], dict[str, int]],
        **values: Any,
    ) -> None:
        super().__init__(**values)
        self._settings, self._frames, self._load, self._options = settings, frames, load, options
        self.rows: list[TrialRow] = []
        self.variants: dict[str, Variant] = {}
        self.work = StreamWork()
        self.work.param.watch(self._on_rows, "done_count")
        self.work.param.watch(self._on_state, ["busy", "done", "error"])
        self._build_choices()
        self._build_results()

    def _build_choices(self) -> None:
        # Small chips: the choices stay in one row on a screen of 1366 px, and table and scatter
        # have room below them.
        compact: dict[str, Any] = {
            "margin": (8, 5),
            "sx": {"& .MuiChip-root": {"height": "24px", "fontSize": "0.75rem"},
                   "& .MuiChip-label": {"padding": "0 8px"},
                   "& .MuiSelect-select": {"paddingTop": "8px", "paddingBottom": "8px"}},
        }  # fmt: skip
        self.transforms = pmui.MultiChoice(
            label="Models", options=list(TRANSFORMS), value=list(TRANSFORMS), width=312, **compact
        )
        self.estimators = pmui.MultiChoice(
            label="Estimators", options=["sift", "blocks"], value=["sift"], width=138,
            description="Blocks have neither solver nor matcher: one row for each model",
            **compact,
        )  # fmt: skip
        self.solvers = pmui.MultiChoice(
            label="Solvers",
            options=["RANSAC", "LinReg"],
            value=["RANSAC", "LinReg"],
            width=138,
            **compact,
        )
        self.matchers = pmui.MultiChoice(
            label="Matchers", options=list(MATCHERS), value=["auto"], width=138, **compact
        )
        self.n_pairs = pmui.IntInput(
            label="Pairs", value=3, start=1, end=100, width=110,
            description="Spread evenly over the stack; 1 takes the pair of the Pair tab",
        )  # fmt: skip
        self.varied = pmui.Select(
            label="Vary also", options=VARIED, value="", width=180,
            description="One more setting, tried with each of the values",
        )  # fmt: skip
        self.values = pmui.TextInput(label="Values, with commas", width=180, visible=False)
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
        self.varied.param.watch(self._on_varied, "value")
        self.rows_shown.param.watch(lambda *_e: self.show(), "value")

    def _build_results(self) -> None:
        self.table = result_table()
        self.table.on_click(self._on_click)
        self.plot = TrialScatter()
        self.words = pmui.Typography(WORDS, variant="caption", sx={"opacity": 0.8}, align="center")

    def _on_varied(self, event: Any) -> None:
        self.values.param.update(value=EXAMPLES.get(event.new, ""), visible=bool(event.new))

    def chosen_variants(self) -> list[Variant]:
        """Return what is to be compared.

        Raises
        ------
        ParameterError
            When a value cannot be one of the varied setting.
        """
        values = [text for text in (v.strip() for v in self.values.value.split(",")) if text]
        return variants_of(
            self._settings(),
            self.transforms.value,
            self.solvers.value,
            self.matchers.value,
            self.varied.value,
            values,
            self.estimators.value,
        )

    def chosen_pairs(self, frames: list[tuple[int, str]]) -> list[TrialPair]:
        """Return the pairs to be tried: one is that of the Pair tab, more are spread."""
        options = self._options()
        n, step = int(self.n_pairs.value or 1), options["step"]
        if n > 1:
            return spread_pairs(frames, n, step)
        shown = spread_pairs(frames, len(frames), step)
        return [pair for pair in shown if pair.first >= options["frame"]][:1] or shown[-1:]

    def start(self) -> None:
        """Run the chosen set."""
        frames = [(f.index, f.path) for f in self._frames() if f.usable]
        pairs, variants, problem = self.chosen_pairs(frames), [], ""
        try:
            variants = self.chosen_variants()
        except FibsemDashError as error:
            problem = describe_error(error)
        if not pairs:
            problem = "The stack has no pair of usable frames that far apart."
        elif not variants and not problem:
            problem = (
                "Choose at least one estimator, model and solver, and values of what is varied."
            )
        self.alert.param.update(object=plain(problem), visible=bool(problem))
        if problem:
            return
        self.variants = {variant.name: variant for variant in variants}
        self.words.object = WORDS
        self.rows = []
        self.show()
        self.work.start(
            lambda stop: compare_trials(
                pairs,
                variants,
                n_frames=len(frames),
                n_workers=os.cpu_count() or 1,
                max_side=self._options()["max_side"],
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
        self.table.value = table_of(rows, efficient_rows(rows))
        empty = {
            "pair": means,
            "changed": not any(row.changed for row in rows),
            "reason": not any(row.reason for row in rows),
            "matcher": len({row.matcher for row in rows if row.matcher}) < 2,
            "estimator": len({row.estimator for row in rows}) < 2,
        }
        hidden = [name for name, is_empty in empty.items() if is_empty]
        if self.table.hidden_columns != hidden:
            self.table.hidden_columns = hidden
        self.plot.show(rows)

    def saved_table(self) -> pd.DataFrame:
        """Return the table as it is shown, for a file."""
        return self.table.value.drop(columns=self.table.hidden_columns).rename(columns=COLUMNS)

    def _on_state(self, *_events: Any) -> None:
        work = self.work
        self.run.disabled, self.stop.disabled = work.busy, not work.busy
        self.progress.visible = work.busy
        self.progress.value = int(100 * work.done / max(work.total, 1))
        if work.error:
            self.alert.param.update(object=plain(work.error), visible=True)

    def _on_click(self, event: Any) -> None:
        row = self.table.value.iloc[event.row]
        order = ("transform", "solver", "matcher", "changed", "estimator")
        variant = self.variants.get(variant_name(*(str(row[name]) for name in order)))
        if variant is None:
            return
        changes: dict[str, Any] = {
            "solver.transform": variant.transform,
            "estimation.estimator": variant.estimator,
        }
        if variant.estimator == "sift":
            changes |= {"solver.solver": variant.solver, "matching.matcher": variant.matcher}
        if variant.varied:
            group, name = variant.varied.split(".")
            changes[variant.varied] = getattr(getattr(variant.settings, group), name)
        self._load(changes)
        tab = "Blocks" if variant.estimator == "blocks" else "Pair"
        self.words.object = f"Loaded: {variant.name}. The {tab} tab shows it."

    def __panel__(self) -> Any:
        choices = pn.FlexBox(
            self.transforms, self.estimators, self.solvers, self.matchers,
            sizing_mode="stretch_width",
        )  # fmt: skip
        values = pn.Row(
            self.n_pairs,
            self.varied,
            self.values,
            self.run,
            self.stop,
            table_download("laboratory", self.saved_table, align="center"),
            sizing_mode="stretch_width",
        )
        elapsed = Elapsed(self.work)
        elapsed.text.align = "center"
        state = pn.Row(
            self.rows_shown,
            self.words,
            elapsed,
            sizing_mode="stretch_width",
        )
        return pn.Column(
            choices,
            values,
            self.progress,
            self.alert,
            state,
            pn.Column(self.table, sizing_mode="stretch_both", styles={"flex": "3 1 0"}),
            pn.pane.Bokeh(
                self.plot.figure,
                sizing_mode="stretch_both",
                min_height=170,
                styles={"flex": "2 1 0"},
            ),
            sizing_mode="stretch_both",
        )
