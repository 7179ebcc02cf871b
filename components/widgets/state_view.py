"""A picture with its states: empty, busy, stale, error, ready. Nothing jumps when they change."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from components.widgets.plain import plain
from components.work import LatestWork


class StateView(pn.viewable.Viewer):  # type: ignore[misc]
    """Shows a picture, or what to do while there is none, with a thin line for work and errors.

    Parameters
    ----------
    content : viewable
        The picture.
    work : LatestWork
        What makes it.
    empty : str or viewable
        What to do to get a picture.
    waiting : str
        Said instead while the first picture is made; without it, `empty` stays.
    """

    has_content = param.Boolean(False, doc="There is something to show")
    stale = param.Boolean(False, doc="Settings changed since the picture was made")

    def __init__(
        self, content: Any, work: LatestWork, empty: Any, waiting: str = "", **values: Any
    ) -> None:
        super().__init__(**values)
        self.work = work
        self.bar = pmui.LinearProgress(
            variant="indeterminate", visible=False, sizing_mode="stretch_width", margin=0
        )
        # The bar's place is kept, so the picture does not move when it comes and goes.
        place = pn.Column(self.bar, height=6, sizing_mode="stretch_width", margin=0)
        self.alert = pmui.Alert("", severity="error", visible=False, sizing_mode="stretch_width")
        self.note = pmui.Alert(
            "Settings changed since this was made.", severity="info", visible=False,
            sizing_mode="stretch_width",
        )  # fmt: skip
        self.empty = pn.Column(
            pmui.Typography(empty, sx={"opacity": 0.75}) if isinstance(empty, str) else empty,
            margin=30,
        )
        self.waiting = pmui.Typography(waiting, sx={"opacity": 0.75}, margin=30, visible=False)
        self.content = pn.Column(content, sizing_mode="stretch_both", visible=False, margin=0)
        work.param.watch(self._update, ["busy", "error", "done_count"])
        self.param.watch(self._update, ["has_content", "stale"])
        self._layout = pn.Column(
            place, self.alert, self.note, self.empty, self.waiting, self.content,
            sizing_mode="stretch_both",
        )  # fmt: skip

    def _update(self, *events: Any) -> None:
        if any(event.name == "done_count" for event in events):
            self.param.update(has_content=True, stale=False)
        self.bar.visible = self.work.busy
        self.alert.param.update(object=plain(self.work.error), visible=bool(self.work.error))
        self.note.visible = self.stale and not self.work.busy
        self.content.visible = self.has_content
        nothing = not self.has_content and not self.work.error
        # What to do to get a picture would mislead while it is on its way.
        waits = nothing and self.work.busy and bool(self.waiting.object)
        self.waiting.visible = waits
        self.empty.visible = nothing and not waits

    def __panel__(self) -> Any:
        return self._layout
