"""Changes of Bokeh models at a time when they are allowed, and work that waits for its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import panel as pn

from fibsem_dash.compute.notebook import in_notebook


def in_session() -> bool:
    """Tell whether a browser tab is being served, so that there is a next turn."""
    document = pn.state.curdoc
    return document is not None and document.session_context is not None


def event_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop on which results are awaited; None where work is done at once.

    A notebook's kernel has a loop, too, but it stands still while a cell runs: a page would be
    shown empty, and what comes later would not be part of the saved notebook.
    """
    if in_notebook() and not in_session():
        return None
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def when_locked(action: Callable[[], Any]) -> None:
    """Run something that changes figures or their data.

    Clicks on buttons are handled while the document is not locked, and Bokeh refuses changes then;
    in a session the action waits for the next turn, which has the lock. Elsewhere it runs at once.
    """
    if in_session():
        pn.state.curdoc.add_next_tick_callback(action)
    else:
        action()
