"""Data range: the grey levels that become the 8-bit images for SIFT."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, ClassVar

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.events import Tap

from components.locked import event_loop, when_locked
from components.pages.base import CONTROL_WIDTH, Page, card, empty_state
from components.pages.range_detector import DetectorChoice
from components.pages.range_model import (
    MeasuredRanges,
    fit,
    limits_at,
    measure,
    sample_of,
    shares_outside,
)
from components.pages.range_preview import RangePreview
from components.plots.level_histogram import LevelHistogram
from components.plots.range_curves import RangeCurves
from components.session import Session
from components.stream import StreamWork
from components.widgets.elapsed import Elapsed
from components.widgets.settings_form import settings_card
from components.widgets.state_view import StateView
from fibsem_dash.compute.executor import describe_error
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.registration.data_range import StackRange

MEASURING = ("thr_min", "thr_max", "nbins", "method")
"""Settings that the measured ranges depend on; the others act on their smoothing alone."""


DRAG_PAUSE_S = 0.3
"""A dragged limit that rests so long is taken: every step would measure the stack again."""


class DataRangePage(Page):
    """Grey levels of every frame, their smoothing, and the 8-bit image that results."""

    title: ClassVar[str] = "Data range"
    hint: ClassVar[str] = (
        "Move the shares of pixels left out and watch the thresholds and the 8-bit image."
    )
    help_text: ClassVar[str] = """
SIFT works on 8-bit images. This page chooses which grey levels become black (0) and white (255).

* The **curves** show the lowest and highest level of each frame after a small share of the pixels
  was left out at either end. Some frames are measured at once; *Run on all frames* measures all.
* **Sliding** follows slow changes of brightness along the stack (dashed fit); otherwise one range
  (orange lines) is taken for all frames.
* Click the curve to look at another frame. Below are its histogram with the two limits and the
  8-bit image beside the raw one; pixels below the range are blue, pixels above it red.
* **Drag an orange limit** of the histogram to set it by hand. The share of this frame's pixels
  that lies outside becomes the threshold of every frame, so that the range follows the stack;
  with *sliding*, the limit then takes its place on the fit.
* **fused** looks at the mixture of detectors A and B, as the written slices may have it. SIFT
  itself takes one detector.
