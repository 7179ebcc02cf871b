"""Curves of the headers' telemetry, linked with the frame under the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.events import RangesUpdate, Reset, Tap
from bokeh.models import ColumnDataSource, Range1d

from components.plots.telemetry import (
    ALL_POINTS,
    CURVES,
    Series,
    cursor_line,
    strips,
    telemetry_figure,
    visible_data,
)
from components.session import Session
from components.widgets.plain import plain_text

SHOWN_FIRST = ("working_distance_mm", "milling_y_voltage_v", "time_between_frames_s")
"""Curves of a stack that was just opened."""


class TelemetryView(pn.viewable.Viewer):  # type: ignore[misc]
    """The curves and the choice among them.

    Parameters
    ----------
    session : Session
        Its frame is the line in the curves; a click on a curve moves it.
    """

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(**values)
        self.session = session
        self.columns: dict[str, Series] = {}
        self.x_range = Range1d(-0.5, 0.5)
        self.shaded = ColumnDataSource(strips((), ()))
        self.sources: dict[str, ColumnDataSource] = {}
        self.cursors: dict[str, Any] = {}
        self.figures: dict[str, Any] = {}
        self.choice = pmui.MultiChoice(
            label="Curves",
            options={curve.title: name for name, curve in CURVES.items()},
            value=list(SHOWN_FIRST),
            sizing_mode="stretch_width",
            description="Values of the headers over the frames. Orange: numbers are missing there. "
            "Red: the frame cannot be read. A click moves the frame under the cursor.",
        )
        self.plots = pn.Column(sizing_mode="stretch_width", margin=0)
        self.choice.param.watch(lambda _event: self._arrange(), "value")
        session.param.watch(self._move_cursor, "frame")
        self._layout = pn.Column(self.choice, self.plots, sizing_mode="stretch_width", margin=0)

    def set_data(
        self, columns: dict[str, Series], gaps: Sequence[Any] = (), bad: Sequence[int] = ()
    ) -> None:
        """Show other frames.

        Parameters
        ----------
        columns : dict
            One series per telemetry column.
        gaps : sequence of (int, int, int)
            Places of missing numbers.
        bad : sequence of int
            Frames that cannot be read.
        """
        self.columns = {
            name: columns[name]
            for name in CURVES
            if name in columns and np.isfinite(columns[name]).any()
        }
        n = max((series.size for series in columns.values()), default=0)
        ends = {"start": -0.5, "end": max(n - 0.5, 0.5)}
        self.x_range.update(**ends, reset_start=ends["start"], reset_end=ends["end"])
        self.x_range.bounds = (ends["start"] - n * 0.02 - 1, ends["end"] + n * 0.02 + 1)
        self.shaded.data = strips(gaps, bad)
        for name, series in self.columns.items():
            self._source(name).data = visible_data(series, **ends)
        self.choice.options = {CURVES[name].title: name for name in self.columns}
        self.choice.value = [n for n in self.choice.value if n in self.columns]
        self._arrange()

    def _source(self, name: str) -> ColumnDataSource:
        return self.sources.setdefault(name, ColumnDataSource({"x": [], "y": []}))

    def _figure(self, name: str) -> Any:
        if name not in self.figures:
            self.cursors[name] = cursor_line(self.session.frame)
            plot = telemetry_figure(
                CURVES[name], self._source(name), self.shaded, self.x_range, self.cursors[name]
            )
            plot.on_event(Tap, self._on_tap)
            plot.on_event(RangesUpdate, lambda event: self._refine(event.x0, event.x1))
            plot.on_event(Reset, lambda _event: self._refine(0, np.inf))
            pane = pn.pane.Bokeh(plot, sizing_mode="stretch_width", margin=(0, 0, 4, 0))
            self.figures[name] = pane
        return self.figures[name]

    def _arrange(self) -> None:
        wanted = [name for name in CURVES if name in self.choice.value and name in self.columns]
        self.plots[:] = [self._figure(name) for name in wanted] or [
            plain_text("Choose a curve above.", margin=(10, 12))
        ]

    def _refine(self, start: float, end: float) -> None:
        """Send the visible part of long series again, at the resolution of the screen."""
        for name, series in self.columns.items():
            if series.size > ALL_POINTS and name in self.figures:
                self._source(name).data = visible_data(series, start, end)

    def _on_tap(self, event: Any) -> None:
        n = len(self.session.frames)
        if n and event.x is not None and np.isfinite(event.x):
            self.session.frame = int(np.clip(round(event.x), 0, n - 1))

    def _move_cursor(self, event: Any) -> None:
        for cursor in self.cursors.values():
            cursor.location = event.new

    def __panel__(self) -> Any:
        return self._layout
