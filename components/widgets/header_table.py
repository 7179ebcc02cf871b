"""Table of header fields with search and comparison with another frame."""

from __future__ import annotations

import html
import io
from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui
import param

from components.widgets.copy_button import CopyBridge
from components.widgets.facts import PlainText
from components.widgets.header_rows import (
    CHANGED,
    HeaderRow,
    compare_rows,
    header_rows,
    rows_as_csv,
    search_rows,
)
from components.work import LatestWork
from fibsem_dash.io.describe import describe

CHANGED_STYLE = "background-color: rgba(230, 159, 0, 0.22); font-weight: 600"
"""Orange tint that reads on light and on dark."""

WIDTHS = {
    "changed": 22,
    "field": 124,
    "value": 96,
    "other": 96,
    "unit": 52,
    "description": 220,
    "offset": 60,
}
"""Widths of the columns, px."""

DENSE = """
:host .tabulator { font-size: 12.5px !important; }
:host .tabulator .tabulator-row .tabulator-cell, :host .tabulator .tabulator-col-content {
  padding: 3px 5px !important; }
:host .tabulator .tabulator-row, :host .tabulator .tabulator-row .tabulator-cell {
  min-height: 24px !important; height: 24px !important; line-height: 18px !important; }
"""
"""A header has a hundred fields: rows are low."""


def read_headers(path: str, other_path: str) -> tuple[list[HeaderRow], list[str]]:
    """Return the rows of a frame, compared with another, and the notes about both."""
    description = describe(path)
    rows, notes = header_rows(description), list(description["notes"])
    if other_path and other_path != path:
        rows = compare_rows(rows, header_rows(describe(other_path)))
    return rows, notes


def table_frame(rows: list[HeaderRow], compared: bool) -> pd.DataFrame:
    """Return the rows as the table shows them."""
    data = {
        # The heading of a group is the one place that is drawn as HTML.
        "Group": [html.escape(row.group) for row in rows],
        "changed": [CHANGED if row.changed else "" for row in rows],
        "field": [row.name for row in rows],
        "value": [row.value for row in rows],
        "other": [row.other for row in rows],
        "unit": [row.unit for row in rows],
        "description": [row.meaning for row in rows],
        "offset": ["" if row.offset is None else str(row.offset) for row in rows],
    }
    if not compared:
        del data["changed"], data["other"]
    return pd.DataFrame(data)