* **f** fits the pictures, **c** stretches the contrast of the raw one.
"""

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(session, **values)
        self.params = session.settings.data_range
        self.ranges = MeasuredRanges()
        self.scan = StreamWork()
        self.curves = RangeCurves()
        self.histogram = LevelHistogram(self._on_dragged)
        self.preview = RangePreview()
        self.numbers: Any = np.zeros(0)
        self.levels: StackRange | None = None
        self.active = False
        self._limits = 0.0, 0.0
        self.detector = DetectorChoice(session)
        self._timer: asyncio.TimerHandle | None = None
        self._scope = "sample"
        self._build_controls()
        self._watch()

    def _build_controls(self) -> None:
        self.run_all = pmui.Button(label="Run on all frames", icon="play_arrow", width=180)
        self.run_all.on_click(lambda _event: self.measure("all"))
        self.stop = pmui.Button(
            label="Stop", icon="stop", variant="outlined", width=86, disabled=True
        )
        self.stop.on_click(lambda _event: self.scan.stop())
        self.progress = pmui.LinearProgress(
            value=0, variant="determinate", visible=False, width=CONTROL_WIDTH - 60
        )
        self.state = pmui.Typography("", variant="body2", width=CONTROL_WIDTH - 60)
        self.reset_note = pmui.Alert("", severity="info", visible=False)
        self.scale = pmui.RadioButtonGroup(options=["linear", "log"], value="log", size="small")
        self.histogram_pane = pn.pane.Bokeh(self.histogram.log, sizing_mode="stretch_both")
        self.scale.param.watch(self._on_scale, "value")

    def _watch(self) -> None:
        session = self.session
        session.param.watch(lambda *_e: self.refresh(), ["frames"])
        session.param.watch(lambda *_e: self.show_frame(), ["frame"])
        self.detector.param.watch(lambda *_e: self.refresh(), "pixels")
        self.params.param.watch(lambda *_e: self.refresh(), list(MEASURING))
        self.params.param.watch(lambda *_e: self.refit(), ["window", "order", "sliding"])
        self.scan.param.watch(self._on_items, "done_count")
        self.scan.param.watch(self._on_progress, ["busy", "done"])
        self.preview.work.param.watch(self._on_levels, "done_count")
        self.curves.figure.on_event(Tap, self._on_tap)

    def controls(self) -> list[Any]:
        """Return the cards of the control column."""
        run = card(
            "Measure",
            pn.Column(
                self.detector,
                pn.Row(self.run_all, self.stop),
                self.progress,
                Elapsed(self.scan),
                self.state,
            ),
        )
        fit_names = ["sliding", "window", "order"]
        return [
            run,
            settings_card("Share of pixels left out", self.params, ["thr_min", "thr_max"]),
            settings_card("Along the stack", self.params, fit_names),
            settings_card("Method", self.params, ["method", "nbins"], collapsed=True),
        ]

    def main(self) -> Any:
        """Return the curves, the histogram and the preview."""
        to_data = pmui.Button(label="Go to Data", icon="folder_open")
        to_data.on_click(lambda _event: self.session.param.update(page="data"))
        self.no_stack = empty_state("Open a stack on the Data page first.", to_data)
        self.curve_view = StateView(
            pn.pane.Bokeh(self.curves.figure, sizing_mode="stretch_both", min_height=180),
            self.scan,  # type: ignore[arg-type]
            "Measuring some frames ...",
        )
        histogram = pn.Column(
            pn.Row(pmui.Typography("Histogram (drag a limit)", variant="subtitle2"), self.scale),
            self.histogram_pane,
            sizing_mode="stretch_both",
        )
        below = pn.Row(
            pn.Column(histogram, sizing_mode="stretch_both", max_width=340),
            self.preview,
            sizing_mode="stretch_both",
            styles={"flex": "2 1 0"},
        )
        top = pn.Column(
            self.curve_view, sizing_mode="stretch_both", min_height=230, styles={"flex": "1 1 0"}
        )
        self.pictures = pn.Column(top, below, sizing_mode="stretch_both")
        # A range that changes while the browser is still building the figure would be lost.
        self.curves.set_length(len(self.session.frames))
        self._show_empty()
        return pn.Column(self.no_stack, self.pictures, sizing_mode="stretch_both")

    def _show_empty(self) -> None:
        if hasattr(self, "pictures"):
            self.pictures.visible = bool(self.session.frames)
            self.no_stack.visible = not self.session.frames

    def on_enter(self) -> None:
        """Bring the page up to date when it is shown."""
        self.active = True
        self.refresh()

    def on_leave(self) -> None:
        """Stop measuring the sample; a run over all frames goes on."""
        self.active = False
        if self._scope == "sample":
            self.scan.stop()

    def on_key(self, key: str) -> None:
        """Flicker between the raw and the 8-bit image, fit the view, stretch the contrast."""
        if key == " ":
            self.preview.flick()
        elif key == "c":
            self.preview.stretch()
        elif key == "f":
            when_locked(self.preview.view.fit)

    def refresh(self) -> None:
        """Measure what the settings ask for and is not known yet."""
        self._show_empty()
        disabled = not self.session.frames
        self.run_all.disabled = disabled
        if self.active and not disabled:
            when_locked(lambda: self.curves.set_length(len(self.session.frames)))
            self.measure("sample")
            self.show_frame()

    def measure(self, scope: str) -> None:
        """Measure a sample of the frames, or all of them."""
        frames, pixels = self.session.frames, self.detector.pixels
        wanted = sample_of(frames) if scope == "sample" else [f for f in frames if f.usable]
        settings = self.params.to_settings()
        missing = self.ranges.missing(wanted, pixels, settings)
        self._scope = scope
        if missing:
            self.scan.start(lambda stop: measure(missing, pixels, settings, stop), len(missing))
        else:
            self.scan.stop()
        self.refit()

    def refit(self) -> None:
        """Smooth what is measured again, and show it."""
        when_locked(self._refit)

    def _refit(self) -> None:
        if not self.session.frames:
            return
        settings = self.params.to_settings()
        known = self.ranges.get(self.session.frames, self.detector.pixels, settings)
        if not known:
            if self.curve_view_ready:
                self.curve_view.stale = True
            return
        try:
            self.numbers, self.levels = fit(known, settings, len(self.session.frames))
        except FibsemDashError as error:
            self.scan.error = describe_error(error)
            return
        self.curves.show(self.numbers, self.levels, settings.sliding)
        if self.curve_view_ready:
            self.curve_view.param.update(has_content=True, stale=False)
        self._tell_state(known)
        self._set_limits()

    @property
    def curve_view_ready(self) -> bool:
        """Whether the pictures are built."""
        return hasattr(self, "curve_view")

    def _tell_state(self, known: Any) -> None:
        n_bad = sum(bool(found.reason) for _, found in known)
        frames = self.session.frames
        text = f"{len(known)} of {len(frames)} frames measured"
        if len(known) < len(frames):
            text += " (every few frames; run on all for the rest)"
        if n_bad:
            text += f", {n_bad} could not be read"
        if frames[known[0][0].index].dtype == "uint8":
            text = (
                "The frames have 8 bits: nothing needs to be scaled, SIFT takes them as they are."
            )
        elif self.levels is not None:
            low, high = self.levels.global_minimum, self.levels.global_maximum
            text += f". One range for all: {low:.0f} to {high:.0f} counts"
        warnings = " ".join(self.levels.warnings) if self.levels is not None else ""
        self.state.object = f"{text}. {warnings}".replace("..", ".")

    def _on_items(self, _event: Any) -> None:
        for key, found in self.scan.new_items:
            self.ranges.add(key, found)
        self.refit()

    def _on_progress(self, *_events: Any) -> None:
        scan = self.scan
        self.stop.disabled = not scan.busy
        self.progress.visible = scan.busy
        self.progress.value = int(100 * scan.done / max(scan.total, 1))

    def show_frame(self) -> None:
        """Show the frame under the cursor."""
        when_locked(self._show_frame)

    def _show_frame(self) -> None:
        session = self.session
        self.curves.cursor.location = session.frame
        if self.active and session.frames:
            info = session.frames[min(session.frame, len(session.frames) - 1)]
            self.preview.show_frame(info, self.detector.pixels)

    def _on_levels(self, _event: Any) -> None:
        levels = self.preview.work.result
        self.histogram.show(*levels.histogram())
        # Pixels of 8 bits are taken as they are: there is nothing to drag.
        self.histogram.set_editable(levels.dtype != "uint8")
        self._set_limits()

    def _set_limits(self) -> None:
        if self.levels is None:
            return
        low, high = limits_at(
            self.session.frame, self.numbers, self.levels, bool(self.params.sliding)
        )
        self._limits = low, high
        self.histogram.set_limits(low, high)
        self.preview.set_limits(low, high)

    def _on_dragged(self, low: float, high: float) -> None:
        """Show limits at once; they become thresholds when they have stayed for a moment."""
        levels = self.preview.work.result
        if levels is None or levels.dtype == "uint8":
            return
        self.preview.set_limits(low, high)
        if self._timer is not None:
            self._timer.cancel()
        loop = event_loop()
        if loop is None:
            self._take_limits(low, high)
            return
        take = partial(self._take_limits, low, high)
        document = pn.state.curdoc
        if document is not None and document.session_context is not None:
            take = partial(document.add_next_tick_callback, take)
        self._timer = loop.call_later(DRAG_PAUSE_S, take)

    def _take_limits(self, low: float, high: float) -> None:
        below, above = shares_outside(self.preview.work.result, low, high)
        # The limit that stayed keeps its threshold, though the fit puts it beside the exact share.
        known_low, known_high = self._limits
        below = self.params.thr_min if low == known_low else below
        above = self.params.thr_max if high == known_high else above
        if (below, above) == (self.params.thr_min, self.params.thr_max):
            self._set_limits()
        self.params.param.update(thr_min=below, thr_max=above)

    def _on_scale(self, event: Any) -> None:
        self.histogram_pane.object = getattr(self.histogram, event.new)

    def _on_tap(self, event: Any) -> None:
        if event.x is not None and self.session.frames:
            last = len(self.session.frames) - 1
            self.session.frame = int(np.clip(round(event.x), 0, last))
