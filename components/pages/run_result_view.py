"""After a run: its summary, its files, the ways on."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import panel as pn
import panel_material_ui as pmui

from components.pages import PAGES
from components.report_files import report_address
from components.run_result import PROBLEM_COLUMNS, RunResult, problem_table, read_result
from components.session import Session
from components.widgets.figure_tools import table_download
from components.widgets.frame_table import plain_table
from components.widgets.plain import one_line, plain, plain_text
from components.widgets.tiles import Tiles
from components.work import LatestWork
from fibsem_dash.units import format_bytes

WAYS_ON = (
    ("stack", "Open in Stack", "view_in_ar"),
    ("quality", "Compare in Quality", "query_stats"),
)
"""Pages that show a result; buttons are there for those that exist."""


NAMES = {"error": "Median error (px)", "npts": "Median key points"}
"""Labels of medians whose names do not speak for themselves."""


def result_tiles(result: RunResult) -> list[tuple[str, str, bool]]:
    """Return label, value and whether it deserves attention for each number of a result."""
    left_out = result.n_frames - result.n_used
    tiles = [
        ("Frames used", f"{result.n_used} of {result.n_frames}", bool(left_out)),
        ("Pairs failed", f"{result.n_failed} of {result.n_pairs}", bool(result.n_failed)),
    ]
    if result.shape is not None:
        z, y, x = result.shape
        tiles += [("Slices", str(z), False), ("Stack (x, y)", f"{x} × {y} px", False)]
    if result.voxel_size_nm is not None:
        dz, dy, dx = result.voxel_size_nm
        tiles.append(("Voxel (x, y, z)", f"{dx:.4g} × {dy:.4g} × {dz:.4g} nm", False))
    tiles += [
        (NAMES.get(name, f"Median {name}"), f"{value:.4g}", False)
        for name, value in result.medians.items()
    ]
    return tiles


ROWS_SHOWN = 8
"""Problems that are sent at a time."""

STYLE = """
:host { display: block; }
h4 { margin: 8px 0 4px; font: 500 14px Roboto, sans-serif; }
h4, p, table { color: var(--mui-palette-text-primary, inherit); }
p, td, th { font: 13px Roboto, sans-serif; margin: 2px 0; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: 3px 12px 3px 0;
  border-bottom: 1px solid color-mix(in srgb, currentColor 18%, transparent); }
