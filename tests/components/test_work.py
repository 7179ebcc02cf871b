"""Background work: the newest request wins, errors become text, nothing needs a loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

pytest.importorskip("panel")

from components.activity import Activities
from components.widgets.activity_view import ActivityView
from components.work import LatestWork


def divide(a: float, b: float) -> float:
    return a / b


def test_without_a_loop_the_work_is_done_at_once() -> None:
    work = LatestWork(divide)
    work.request(6, 3)
    assert (work.result, work.busy, work.error, work.done_count) == (2, False, "", 1)


def test_an_error_is_kept_and_the_last_result_stays() -> None:
    work = LatestWork(divide)
    work.request(6, 3)
    work.request(6, 0)
    assert work.result == 2
    assert "ZeroDivisionError" in work.error
    assert not work.busy
    work.request(8, 2)
    assert (work.result, work.error) == (4, "")


def test_the_newest_request_wins() -> None:
    gate = threading.Event()

    def slow(value: int) -> int:
        if value == 1:
            gate.wait(5)
        return value

    async def story() -> LatestWork:
        work = LatestWork(slow)
        work.request(1)
        await asyncio.sleep(0.1)
        work.request(2)
        while work.busy:
            await asyncio.sleep(0.01)
        gate.set()
        await asyncio.sleep(0.1)
        return work

    work = asyncio.run(story())
    assert (work.result, work.done_count) == (2, 1)


def test_activities_tell_what_runs_and_how_far_it_is() -> None:
    activities = Activities()
    view = ActivityView(activities)
    with activities.running("Reading headers") as activity:
        activities.begin(activity, "Reading headers", 200)
        activities.advance(activity, 90)
        view.poll()
        assert view.text.object == "Reading headers 45 %"
        assert view._layout.visible
        assert activity.left_s > 0
    view.poll()
    assert not view._layout.visible
