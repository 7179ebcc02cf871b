"""Timers that look for news do not count as work."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("panel_material_ui")

import panel as pn

from components.timers import poll_every


def test_a_poll_calls_its_function_and_leaves_panels_busy_counter_alone() -> None:
    calls: list[int] = []
    noted: list[object] = []
    watcher = pn.state.param.watch(lambda event: noted.append(event.new), "_busy_counter")
    timer = poll_every(lambda: calls.append(1), 1000)
    try:
        asyncio.run(timer._periodic_callback())
        assert calls == [1]
        assert noted == []
        timer._background = False
        asyncio.run(timer._periodic_callback())
        # Once Panel no longer notes it, this module can go.
        assert noted
    finally:
        timer.stop()
        pn.state.param.unwatch(watcher)
