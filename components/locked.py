"""Changes of Bokeh models at a time when they are allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn


def when_locked(action: Callable[[], Any]) -> None:
    """Run something that changes figures or their data.

    Clicks on buttons are handled while the document is not locked, and Bokeh refuses changes then;
    in a session the action waits for the next turn, which has the lock. Elsewhere it runs at once.
    """
    document = pn.state.curdoc
    if document is None or document.session_context is None:
        action()
    else:
        document.add_next_tick_callback(action)
