"""The snapshot of a frame: its detectors, how they were taken, and what the operator noted."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from fibsem_dash.errors import ParameterError
from fibsem_dash.figures.style import (
    DETECTOR_COLOURS,
    GREY,
    LARGE,
    NORMAL,
    SMALL,
    format_number,
    new_figure,
    show_image,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

_WIDTH = 11.0
_MARGIN = 0.15
_ROW = 0.27
_LINE = 0.19
_CAPTION = 0.56
_MOST_NOTE_LINES = 4
_COLUMNS = 3
_LABEL = 1.35


def draw_snapshot(
    images: Mapping[str, NDArray[Any]],
    limits: Mapping[str, tuple[float, float]],
    parameters: Sequence[tuple[str, str]] = (),
    *,
    title: str = "",
    notes: str = "",
    captions: Mapping[str, tuple[str, str]] | None = None,
    pixel_size_nm: float = 0.0,
    high_is_dark: bool = True,
) -> Figure:
    """Draw the detectors of a frame under a table of how they were taken.

    Wide frames lie above each other, others side by side.

    Parameters
    ----------
    images : mapping of str to ndarray, (y, x)
        Pixels by detector letter, one detector or several.
    limits : mapping of str to (float, float)
        Grey levels at the two ends, in the units of the pixels.
    parameters : sequence of (str, str)
        Label and value with unit, laid out in three columns.
    title, notes : str
        Notes are wrapped, and cut after four lines.
    captions : mapping of str to (str, str), optional
        Name and remark of each detector.
    pixel_size_nm : float, default 0
        For the scale bar, nm; 0 for none.
    high_is_dark : bool, default True
        High counts dark, as stained tissue looks in transmission.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ParameterError
        Without an image.
    """
    if not images:
        raise ParameterError("A snapshot needs at least one detector")
    lines = wrap_notes(notes, 140)
    rows = -(-len(parameters) // _COLUMNS)
    height, width = next(iter(images.values())).shape
    stacked = len(images) == 1 or width >= 2 * height
    across = 1 if stacked else len(images)
    panel_width = (_WIDTH - _MARGIN * (across + 1)) / across
    # A tall frame must still fit a screen.
    panel_height = min(panel_width * height / width, 7.0)
    head = 0.42 + _LINE * len(lines) + _ROW * rows + 0.12
    step = panel_height + _CAPTION + _MARGIN
    total = head + step * (len(images) if stacked else 1)
    figure = new_figure(_WIDTH, total, layout=None)
    _draw_head(figure, total, title, lines)
    _draw_table(figure, total, 0.42 + _LINE * len(lines), rows, parameters)
    for k, (letter, image) in enumerate(images.items()):
        row, column = (k, 0) if stacked else (0, k)
        left = _MARGIN + column * (panel_width + _MARGIN)
        top = head + row * step
        box = (left, total - top - _CAPTION - panel_height, panel_width, panel_height)
        axes = figure.add_axes(
            (box[0] / _WIDTH, box[1] / total, box[2] / _WIDTH, box[3] / total), label=letter
        )
        show_image(
            axes,
            image,
            limits[letter],
            pixel_size_nm=pixel_size_nm,
            high_is_dark=high_is_dark,
        )
        caption = (captions or {}).get(letter, ("", ""))
        levels = _levels(limits[letter], high_is_dark)
        _draw_caption(figure, (left, total - top), total, letter, panel_width, caption, levels)
    return figure


def wrap_notes(notes: str, width: int) -> list[str]:
    """Break a text into lines, at most four; the last one tells where something is missing."""
    lines = [
        part for line in notes.splitlines() for part in textwrap.wrap(line, width, tabsize=4) or []
    ]
    if len(lines) > _MOST_NOTE_LINES:
        lines = lines[:_MOST_NOTE_LINES]
        lines[-1] = lines[-1][: width - 2] + " …"
    return lines


def _draw_head(figure: Figure, total: float, title: str, lines: Sequence[str]) -> None:
    head = figure.text(
        _MARGIN / _WIDTH, 1 - 0.12 / total, title, fontsize=LARGE, weight="bold", va="top"
    )
    _shorten(head, _WIDTH - 2 * _MARGIN)
    figure.text(
        _MARGIN / _WIDTH,
        1 - 0.38 / total,
        "\n".join(lines),
        fontsize=NORMAL,
        va="top",
        linespacing=1.3,
    ).set_parse_math(False)


def _draw_table(
    figure: Figure, total: float, top: float, rows: int, parameters: Sequence[tuple[str, str]]
) -> None:
    width = (_WIDTH - 2 * _MARGIN) / _COLUMNS
    for k, (label, value) in enumerate(parameters):
        column, row = divmod(k, rows)
        left = _MARGIN + column * width
        middle = 1 - (top + (row + 0.5) * _ROW) / total
        for x, text, colour, room in (
            (left, label, GREY, _LABEL),
            (left + _LABEL, value, "black", width - _LABEL),
        ):
            artist = figure.text(
                x / _WIDTH, middle, text, fontsize=NORMAL, color=colour, va="center"
            )
            _shorten(artist, room - 0.08)
    from matplotlib.lines import Line2D

    for row in range(rows + 1):
        y = 1 - (top + row * _ROW) / total
        ends = (_MARGIN / _WIDTH, 1 - _MARGIN / _WIDTH)
        figure.add_artist(Line2D(ends, (y, y), color="#DDDDDD", linewidth=0.6))


def _draw_caption(
    figure: Figure,
    corner: tuple[float, float],
    total: float,
    letter: str,
    room: float,
    caption: tuple[str, str],
    levels: str,
) -> None:
    name, remark = caption
    left, top = corner
    lines = (
        (f"Detector {letter}" + (f": {name}" if name else ""), 0.03, NORMAL, "bold"),
        (levels, 0.22, SMALL, "normal"),
        (remark, 0.37, SMALL, "normal"),
    )
    for text, below, size, weight in lines:
        colour = DETECTOR_COLOURS.get(letter, "black") if weight == "bold" else GREY
        artist = figure.text(
            left / _WIDTH,
            (top - below) / total,
            text,
            fontsize=size,
            weight=weight,
            color=colour,
            va="top",
        )
        _shorten(artist, room)


def _shorten(text: Text, width: float) -> None:
    """Cut a text that is wider than so many inches, and let none of its signs begin a formula."""
    text.set_parse_math(False)
    figure = text.get_figure(root=True)
    assert figure is not None
    whole = text.get_text()
    for length in range(len(whole) - 1, 0, -1):
        if text.get_window_extent(dpi=figure.dpi).width <= width * figure.dpi:
            return
        text.set_text(whole[:length].rstrip() + " …")


def _levels(limits: tuple[float, float], high_is_dark: bool) -> str:
    ends = ("white", "black") if high_is_dark else ("black", "white")
    low, high = (format_number(value, 5) for value in limits)
    return f"grey levels {low} ({ends[0]}) to {high} ({ends[1]}) counts"
