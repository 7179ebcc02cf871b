"""A change of a figure never comes before the message that brings the figure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("panel_material_ui")

import panel as pn
from bokeh.client import pull_session
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure
from bokeh.server.views.ws import WSHandler
from tornado.locks import Lock
from tornado.websocket import WebSocketClosedError

from components.ordered import keep_order, write_events
from tests.thread_server import serve_in_thread


@pytest.fixture
def served() -> Iterator[tuple[str, list[Any]]]:
    """A server of a figure without curves, in a thread; its address and the tabs."""
    tabs: list[Any] = []

    def build() -> Any:
        keep_order()
        plot = figure()
        tabs.append((pn.state.curdoc, plot))
        return pn.pane.Bokeh(plot)

    with serve_in_thread(build) as address:
        yield address, tabs


def curves(document: Any) -> list[list[int]]:
    return [
        list(model.data.get("x", []))
        for model in document.models
        if isinstance(model, ColumnDataSource) and model.tags == ["curve"]
    ]


def test_a_curve_that_is_added_and_filled_in_one_turn_arrives(
    served: tuple[str, list[Any]],
) -> None:
    address, tabs = served
    session = pull_session(url=address)
    document, plot = tabs[-1]
    sent: list[str] = []

    def change() -> None:
        source = ColumnDataSource({"x": [], "y": []}, tags=["curve"])
        plot.line("x", "y", source=source)
        with pn.io.hold():
            source.data = {"x": [1, 2], "y": [3, 4]}
        sent.append("done")

    def end() -> None:
        document.title = "the end"

    # As when a browser has drawn the page.
    pn.state._loaded[document] = pn.state._connected[document] = True
    document.add_next_tick_callback(change)
    document.add_timeout_callback(end, 1000)
    session._connection._loop_until(lambda: session.document.title == "the end")
    assert sent == ["done"]
    assert curves(session.document) == [[1, 2]]
    session.close()


def test_messages_are_written_in_the_order_in_which_they_were_made() -> None:
    keep_order()
    written: list[str] = []

    def message(name: str) -> Any:
        async def send(handler: Any) -> None:
            with await handler.write_lock.acquire():
                await asyncio.sleep(0.01)
                written.append(name)

        return SimpleNamespace(send=send)

    async def run() -> None:
        handler = SimpleNamespace(write_lock=Lock())
        connection = SimpleNamespace(
            protocol=SimpleNamespace(create=lambda kind, events: message(events[0])),
            _socket=SimpleNamespace(
                send_message=lambda content: WSHandler.send_message(handler, content)
            ),
        )
        # Bokeh makes two, and waits for them one after the other; Panel sends one in between.
        pending = [WSHandler.send_message(handler, message(name)) for name in ("first", "second")]
        write_events(None, [connection], ["third"])
        for one in pending:
            await one
        await WSHandler.send_message(handler, message("fourth"))

    asyncio.run(run())
    assert written == ["first", "second", "third", "fourth"]


def test_messages_to_a_closed_tab_are_dropped_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    keep_order()
    tried: list[str] = []

    def message(name: str, error: Exception) -> Any:
        async def send(_handler: Any) -> None:
            tried.append(name)
            raise error

        return SimpleNamespace(send=send)

    async def run() -> None:
        handler: Any = SimpleNamespace(write_lock=Lock())
        await WSHandler.send_message(handler, message("closed", WebSocketClosedError()))
        # Whatever else goes wrong must be heard of.
        with pytest.raises(ValueError, match="no JSON"):
            await WSHandler.send_message(handler, message("broken", ValueError("no JSON")))

    asyncio.run(run())
    assert tried == ["closed", "broken"]
    assert not caplog.records
