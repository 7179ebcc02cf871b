"""Numbers with their labels in a grid that fills the width."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import panel as pn

from components.widgets.plain import one_line

STYLE = """
:host { display: block; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(124px, 1fr)); gap: 6px; }
.tile { border: 1px solid color-mix(in srgb, currentColor 22%, transparent); border-radius: 6px;
  padding: 3px 6px 5px; min-width: 0; color: var(--mui-palette-text-primary, inherit); }
.label { font-size: 11px; opacity: 0.75; white-space: nowrap; }
.value { font-size: 13px; font-weight: 500; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; font-variant-numeric: tabular-nums; }
.warn { border-left: 4px solid #E69F00; }
"""


def tiles_html(entries: Sequence[tuple[str, str, bool]]) -> str:
    """Return the markup of (label, value, whether it deserves attention); all text is escaped."""
    tiles = []
    for label, value, warn in entries:
        text = escape(one_line(value))
        tiles.append(
            f'<div class="tile{" warn" if warn else ""}"><div class="label">{escape(label)}</div>'
            f'<div class="value" title="{text}">{text}</div></div>'
        )
    return f'<div class="tiles">{"".join(tiles)}</div>'


class Tiles(pn.viewable.Viewer):  # type: ignore[misc]
    """A grid of labelled numbers."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.entries: tuple[tuple[str, str, bool], ...] = ()
        self.pane = pn.pane.HTML("", stylesheets=[STYLE], sizing_mode="stretch_width", margin=0)

    def show(self, entries: Sequence[tuple[str, str, bool]]) -> None:
        """Show other numbers: (label, value, whether it deserves attention)."""
        self.entries = tuple(entries)
        self.pane.object = tiles_html(entries)

    def __panel__(self) -> Any:
        return self.pane
