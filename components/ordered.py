"""Changes reach the browser in the order in which they were made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import panel.io.document as panel_document

Writer = Callable[[Any, Sequence[Any], Sequence[Any]], None]


def keep_order() -> None:
    """Have what Panel sends at once wait for what Bokeh is about to send.

    While a callback holds the lock of a document, Bokeh 3.9 makes a message of every change, and
    sends them when the callback is done. Panel 1.9 sends changes of its own, and those inside
    ``panel.io.hold``, straight away. They overtook: a change of a model came before the message
    that brings the model, and the browser said that its reference is not known.
    """
    for name, always in (("write_events", False), ("schedule_write_events", True)):
        original = getattr(panel_document, name)
        if not getattr(original, "keeps_order", False):
            setattr(panel_document, name, _in_order(original, always))


def _in_order(original: Writer, always: bool) -> Writer:
    """Return a writer of events that queues up behind Bokeh's messages.

    Parameters
    ----------
    original : callable
        Sends the events of a document to connections.
    always : bool
        Queue up as soon as Bokeh collects messages; otherwise only when there are some.
    """

    @wraps(original)
    def write(document: Any, connections: Sequence[Any], events: Sequence[Any]) -> None:
        session = getattr(document.session_context, "session", None)
        waiting = getattr(session, "_pending_writes", None)
        if waiting is None or not (waiting or always):
            original(document, connections, events)
            return
        for connection in connections:
            message = connection.protocol.create("PATCH-DOC", list(events))
            waiting.append(connection._socket.send_message(message))

    write.keeps_order = True  # type: ignore[attr-defined]
    return write
