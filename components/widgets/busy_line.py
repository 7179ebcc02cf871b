"""A thin moving line while work is under way."""

from __future__ import annotations

from typing import Any

import panel as pn

_STYLE = """
:host { overflow: hidden; }
.line { height: 4px; width: 100%; background: rgba(0, 114, 178, 0.2); overflow: hidden; }
.line div { height: 100%; width: 35%; background: #0072B2; animation: go 1.2s linear infinite; }
@keyframes go { from { transform: translateX(-100%); } to { transform: translateX(300%); } }
"""


class BusyLine(pn.viewable.Viewer):  # type: ignore[misc]
    """Is seen while some work is busy; its place is kept, so that nothing moves.

    Parameters
    ----------
    *works : LatestWork or StreamWork
        What is watched.
    """

    def __init__(self, *works: Any, **values: Any) -> None:
        super().__init__(**values)
        self.works = works
        # Plain HTML: a component of the browser's own misses changes while it is being made.
        self.line = pn.pane.HTML("", height=4, sizing_mode="stretch_width", margin=0)
        self.line.stylesheets = [_STYLE]
        for work in works:
            work.param.watch(lambda *_e: self._update(), "busy")
        self._update()

    def _update(self) -> None:
        busy = any(work.busy for work in self.works)
        self.line.object = '<div class="line"><div></div></div>' if busy else ""

    def __panel__(self) -> Any:
        return self.line
