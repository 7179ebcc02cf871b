"""The jobs of the server: which runs, which waits at what place, which has ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import panel as pn
import panel_material_ui as pmui

from components.widgets.plain import one_line
from fibsem_dash.jobs import JobRecord

SHOWN = 12
"""Jobs in the list: those that run or wait, then the newest."""

WORDS = {
    "running": "running", "done": "done", "failed": "failed", "cancelled": "stopped",
    "interrupted": "interrupted",
}  # fmt: skip


def state_word(record: JobRecord) -> str:
    """Return the state of a job for people."""
    if record.state == "queued":
        return f"place {record.queue_place} in the queue"
    if record.cancelling:
        return "stopping"
    if record.exit_status == 3:
        return "done, with problems"
    return WORDS[record.state]


def listed(records: Sequence[JobRecord]) -> list[JobRecord]:
    """Return the jobs to show: running, then the queue in its order, then the newest others."""
    running = [r for r in records if r.state == "running"]
    queued = sorted((r for r in records if r.state == "queued"), key=lambda r: r.queue_place)
    ended = [r for r in records if not r.active]
    active = running + queued
    return active + ended[: max(SHOWN - len(active), 3)]


class JobList(pn.viewable.Viewer):  # type: ignore[misc]
    """Rows of jobs, each with what can be done with it.

    Parameters
    ----------
    on_open, on_move_up, on_remove : callable
        Take the id of a job.
    width : int
        Width of a row, px.
    """

    def __init__(
        self,
        on_open: Callable[[str], None],
        on_move_up: Callable[[str], None],
        on_remove: Callable[[str], None],
        width: int,
        **values: Any,
    ) -> None:
        super().__init__(**values)
        self._actions = (on_open, on_move_up, on_remove)
        self._width = width
        self._seen: object = None
        self.rows = pn.Column(width=width, margin=0)

    def show(self, records: Sequence[JobRecord], opened: str = "") -> None:
        """Show the jobs; one is open on the page."""
        shown = listed(records)
        seen = tuple((r.id, r.title, state_word(r), r.id == opened) for r in shown)
        if seen == self._seen:
            return
        self._seen = seen
        self.rows[:] = [self._row(record, record.id == opened) for record in shown] or [
            pmui.Typography("No jobs yet.", variant="body2", sx={"opacity": 0.75})
        ]

    def _row(self, record: JobRecord, opened: bool) -> Any:
        on_open, on_move_up, on_remove = self._actions
        name = pmui.Button(
            label=one_line(record.title) or record.kind, size="small", margin=(0, 0),
            description=f"{record.kind}: {one_line(record.folder)}",
            width=self._width - 80, sx={"justifyContent": "flex-start", "textTransform": "none",
                                        "overflow": "hidden", "whiteSpace": "nowrap"},
        )  # fmt: skip
        name.variant = "outlined" if opened else "text"
        name.on_click(lambda _event: on_open(record.id))
        tools = []
        if record.queue_place > 1:
            tools.append(_tool("arrow_upward", "Start before the one in front", on_move_up, record))
        if not record.active:
            text = "Take it from the list; its files stay"
            tools.append(_tool("close", text, on_remove, record))
        elif record.state == "queued":
            tools.append(_tool("close", "Take it from the queue", on_remove, record))
        state = pmui.Typography(
            state_word(record), variant="caption", sx={"opacity": 0.8}, margin=(0, 0, 4, 8)
        )
        return pn.Column(pn.Row(name, *tools, margin=0), state, margin=0, width=self._width)

    def __panel__(self) -> Any:
        return self.rows


def _tool(icon: str, text: str, action: Callable[[str], None], record: JobRecord) -> Any:
    button = pmui.IconButton(icon=icon, description=text, size="small", margin=0)
    button.on_click(lambda _event: action(record.id))
    return button
