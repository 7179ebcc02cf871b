"""Changes reach the browser in the order in which they were made."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import wraps
from typing import Any

import panel.io.document as panel_document
from bokeh.server.views.ws import WSHandler
from tornado.websocket import WebSocketClosedError

_begun: set[asyncio.Future[None]] = set()
"""Messages on their way: the loop itself does not keep its tasks alive."""


def keep_order() -> None:
    """Give each connection one queue of messages, those of Bokeh and of Panel alike.

    While a callback holds the lock of a document, Bokeh 3.9 makes a message of every change, and
    writes one after the other when the callback is done. Panel 1.9 writes changes of its own, and
    those inside ``panel.io.hold``, at once, or later where a write is going on. They overtook each
    other: a change of a model came before the message that brings the model, and the browser said
    that its reference is not known. Here a message takes its place for the connection's lock of
    writing, which is first come, first served, as soon as it is made.
    """
    send = WSHandler.send_message
    if getattr(send, "keeps_order", False):
        return

    @wraps(send)
    def send_at_once(handler: Any, message: Any) -> asyncio.Future[None]:
        # Tasks begin in the order in which they were made, and each begins with the lock.
        task = asyncio.ensure_future(_deliver(handler, message))
        _begun.add(task)
        task.add_done_callback(_begun.discard)
        return task

    send_at_once.keeps_order = True  # type: ignore[attr-defined]
    WSHandler.send_message = send_at_once
    panel_document.write_events = write_events
    panel_document.schedule_write_events = write_events


async def _deliver(handler: Any, message: Any) -> None:
    """Write a message; one to a tab that was closed meanwhile has nobody left to read it.

    Bokeh learns that a tab is closed some turns of the loop later than the browser closes it, and
    warned of each message that was made or waited in between.
    """
    with suppress(WebSocketClosedError):
        await message.send(handler)


def write_events(_document: Any, connections: Sequence[Any], events: Sequence[Any]) -> None:
    """Send events to connections, behind all that was sent before.

    Parameters
    ----------
    _document : bokeh.document.Document
        Whose events they are; as Panel calls it.
    connections : sequence of bokeh.server.connection.ServerConnection
        The tabs.
    events : sequence of bokeh.document.events.DocumentPatchedEvent
        What has changed.
    """
    for connection in connections:
        message = connection.protocol.create("PATCH-DOC", list(events))
        connection._socket.send_message(message)
