"""What can be saved of a comparison: tables, report, code."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui

from components.quality.outputs import comparison_code, report_bytes, workbook_bytes
from components.quality.runs import QualityRuns
from components.widgets.elapsed import Elapsed
from components.widgets.figure_tools import CopyAsCode, table_download
from components.widgets.plain import plain
from components.widgets.save_bridge import SaveBridge
from components.work import LatestWork
from fibsem_dash.report import statistics_frame

XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class QualitySave(pn.viewable.Viewer):  # type: ignore[misc]
    """Buttons that save statistics (CSV, XLSX) and the report, and copy the code.

    Parameters
    ----------
    runs : QualityRuns
        The visible ones are saved.
    width : int
        Width, px.
    """

    def __init__(self, runs: QualityRuns, width: int, **values: Any) -> None:
        super().__init__(**values)
        self.runs = runs
        self.bridge = SaveBridge()
        self.work = LatestWork(self._make)
        self.work.param.watch(lambda _event: self._send(), "done_count")
        self.work.param.watch(lambda _event: self._say(), "error")
        self.csv = table_download(
            "quality statistics", lambda: statistics_frame(self.runs.tables()), "Statistics CSV"
        )
        self.xlsx = self._button("XLSX", "table_view", "Statistics and all tables as XLSX", "xlsx")
        self.report = self._button(
            "Report", "description", "One HTML file with plots and tables, works offline", "html"
        )
        self.code = CopyAsCode.of(self.texts)
        self.alert = pmui.Alert("", severity="error", visible=False, width=width)
        note = pmui.Typography(
            "Figures: PNG, SVG and CSV are in the toolbar at the right of each row.",
            variant="caption", margin=(4, 8), width=width,
        )  # fmt: skip
        self._layout = pn.Column(
            pn.Row(self.csv, self.xlsx, self.report, margin=0),
            pn.Row(self.code, Elapsed(self.work), margin=0),
            self.alert, note, self.bridge, margin=0,
        )  # fmt: skip

    def _button(self, label: str, icon: str, words: str, kind: str) -> Any:
        button = pmui.Button(label=label, icon=icon, size="small", margin=(2, 4), description=words)
        button.variant = "text"
        button.on_click(lambda _event: self.make(kind))
        return button

    def make(self, kind: str) -> None:
        """Make a file, "xlsx" or "html", and save it."""
        tables, base = self.runs.tables(), self.runs.baseline_entry
        if tables and base is not None:
            place = [entry.key for entry in self.runs.visible].index(base.key)
            self.work.request(kind, tables, place)

    def _make(self, kind: str, tables: Any, place: int) -> tuple[str, bytes]:
        return kind, workbook_bytes(tables) if kind == "xlsx" else report_bytes(tables, place)

    def _send(self) -> None:
        kind, content = self.work.result
        self.bridge.save(
            f"quality_comparison.{kind}", content, XLSX_TYPE if kind == "xlsx" else "text/html"
        )

    def _say(self) -> None:
        self.alert.param.update(object=plain(self.work.error), visible=bool(self.work.error))

    def texts(self) -> tuple[str, str]:
        """Return Python lines and command line that compare the same runs."""
        base = self.runs.baseline_entry
        return comparison_code(self.runs.visible, base.label) if base is not None else ("", "")

    def refresh(self) -> None:
        """Offer what can be saved now."""
        nothing = not self.runs.visible
        for button in (self.csv, self.xlsx, self.report):
            button.disabled = nothing

    def __panel__(self) -> Any:
        return self._layout
