"""List of the run folders below the run root."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui

from components.session import Session
from components.widgets.figure_tools import table_download
from components.widgets.frame_table import plain_table, runs_frame
from fibsem_dash.registration.run_list import RunInfo, list_runs

SHOWN = ("Run", "State", "Begun")


class RunPicker(pn.viewable.Viewer):  # type: ignore[misc]
    """Table of runs with state and date; "Resume" makes one the open run.

    Parameters
    ----------
    session : Session
        Its run folder is set.
    width : int
        Width of the table, px.
    """

    def __init__(self, session: Session, width: int, **values: Any) -> None:
        super().__init__(**values)
        self.session = session
        self.runs: list[RunInfo] = []
        self._width = width
        self.table = self._make_table()
        self.resume = pmui.Button(
            label="Resume", icon="play_arrow", width=width, margin=(8, 8), disabled=True
        )
        self.resume.on_click(lambda _event: self.open())
        self.save = table_download("runs", lambda: runs_frame(self.runs, session.config.run_root))
        self.text = pmui.Typography("", variant="body2", width=width, margin=(4, 8))
        self._layout = pn.Column(self.text, margin=0)
        session.param.watch(lambda _event: self._say(), "run_folder")

    def refresh(self) -> None:
        """Look for run folders again."""
        self.runs = list_runs(self.session.config.run_root)
        self.table = self._make_table()
        self.resume.disabled = True
        self._layout[:] = (
            [self.text, self.table, self.save, self.resume] if self.runs else [self.text]
        )
        self._say()

    def _make_table(self) -> Any:
        rows = runs_frame(self.runs, self.session.config.run_root)
        table = plain_table(rows[list(SHOWN)], self._on_row, 8, None, {"Run": 112, "State": 60})
        table.param.update(width=self._width, sizing_mode="fixed", margin=(4, 8))
        return table

    def _say(self) -> None:
        if not self.runs:
            self.text.object = "No runs yet. A registration makes one."
            return
        chosen = [i for i, run in enumerate(self.runs) if run.folder == self.session.run_folder]
        self.text.object = "The selected run is open." if chosen else "Select a run to go on with."
        if chosen:
            self.table.selection = chosen

    def _on_row(self, row: int) -> None:
        self.table.selection = [row]
        self.resume.disabled = False

    def open(self) -> None:
        """Make the selected run the open one, with the stack of its frames."""
        selection = self.table.selection
        if not selection or selection[0] >= len(self.runs):
            return
        self.session.open_run(self.runs[selection[0]].folder)

    def __panel__(self) -> Any:
        return self._layout
