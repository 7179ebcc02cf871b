"""After a run: its summary, its files, the ways on."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import panel as pn
import panel_material_ui as pmui

from components.pages import PAGES
from components.report_files import report_address
from components.run_result import RunResult, read_result
from components.session import Session
from components.widgets.figure_tools import table_download
from components.widgets.plain import one_line, plain
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


ROWS_SHOWN = 200
"""Problems that are listed; all are in the file."""

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

    Its parts are all there from the start, and text: components that are added or changed while a
    browser still draws the page may stay as they were.

    Parameters
    ----------
    session : Session
        Buttons that lead to other pages make the run the open one.
    """

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(**values)
        self.session = session
        self.folder = ""
        self.work = LatestWork(read_result)
        self.work.param.watch(lambda *_e: self._show(), "done_count")
        self.work.param.watch(lambda event: self._fail(event.new), "error")
        self.tiles = Tiles()
        self.alert = pmui.Alert("", severity="error", visible=False, sizing_mode="stretch_width")
        self.texts = pn.pane.HTML("", stylesheets=[STYLE], sizing_mode="stretch_width", margin=4)
        self._build_buttons()
        self._layout = pn.Column(
            self.alert, self.ways, self.tiles, self.texts,
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
            lambda: self.work.result.problems,
            label="Problems as CSV",
        )
        self.ways.append(self.save)

    def clear(self) -> None:
        """Show nothing."""
        self.folder = ""
        self.work.cancel()
        self.alert.visible = False
        self.tiles.show([])
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
        address = report_address(self.session.config, result.folder) if result.report else ""
        self.texts.object = result_html(result, address)

    def go_to(self, page: str) -> None:
        """Open the run on another page."""
        self.session.run_folder = self.folder
        self.session.page = page

    def __panel__(self) -> Any:
        return self._layout


def result_html(result: RunResult, report: str = "") -> str:
    """Return the markup of files, problems and remarks of a run; all text is escaped.

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
    rows = result.problems.head(ROWS_SHOWN)
    if len(rows):
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(one_line(v))}</td>" for v in row) + "</tr>"
            for row in rows.itertuples(index=False)
        )
        head = "".join(f"<th>{escape(name)}</th>" for name in rows.columns)
        more = len(result.problems) - len(rows)
        parts.append(
            f"<h4>Frames left out and pairs that failed</h4><table><tr>{head}</tr>{body}</table>"
            + (f"<p>and {more} more in the CSV file</p>" if more else "")
        )
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
