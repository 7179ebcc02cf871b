"""Facts about an object as a small table that notebooks show."""

from __future__ import annotations

import html
from collections.abc import Iterable


def facts_html(title: str, rows: Iterable[tuple[str, object]]) -> str:
    """Return a title and a table of names and values as HTML; every text is escaped."""
    lines = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(str(value))}</td></tr>"
        for name, value in rows
    )
    return f"<div><b>{html.escape(title)}</b><table>{lines}</table></div>"
