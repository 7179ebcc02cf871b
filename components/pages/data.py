"""The Data page: choose the frames, see what they are, open them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui

from components.pages import PAGES
from components.pages.base import CONTROL_WIDTH, Page, card, empty_state
from components.pages.data_summary import (
    folder_code,
    progress_line,
    summary_tiles,
    telemetry_frame,
)
from components.reading import DEMO, Reading, Request
from components.run_plan import pixel_size_note
from components.session import Session
from components.widgets.exclude_frames import ExcludeFrames
from components.widgets.figure_tools import CopyAsCode, table_download
from components.widgets.folder_picker import FolderPicker
from components.widgets.frame_table import (
    FRAME_COLUMNS,
    frames_frame,
    names_frame,
    plain_table,
    problems_frame,
)
from components.widgets.plain import plain, plain_text
from components.widgets.run_picker import RunPicker
from components.widgets.telemetry_view import TelemetryView
from components.widgets.tiles import Tiles
from fibsem_dash.registration.listing import Problem, telemetry

FIELD_WIDTH = CONTROL_WIDTH - 56
"""Width of one field, px."""

SOURCES = ("Folder", "Demo", "Runs")

ORDERS = {"Name, numbers by value": "name", "Number in the name": "number", "Time saved": "time"}

HELP = """
Choose a folder that holds **one file per frame** (`.dat` or `.tif`): type its path, click through
the folders, or take a recent one. Only folders that the server was started with are open.

The headers of all frames are read in the background. Then you see how many frames there are, where
numbers are missing, which frames cannot be read and why, and how the microscope behaved.

* A click on a row or on a curve moves the frame under the cursor; all pages follow it.
* Zoom the curves with ctrl and the wheel or with the box tool, drag to move. All move together.
* **Open** goes on to the header and the image of the frame.
* **Runs** lists earlier registrations; *Resume* takes one up again.

