"""How long work has been under way."""

from __future__ import annotations

import time
from typing import Any

import panel as pn
import panel_material_ui as pmui

from components.timers import poll_every
from fibsem_dash.units import format_duration


class Elapsed(pn.viewable.Viewer):  # type: ignore[misc]
    """Shows the elapsed time of busy work from its second second on.

    Parameters
    ----------
    work : LatestWork or StreamWork
        What is watched; one with `total` also tells how much is done.
    """

    def __init__(self, work: Any, **values: Any) -> None:
        super().__init__(**values)
        self.work = work
        self._since = 0.0
        self._timer: Any = None
        self.text = pmui.Typography("", variant="caption", margin=(0, 8), sx={"opacity": 0.75})
        names = [n for n in ("busy", "done") if n in work.param]
        work.param.watch(self._update, names)

    def _update(self, *_events: Any) -> None:
        if self.work.busy and not self._since:
            self._since = time.monotonic()
            if pn.state.curdoc is not None and pn.state.curdoc.session_context is not None:
                self._timer = poll_every(self.tick, 1000)
        elif not self.work.busy:
            self._since = 0.0
            if self._timer is not None:
                self._timer.stop()
                self._timer = None
        self.tick()

    def tick(self) -> None:
        """Bring the text up to date."""
        seconds = time.monotonic() - self._since if self._since else 0.0
        total = getattr(self.work, "total", 0)
        parts = []
        if self._since and total:
            parts.append(f"{self.work.done} of {total}")
        if seconds >= 1:
            parts.append(format_duration(seconds))
        self.text.object = "working: " + ", ".join(parts) if parts else ""

    def __panel__(self) -> Any:
        return self.text
