"""All pairs of a run as a table, problems first."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
from bokeh.models.widgets.tables import NumberFormatter

from components.run_data import RunData
from components.widgets.frame_table import COMPACT, PLAIN
from fibsem_dash.registration.edits import PairEdit, RunEdits, frame_names

COLUMNS = ("Pair", "Status", "Decision", "Error (px)", "Inliers", "Matches", "File", "Reason")
"""Columns that are shown; `first` and `second` hold the numbers of the frames."""

NUMBERS = {"Error (px)": "0.000", "Inliers": "0", "Matches": "0"}

STATUSES = ("all", "problems", "ok", "failed", "not computed", "left out", "decided")
"""What the table can be limited to."""

ORDERS = {
    "problems first": (["rank", "Error (px)"], [True, False]),
    "largest error first": (["Error (px)"], [False]),
    "fewest matches first": (["Matches"], [True]),
    "frame": (["second"], [True]),
}
"""Columns to sort by, and whether they rise."""

RANKS = {"failed": 0, "left out": 1, "not computed": 2, "ok": 3}

WORDS = {"manual": "set by hand", "retried": "other settings", "accepted": "accepted", "sift": "",
         "blocks": ""}  # fmt: skip
"""How the transform of a pair came to be."""


def decision_words(edit: PairEdit | None) -> str:
    """Return in words what was decided about a pair."""
    if edit is None:
        return ""
    parts = [WORDS[edit.source]]
    if edit.accepted and edit.source != "accepted":
        parts.append("accepted")
    return ", ".join(parts)


def pairs_frame(loaded: RunData, edits: RunEdits) -> pd.DataFrame:
    """Return one row per pair and per frame that is left out.

    The columns `first`, `second` hold the frames, -1 where a frame has no pair; `rank` puts
    problems first.
    """
    data, run = loaded.data, loaded.run
    frames = data.frames
    names = frame_names(run.paths)
    decided = {(e.first, e.second): e for e in edits.pairs}
    words = {"pending": "not computed"}
    statuses = [words.get(s, s) for s in data.statuses]
    pairs = [(int(a), int(b)) for a, b in pairwise(frames)]
    pair_edits = [decided.get((names[a], names[b])) for a, b in pairs]
    excluded = set(edits.excluded)
    out = [name in excluded for name in names]
    reasons = run.table["reason"].fillna("").astype(str).tolist() if "reason" in run.table else []
    table = pd.DataFrame(
        {
            "Pair": [f"{a} – {b}" for a, b in pairs],
            "Status": statuses,
            "Decision": [
                "frame excluded" if out[a] or out[b] else decision_words(edit) or WORDS.get(s, s)
                for (a, b), edit, s in zip(pairs, pair_edits, data.sources, strict=True)
            ],
            "Error (px)": data.errors,
            "Inliers": data.n_inliers,
            "Matches": data.n_matches,
            "File": [names[b] for _, b in pairs],
            "Reason": "",
            "first": [a for a, _ in pairs],
            "second": [b for _, b in pairs],
        }
    )
    gone = [int(k) for k in loaded.excluded]
    left_out = pd.DataFrame(
        {
            "Pair": [str(k) for k in gone],
            "Status": "left out",
            "Decision": ["frame excluded" if out[k] else "" for k in gone],
            "Error (px)": np.full(len(gone), np.nan),
            "Inliers": np.full(len(gone), np.nan),
            "Matches": np.full(len(gone), np.nan),
            "File": [names[k] for k in gone],
            "Reason": [reasons[k] if reasons else "" for k in gone],
            "first": np.full(len(gone), -1),
            "second": np.array(gone, np.int64),
        }
    )
    whole = pd.concat([table, left_out], ignore_index=True) if gone else table
    whole["rank"] = whole["Status"].map(RANKS).astype("int64")
    return whole


def empty_rows() -> pd.DataFrame:
    """Return the table of no pairs, with columns of the right kinds."""
    text = dict.fromkeys(("Pair", "Status", "Decision"), pd.Series(dtype=object))
    numbers = dict.fromkeys(("Error (px)", "Inliers", "Matches"), pd.Series(dtype=float))
    more = dict.fromkeys(("File", "Reason"), pd.Series(dtype=object))
    places = dict.fromkeys(("first", "second", "rank"), pd.Series(dtype="int64"))
    return pd.DataFrame(text | numbers | more | places)


def chosen_rows(table: pd.DataFrame, status: str, order: str) -> pd.DataFrame:
    """Return the rows of a status in an order."""
    if status == "problems":
        table = table[table["Status"] != "ok"]
    elif status == "decided":
        table = table[table["Decision"] != ""]
    elif status != "all":
        table = table[table["Status"] == status]
    columns, rising = ORDERS[order]
    return table.sort_values(columns, ascending=rising, kind="stable").reset_index(drop=True)


def pairs_widget(
    rows: pd.DataFrame, on_row: Callable[[int], None], page_size: int = 12
) -> pn.widgets.Tabulator:
    """Return the table widget; one page of rows is sent at a time."""
    formats: dict[str, Any] = {
        name: NumberFormatter(format=form, nan_format="–") for name, form in NUMBERS.items()
    }
    table = pn.widgets.Tabulator(
        rows,
        show_index=False,
        disabled=True,
        selectable=1,
        pagination="remote",
        page_size=page_size,
        layout="fit_data_stretch",
        hidden_columns=["first", "second", "rank"],
        frozen_columns=["Pair"],
        formatters=dict.fromkeys(COLUMNS, PLAIN) | formats,
        text_align=dict.fromkeys(NUMBERS, "right"),
        sizing_mode="stretch_width",
        stylesheets=[COMPACT],
        theme="simple",
        configuration={"rowHeight": 27},
        margin=0,
    )
    table.on_click(lambda event: on_row(int(event.row)))
    return table
