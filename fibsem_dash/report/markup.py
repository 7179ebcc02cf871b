"""Pieces of HTML. Every text is escaped here, and nowhere else is HTML made of data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

RUN_COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D00", "#000000",
)  # fmt: skip
"""Okabe-Ito colours of runs, in the order that the dashboard uses."""

MISSING = "–"


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes
    ----------
    text : str
        Plain text; it is escaped.
    kind : {"", "num", "text", "good", "bad"}
        Right-aligned number, wrapping text, or a verdict in colour.
    best : bool
        Set in bold.
    colour : str
        Colour of a run, shown as a square before the text.
    """

    text: str
    kind: str = ""
    best: bool = False
    colour: str = ""

    def html(self) -> str:
        """Return the cell."""
        names = " ".join(name for name in (self.kind, "best" if self.best else "") if name)
        square = f'<i class="run" data-colour="{escape(self.colour)}"></i>' if self.colour else ""
        return f'<td class="{names}">{square}{escape(self.text)}</td>'


def number(value: float, digits: int = 4) -> str:
    """Return a number for people, with so many significant digits; a dash where it is missing."""
    if not math.isfinite(value):
        return "∞" if value == math.inf else MISSING
    text = f"{value:.{digits}g}"
    if "e" in text and 1e-4 <= abs(value) < 1e9:
        text = f"{value:.0f}"
    return text.replace("-", "−")


def table(
    heading: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    tall: bool = False,
    changed: Sequence[bool] = (),
) -> str:
    """Return a table; columns of numbers have their heading at the right, too.

    Parameters
    ----------
    heading : sequence of str
    rows : iterable of sequence of Cell
    tall : bool
        Scroll inside, for many rows.
    changed : sequence of bool
        Rows to be marked.
    """
    body = list(rows)
    numeric = [
        bool(body) and any(row[k].kind == "num" for row in body) for k in range(len(heading))
    ]
    head = "".join(
        f'<th class="num">{escape(text)}</th>' if right else f"<th>{escape(text)}</th>"
        for text, right in zip(heading, numeric, strict=True)
    )
    marks = list(changed) or [False] * len(body)
    lines = "".join(
        f"<tr{' class=changed' if mark else ''}>{''.join(cell.html() for cell in row)}</tr>"
        for row, mark in zip(body, marks, strict=True)
    )
    name = "scroll tall" if tall else "scroll"
    inner = f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody>"
    return f'<div class="{name}"><table>{inner}</table></div>'


def facts(items: Iterable[tuple[str, str]]) -> str:
    """Return names and values as a list."""
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in items)
    return f'<dl class="facts">{lines}</dl>'


def tiles(items: Iterable[tuple[str, str, str]]) -> str:
    """Return (name, value, kind) as tiles; kind is "", "good" or "bad"."""
    cards = "".join(
        f'<div class="tile"><span>{escape(name)}</span>'
        f'<b class="{escape(kind)}">{escape(value)}</b></div>'
        for name, value, kind in items
    )
    return f'<div class="tiles">{cards}</div>'


def details(title: str, content: str, *, opened: bool = False) -> str:
    """Return a part that folds; `content` is HTML."""
    state = " open" if opened else ""
    return f"<details{state}><summary>{escape(title)}</summary>{content}</details>"


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph of plain text."""
    return f'<p class="{escape(kind)}">{escape(text)}</p>'


def empty(text: str) -> str:
    """Return what stands where there is nothing to show, saying why."""
    return f'<div class="empty">{escape(text)}</div>'


@dataclass(frozen=True)
class Section:
    """A part of a report: its anchor, title and HTML."""

    anchor: str
    title: str
    html: str
