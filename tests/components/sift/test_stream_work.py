"""Work that shows its results as they come."""

from __future__ import annotations

import asyncio
import threading

from components.stream import StreamWork


def test_long_work_stops_and_keeps_what_came():
    async def story():
        work, going = StreamWork(), threading.Event()
        seen = []
        work.param.watch(lambda _e: seen.extend(work.new_items), "done_count")

        def make(stop):
            while not stop():
                yield 1
                going.wait(0.01)

        work.start(make, 1000)
        for _ in range(200):
            await asyncio.sleep(0.02)
            if seen:
                break
        work.stop()
        n = len(seen)
        await asyncio.sleep(0.6)
        return work, n, len(seen)

    work, before, after = asyncio.run(story())
    assert before == after > 0
    assert not work.busy


def test_work_that_fails_says_why():
    work = StreamWork()

    def make(_stop):
        yield 1
        raise ValueError("broken")

    work.start(make, 2)
    assert work.done == 1
    assert "broken" in work.error
    assert not work.busy
