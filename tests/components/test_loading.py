"""Changes between the fetch of a page and its first drawing reach whoever fetched it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("panel_material_ui")

import panel as pn
from bokeh.client import pull_session

from components.loading import keep_early_changes, start_timers_when_loaded
from tests.thread_server import PATIENCE_S, serve_in_thread

LATER_MS = 1000
"""After the change, in which several turns of the server pass."""


@pytest.fixture(params=[True, False], ids=["kept", "not kept"])
def case(request: pytest.FixtureRequest) -> Iterator[tuple[bool, str, list[Any]]]:
    """A server of one text, in a thread, with and without the repair; its address and the
    documents of its tabs."""
    tabs: list[Any] = []

    def build() -> Any:
        if request.param:
            keep_early_changes(pn.state.curdoc)
        tabs.append(pn.state.curdoc)
        return pn.pane.Str("first")

    with serve_in_thread(build) as address:
        yield request.param, address, tabs


def texts(document: Any) -> list[str]:
    return [model.text for model in document.models if hasattr(model, "text")]


def test_a_held_change_after_the_fetch_arrives_only_where_it_is_kept(
    case: tuple[bool, str, list[Any]],
) -> None:
    kept, address, tabs = case
    session = pull_session(url=address)
    assert "first" in texts(session.document)[0]
    document = tabs[-1]
    drawn: list[bool] = []

    def change() -> None:
        drawn.append(pn.state._connected.get(document, False))
        with pn.io.hold():
            model = next(model for model in document.models if hasattr(model, "text"))
            model.text = "second"

    def end() -> None:
        # Not held: it arrives in any case, behind all that was sent before.
        document.title = "the end"

    document.add_next_tick_callback(change)
    document.add_timeout_callback(end, LATER_MS)
    session._connection._loop_until(lambda: session.document.title == "the end")
    assert drawn == [False]
    assert "second" in texts(document)[0]
    # Panel by itself loses the change: once it no longer does, the repair can go.
    assert ("second" in texts(session.document)[0]) is kept
    session.close()


@pytest.mark.parametrize("stopped", [False, True])
def test_timers_begin_when_the_page_is_drawn_and_not_before(stopped: bool) -> None:
    starts: list[float] = []
    ticks: list[float] = []
    tabs: list[Any] = []

    def build() -> Any:
        start_timers_when_loaded()
        tabs.append(pn.state.curdoc)
        timer = pn.state.add_periodic_callback(lambda: ticks.append(time.monotonic()), 30)
        original = timer._start_time
        starts.append(original)
        if stopped:
            timer.stop()
        return pn.pane.Str("first")

    with serve_in_thread(build) as address:
        session = pull_session(url=address)
        time.sleep(0.3)
        # It waits without a try in each turn: Panel's own start has not been called.
        assert ticks == []
        assert starts == [None]
        tabs[0].add_next_tick_callback(lambda: pn.state._on_load(tabs[0]))
        deadline = time.monotonic() + (0.5 if stopped else PATIENCE_S)
        while len(ticks) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert (len(ticks) == 0) is stopped
        session.close()
