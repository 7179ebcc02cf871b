"""Slider, thumbnails, number and buttons that move the cursor through the frames."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui

from components.session import Session
from components.widgets.facts import PlainText
from components.widgets.thumbnails import Thumbnails


class FrameSlider(pn.viewable.Viewer):  # type: ignore[misc]
    """The frame under the cursor as a slider, linked with the session both ways.

    Parameters
    ----------
    session : Session
        Its `frame` and `frames`.
    """

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(**values)
        self.session = session
        self.previous = pmui.IconButton(
            icon="chevron_left", description="Previous frame (←)", margin=(6, 0)
        )
        self.next = pmui.IconButton(
            icon="chevron_right", description="Next frame (→)", margin=(6, 0)
        )
        self.slider = pmui.IntSlider(
            label="",
            start=0,
            end=1,
            show_value=False,
            sizing_mode="stretch_width",
            margin=(4, 14),
        )
        self.number = pmui.IntInput(label="Frame", start=0, width=96, size="small", margin=(6, 4))
        self.total = pmui.Typography("", variant="body2", margin=(16, 14, 0, 0))
        self.file_line = PlainText("", muted=True, one_line=True, margin=(16, 12))
        self.thumbnails = Thumbnails()
        self.thumbnails.strip.param.watch(lambda event: self._go(event.new[0]), "clicked")
        self.previous.on_click(lambda _event: session.step_frame(-1))
        self.next.on_click(lambda _event: session.step_frame(1))
        self.slider.param.watch(self._on_slider, "value")
        self.number.param.watch(self._on_number, "value")
        session.param.watch(self.update, ["frame", "frames"])
        self.update()

    def update(self, *_events: Any) -> None:
        """Show the session's frame."""
        session = self.session
        last = max(len(session.frames) - 1, 0)
        frame = min(session.frame, last)
        self.slider.param.update(end=max(last, 1), value=frame, disabled=last == 0)
        self.number.param.update(end=last, value=frame, disabled=last == 0)
        self.total.object = f"0 – {last}"
        self.previous.disabled, self.next.disabled = frame == 0, frame == last
        self.file_line.text = session.frames[frame].name if session.frames else ""

    def _on_slider(self, event: Any) -> None:
        self._go(event.new)

    def _on_number(self, event: Any) -> None:
        self._go(event.new)

    def _go(self, frame: int | None) -> None:
        if frame is not None and self.session.frames and frame != self.session.frame:
            self.session.frame = min(max(int(frame), 0), len(self.session.frames) - 1)

    def __panel__(self) -> Any:
        strip = pn.Column(self.slider, self.thumbnails, sizing_mode="stretch_width", margin=0)
        stretch: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        return pn.Column(
            pn.Row(self.previous, strip, self.next, **stretch),
            pn.Row(self.file_line, self.number, self.total, align="center", **stretch),
            **stretch,
        )
