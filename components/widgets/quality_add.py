"""Add quality tables: uploads, runs below the run root, files below the allowed folders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui

from components.jobs import job_registry
from components.locked import when_locked
from components.quality.reading import Offer, Source, offers
from components.session import Session
from components.widgets.file_path import FilePath
from components.widgets.frame_table import plain_table
from components.widgets.plain import one_line
from components.work import LatestWork

UPLOAD_MB = 100
"""Largest file that may be uploaded."""

TABLES = (".csv", ".xlsx")

ROWS = 6
"""Rows of the list of runs that are seen at once."""


class QualityAdd(pn.viewable.Viewer):  # type: ignore[misc]
    """Three ways to add tables.

    Parameters
    ----------
    session : Session
        Says what is open and where runs go.
    on_add : callable
        Told the sources to read.
    width : int
        Width of the fields, px.
    """

    def __init__(
        self, session: Session, on_add: Callable[..., None], width: int, **values: Any
    ) -> None:
        super().__init__(**values)
        self.session, self.on_add, self._width = session, on_add, width
        self.offers: list[Offer] = []
        self.upload = pmui.FileInput(
            label="Upload CSV or XLSX", accept=".csv,.xlsx", multiple=True, icon="upload_file",
            max_file_size=UPLOAD_MB * 1_000_000, width=width, margin=(4, 4),
            description=f"RegistrationQuality files, ours or older ones, up to {UPLOAD_MB} MB each",
        )  # fmt: skip
        self.upload.variant = "outlined"
        self.upload.param.watch(lambda _event: self._on_upload(), "value")
        self.file = FilePath(
            session.config, "File or run folder", TABLES, lambda p: on_add(Source(p)), width
        )
        self.search = LatestWork(lambda: offers(session.config, job_registry()))
        self.search.param.watch(lambda _event: self._on_offers(), "done_count")
        self.table = self._make_table()
        self.place = pn.Column(margin=0)
        self.add = pmui.Button(
            label="Add", icon="add", size="small", disabled=True, margin=(4, 4), width=96
        )
        self.add.on_click(lambda _event: self.add_selected())
        self.again = pmui.IconButton(
            icon="refresh", description="Look for runs again", size="small", margin=(2, 0)
        )
        self.again.on_click(lambda _event: self.refresh())
        self.words = pmui.Typography("", variant="body2", margin=(6, 6))
        self._layout = pn.Column(
            self.upload, self.file,
            pn.Row(self.add, self.again, self.words, margin=0), self.place, margin=0,
        )  # fmt: skip

    def refresh(self) -> None:
        """Look for runs and evaluated stacks again."""
        self.search.request()

    def _on_offers(self) -> None:
        self.offers = self.search.result
        self.table.selection = []
        # One table for good: a new one would not always be drawn by the browser.
        self.table.value = self._rows()
        # In and out of the page: Panel's script fails when a table that is not drawn yet is shown.
        self.place[:] = [self.table] if self.offers else []
        self.words.object = "" if self.offers else "No runs yet. A registration makes one."
        self.add.disabled = True

    def _rows(self) -> pd.DataFrame:
        rows = [(one_line(o.name), o.state, o.date) for o in self.offers]
        return pd.DataFrame(rows, columns=["Run", "State", "Begun"], dtype=object)

    def _make_table(self) -> Any:
        table = plain_table(self._rows(), lambda _row: None, ROWS, None, {"Run": 104, "State": 60})
        table.param.update(
            width=self._width,
            sizing_mode="fixed",
            margin=(2, 4),
            selectable="toggle",
            pagination="remote",
        )
        table.param.watch(lambda _event: self._on_selection(), "selection")
        return table

    def _on_selection(self) -> None:
        n = len(self.table.selection)
        self.add.disabled = not n
        self.add.label = f"Add {n}" if n > 1 else "Add"

    def add_selected(self) -> None:
        """Add the selected runs."""
        chosen = [self.offers[k] for k in sorted(self.table.selection) if k < len(self.offers)]
        self.table.selection = []
        when_locked(lambda: self.on_add(*(offer.source for offer in chosen)))

    def _on_upload(self) -> None:
        value, names = self.upload.value, self.upload.filename
        if not value:
            return
        contents = value if isinstance(value, list) else [value]
        titles = names if isinstance(names, list) else [names]
        sources = [
            Source(one_line(name or "upload"), bytes(content))
            for name, content in zip(titles, contents, strict=True)
        ]
        # The same file may be sent again.
        self.upload.clear()
        self.on_add(*sources)

    def __panel__(self) -> Any:
        return self._layout