.path { user-select: all; overflow-wrap: anywhere; }
.size { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
a { display: inline-block; margin: 6px 8px 4px 0; padding: 6px 16px; border-radius: 4px;
  font: 500 13px Roboto, sans-serif; text-decoration: none;
  color: var(--mui-palette-primary-main, inherit); border: 1px solid currentColor; }
th { font-weight: 500; opacity: .75; }
"""

EMPTY_HTML = "<p>The numbers and files of the run are listed here once it has ended.</p>"


class RunResultView(pn.viewable.Viewer):  # type: ignore[misc]
    """Summary, problems and files of a run folder.

    Its parts are all there from the start: components that are added while a browser still draws
    the page may stay as they were.

    Parameters
    ----------
    session : Session
        Buttons that lead to other pages make the run the open one.
    on_pair : callable
        Takes the frames of a problem that was clicked; -1 as the first for a frame left out.
    """

    def __init__(
        self, session: Session, on_pair: Callable[[int, int], None], **values: Any
    ) -> None:
        super().__init__(**values)
        self.session = session
        self._on_pair = on_pair
        self.folder = ""
        self.work = LatestWork(read_result)
        self.work.param.watch(lambda *_e: self._show(), "done_count")
        self.work.param.watch(lambda event: self._fail(event.new), "error")
        self.tiles = Tiles()
        self.alert = pmui.Alert("", severity="error", visible=False, sizing_mode="stretch_width")
        self.texts = pn.pane.HTML("", stylesheets=[STYLE], sizing_mode="stretch_width", margin=4)
        self.problems = plain_table(problem_rows(None), self.open_problem, ROWS_SHOWN)
        # More rows may come than there are now, which are none.
        self.problems.param.update(pagination="remote", hidden_columns=["first", "second"])
        heading = plain_text(
            "Frames left out and pairs that failed: a click opens them in Pairs",
            {"font-size": "14px", "font-weight": "500"}, margin=(8, 4, 4, 4),
        )  # fmt: skip
        self.problem_part = pn.Column(
            heading, self.problems, sizing_mode="stretch_width", margin=0, visible=False
        )
        self._build_buttons()
        self._layout = pn.Column(
            self.alert, self.ways, self.tiles, self.problem_part, self.texts,
            sizing_mode="stretch_both", scroll="y-auto", margin=(4, 8),
        )  # fmt: skip
        self.clear()

    def _build_buttons(self) -> None:
        known = {entry.key for entry in PAGES}
        buttons = []
        for key, label, icon in WAYS_ON:
            if key in known:
                button = pmui.Button(label=label, icon=icon, size="small", margin=(4, 8, 8, 0))
                button.on_click(lambda _event, key=key: self.go_to(key))
                buttons.append(button)
        self.ways = pn.Row(*buttons, sizing_mode="stretch_width", margin=0)
        self.save = table_download(
            lambda: f"{Path(self.folder).name} problems",
            lambda: problem_rows(self.work.result)[list(PROBLEM_COLUMNS)],
            label="Problems as CSV",
        )
        self.ways.append(self.save)

    def clear(self) -> None:
        """Show nothing."""
        self.folder = ""
        self.work.cancel()
        self.alert.visible = False
        self.tiles.show([])
        self.problem_part.visible = False
        self.texts.object = EMPTY_HTML

    def open(self, folder: str) -> None:
        """Read a run folder, in the background."""
        self.folder = folder
        self.work.request(folder)

    def _fail(self, text: str) -> None:
        self.alert.param.update(object=plain(text), visible=bool(text))

    def _show(self) -> None:
        result: RunResult | None = self.work.result
        if result is None or str(result.folder) != self.folder:
            # Stopped before it wrote anything.
            return
        self.tiles.show(result_tiles(result))
        self.problems.param.update(value=result.problems, selection=[], page=1)
        self.problem_part.visible = bool(len(result.problems))
        address = report_address(self.session.config, result.folder) if result.report else ""
        self.texts.object = result_html(result, address)

    def open_problem(self, place: int) -> None:
        """Open the pair of a row, or the frame that was left out."""
        result: RunResult | None = self.work.result
        if result is not None and 0 <= place < len(result.problems):
            row = result.problems.iloc[place]
            self.session.run_folder = self.folder
            self._on_pair(int(row["first"]), int(row["second"]))

    def go_to(self, page: str) -> None:
        """Open the run on another page."""
        self.session.run_folder = self.folder
        self.session.page = page

    def __panel__(self) -> Any:
        return self._layout


def problem_rows(result: RunResult | None) -> pd.DataFrame:
    """Return the problems of a result; an empty table with the same columns without one."""
    empty = pd.DataFrame(columns=["frame", "status"])
    return result.problems if result is not None else problem_table(empty, empty)


def result_html(result: RunResult, report: str = "") -> str:
    """Return the markup of files and remarks of a run; all text is escaped.

    Parameters
    ----------
    result : RunResult
        The run.
    report : str
        Address of its report; empty for none.
    """
    parts = []
    if report:
        address = escape(quote(report), quote=True)
        parts.append(f'<a href="{address}" target="_blank" rel="noopener">Report</a>')
    files = [(str(result.folder), ""), *((str(path), _size(path)) for path in result.files)]
    cells = "".join(
        f'<tr><td class="path" title="A click selects the path">{escape(path)}</td>'
        f'<td class="size">{escape(size)}</td></tr>'
        for path, size in files
    )
    listed = f"<h4>Files</h4><table>{cells}</table>"
    parts.append(listed)
    if result.messages:
        lines = "".join(f"<p>{escape(one_line(text))}</p>" for text in result.messages)
        parts.append(f"<h4>Remarks</h4>{lines}")
    return "".join(parts)


def _size(path: Path) -> str:
    try:
        return "" if path.is_dir() else format_bytes(path.stat().st_size)
    except OSError:
        return ""
