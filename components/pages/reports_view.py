"""Reports: milling, scan, field of view, grey levels and transformations of the open run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd
import panel as pn
import panel_material_ui as pmui

from components.command_line import quoted_command
from components.config import ServerConfig
from components.locked import when_locked
from components.pages.base import CONTROL_WIDTH
from components.pages.run_tab import RunTab
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
from components.widgets.facts import Facts
from components.widgets.figure_tools import CopyAsCode, table_download
from fibsem_dash.errors import FibsemDashError, RunError
from fibsem_dash.io.tables import read_csv
from fibsem_dash.quality import telemetry_reports as reports
from fibsem_dash.registration.run_store import RunStore
from fibsem_dash.settings import RunSettings, from_dict

NOT_RECORDED = "The headers of these frames do not record it."
NOT_YET = "The run has not come to it yet."

TABLES = ("frames.csv", "pairs.csv", "transforms.csv")
"""Tables of a run folder that are drawn."""

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
    """All reports of a run.

    Attributes
    ----------
    groups : dict
        By the titles in `CODE`; those are missing that the run has not come to.
    rests_on : tuple
        What they were made from; the same for the same reports.
    """

    groups: dict[str, ReportGroup]
    rests_on: tuple[object, ...] = ()


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
    stamp = stamp_of(store.folder, TABLES)
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
    return RunReports(groups, (stamp, measured.thr_min, measured.thr_max))


def _table(store: RunStore, name: str) -> pd.DataFrame | None:
    path = store.file(name)
    return read_csv(path) if path.exists() else None


class ReportsView(RunTab):
    """The reports of the open run, one tab each; figures are made when a tab is first shown.

    Parameters
    ----------
    session : Session
        Its run folder is shown, its frame is the line in the curves.
    """

    files: ClassVar[tuple[str, ...]] = ("run.json", *TABLES)
    empty: ClassVar[str] = (
        "Open a run: what its headers and transforms tell appears here once the grey levels "
        "of its frames are measured."
    )
    loaded: RunReports | None

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(session, **values)
        self.figures: dict[str, ReportFigures] = {}
        self.parts = {title: _Part(self._table_of(title), self._name_of(title)) for title in CODE}
        self.tabs = pmui.Tabs(
            *((title, part.layout) for title, part in self.parts.items()),
            sizing_mode="stretch_both",
        )
        code = CopyAsCode(self.python, self.command)
        self.assemble(pn.Column(code, self.tabs, sizing_mode="stretch_both", margin=0))
        self.tabs.param.watch(lambda *_e: when_locked(self._draw), "active")
        session.param.watch(lambda event: self._move_cursor(event.new), "frame")

    def poll(self) -> None:
        """Follow a run that goes on."""
        if self.active and not self.load.busy:
            self.refresh()

    def read(self, folder: str) -> RunReports:
        """Read the tables of the run."""
        return read_reports(self.session.config, folder)

    def show(self, found: RunReports) -> None:
        """Draw the open tab again if its tables are other ones."""
        before, self.loaded = self.loaded, found
        if before is None:
            self._choose_tab(found)
        if before is None or before.rests_on != found.rests_on:
            self.figures.clear()
            self._draw()

    def _choose_tab(self, found: RunReports) -> None:
        """Leave a tab on which another run would show nothing."""
        recorded = [
            title for title in CODE if title in found.groups and found.groups[title].recorded
        ]
        if recorded and self.shown not in recorded:
            self.tabs.active = tuple(CODE).index(recorded[0])

    @property
    def shown(self) -> str:
        """Title of the open tab."""
        return tuple(CODE)[self.tabs.active]

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
                group, f"{self.run_name} {title}", self.session.frame, self._on_frame
            )
            self.figures[title] = figures
            part.show(figures, group)

    def _on_frame(self, frame: int) -> None:
        self.session.frame = frame

    def _move_cursor(self, frame: int) -> None:
        for figures in self.figures.values():
            figures.move_cursor(frame)

    def _name_of(self, title: str) -> Callable[[], str]:
        return lambda: f"{self.run_name} {title}"

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


class _Part:
    """One tab: facts and figures, or a sentence why there are none."""

    def __init__(self, table: Callable[[], pd.DataFrame], name: Callable[[], str]) -> None:
        self.note = pmui.Typography("", sx={"opacity": 0.75}, margin=30, visible=False)
        self.facts = Facts(width=CONTROL_WIDTH - 20, sizing_mode="fixed", margin=(6, 8))
        self.pane = pn.pane.Bokeh(None, sizing_mode="stretch_both", margin=0)
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
        self.pane.param.update(object=figures.grid, min_height=figures.min_height)
        self.note.visible = False
        self.content.visible = True
