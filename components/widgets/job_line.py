"""One job with its progress: start, cancel, what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from components.jobs import job_label, job_registry
from components.timers import poll_every
from components.widgets.facts import PlainText
from components.widgets.plain import plain
from fibsem_dash.compute.executor import describe_error
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.jobs import JobRecord, JobRegistry

POLL_MS = 400
"""How often a page looks for news of its job; nothing is sent without news."""

END_WORDS = {
    "cancelled": "Cancelled; nothing was written.",
    "interrupted": "The job ended before it was done. Start it again.",
}


class JobLine(pn.viewable.Viewer):  # type: ignore[misc]
    """Progress of the job that was started last, with a button to cancel it.

    Parameters
    ----------
    registry : callable
        Returns the jobs of the server.
    """

    record = param.Parameter(None, doc="The job as it was seen last, a `JobRecord`; None at first")
    done_count = param.Integer(0, doc="Grows with every job that ends well")

    def __init__(
        self, registry: Callable[[], JobRegistry] = job_registry, width: int = 290, **values: Any
    ) -> None:
        super().__init__(**values)
        self._registry = registry
        self.job_id = ""
        self._poll: Any = None
        self.text = PlainText("", margin=(4, 4))
        self.bar = pmui.LinearProgress(value=0, visible=False, width=width, margin=(2, 4))
        self.cancel_button = pmui.Button(
            label="Cancel", icon="close", size="small", variant="text", visible=False, margin=(2, 4)
        )
        self.cancel_button.on_click(lambda _event: self.cancel())
        self.alert = pmui.Alert("", severity="error", visible=False, width=width, margin=(4, 4))
        self._layout = pn.Column(
            self.text, self.bar, self.cancel_button, self.alert, margin=0, width=width + 10
        )

    @property
    def active(self) -> bool:
        """Whether a job was started and has not ended."""
        return bool(self.job_id)

    def start(self, kind: str, arguments: Sequence[str], title: str, folder: str = "") -> None:
        """Put a job in the queue; what is wrong with it is told in its place."""
        self.alert.visible = False
        try:
            self.job_id = self._registry().submit(kind, arguments, title=title, folder=folder)
        except FibsemDashError as error:
            self.tell(describe_error(error))
            return
        self.look()
        if self.active and self._poll is None and pn.state.curdoc is not None:
            self._poll = poll_every(self.look, POLL_MS)

    def tell(self, problem: str) -> None:
        """Show an error."""
        self.alert.param.update(object=plain(problem), visible=bool(problem))

    def cancel(self) -> None:
        """Stop the job."""
        if not self.active:
            return
        try:
            self._registry().cancel(self.job_id)
        except FibsemDashError as error:
            self.tell(describe_error(error))
        self.look()

    def look(self) -> None:
        """Show how far the job is."""
        if not self.active:
            return
        try:
            record = self._registry().get(self.job_id)
        except FibsemDashError as error:
            self._end()
            self.tell(describe_error(error))
            return
        if record == self.record:
            return
        self.record = record
        self._show(record)
        if not record.active:
            self._end()
            if record.state == "done":
                self.done_count += 1

    def _show(self, record: JobRecord) -> None:
        stage = record.stage
        self.cancel_button.param.update(visible=record.active, disabled=record.cancelling)
        self.bar.param.update(
            visible=record.active,
            value=round(stage.percent) if stage else 0,
            variant="determinate" if stage else "indeterminate",
        )
        if record.state == "queued":
            self.text.text = f"{record.title}: waiting, place {record.queue_place} in the queue"
        elif record.active:
            self.text.text = job_label(record)
        elif record.state == "done":
            self.text.text = f"{record.title}: done"
        elif record.state == "failed":
            self.text.text = ""
            self.tell(record.error or f"{record.title} failed")
        else:
            self.text.text = END_WORDS.get(record.state, record.state)

    def _end(self) -> None:
        self.job_id = ""
        self.bar.visible = self.cancel_button.visible = False
        if self._poll is not None:
            self._poll.stop()
            self._poll = None

    def __panel__(self) -> Any:
        return self._layout
