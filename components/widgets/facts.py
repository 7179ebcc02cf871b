"""Text that may come from a file, and short tables of results: never read as HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import panel as pn


class PlainText(pn.viewable.Viewer):  # type: ignore[misc]
    """A line of text that is shown as it is, whatever signs it holds.

    Parameters
    ----------
    text : str
        What to show.
    muted : bool
        Smaller and paler, for captions.
    one_line : bool
        Cut off what does not fit.
    """

    def __init__(
        self, text: str = "", muted: bool = False, one_line: bool = False, **options: Any
    ) -> None:
        super().__init__()
        style = "font-family:Roboto,sans-serif;overflow-wrap:anywhere;"
        style += "font-size:12px;opacity:0.75;" if muted else "font-size:14px;"
        if one_line:
            style += "white-space:nowrap;overflow:hidden;text-overflow:ellipsis;"
        self._style = style
        self._text = ""
        self.pane = pn.pane.HTML("", **{"sizing_mode": "stretch_width", **options})
        self.text = text

    @property
    def text(self) -> str:
        """What is shown."""
        return self._text

    @text.setter
    def text(self, text: str) -> None:
        self._text = text
        title = html.escape(text, quote=True)
        self.pane.object = f'<div style="{self._style}" title="{title}">{html.escape(text)}</div>'

    def __panel__(self) -> Any:
        return self.pane


class Facts(pn.viewable.Viewer):  # type: ignore[misc]
    """Names and values of results, the values right-aligned."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.values: list[tuple[str, str]] = []
        self.notes: tuple[str, ...] = ()
        self.pane = pn.pane.HTML("", **{"sizing_mode": "stretch_width", **options})

    def show(self, values: Sequence[tuple[str, str]], notes: Sequence[str] = ()) -> None:
        """Show results and sentences about them."""
        self.values, self.notes = list(values), tuple(notes)
        cell = "padding:2px 8px;border-bottom:1px solid rgba(128,128,128,0.25)"
        rows = "".join(
            f'<tr><td style="{cell}">{html.escape(name)}</td><td style="{cell};text-align:right;'
            f'font-variant-numeric:tabular-nums">{html.escape(value)}</td></tr>'
            for name, value in values
        )
        text = "".join(
            f'<p style="margin:6px 8px">{html.escape(note[:1].upper() + note[1:])}.</p>'
            for note in notes
        )
        font = "font-family:Roboto,sans-serif;font-size:13px"
        table = f'<table style="border-collapse:collapse;width:100%">{rows}</table>'
        self.pane.object = f'<div style="{font}">{table}{text}</div>'

    def __panel__(self) -> Any:
        return self.pane
