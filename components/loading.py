"""The time in which a browser draws the page: changes must not be lost, timers must wait."""

from __future__ import annotations

from functools import partial, wraps
from typing import Any
from weakref import WeakSet

import panel as pn
import panel.io.document as panel_document
from panel.io.callbacks import PeriodicCallback

from components.locked import in_session

_fetched: WeakSet[Any] = WeakSet()
"""Documents that a browser has got whole."""


def keep_early_changes(document: Any) -> None:
    """Send what changes after the browser got the document and before it has drawn it.

    Panel 1.9 collects changes while it holds a document, and throws them away until the browser
    says that everything is drawn, since a document is sent whole when a browser connects. But it
    is sent seconds before it is drawn: what changes in between, such as a page that is still being
    built, never arrived, and later changes of its figures failed in the browser.

    Parameters
    ----------
    document : bokeh.document.Document
        That of the session which is being served.
    """
    _replace_drain()
    whole = document.to_json

    @wraps(whole)
    def to_json(*arguments: Any, **options: Any) -> Any:
        result = whole(*arguments, **options)
        _fetched.add(document)
        return result

    document.to_json = to_json


def start_timers_when_loaded() -> None:
    """Let timers begin when the browser has drawn the page.

    Panel 1.9 cannot start them before, and tries again in each turn of the loop until then: one tab
    that is being loaded kept a core of the server busy.
    """
    original = PeriodicCallback.start
    if getattr(original, "waits_for_loading", False):
        return

    def start(self: PeriodicCallback) -> None:
        if self._cb is not None or not in_session() or pn.state.loaded:
            original(self)
            return
        document = pn.state.curdoc
        self._updating = True
        self.running = True
        self._updating = False

        def begin() -> None:
            # It may have been stopped meanwhile.
            if self.running and self._cb is None:
                original(self)

        # The page counts as loaded only after what waits for that.
        pn.state.onload(lambda: document.add_next_tick_callback(begin))

    start.waits_for_loading = True  # type: ignore[attr-defined]
    PeriodicCallback.start = start


def _replace_drain() -> None:
    original = panel_document._drain_unconnected_events
    if getattr(original, "keeps_early_changes", False):
        return

    def drain(document: Any, lock: Any) -> Any:
        if document not in _fetched:
            return original(document, lock)
        session = getattr(document.session_context, "session", None)
        with lock:
            document.callbacks._hold = None
            if session is None or session._pending_writes is not None:
                events = list(document.callbacks._held_events or [])
                document.callbacks._held_events = []
                return events
            # Nobody has the document's lock: its next turn has. Until then changes go on being
            # held, or later ones would overtake these.
            document.add_next_tick_callback(partial(_release, document, lock))
            document.callbacks._hold = "combine"
        return []

    drain.keeps_early_changes = True  # type: ignore[attr-defined]
    panel_document._drain_unconnected_events = drain


def _release(document: Any, lock: Any) -> None:
    with lock:
        document.unhold()