class HeaderTable(pn.viewable.Viewer):  # type: ignore[misc]
    """Header of a frame: search, changes since another frame, copy, CSV."""

    search = param.String("", doc="Words that a field must contain")
    compare = param.Boolean(True, label="Compare", doc="Mark what differs from another frame")
    only_changed = param.Boolean(
        False, label="Only changed", doc="Hide the fields that are the same in both frames"
    )
    rows = param.List([], doc="Rows of the frame")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.other_label = "Other frame"
        self.work = LatestWork(read_headers)
        self.work.param.watch(self._on_rows, "done_count")
        self.file_name = "header.csv"
        self.table = self._make_table()
        self.count = pmui.Typography("", variant="caption", margin=(0, 8))
        self.detail = PlainText("", margin=(2, 8), min_height=42)
        self.note = PlainText("", muted=True, margin=(0, 8), visible=False)
        self.clipboard = CopyBridge()
        self.copy_button = pmui.IconButton(
            icon="content_copy", description="Copy the rows as CSV", margin=(4, 0)
        )
        self.copy_button.on_click(lambda _event: self.clipboard.copy(self.as_csv()))
        self.download = pmui.FileDownload(
            callback=lambda: io.BytesIO(self.as_csv().encode("utf-8")),
            filename=self.file_name, label="CSV", variant="text", size="small",
            description="Save the rows as a CSV file", margin=(4, 0), width=90,
        )  # fmt: skip
        self.search_input = pmui.TextInput(
            label="Search", placeholder="name, value, unit, description", size="small",
            sizing_mode="stretch_width", margin=(6, 4),
        )  # fmt: skip
        self.search_input.param.watch(lambda e: setattr(self, "search", e.new or ""), "value_input")

    def _make_table(self) -> Any:
        frame = table_frame([], compared=True)
        table = pn.widgets.Tabulator(
            frame,
            groupby=["Group"],
            hidden_columns=["Group"],
            formatters={name: {"type": "plaintext"} for name in frame.columns},
            titles={
                "changed": CHANGED, "field": "Field", "value": "Value", "other": "Other",
                "unit": "Unit", "description": "Description", "offset": "Offset",
            },
            text_align={"value": "right", "other": "right", "offset": "right"},
            widths=WIDTHS,
            show_index=False,
            disabled=True,
            selectable=1,
            sortable=False,
            layout="fit_data_stretch",
            sizing_mode="stretch_both",
            min_height=240,
            theme="simple",
            # A narrow tab leaves the last columns out; the line below tells what they hold.
            configuration={"groupStartOpen": True, "responsiveLayout": "hide"},
            stylesheets=[DENSE],
            margin=(0, 4),
        )  # fmt: skip
        table.style.apply(_mark_changed, axis=1)
        table.param.watch(self._on_selected, "selection")
        return table

    def request(self, path: str, other_path: str, other_label: str = "Other frame") -> None:
        """Read the header of a frame, and of the frame to compare with."""
        self.other_label = other_label
        self.work.request(path, other_path if self.compare else "")

    def clear(self) -> None:
        """Show no rows."""
        self.work.cancel()
        self.rows = []
        self._refresh()

    @property
    def compared(self) -> bool:
        """Whether the rows hold the values of another frame."""
        return any(row.other for row in self.rows)

    @property
    def shown(self) -> list[HeaderRow]:
        """Rows that pass the search."""
        return search_rows(self.rows, self.search, self.only_changed and self.compared)

    def as_csv(self) -> str:
        """Return the rows that are shown as CSV."""
        return rows_as_csv(self.shown, self.compared)

    def _on_rows(self, _event: Any) -> None:
        rows, notes = self.work.result
        self.rows = rows
        self.note.text = " · ".join(notes)
        self.note.pane.visible = bool(notes)
        self._refresh()

    @param.depends("search", "only_changed", watch=True)
    def _refresh(self) -> None:
        shown, compared = self.shown, self.compared
        hidden = ["Group"] if compared else ["Group", "changed", "other"]
        titles = {**self.table.titles, "other": self.other_label}
        self.table.param.update(
            value=table_frame(shown, compared=True), hidden_columns=hidden, titles=titles,
            selection=[],
        )  # fmt: skip
        changed = sum(row.changed for row in self.rows)
        text = f"{len(shown)} of {len(self.rows)} fields"
        if compared:
            text += f"  ·  {changed} changed since {self.other_label.lower()}"
        self.count.object = text
        self.detail.text = "Click a row to read its description." if shown else ""

    def _on_selected(self, event: Any) -> None:
        shown = self.shown
        if not event.new or event.new[0] >= len(shown):
            return
        row = shown[event.new[0]]
        parts = [f"{row.name} = {row.value} {row.unit}".rstrip()]
        if row.changed:
            parts.append(f"{self.other_label}: {row.other}")
        if row.meaning:
            parts.append(row.meaning)
        if row.offset is not None:
            parts.append(f"byte {row.offset} of the file")
        self.detail.text = "  ·  ".join(parts)

    def __panel__(self) -> Any:
        return pn.Column(
            pn.Row(
                self.search_input, self.copy_button, self.download, self.clipboard,
                sizing_mode="stretch_width", margin=0,
            ),
            self.count,
            self.note,
            self.table,
            self.detail,
            sizing_mode="stretch_both",
            margin=0,
        )  # fmt: skip


def _mark_changed(row: Any) -> list[str]:
    return [CHANGED_STYLE if row["changed"] else ""] * len(row)
