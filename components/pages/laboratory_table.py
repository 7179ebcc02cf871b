"""The table of the laboratory: one row per variant, or per variant and pair."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pandas as pd
import panel as pn
from bokeh.models.widgets.tables import NumberFormatter

from fibsem_dash.registration.trial_table import TrialRow

COLUMNS = {
    "efficient": "★",
    "pair": "Frames",
    "estimator": "Estimator",
    "transform": "Model",
    "solver": "Solver",
    "matcher": "Matcher",
    "changed": "Setting",
    "error_px": "Error (px)",
    "n_inliers": "Inliers",
    "n_matches": "Matches",
    "ncc": "NCC",
    "seconds": "Pair (s)",
    "stack_seconds": "Stack (min)",
    "reason": "Problem",
}
"""Columns of the table with their titles."""

NUMBERS = {
    "error_px": "0.000", "ncc": "0.0000", "seconds": "0.000", "stack_seconds": "0.00",
    "n_inliers": "0,0", "n_matches": "0,0",
}  # fmt: skip
"""Columns of numbers with their formats."""

HEADER_CSS = """
.tabulator .tabulator-header .tabulator-col .tabulator-col-content { padding: 4px 4px !important; }
.tabulator .tabulator-header .tabulator-col.tabulator-sortable .tabulator-col-title {
  padding-right: 12px !important; font-size: 13px; }
.tabulator .tabulator-header .tabulator-col .tabulator-col-content .tabulator-col-sorter {
  right: 2px !important; }
"""
"""Titles keep clear of the arrows of sorting, which leave them little room otherwise."""

WRAPPED = ("changed", "reason")
"""Columns whose text may take several lines."""


def table_of(rows: Sequence[TrialRow], efficient: Sequence[bool]) -> pd.DataFrame:
    """Return rows as the table shows them; the time of the stack in minutes."""
    table = pd.DataFrame([dataclasses.asdict(row) for row in rows], columns=list(COLUMNS))
    # Text also where there is no row: the table takes the kind of a column from its first frame.
    table["efficient"] = pd.Series(["★" if mark else "" for mark in efficient], dtype=object)
    table["stack_seconds"] = table["stack_seconds"].astype(float) / 60
    return table


def result_table() -> Any:
    """Return the empty table; all columns fit its width, so that nothing scrolls sideways."""
    formats: dict[str, Any] = {
        name: NumberFormatter(format=form, nan_format="–") for name, form in NUMBERS.items()
    }
    formats |= {name: {"type": "textarea"} for name in WRAPPED}
    return pn.widgets.Tabulator(
        table_of([], []),
        show_index=False,
        disabled=True,
        titles=COLUMNS,
        text_align=dict.fromkeys(NUMBERS, "right"),
        formatters=formats,
        header_tooltips={
            "efficient": "No other row is faster and correlates better",
            "error_px": "Mean residual of the inliers",
            "n_inliers": "What the transform rests on. Less distinctive matches that agree with "
            "it were added: there may be more of them than matches",
            "n_matches": "Key points that passed Lowe's test, or blocks with a clear peak",
            "ncc": "Correlation of both 8-bit images after alignment",
            "seconds": "Time that one pair adds to a run, on one core",
            "stack_seconds": "Predicted time of the stack on all cores of this machine",
        },
        layout="fit_columns",
        sortable={"efficient": False},
        widths={
            "efficient": 34,
            "estimator": 96,
            "transform": 138,
            "solver": 76,
            "ncc": 68,
            "n_matches": 86,
            "seconds": 62,
            "stack_seconds": 66,
        },
        configuration={"columnDefaults": {"headerWordWrap": True, "minWidth": 34}},
        stylesheets=[HEADER_CSS],
        sizing_mode="stretch_both",
        min_height=200,
        sorters=[{"field": "error_px", "dir": "asc"}],
        theme="site",
        hidden_columns=["pair", "estimator", "matcher", "changed", "reason"],
    )
