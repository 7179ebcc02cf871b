"""A change of a figure never comes before the message that brings the figure."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("panel_material_ui")

import panel as pn
from bokeh.client import pull_session
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from components.ordered import _in_order, keep_order
from components.server import free_port

PATIENCE_S = 20.0


@pytest.fixture
def served() -> Iterator[tuple[str, list[Any]]]:
    """A server of a figure without curves, in a thread; its address and the tabs."""
    tabs: list[Any] = []

    def build() -> Any:
        keep_order()
        plot = figure()
        tabs.append((pn.state.curdoc, plot))
        return pn.pane.Bokeh(plot)

    port = free_port(0, "127.0.0.1")
    server = pn.serve(
        {"/": build}, address="127.0.0.1", port=port, show=False, threaded=True, verbose=False
    )
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}/", tabs
    server.stop()
    server.join(10)


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


@pytest.mark.parametrize(
    ("waiting", "always", "queued"),
    [(None, True, False), ([], False, False), ([], True, True), (["earlier"], False, True)],
)
def test_events_queue_up_behind_what_bokeh_collects(
    waiting: list[Any] | None, always: bool, queued: bool
) -> None:
    at_once: list[Any] = []
    write = _in_order(lambda *given: at_once.append(given), always)
    connection = SimpleNamespace(
        protocol=SimpleNamespace(create=lambda kind, events: (kind, events)),
        _socket=SimpleNamespace(send_message=lambda message: message),
    )
    session = SimpleNamespace(_pending_writes=waiting)
    document = SimpleNamespace(session_context=SimpleNamespace(session=session))
    before = list(waiting or [])
    write(document, [connection], ["change"])
    assert bool(at_once) is not queued
    if queued:
        assert waiting == [*before, ("PATCH-DOC", ["change"])]
