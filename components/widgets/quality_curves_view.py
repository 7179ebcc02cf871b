"""The rows of curves of the Quality page: linked zoom, decimation, cursor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.events import DoubleTap, RangesUpdate, Tap
from bokeh.models import Range1d

from components.locked import when_locked
from components.plots.quality_curves import (
    COLUMNS,
    QualityRow,
    cursor_span,
    curve_data,
    link_muting,
    styles_of,
)
from components.quality.runs import QualityRuns
from fibsem_dash.quality import METRICS, QualityTable

ROW_HEIGHT = 92
"""Least height of a row, px."""

AXIS_HEIGHT, LEGEND_HEIGHT = 36, 26
"""What the first row needs for the axis of frames and for the legend, px."""

SPARE = 0.5
"""Part of the visible width that is drawn on either side, so that a pan does not show gaps."""


class QualityCurvesView(pn.viewable.Viewer):  # type: ignore[misc]
    """Curves of all visible runs, one row per measure that any of them has.

    Parameters
    ----------
    runs : QualityRuns
        What is drawn.
    on_frame : callable
        Told the frame that was clicked.
    """

    def __init__(self, runs: QualityRuns, on_frame: Callable[[int], None], **values: Any) -> None:
        super().__init__(**values)
        self.runs = runs
        self.on_frame = on_frame
        self.rows: dict[str, QualityRow] = {}
        self.x_range = Range1d(0, 1)
        self.cursor = cursor_span(0)
        self._tables: list[tuple[str, QualityTable]] = []
        self._shown: tuple[float, float, int] | None = None
        self._span = (0.0, 1.0)
        self._hidden: set[str] = set()
        self._quiet = False
        self._width = COLUMNS
        self.choice = pmui.CheckButtonGroup(
            options=list(METRICS), value=list(METRICS), size="small", margin=(2, 6),
            sx={"& .MuiToggleButton-root": {"padding": "2px 8px", "textTransform": "none"}},
        )  # fmt: skip
        self.choice.param.watch(lambda _event: self._on_choice(), "value")
        self.plots = pn.Column(sizing_mode="stretch_both", margin=0, scroll="y-auto")
        self.panes: dict[str, Any] = {}
        self._layout = pn.Column(self.plots, sizing_mode="stretch_both", margin=0)

    @property
    def metrics(self) -> list[str]:
        """Measures that any visible run has and that are chosen."""
        present = {name for _, table in self._tables for name in table.metrics}
        return [name for name in METRICS if name in present and name not in self._hidden]

    def _on_choice(self) -> None:
        if not self._quiet:
            self._hidden = set(self.choice.options) - set(self.choice.value)
            when_locked(self._arrange)

    def refresh(self) -> None:
        """Draw the runs as they are now."""
        when_locked(self._refresh)

    def _refresh(self) -> None:
        entries = self.runs.visible
        self._tables = [(entry.key, entry.shifted) for entry in entries]
        present = {name for _, table in self._tables for name in table.metrics}
        self._quiet = True
        try:
            options = [name for name in METRICS if name in present] or list(METRICS)
            self.choice.param.update(
                options=options, value=[name for name in options if name not in self._hidden]
            )
        finally:
            self._quiet = False
        whole = self._set_span()
        # Not while changes are held: models that are new would be taken for known by the browser.
        self._style()
        with pn.io.hold():
            for row in self.rows.values():
                row.set_limits([table for _, table in self._tables])
            self._draw(whole)
        self._arrange()

    def _style(self) -> None:
        styles = styles_of([(e.key, e.label, e.colour) for e in self.runs.visible])
        for row in self.rows.values():
            row.set_runs(styles)

    def _set_span(self) -> bool:
        """Bring the bounds of the x axis up to date; return whether everything is shown again."""
        ends = [t.frames[[0, -1]] for _, t in self._tables if len(t)]
        low = float(min((e[0] for e in ends), default=0)) - 0.5
        high = float(max((e[1] for e in ends), default=1)) + 0.5
        if (low, high) == self._span:
            return False
        self._span = (low, high)
        margin = 0.02 * (high - low) + 1
        self.x_range.update(
            start=low, end=high, reset_start=low, reset_end=high,
            bounds=(low - margin, high + margin), min_interval=2,
        )  # fmt: skip
        return True

    def _arrange(self) -> None:
        """Put the rows of the chosen measures on the page, making those that are new."""
        wanted = self.metrics
        fresh = [name for name in wanted if name not in self.rows]
        for name in fresh:
            self._make(name)
        if fresh:
            self._style()
            tables = [table for _, table in self._tables]
            for name in fresh:
                self.rows[name].set_limits(tables)
            self._shown = None
        self._furnish(wanted)
        with pn.io.hold():
            self._draw(False)
        panes = [self.panes[name] for name in wanted]
        if list(self.plots) != panes:
            self.plots[:] = panes

    def _furnish(self, wanted: list[str]) -> None:
        """Put the legend and the axis of frames above the first row."""
        link_muting(list(self.rows.values()))
        for name in wanted:
            row, pane = self.rows[name], self.panes[name]
            row.legend.visible = name == wanted[0] and len(self._tables) > 1
            row.figure.xaxis.visible = name == wanted[0]
            height = ROW_HEIGHT + AXIS_HEIGHT * (name == wanted[0])
            height += LEGEND_HEIGHT * row.legend.visible
            pane.styles = {"flex": f"1 0 {height}px", "min-height": f"{height}px"}

    def _make(self, name: str) -> None:
        row = self.rows[name] = QualityRow(name, self.x_range, self.cursor)
        row.finish()
        row.figure.on_event(Tap, self._on_tap)
        row.figure.on_event(DoubleTap, lambda _event, row=row: self._toggle(row))
        row.figure.on_event(RangesUpdate, self._on_ranges)
        row.figure.on_change("inner_width", self._on_resized)
        self.panes[name] = pn.pane.Bokeh(row.figure, sizing_mode="stretch_both", margin=0)

    def _draw(self, whole: bool) -> None:
        """Send the visible part of all curves at the resolution of the screen."""
        start, end = self._span if whole else (self.x_range.start, self.x_range.end)
        self._shown = None
        self._refine(start, end)

    def _on_resized(self, _name: str, _old: Any, new: Any) -> None:
        # Small changes of the size are not worth new data.
        if (
            isinstance(new, (int, float))
            and new > 50
            and abs(new - self._width) > 0.2 * self._width
        ):
            self._width = int(new)
            with pn.io.hold():
                self._draw(False)

    def _refine(self, start: float, end: float) -> None:
        view = (start, end, self._width)
        if view == self._shown:
            return
        self._shown = view
        spare = SPARE * (end - start)
        first, last = max(start - spare, self._span[0]), min(end + spare, self._span[1])
        columns = max(int(view[2] * (last - first) / (end - start)), 1)
        for name in self.metrics:
            row = self.rows.get(name)
            for key, table in self._tables if row is not None else ():
                data = curve_data(table, name, first, last, columns)
                if not _same(row.sources[key].data, data):
                    row.sources[key].data = data

    def _on_ranges(self, event: Any) -> None:
        if np.isfinite([event.x0, event.x1]).all() and event.x1 > event.x0:
            with pn.io.hold():
                self._refine(float(event.x0), float(event.x1))

    def _on_tap(self, event: Any) -> None:
        if event.x is not None and np.isfinite(event.x) and self._tables:
            self.on_frame(round(event.x))

    def _toggle(self, row: QualityRow) -> None:
        """Show the full range of a row, outliers included, or leave them out again."""
        row.robust = not row.robust
        row.set_limits([table for _, table in self._tables])

    def fit(self) -> None:
        """Show all frames, with outliers left out of the y limits."""
        with pn.io.hold():
            for row in self.rows.values():
                row.robust = True
                row.set_limits([table for _, table in self._tables])
            self.x_range.update(start=self._span[0], end=self._span[1])
            self._draw(True)

    def set_frame(self, frame: int) -> None:
        """Move the cursor."""
        self.cursor.location = frame

    def __panel__(self) -> Any:
        return self._layout


def _same(old: Any, new: dict[str, Any]) -> bool:
    return all(len(old[name]) == len(new[name]) for name in new) and all(
        np.array_equal(old[name], new[name], equal_nan=True) for name in new
    )
