"""During a run: its stages, its log, its workers; stop and go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui

from components.pages.run_result_view import RunResultView
from components.session import Session
from components.widgets.cluster_view import ClusterTabs
from components.widgets.job_list import state_word
from components.widgets.log_view import LogView
from components.widgets.plain import plain, plain_text
from components.widgets.stage_rows import StageRows
from fibsem_dash.compute.executor import describe_error
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.jobs import JobRecord, JobRegistry
from fibsem_dash.units import format_duration

COLOURS = {
    "queued": "default", "running": "primary", "done": "success", "failed": "error",
    "cancelled": "warning", "interrupted": "warning",
}  # fmt: skip

TABS = ("Result", "Log", "Dask", "Workers")
RESULT, LOG = 0, 1

REMARKS = {
    "queued": "Waits until the runs in front of it have ended; it starts by itself, also when no "
    "page is open.",
    "cancelled": "Stopped. What was finished is kept: Resume goes on from there.",
    "interrupted": "The process of this run ended without a word, such as by a restart of the "
    "machine. What was finished is kept: Resume goes on from there.",
}


class RunView(pn.viewable.Viewer):  # type: ignore[misc]
    """One job with its progress.

    Parameters
    ----------
    session : Session
        Its stack and run are what the result leads to.
    registry : JobRegistry
        The jobs.
    on_state : callable
        Takes the record whenever its state is another one.
    on_pair : callable
        Takes the frames of a pair that the user wants to see.
    """

    def __init__(
        self,
        session: Session,
        registry: JobRegistry,
        on_state: Callable[[JobRecord], None],
        on_pair: Callable[[int, int], None],
        **values: Any,
    ) -> None:
        super().__init__(**values)
        self.registry = registry
        self._on_state = on_state
        self.result = RunResultView(session, on_pair)
        self.cluster = ClusterTabs()
        self.job = ""
        self._seen: tuple[str, str, int] | None = None
        self._build()

    def _build(self) -> None:
        self.title = plain_text(
            "", {"font-size": "17px", "font-weight": "500"}, margin=(8, 8), max_width=420
        )
        self.state = pmui.Chip("", size="small", margin=(8, 8))
        self.clock = plain_text("", {"opacity": "0.8"}, margin=(10, 8))
        small: dict[str, Any] = {"size": "small", "margin": (4, 4), "visible": False}
        self.stop = pmui.Button(label="Stop", icon="stop", color="error", **small)
        self.stop.variant = "outlined"
        self.stop.on_click(lambda _event: self.ask_to_stop())
        self.resume = pmui.Button(label="Resume", icon="play_arrow", **small)
        self.resume.on_click(lambda _event: self.go_on())
        self.alert = pmui.Alert("", visible=False, sizing_mode="stretch_width", margin=(4, 8))
        self.stages = StageRows()
        self.log = LogView()
        self.question = pmui.Dialog(
            pmui.Typography("What is finished is kept; Resume goes on from there.", margin=8),
            pn.Row(self._answer("Stop the run", True), self._answer("Let it run", False)),
            title="Stop this run?", close_on_click=True,
        )  # fmt: skip
        head = pn.Row(
            self.title, self.state, self.clock, pn.HSpacer(), self.stop, self.resume,
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip
        self.tabs = pmui.Tabs(
            ("Result", self.result), ("Log", self.log), ("Dask", self.cluster.dask),
            ("Workers", self.cluster.workers), active=LOG, sizing_mode="stretch_both",
            min_height=300,
        )  # fmt: skip
        self._layout = pn.Column(
            head, self.alert, self.stages, self.tabs, self.question,
            sizing_mode="stretch_both", scroll="y-auto", margin=0,
        )  # fmt: skip

    def _answer(self, label: str, stops: bool) -> pmui.Button:
        button = pmui.Button(label=label, color="error" if stops else "default", margin=8)
        button.variant = "contained" if stops else "text"
        button.on_click(lambda _event: self.answer(stops))
        return button

    def open(self, job: str) -> None:
        """Show another job."""
        if job != self.job:
            self.job, self._seen = job, None
            self.log.clear()
            self.result.clear()
            self.cluster.clear()
        self.poll()

    @property
    def record(self) -> JobRecord | None:
        """The job; None when it was removed."""
        try:
            return self.registry.get(self.job) if self.job else None
        except FibsemDashError:
            return None

    def poll(self) -> None:
        """Bring the page up to date."""
        record = self.record
        if record is None:
            return
        self._show_clock(record)
        self.stages.show(record)
        seen = (record.id, state_word(record), record.attempt)
        if seen != self._seen:
            self._seen = seen
            self._show_state(record)
            self._on_state(record)
        shown = TABS[self.tabs.active]
        if shown == "Log" or not self.log.known or not record.active:
            self.log.add(self.registry.log(record.id, after=self.log.last))
        self.cluster.poll(record, shown)

    def leave(self) -> None:
        """Look no longer."""
        self.cluster.leave()

    def _show_clock(self, record: JobRecord) -> None:
        text = ""
        if record.started:
            end = record.finished or (time.time() if record.state == "running" else None)
            text = format_duration(max(end - record.started, 0)) if end else ""
        if text != self.clock.object:
            self.clock.object = text

    def _show_state(self, record: JobRecord) -> None:
        self.title.object = record.title or record.kind
        self.state.param.update(label=state_word(record), color=COLOURS[record.state])
        self.stop.param.update(
            visible=record.active,
            disabled=record.cancelling,
            label="Stop" if record.state == "running" else "Take from the queue",
        )
        self.resume.visible = record.resumable
        text, severity = REMARKS.get(record.state, ""), "info"
        if record.error:
            text, severity = f"{record.error}", "error"
        elif record.exit_status == 3:
            text, severity = f"Done; {record.problems} frames or pairs have problems.", "warning"
        self.alert.param.update(object=plain(text), severity=severity, visible=bool(text))
        if record.kind == "register" and not record.active:
            self.result.open(record.folder)
        if record.state == "done":
            self.tabs.active = RESULT
        elif self.tabs.active == RESULT:
            self.tabs.active = LOG

    def ask_to_stop(self) -> None:
        """Ask once before a running job is stopped; a waiting one just leaves the queue."""
        record = self.record
        if record is not None and record.state == "queued":
            self.answer(True)
        else:
            self.question.open = True

    def answer(self, stops: bool) -> None:
        """Stop the job if the user wants so."""
        self.question.open = False
        if stops:
            self._act(self.registry.cancel)

    def go_on(self) -> None:
        """Queue the job again."""
        self._act(self.registry.resume)

    def _act(self, action: Callable[[str], None]) -> None:
        try:
            action(self.job)
        except FibsemDashError as error:
            text = plain(describe_error(error))
            self.alert.param.update(object=text, severity="error", visible=True)
        else:
            self.poll()

    def __panel__(self) -> Any:
        return self._layout
