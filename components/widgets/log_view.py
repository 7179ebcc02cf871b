"""The log of a job: level, search, follow."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from fibsem_dash.jobs import LogLine

LEVELS = {"All": "info", "Warnings": "warning", "Errors": "error"}

SHOWN = 500
"""Lines that the browser gets; the last ones count."""

KEPT = 20_000
"""Lines that are searched."""


class LogLines(pn.custom.JSComponent):
    """Lines of text; set as text, so nothing in them is ever read as HTML."""

    lines = param.List([], doc="[time, level, text] of each line")
    follow = param.Boolean(True, doc="Whether the last line stays in view")
    empty = param.String("", doc="What is said while there are no lines")
    drawn = param.Boolean(False, doc="Set by the browser: what changes from now on is shown")

    _esm = """
    export function render({model}) {
      const box = document.createElement('div')
      box.className = 'log'
      box.tabIndex = 0
      box.setAttribute('role', 'log')
      box.setAttribute('aria-label', 'Log of the job')
      const paint = () => {
        const rows = model.lines.map(([when, level, text]) => {
          const row = document.createElement('div')
          row.className = level
          const clock = document.createElement('span')
          clock.textContent = when
          row.append(clock, document.createTextNode((level === 'info' ? '' : level + ': ') + text))
          return row
        })
        if (!rows.length) {
          const row = document.createElement('div')
          row.className = 'none'
          row.textContent = model.empty
          rows.push(row)
        }
        box.replaceChildren(...rows)
        if (model.follow) box.scrollTop = box.scrollHeight
      }
      model.on('lines', paint)
      model.on('empty', paint)
      model.on('follow', paint)
      paint()
      model.drawn = true
      return box
    }
    """

    _stylesheets = [  # noqa: RUF012 - as Panel declares it
        """
    :host { display: block; height: 100%; }
    .log { height: 100%; overflow: auto; box-sizing: border-box; padding: 6px 8px;
      font: 12.5px/1.5 "Roboto Mono", ui-monospace, monospace;
      border: 1px solid color-mix(in srgb, currentColor 22%, transparent); border-radius: 6px;
      color: var(--mui-palette-text-primary, inherit); }
    .log div { white-space: pre-wrap; overflow-wrap: anywhere; border-left: 4px solid transparent;
      padding-left: 6px; }
    .log span { opacity: .6; margin-right: 12px; }
    .log .warning { border-left-color: #E69F00; }
    .log .error { border-left-color: #B0413E; }
    .log .none { opacity: .7; font-family: Roboto, sans-serif; }
    """
    ]


class LogView(pn.viewable.Viewer):  # type: ignore[misc]
    """Lines of a log with a filter by level, a search and a switch that follows the end."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.known: list[LogLine] = []
        self.level = pmui.RadioButtonGroup(
            options=list(LEVELS), value="All", size="small", margin=(4, 8)
        )
        self.search = pmui.TextInput(
            label="Search", size="small", width=240, margin=(2, 8), max_length=200
        )
        self.follow = pmui.Switch(label="Follow", value=True, margin=(8, 8))
        self.lines = LogLines(sizing_mode="stretch_both", min_height=90, margin=(4, 8))
        self.level.param.watch(lambda *_e: self._paint(), "value")
        self.search.param.watch(lambda *_e: self._paint(), "value_input")
        self.lines.param.watch(lambda *_e: self._repaint(), "drawn")
        self.follow.param.watch(lambda e: self.lines.param.update(follow=e.new), "value")

    @property
    def last(self) -> int:
        """Number of the last known line; 0 for none."""
        return self.known[-1].number if self.known else 0

    def clear(self) -> None:
        """Forget all lines."""
        self.known = []
        self._paint()

    def add(self, lines: Sequence[LogLine]) -> None:
        """Take new lines."""
        if lines:
            self.known = (self.known + list(lines))[-KEPT:]
            self._paint()

    def _repaint(self) -> None:
        # What came while the browser drew the component was lost there.
        self.lines.lines = []
        self._paint()

    def _paint(self) -> None:
        wanted = list(LEVELS.values()).index(LEVELS[self.level.value])
        words = (self.search.value_input or "").strip().lower()
        order = list(LEVELS.values())
        shown = [
            line
            for line in self.known
            if order.index(line.level) >= wanted and words in line.text.lower()
        ][-SHOWN:]
        empty = "No line matches." if self.known else "The job has not said anything yet."
        rows = [[time.strftime("%H:%M:%S", time.localtime(x.time)), x.level, x.text] for x in shown]
        self.lines.param.update(empty=empty, lines=rows)

    def __panel__(self) -> Any:
        tools = pn.Row(self.level, self.search, self.follow, margin=0)
        return pn.Column(tools, self.lines, sizing_mode="stretch_both", margin=0)
