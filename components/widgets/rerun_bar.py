"""One button that starts the recomputation, after saying what it will do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from components.jobs import job_label, job_registry
from components.locked import when_locked
from components.rerun import Rerun, start_rerun
from components.run_plan import newest_job
from components.timers import poll_every
from components.widgets.plain import plain
from components.work import LatestWork
from fibsem_dash.compute.executor import describe_error
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.jobs import JobRegistry

POLL_MS = 500
"""Between two looks at the job."""


class RerunBar(pn.viewable.Viewer):  # type: ignore[misc]
    """Button, question, and the state of the job.

    Parameters
    ----------
    label : str
        Of the button.
    plan : callable
        Returns what would be done; runs off the event loop.
    arguments : callable
        Returns the arguments of `plan`, taken on the event loop; None while there is no run.
    """

    finished = param.Integer(0, doc="Grows whenever a job of this run has ended")

    def __init__(
        self,
        label: str,
        plan: Callable[..., Rerun],
        arguments: Callable[[], tuple[Any, ...] | None],
        registry: JobRegistry | None = None,
        **values: Any,
    ) -> None:
        super().__init__(**values)
        self._arguments = arguments
        self._registry = registry
        self.job = ""
        self._timer: Any = None
        self.work = LatestWork(plan)
        self.work.param.watch(lambda *_e: self._ask(), "done_count")
        self.work.param.watch(lambda *_e: self._busy(), ["busy", "error"])
        self.button = pmui.Button(label=label, icon="play_arrow", margin=(4, 8), width=284)
        self.button.on_click(lambda _event: self.prepare())
        self.text = pmui.Alert("", severity="info", visible=False, width=284, margin=(4, 8))
        self.yes = pmui.Button(label="Start", icon="check", margin=(4, 8), width=130)
        self.yes.on_click(lambda _event: when_locked(self.start))
        self.no = pmui.Button(
            label="Not now", icon="close", margin=(4, 8), width=130, variant="outlined"
        )
        self.no.on_click(lambda _event: when_locked(self.dismiss))
        self.question = pn.Row(self.yes, self.no, visible=False, margin=0)

    @property
    def registry(self) -> JobRegistry:
        """The jobs of the server."""
        return self._registry or job_registry()

    def prepare(self) -> None:
        """Find out what would be computed, then ask."""
        arguments = self._arguments()
        if arguments is None:
            self._say("Open a run first.", "warning")
            return
        self.work.request(*arguments)

    def _busy(self) -> None:
        self.button.loading = self.work.busy
        if self.work.error:
            self._say(self.work.error, "error")

    def _ask(self) -> None:
        wanted: Rerun = self.work.result
        self._say(wanted.describe(), "info")
        self.question.visible = True
        self.yes.disabled = not wanted.plan or wanted.stack_bytes > wanted.free_bytes

    def _say(self, text: str, severity: str) -> None:
        self.text.param.update(object=plain(text), severity=severity, visible=bool(text))

    def dismiss(self) -> None:
        """Do nothing; the question goes."""
        self.question.visible = False
        self._say("", "info")

    def forget(self) -> None:
        """Take back a question whose answer is out of date."""
        if self.question.visible:
            self.dismiss()

    def start(self) -> None:
        """Start the job that was asked for."""
        self.question.visible = False
        try:
            self.job = start_rerun(self.work.result, self.registry)
        except FibsemDashError as error:
            self._say(describe_error(error), "error")
            return
        self.poll()
        self.follow()

    def adopt(self, folder: str) -> None:
        """Follow the job of a run that works already, such as one that another tab started."""
        found = newest_job(self.registry.jobs(), folder)
        if found is not None and found.active and found.id != self.job:
            self.job = found.id
            self.poll()
            self.follow()

    def follow(self) -> None:
        """Look at the job from time to time, until it has ended."""
        document = pn.state.curdoc
        served = document is not None and document.session_context is not None
        if served and self.job and self._timer is None:
            self._timer = poll_every(self.poll, POLL_MS)

    def pause(self) -> None:
        """Stop looking."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def poll(self) -> None:
        """Bring the state of the job up to date."""
        if not self.job:
            return
        try:
            record = self.registry.get(self.job)
        except FibsemDashError:
            self._end("The job is gone.", "warning")
            return
        if record.active:
            text = job_label(record) if record.state == "running" else f"{record.title}: waits"
            if self.text.object != plain(text):
                self._say(text, "info")
            return
        problem = f": {record.error}" if record.error else ""
        if record.state == "done":
            self._end("Done. What is shown is the new result.", "success")
        else:
            self._end(f"The job is {record.state}{problem}", "error")

    def _end(self, text: str, severity: str) -> None:
        self.pause()
        self.job = ""
        self._say(text, severity)
        self.finished += 1

    def __panel__(self) -> Any:
        return pn.Column(self.button, self.text, self.question, margin=0)