No data at hand? **Demo** draws a small synthetic stack with a blank frame and a jump.
"""


class DataPage(Page):
    """Folder, frames, problems, telemetry and run folders."""

    title = "Data"
    hint = "Choose a folder with one file per frame, or open the demo; then press Open."
    help_text = HELP

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(session, **values)
        self.reader = session.reader
        self._build_controls()
        self._build_main()
        self.reader.param.watch(self._on_progress, ["busy", "ticks", "found"])
        self.reader.param.watch(self._on_error, "error")
        self.reader.param.watch(self._on_result, "result")
        session.param.watch(self._on_frame, "frame")
        if self.reader.result is not None:
            self._on_result()
        elif self.reader.error:
            self._on_error_text(self.reader.error)

    def _build_controls(self) -> None:
        width = FIELD_WIDTH
        self.source = pmui.RadioButtonGroup(
            options=list(SOURCES), value=SOURCES[0], width=width, margin=(4, 8, 8, 8), size="small"
        )
        self.picker = FolderPicker(self.session.config, self.choose, width)
        self.pattern = pmui.TextInput(
            label="Pattern of the names", placeholder="*.dat, else *.tif", width=width,
            size="small", margin=(10, 8, 4, 8), max_length=200,
            description="* stands for any text, ? for one sign, such as *_0-0-0.dat",
        )  # fmt: skip
        self.order = pmui.Select(
            label="Order", options=ORDERS, value="name", width=width, margin=(10, 8, 4, 8),
            size="small", description="What the frames are sorted by",
        )  # fmt: skip
        self.recursive = pmui.Switch(label="Folders below, too", value=False, margin=(8, 8))
        self.read_button = pmui.Button(
            label="Read frames", icon="manage_search", width=width, margin=(8, 8)
        )
        self.read_button.on_click(
            lambda _event: self.choose(self.picker.path.value_input or self.picker.path.value or "")
        )
        self.demo_button = self._demo_button(width=width, margin=(8, 8))
        self.runs = RunPicker(self.session, width)
        if self.session.config.demo_only:
            self.source.param.update(options=["Demo"], value="Demo")
        self._forms = {
            "Folder": [self.picker, self.pattern, self.order, self.recursive, self.read_button],
            "Demo": [_demo_text(width), self.demo_button],
            "Runs": [self.runs],
        }
        self.form = pn.Column(*self._forms[self.source.value], margin=0)
        self.source.param.watch(self._on_source, "value")

    def _demo_button(self, **options: Any) -> pmui.Button:
        button = pmui.Button(label="Open the demo", icon="science", **options)
        button.on_click(lambda _event: self.open_demo())
        return button

    def _build_main(self) -> None:
        self.alert = pmui.Alert("", severity="error", visible=False, sizing_mode="stretch_width")
        self.note = pmui.Alert("", severity="info", visible=False, sizing_mode="stretch_width")
        self.bar = pmui.LinearProgress(
            value=0, variant="determinate", sizing_mode="stretch_width", margin=(0, 4)
        )
        self.progress_text = plain_text("", sizing_mode="stretch_width", margin=(8, 4))
        self.stop_button = pmui.Button(
            label="Stop", icon="stop", variant="outlined", size="small", margin=(2, 4)
        )
        self.stop_button.on_click(lambda _event: self.reader.stop())
        self.progress = pn.Column(
            pn.Row(self.progress_text, self.stop_button, sizing_mode="stretch_width"), self.bar,
            visible=False, sizing_mode="stretch_width", margin=(0, 0, 8, 0),
        )  # fmt: skip
        self.heading = plain_text("", _HEADING, sizing_mode="stretch_width", margin=(10, 4))
        self.open_button = pmui.Button(label="Open", icon="arrow_forward", width=110, margin=(4, 4))
        self.open_button.on_click(lambda _event: self._go_on())
        self.open_button.visible = any(
            e.key == "header" and find_spec(e.module) is not None for e in PAGES
        )
        self.tiles = Tiles()
        self.frame_table = self._make_frame_table(pd.DataFrame(columns=list(FRAME_COLUMNS)))
        self.problem_table = self._make_problem_table(())
        self.curves = TelemetryView(self.session)
        self._make_tools()
        self.head = pn.Row(
            self.heading, self.exclusion, self.open_button, sizing_mode="stretch_width", margin=0
        )
        self.empty = empty_state(
            "Choose a folder with one file per frame on the left, or look at the demo first.",
            self._demo_button(variant="outlined", margin=(16, 0)),
        )
        self.body = pn.Column(self.empty, sizing_mode="stretch_width", margin=0)

    def _make_tools(self) -> None:
        """Make what saves the tables and copies the code."""

        def stem(what: str) -> Callable[[], str]:
            return lambda: f"{Path(self.session.folder).name} {what}"

        session = self.session
        save_frames = table_download(stem("frames"), lambda: self.frame_table.value)
        copy = CopyAsCode.of(lambda: folder_code(session.folder, session.pattern))
        self.exclusion = ExcludeFrames(session)
        self.exclusion.param.watch(self._on_excluded, "count")
        self.table_tools = [copy, save_frames]
        self.save_problems = table_download(stem("problems"), lambda: self.problem_table.value)
        self.save_curves = table_download(
            stem("telemetry"), lambda: telemetry_frame(session.frames)
        )

    def _make_frame_table(self, rows: pd.DataFrame) -> pn.widgets.Tabulator:
        return plain_table(
            rows,
            self._on_frame_row,
            page_size=10,
            selected=self.session.frame if self.session.frames else None,
            widths={"#": 64, "File": 260, "State": 76},
            right=("#", "Size (MB)"),
        )

    def _make_problem_table(self, problems: Sequence[Problem]) -> pn.widgets.Tabulator:
        rows = problems_frame(problems)
        return plain_table(rows, self._on_problem_row, 6, None, {"#": 64, "File": 270}, ("#",))

    def controls(self) -> list[Any]:
        """Return the cards of the control column."""
        return [card("Frames", self.source, self.form, collapsible=False)]

    def main(self) -> Any:
        """Return progress, messages and what is known about the frames."""
        return pn.Column(
            self.alert, self.note, self.progress, self.body,
            sizing_mode="stretch_both", scroll="y-auto", margin=(6, 12),
        )  # fmt: skip

    def on_enter(self) -> None:
        """Look for run folders again."""
        self.runs.refresh()

    def choose(self, path: str) -> None:
        """Read the headers of a folder that the user chose; begins at its first frame."""
        if path.strip():
            self._request(path.strip())
        else:
            self._on_error_text("Type or choose a folder first.")

    def open_demo(self) -> None:
        """Open the demo; it is drawn first if it is not there."""
        self.pattern.value = ""
        self.reader.read_demo()

    def _request(self, path: str) -> None:
        pattern = (self.pattern.value or "").strip()
        self.reader.read(Request(path, pattern, self.order.value, self.recursive.value))

    def _on_source(self, event: Any) -> None:
        self.form[:] = self._forms[event.new]
        if event.new == "Runs":
            self.runs.refresh()

    def _on_progress(self, *events: Any) -> None:
        if self.reader.busy and any(event.name == "found" for event in events):
            self._show_names()
        busy, activity = self.reader.busy, self.reader.activity
        self.progress.visible = busy
        self.read_button.disabled = self.demo_button.disabled = busy
        if not busy or activity is None:
            return
        known = activity.total > 0
        self.bar.param.update(
            variant="determinate" if known else "indeterminate",
            value=100 * activity.done // activity.total if known else 0,
        )
        self.progress_text.object = progress_line(
            activity.name, activity.done, activity.total, activity.rate, activity.left_s
        )

    def _show_names(self) -> None:
        """Show the list while the headers are still being read."""
        folder, paths = self.reader.found
        self.heading.object = folder
        self.tiles.show([("Frames found", str(len(paths)), False)])
        self.open_button.disabled = True
        self.frame_table = self._make_frame_table(names_frame(paths))
        self.body[:] = [self.head, self.tiles, _section("Frames", self.frame_table)]

    def _on_error(self, event: Any) -> None:
        self._on_error_text(event.new)
        if event.new:
            # What was asked for has no frames: Open would go on with those of another folder.
            self.open_button.disabled = True

    def _on_error_text(self, text: str) -> None:
        self.alert.param.update(object=plain(text), visible=bool(text))
        if text and self.reader.result is not None:
            self._show(self.reader.result)

    def _on_result(self, *_events: Any) -> None:
        reading: Reading = self.reader.result
        self.alert.visible = False
        self.pattern.value = reading.request.pattern
        self._show(reading)
        self.picker.recent.add(reading.folder)
        self.picker.refresh_recent()
        self.picker.browse(self.session.config.confine(reading.folder))

    def _show(self, reading: Reading) -> None:
        summary = reading.summary
        self.heading.object = reading.folder
        self.tiles.show(summary_tiles(summary))
        bad = [frame.index for frame in reading.frames if not frame.usable]
        self.curves.set_data(telemetry(reading.frames), summary.gaps, bad)
        text = self._remark(reading)
        self.note.param.update(object=plain(text), visible=bool(text))
        self.open_button.disabled = not reading.summary.n_readable
        # New tables in place of new data: a table that is still being drawn takes none.
        self.exclusion.open(reading.folder, [problem.index for problem in summary.problems])
        rows = frames_frame(reading.frames, self.session.excluded)
        self.frame_table = self._make_frame_table(rows)
        self.problem_table = self._make_problem_table(summary.problems)
        # The curves first: on a small screen they are what is seen without scrolling.
        parts = [_section("Frames", self.frame_table, tools=self.table_tools)]
        if self.curves.columns:
            parts.insert(0, _section("From the headers", self.curves, tools=[self.save_curves]))
        problems = []
        if summary.problems:
            tools = [self.exclusion.problems_button, self.save_problems]
            problems.append(_section("Problems", self.problem_table, tools=tools))
        self.body[:] = [self.head, self.tiles, *problems, _side_by_side(parts)]

    def _remark(self, reading: Reading) -> str:
        parts = []
        if len(reading.frames) < reading.n_found:
            parts.append(
                f"Stopped: {len(reading.frames)} of {reading.n_found} headers were read; only "
                "these frames are open."
            )
        if reading.n_left_out:
            parts.append(
                f"{reading.n_left_out} files are links to places that are not open to the "
                "dashboard and were left out."
            )
        if not reading.summary.n_readable:
            parts.append("None of these files can be read as a frame.")
        parts.append(pixel_size_note(reading.frames))
        if reading.request.order == "number" and not reading.summary.numbered:
            parts.append("The names hold no number that counts the frames: sorted by name.")
        return " ".join(part for part in parts if part)

    def _on_excluded(self, _event: Any) -> None:
        """Say in the table which frames a run will leave out."""
        table, frames = self.frame_table, self.session.frames
        states = list(frames_frame(frames, self.session.excluded)["State"])
        shown = list(table.value["State"])
        changed = [row for row, old in enumerate(shown) if old != states[row]]
        if changed and len(shown) == len(states):
            table.patch({"State": [(row, states[row]) for row in changed]})

    def _on_frame_row(self, row: int) -> None:
        self._go_to(self.frame_table, row)

    def _on_problem_row(self, row: int) -> None:
        self._go_to(self.problem_table, row)

    def _go_to(self, table: Any, row: int) -> None:
        if 0 <= row < len(table.value) and self.session.frames:
            index = int(table.value["#"].iloc[row])
            self.session.frame = min(index, len(self.session.frames) - 1)

    def _on_frame(self, *_events: Any) -> None:
        """Select the row of the frame under the cursor, on the page of the table that has it."""
        table, frame = self.frame_table, self.session.frame
        if frame >= len(table.value) or table.selection == [frame]:
            return
        table.selection = [frame]
        if not table.sorters:
            table.page = frame // table.page_size + 1

    def _go_on(self) -> None:
        self.session.page = "header"


_HEADING = {"font-size": "15px", "font-weight": "500"}


def _demo_text(width: int) -> Any:
    return pmui.Typography(
        f"A synthetic stack of {DEMO['frames']} frames with one blank frame and one jump. It takes "
        "a few seconds to draw the first time.",
        variant="body2",
        width=width,
        margin=(6, 8),
    )


def _section(title: str, *objects: Any, tools: Sequence[Any] = ()) -> pn.Column:
    text = pmui.Typography(title, variant="subtitle1", margin=(4, 4))
    heading = pn.Row(text, pn.HSpacer(), *tools, sizing_mode="stretch_width", margin=(8, 0, 2, 0))
    return pn.Column(heading, *objects, sizing_mode="stretch_width", margin=0)


def _side_by_side(parts: Sequence[Any]) -> Any:
    """Put parts beside each other where there is room, below each other on a small screen."""
    for part in parts:
        part.styles = {"flex": "1 1 600px", "min-width": "0"}
    return pn.FlexBox(
        *parts, gap="16px", sizing_mode="stretch_width", margin=0, align_items="flex-start"
    )
