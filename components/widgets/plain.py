"""Text from files and headers, made safe for parts that render Markdown or HTML."""

from __future__ import annotations

import html
import re
from typing import Any

import panel as pn

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]+")


def one_line(text: object) -> str:
    """Return text without line breaks, control characters and changes of writing direction."""
    return _CONTROL.sub(" ", str(text)).strip()


def plain(text: object) -> str:
    """Escape text so that Markdown shows it letter by letter, HTML included.

    Alerts, typography and Markdown panes take this. Every ASCII punctuation mark may follow a
    backslash there, so nothing in the text can begin a tag, a link or an emphasis.
    """
    return _PUNCTUATION.sub(r"\\\1", one_line(text))


class LetterByLetter(pn.pane.Str):  # type: ignore[misc]
    """Text as it is. Panel's own pane of this kind shows the tags of a text as HTML."""

    def _transform_object(self, obj: Any) -> dict[str, Any]:
        text = f"<pre>{html.escape(str(obj or ' '))}</pre>"
        # Escaped twice: the browser's side of the pane takes one away.
        return {"object": html.escape(text)}


def plain_text(text: object = "", styles: dict[str, str] | None = None, **options: Any) -> Any:
    """Return a pane of one line of text in the page's font; what does not fit ends in dots."""
    return LetterByLetter(text, styles={**_LINE, **(styles or {})}, stylesheets=[_PRE], **options)


_LINE = {
    "font-family": "var(--mui-font-body1, Roboto, sans-serif)",
    "overflow": "hidden",
    "text-overflow": "ellipsis",
    "white-space": "nowrap",
    "font-size": "14px",
}

_PRE = "pre { margin: 0; font: inherit; overflow: hidden; text-overflow: ellipsis; }"
