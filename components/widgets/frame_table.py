"""Tables of frames, of problems and of run folders; text from files is shown letter by letter."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import panel as pn

from fibsem_dash.registration.frames import FrameInfo
from fibsem_dash.registration.listing import Problem, file_times_s, format_time
from fibsem_dash.registration.run_list import RunInfo

FRAME_COLUMNS = ("#", "File", "State", "Size (MB)", "Pixels", "Saved")
PROBLEM_COLUMNS = ("#", "File", "Kind", "Reason")
RUN_COLUMNS = ("Run", "State", "Frames", "Begun", "Finished")

PLAIN = {"type": "plaintext"}

COMPACT = """
:host .tabulator { font-size: 13px; }
:host .tabulator .tabulator-row { height: 27px !important; min-height: 27px !important; }
:host .tabulator .tabulator-row .tabulator-cell { height: 27px !important; padding: 4px 8px; }
:host .tabulator .tabulator-header .tabulator-col .tabulator-col-content { padding: 4px 8px; }
"""
"""Rows as high as their text."""


def names_frame(paths: Sequence[Path]) -> pd.DataFrame:
    """Return the table of frames while only their names are known."""
    return pd.DataFrame(
        {
            "#": np.arange(len(paths)),
            "File": [path.name for path in paths],
            "Size (MB)": np.full(len(paths), np.nan),
            "Pixels": "",
            "Saved": "",
            "State": "waiting",
        },
        columns=list(FRAME_COLUMNS),
    )


def frames_frame(frames: Sequence[FrameInfo], excluded: Collection[str] = ()) -> pd.DataFrame:
    """Return the table of inspected frames; some are excluded by the user."""
    times = file_times_s(frames)
    return pd.DataFrame(
        {
            "#": [frame.index for frame in frames],
            "File": [frame.name for frame in frames],
            "Size (MB)": [round(frame.identity[1] / 1e6, 3) for frame in frames],
            "Pixels": [f"{f.shape[1]} × {f.shape[0]}" if f.usable else "" for f in frames],
            "Saved": [format_time(time) for time in times],
            "State": [
                frame.reason or ("excluded" if frame.name in excluded else "ok") for frame in frames
            ],
        },
        columns=list(FRAME_COLUMNS),
    )


def problems_frame(problems: Sequence[Problem]) -> pd.DataFrame:
    """Return the table of problems."""
    rows = [(p.index, p.name, p.kind, p.reason) for p in problems]
    return pd.DataFrame(rows, columns=list(PROBLEM_COLUMNS))


def runs_frame(runs: Sequence[RunInfo], root: Path) -> pd.DataFrame:
    """Return the table of run folders, named as below the run root."""
    rows = [
        (
            Path(run.folder).relative_to(root).as_posix(),
            run.state,
            run.n_frames or "",
            _short_time(run.created),
            _short_time(run.finished),
        )
        for run in runs
    ]
    return pd.DataFrame(rows, columns=list(RUN_COLUMNS))


def _short_time(iso: str) -> str:
    return iso[:16].replace("T", " ")


def plain_table(
    rows: pd.DataFrame,
    on_row: Callable[[int], None],
    page_size: int,
    selected: int | None = None,
    widths: dict[str, Any] | None = None,
    right: Sequence[str] = (),
) -> pn.widgets.Tabulator:
    """Return a table that sends one screen of rows at a time.

    Parameters
    ----------
    rows : pandas.DataFrame
        What it shows.
    on_row : callable
        Told the place of a row that was clicked.
    page_size : int
        Rows sent at a time.
    selected : int, optional
        Row that is marked at first; the page that has it is shown.
    widths : dict, optional
        Widths of columns, px.
    right : sequence of str
        Columns of numbers.
    """
    marked = selected if selected is not None and selected < len(rows) else None
    table = pn.widgets.Tabulator(
        rows,
        show_index=False,
        disabled=True,
        selectable=1,
        selection=[] if marked is None else [marked],
        pagination="remote" if len(rows) > page_size else None,
        page_size=page_size,
        page=1 + (marked or 0) // page_size,
        layout="fit_data_stretch",
        formatters=dict.fromkeys(rows.columns, PLAIN),
        text_align=dict.fromkeys(right, "right"),
        widths=widths or {},
        sizing_mode="stretch_width",
        stylesheets=[COMPACT],
        theme="simple",
        configuration={"rowHeight": 27},
        margin=0,
    )
    table.on_click(lambda event: on_row(int(event.row)))
    return table
