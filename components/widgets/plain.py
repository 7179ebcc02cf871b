"""Text from files and headers, made safe for parts that render Markdown or HTML."""

from __future__ import annotations

import re

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
