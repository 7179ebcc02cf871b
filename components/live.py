"""Work that keeps up with a dragged control: every result is shown, what piles up is skipped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import panel as pn

from components.locked import event_loop
from components.work import LatestWork

POOL = ThreadPoolExecutor(2, thread_name_prefix="page-live")
"""Threads of quick work, apart from those that read images."""


class LiveWork(LatestWork):
    """Runs quick work for a control that moves.

    `LatestWork` waits until a control rests, and throws away what was asked for before. Here work
    begins at once and its result is shown; meanwhile only the newest request waits. So curves
    follow a slider while it is dragged. Without an event loop the work is done at once.
    """

    def __init__(self, function: Callable[..., Any], **values: Any) -> None:
        super().__init__(function, **values)
        self._waiting: tuple[Any, ...] | None = None
        self._draining = False

    def request(self, *arguments: Any) -> None:
        """Ask for the result for these arguments; a request that waits is replaced."""
        loop = event_loop()
        if loop is None:
            self._run_now(*arguments)
            return
        self._waiting = arguments
        if not self._draining:
            self._draining = self.busy = True
            task = loop.create_task(self._drain(pn.state.curdoc))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        """Drop the request that waits, and the result of the one that runs."""
        self._waiting = None
        super().cancel()

    async def _drain(self, document: Any) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting is not None:
            arguments, self._waiting = self._waiting, None
            generation = self._generation
            try:
                result = await loop.run_in_executor(POOL, self._function, *arguments)
            except Exception as error:  # noqa: BLE001 - the page must stay alive
                report = partial(self._fail, error)
            else:
                report = partial(self._succeed, result)
            await self._deliver(document, partial(self._show, generation, report))
        self._draining = False

    def _show(self, generation: int, report: Callable[[], None]) -> None:
        if generation == self._generation:
            report()
        self.busy = self._waiting is not None

    @staticmethod
    async def _deliver(document: Any, outcome: Callable[[], None]) -> None:
        if document is None or document.session_context is None:
            outcome()
        elif not document.session_context.destroyed:
            shown = asyncio.Event()

            def turn() -> None:
                try:
                    outcome()
                finally:
                    shown.set()

            # Models may only change while the document is locked, which this callback is.
            document.add_next_tick_callback(turn)
            await shown.wait()
