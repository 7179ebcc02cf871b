"""The indicator of background work in the title bar."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui

from components.activity import ACTIVITIES, Activities
from components.jobs import job_labels, job_registry
from components.timers import poll_every
from components.widgets.plain import one_line, plain_text
from fibsem_dash.jobs import JobRegistry

POLL_MS = 500
"""How often a tab looks whether something changed."""


class ActivityView(pn.viewable.Viewer):  # type: ignore[misc]
    """A spinner and a line of text while the server works in the background.

    Parameters
    ----------
    activities : Activities
        Those of the process by default.
    jobs : JobRegistry, optional
        Those of the server by default.
    """

    def __init__(
        self,
        activities: Activities = ACTIVITIES,
        jobs: JobRegistry | None = None,
        **values: Any,
    ) -> None:
        super().__init__(**values)
        self._activities = activities
        self._jobs = jobs or job_registry()
        self._seen = (-1, -1)
        self.text = plain_text("", {"color": "white", "font-size": "13px"}, margin=(0, 8))
        self.spinner = pmui.CircularProgress(size=18, color="light", margin=0)
        self._layout = pn.Row(
            self.spinner, self.text, visible=False, align="center", margin=(0, 12)
        )
        self.poll()

    def start(self) -> None:
        """Follow the activities for as long as the tab is open."""
        document = pn.state.curdoc
        if document is not None and document.session_context is not None:
            poll_every(self.poll, POLL_MS)

    def poll(self) -> None:
        """Bring the line up to date; returns at once when nothing changed."""
        version = (self._activities.version, self._jobs.version)
        if version == self._seen:
            return
        self._seen = version
        labels = [*self._activities.labels(), *map(one_line, job_labels(self._jobs))]
        more = f" and {len(labels) - 1} more" if len(labels) > 1 else ""
        text = labels[0] + more if labels else ""
        if text != self.text.object:
            self.text.object = text
        if self._layout.visible != bool(labels):
            self._layout.visible = bool(labels)

    def __panel__(self) -> Any:
        return self._layout
