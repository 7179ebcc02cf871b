"""The curves of a run: linked zoom, the frame under the cursor, and redrawing as controls move."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import panel as pn
from bokeh.events import RangesUpdate, Reset, Tap
from bokeh.models import ColumnDataSource, GridBox, Range1d

from components.plots.trend_curves import (
    ALL_POINTS,
    LEGEND,
    PANELS,
    ROOM,
    ROW_HEIGHTS,
    panel_values,
    set_columns,
    trend_figure,
    trend_marks,
    visible_columns,
    y_ends,
)
from components.session import Session
from fibsem_dash.registration.trend import Trend

_LEGEND_STYLE = """
:host { color: inherit; font-size: 12px; }
span { margin-right: 14px; white-space: nowrap; }
i { display: inline-block; width: 20px; margin-right: 5px; vertical-align: middle; }
"""


class TrendPlots(pn.viewable.Viewer):  # type: ignore[misc]
    """All figures of a trend.

    Parameters
    ----------
    session : Session
        Its frame is the line in the curves; a click on a curve moves it.
    """

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(**values)
        self.session = session
        self.trend: Trend | None = None
        self.values: dict[str, dict[str, npt.NDArray[np.float64]]] = {}
        self.window = (-np.inf, np.inf)
        self.x_range = Range1d(-0.5, 0.5)
        self.marks = ColumnDataSource({"frame": [], "colour": [], "why": [], "dash": []})
        self.figures = {
            name: trend_figure(name, self.x_range, self.marks, session.frame) for name in PANELS
        }
        for figure in self.figures.values():
            figure.plot.on_event(Tap, self._on_tap)
            figure.plot.on_event(RangesUpdate, lambda event: self.refine(event.x0, event.x1))
            figure.plot.on_event(Reset, lambda _event: self.refine(-np.inf, np.inf))
        session.param.watch(lambda event: self._move_cursor(event.new), "frame")
        children = [(f.plot, PANELS[n].row, PANELS[n].column) for n, f in self.figures.items()]
        self.grid = GridBox(
            children=children, sizing_mode="stretch_both", spacing=2, rows=list(ROW_HEIGHTS)
        )
        marks = "".join(
            f'<span><i style="border-top:3px {dash} {colour}"></i>{meaning}</span>'
            for colour, meaning, dash in LEGEND
        )
        self.legend = pn.pane.HTML(
            marks, stylesheets=[_LEGEND_STYLE], sizing_mode="stretch_width", margin=(0, 8)
        )
        self.pane = pn.pane.Bokeh(None, sizing_mode="stretch_both", min_height=460, margin=0)

    def show(self, trend: Trend, excluded: npt.ArrayLike = ()) -> None:
        """Draw other curves; the visible range stays unless the frames changed."""
        before = self.trend
        other = before is None or not np.array_equal(before.frames, trend.frames)
        everything = before is None or before.data is not trend.data
        self.trend, self.values = trend, panel_values(trend)
        marks = trend_marks(trend, excluded)
        # One message for all figures: the browser takes it faster than one for each.
        with pn.io.hold():
            if marks != dict(self.marks.data):
                self.marks.data = marks
            if other:
                self._fit()
            self._send(everything, steady=not other)

    def _fit(self) -> None:
        assert self.trend is not None
        frames = self.trend.frames
        low, high = (float(frames[0]), float(frames[-1])) if len(frames) else (0.0, 1.0)
        margin = max((high - low) * 0.01, 0.5)
        ends = {"start": low - margin, "end": high + margin}
        self.window = (-np.inf, np.inf)
        self.x_range.update(**ends, reset_start=ends["start"], reset_end=ends["end"])

    def _send(self, everything: bool = True, steady: bool = False) -> None:
        """Send what is visible; without `everything`, only what settings of the chain change."""
        if self.trend is None:
            return
        for name, curves in self.values.items():
            if everything or PANELS[name].row >= 2:
                columns = visible_columns(self.trend.frames, curves, *self.window)
                set_columns(self.figures[name].source, columns)
                self._fit_y(name, steady)
        if self.pane.object is None:
            self.pane.object = self.grid

    def _fit_y(self, name: str, steady: bool = False) -> None:
        """Fit the vertical axis; a steady one stays while the curves fill enough of it."""
        assert self.trend is not None
        start, end = y_ends(self.trend.frames, self.values[name], *self.window)
        y_range = self.figures[name].plot.y_range
        # Other numbers beside an axis make the browser lay the page out anew, which takes longer
        # than drawing the curves; and curves are easier to compare on an axis that stands still.
        inside = y_range.start <= start and end <= y_range.end
        if steady and inside and end - start >= ROOM * (y_range.end - y_range.start):
            return
        if (y_range.start, y_range.end) != (start, end):
            y_range.update(start=start, end=end, reset_start=start, reset_end=end)

    def refine(self, start: float, end: float) -> None:
        """Send the visible part of long curves again, at the resolution of the screen."""
        if start is None or end is None or (start, end) == self.window:
            return
        self.window = (start, end)
        if self.trend is None:
            return
        with pn.io.hold():
            if len(self.trend.frames) > ALL_POINTS:
                self._send()
                return
            for name in self.figures:
                self._fit_y(name)

    def _on_tap(self, event: Any) -> None:
        if self.trend is None or event.x is None or not np.isfinite(event.x):
            return
        frames = self.trend.frames
        self.session.frame = int(frames[np.abs(frames - event.x).argmin()])

    def _move_cursor(self, frame: int) -> None:
        with pn.io.hold():
            for figure in self.figures.values():
                figure.cursor.location = frame

    def __panel__(self) -> Any:
        return pn.Column(self.legend, self.pane, sizing_mode="stretch_both", margin=0)
