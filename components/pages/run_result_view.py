"""After a run: its summary, its files, the ways on."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import panel as pn
import panel_material_ui as pmui

from components.pages import PAGES
from components.report_files import report_address
from components.run_result import RunResult, read_result
from components.session import Session
from components.widgets.copy_button import CopyBridge
from components.widgets.figure_tools import table_download
from components.widgets.frame_table import plain_table
from components.widgets.plain import plain, plain_text
from components.widgets.tiles import Tiles
from components.work import LatestWork
from fibsem_dash.units import format_bytes

WAYS_ON = (
    ("stack", "Open in Stack", "view_in_ar"),
    ("quality", "Compare in Quality", "query_stats"),
)
"""Pages that show a result; buttons are there for those that exist."""


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
    tiles += [(f"Median {name}", f"{value:.4g}", False) for name, value in result.medians.items()]
    return tiles


EMPTY = "The numbers and files of the run are listed here once it has ended."


class RunResultView(pn.viewable.Viewer):  # type: ignore[misc]
    """Summary, problems and files of a run folder.

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
        self.bridge = CopyBridge()
        self.tiles = Tiles()
        self.alert = pmui.Alert("", severity="error", visible=False, sizing_mode="stretch_width")
        self.ways = pn.Row(sizing_mode="stretch_width", margin=0)
        self.parts = pn.Column(sizing_mode="stretch_width", margin=0)
        self._layout = pn.Column(
            self.alert, self.ways, self.tiles, self.parts, self.bridge,
            sizing_mode="stretch_both", scroll="y-auto", margin=(4, 8),
        )  # fmt: skip
        self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self.folder = ""
        self.work.cancel()
        self.alert.visible = False
        self.tiles.show([])
        self.ways[:] = []
        self.parts[:] = [plain_text(EMPTY, {"opacity": "0.75"}, margin=(8, 4))]

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
        self.ways[:] = self._buttons(result)
        parts: list[Any] = []
        if len(result.problems):
            parts += self._problems(result)
        parts += [_heading("Files")]
        parts += [self._file_row(str(result.folder), "", "folder")]
        parts += [self._file_row(str(path), _size(path), "draft") for path in result.files]
        if result.messages:
            parts.append(_heading("Remarks"))
            parts += [plain_text(text, sizing_mode="stretch_width") for text in result.messages]
        self.parts[:] = parts

    def _buttons(self, result: RunResult) -> list[Any]:
        known = {entry.key for entry in PAGES}
        buttons = []
        for key, label, icon in WAYS_ON:
            if key in known:
                button = pmui.Button(label=label, icon=icon, size="small", margin=(4, 8, 8, 0))
                button.on_click(lambda _event, key=key: self.go_to(key))
                buttons.append(button)
        address = report_address(self.session.config, result.folder) if result.report else ""
        if address:
            report = pmui.Button(
                label="Report", icon="open_in_new", size="small", margin=(4, 8, 8, 0),
                href=quote(address), target="_blank",
            )  # fmt: skip
            report.variant = "outlined"
            buttons.append(report)
        return buttons

    def go_to(self, page: str) -> None:
        """Open the run on another page."""
        self.session.run_folder = self.folder
        self.session.page = page

    def _problems(self, result: RunResult) -> list[Any]:
        rows = result.problems
        table = plain_table(rows, lambda row: self._on_problem(row), 8, None,
                            {"Kind": 70, "Frame": 90, "File": 280})  # fmt: skip
        name = f"{result.folder.name} problems"
        heading = pn.Row(
            _heading("Frames left out and pairs that failed"), pn.HSpacer(),
            table_download(name, lambda: rows), sizing_mode="stretch_width", margin=0,
        )  # fmt: skip
        return [heading, table]

    def _on_problem(self, row: int) -> None:
        """Move the cursor to the frame of a row."""
        text = str(self.work.result.problems["Frame"].iloc[row]).split(" ")[0]
        if text.isdecimal() and self.session.frames:
            self.session.frame = min(int(text), len(self.session.frames) - 1)

    def _file_row(self, path: str, size: str, icon: str) -> Any:
        copy = pmui.IconButton(
            icon="content_copy", size="small", margin=0, description="Copy the path"
        )
        copy.on_click(lambda _event: self.bridge.copy(path))
        text = plain_text(path, sizing_mode="stretch_width", margin=(6, 4))
        amount = plain_text(size, {"opacity": "0.75", "text-align": "right"}, width=80,
                            margin=(6, 8))  # fmt: skip
        return pn.Row(copy, text, amount, sizing_mode="stretch_width", margin=0)

    def __panel__(self) -> Any:
        return self._layout


def _heading(text: str) -> Any:
    return pmui.Typography(text, variant="subtitle2", margin=(10, 4, 2, 4))


def _size(path: Any) -> str:
    try:
        return "" if path.is_dir() else format_bytes(path.stat().st_size)
    except OSError:
        return ""
