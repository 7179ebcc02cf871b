"""Reports: milling, scan, field of view, grey levels and transformations of the open run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui

from components.command_line import quoted_command
from components.config import ServerConfig
from components.locked import when_locked
from components.pages.base import CONTROL_WIDTH
from components.plots.run_reports import (
    ReportFigures,
    ReportGroup,
    level_group,
    mill_group,
    scan_group,
    transformation_group,
    view_group,
)
from components.run_data import stamp_of
from components.session import Session
from components.shell import when_loaded
from components.widgets.facts import Facts
from components.widgets.figure_tools import CopyAsCode, table_download
from components.widgets.state_view import StateView
from components.work import LatestWork
from fibsem_dash.errors import FibsemDashError, RunError
from fibsem_dash.io.tables import read_csv
from fibsem_dash.quality import telemetry_reports as reports
from fibsem_dash.registration.run_store import RunStore
from fibsem_dash.settings import RunSettings, from_dict

NOT_RECORDED = "The headers of these frames do not record it."
NOT_YET = "The run has not come to it yet."

CODE = {
    "Milling": "mill_rate(frames)",
    "Scan": "scan_report(frames)",
    "Field of view": "field_of_view(frames)",
    "Grey levels": "grey_levels(frames)",
    "Transformations": "transformation_report(pairs, transforms)",
}
"""Tabs, and the Python that makes the same arrays."""


@dataclass(frozen=True, eq=False)
class RunReports:
    """All reports of a run, by the titles in `CODE`; those are missing that it has not come to."""

    folder: str
    groups: dict[str, ReportGroup]


def read_reports(config: ServerConfig, folder: str) -> RunReports:
    """Read the tables of a run folder below an allowed folder, as far as they are written.

    Raises
    ------
    AccessError
        When the folder lies elsewhere.
    RunError
        When it holds no run, or one that has not read its frames.
    FormatError
        When its tables are not what a run writes.
    """
    store = RunStore(config.confine(folder))
    record = store.read()
    frames = _table(store, "frames.csv")
    if frames is None or "frame" not in frames:
        raise RunError(
            "the run has not measured its frames yet" if record else "not a run folder",
            path=store.folder,
            remedy="Wait for the stage 'data range'." if record else "Choose a run folder.",
        )
    try:
        measured = from_dict(record.get("settings") or {}).data_range
    except FibsemDashError:
        measured = RunSettings().data_range
    levels = reports.grey_levels(frames, measured.thr_min, measured.thr_max)
    groups = {
        "Milling": mill_group(reports.mill_rate(frames)),
        "Scan": scan_group(reports.scan_report(frames)),
        "Field of view": view_group(reports.field_of_view(frames)),
        "Grey levels": level_group(levels),
    }
    pairs, transforms = _table(store, "pairs.csv"), _table(store, "transforms.csv")
    if pairs is not None and transforms is not None and "frame" in pairs and len(transforms):
        told = reports.transformation_report(pairs, transforms)
        groups["Transformations"] = transformation_group(told)
    return RunReports(folder, groups)


def _table(store: RunStore, name: str) -> pd.DataFrame | None:
    path = store.file(name)
    return read_csv(path) if path.exists() else None


class ReportsView(pn.viewable.Viewer):  # type: ignore[misc]
    """The reports of the open run, one tab each; figures are made when a tab is first shown.

    Parameters
    ----------
    session : Session
        Its run folder is shown, its frame is the line in the curves.
    """

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(**values)
        self.session = session
        self.active = False
        self.loaded: RunReports | None = None
        self.figures: dict[str, ReportFigures] = {}
        self._asked: tuple[object, ...] = ()
        self.work = LatestWork(lambda folder: read_reports(session.config, folder))
        self.parts = {title: _Part(self._table_of(title), self._name_of(title)) for title in CODE}
        self.tabs = pmui.Tabs(
            *((title, part.layout) for title, part in self.parts.items()),
            sizing_mode="stretch_both",
        )
        code = CopyAsCode(self.python, self.command)
        self.state = StateView(
            pn.Column(code, self.tabs, sizing_mode="stretch_both", margin=0),
            self.work,
            "Open a run: what its headers and transforms tell appears here once the grey levels "
            "of its frames are measured.",
        )
        self._layout = pn.Column(self.state, sizing_mode="stretch_both", margin=0)
        self.work.param.watch(lambda *_e: self._on_loaded(), "done_count")
        self.tabs.param.watch(lambda *_e: when_locked(self._draw), "active")
        session.param.watch(lambda *_e: self.refresh(), "run_folder")
        session.param.watch(lambda event: self._move_cursor(event.new), "frame")

    def on_enter(self) -> None:
        """Read the run, unless it is shown as it is on disk."""
        self.active = True
        when_loaded(self.refresh)

    def on_leave(self) -> None:
        """Look no longer."""
        self.active = False

    def on_key(self, key: str) -> None:
        """Leave all keys to the page."""

    def poll(self) -> None:
        """Follow a run that goes on."""
        if self.active and not self.work.busy:
            self.refresh()

    def refresh(self) -> None:
        """Read the run of the session again if it is another one, or has changed."""
        folder = self.session.run_folder
        if not folder:
            self.loaded, self._asked = None, ()
            self.state.has_content = False
            return
        path = os.path.join(folder, "transforms.csv")
        try:
            found = os.stat(path)
            stamp = (*stamp_of(folder), found.st_size, found.st_mtime_ns)
        except OSError:
            stamp = (*stamp_of(folder), None)
        # The record changes with every stage; only the tables are drawn.
        stamp = (stamp[0], *stamp[2:])
        if self.active and stamp != self._asked:
            self._asked = stamp
            self.work.request(folder)

    @property
    def shown(self) -> str:
        """Title of the open tab."""
        return tuple(CODE)[self.tabs.active]

    def _on_loaded(self) -> None:
        self.loaded = self.work.result
        self.figures.clear()
        self._draw()

    def _draw(self) -> None:
        title = self.shown
        if self.loaded is None or title in self.figures:
            return
        group = self.loaded.groups.get(title)
        part = self.parts[title]
        if group is None:
            part.tell(NOT_YET)
        elif not group.recorded:
            part.tell(NOT_RECORDED)
        else:
            figures = ReportFigures(
                group, f"{self._name} {title}", self.session.frame, self._on_frame
            )
            self.figures[title] = figures
            part.show(figures, group)

    def _on_frame(self, frame: int) -> None:
        self.session.frame = frame

    def _move_cursor(self, frame: int) -> None:
        for figures in self.figures.values():
            figures.move_cursor(frame)

    @property
    def _name(self) -> str:
        return Path(self.session.run_folder).name or "run"

    def _name_of(self, title: str) -> Callable[[], str]:
        return lambda: f"{self._name} {title}"

    def _table_of(self, title: str) -> Callable[[], pd.DataFrame]:
        def table() -> pd.DataFrame:
            group = self.loaded.groups.get(title) if self.loaded is not None else None
            return pd.DataFrame(group.table() if group is not None else {})

        return table

    def python(self) -> str:
        """Return the Python lines that make the arrays of the open tab."""
        call = CODE[self.shown]
        name = call.split("(")[0]
        used = call[len(name) + 1 : -1].split(", ")
        lines = [
            f"{table} = read_csv({os.path.join(self.session.run_folder, f'{table}.csv')!r})"
            for table in used
        ]
        return "\n".join(
            [
                "from fibsem_dash.io.tables import read_csv",
                f"from fibsem_dash.quality.telemetry_reports import {name}",
                "",
                *lines,
                f"told = {call}",
            ]
        )

    def command(self) -> str:
        """Return the command line that writes all reports into one file."""
        return quoted_command(["fibsem-dash", "report", self.session.run_folder])

    def __panel__(self) -> Any:
        return self._layout


class _Part:
    """One tab: facts and figures, or a sentence why there are none."""

    def __init__(self, table: Callable[[], pd.DataFrame], name: Callable[[], str]) -> None:
        self.note = pmui.Typography("", sx={"opacity": 0.75}, margin=30, visible=False)
        self.facts = Facts(width=CONTROL_WIDTH - 20, sizing_mode="fixed", margin=(6, 8))
        self.pane = pn.pane.Bokeh(None, sizing_mode="stretch_width", margin=0)
        save = table_download(name, table, "Table")
        side = pn.Column(self.facts, save, width=CONTROL_WIDTH, margin=0)
        self.content = pn.Row(
            side, self.pane, sizing_mode="stretch_both", scroll="y-auto", visible=False, margin=0
        )
        self.layout = pn.Column(self.note, self.content, sizing_mode="stretch_both", margin=0)

    def tell(self, text: str) -> None:
        """Say why there is nothing to see."""
        self.note.param.update(object=text, visible=True)
        self.content.visible = False

    def show(self, figures: ReportFigures, group: ReportGroup) -> None:
        """Show figures and facts."""
        self.facts.show(group.facts)
        self.pane.object = figures.grid
        self.note.visible = False
        self.content.visible = True
