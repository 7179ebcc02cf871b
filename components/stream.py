"""Work that gives its results one by one: progress while it goes on, stopped at any time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import panel as pn
import param

from components.locked import event_loop
from fibsem_dash.compute.executor import describe_error

log = logging.getLogger(__name__)

PUBLISH_S = 0.25
"""Results reach the page in groups, so often: more often would only redraw more."""

POOL = ThreadPoolExecutor(4, thread_name_prefix="page-stream")
"""Threads of long work, apart from those that answer a moved slider."""

Make = Callable[[Callable[[], bool]], Iterator[Any]]
"""Makes the results; its argument tells whether it should stop."""


class StreamWork(param.Parameterized):
    """Runs one long piece of work for one page; a newer start or `stop` ends an older one.

    Without an event loop (tests, notebooks) the work is done at once.

    Attributes
    ----------
    new_items : list
        Results that came with the last growth of `done_count`.
    """

    busy = param.Boolean(False, doc="Work is under way")
    error = param.String("", doc="Why the work ended early; empty when it did not")
    done = param.Integer(0, doc="Results so far")
    total = param.Integer(0, doc="Results that are expected")
    done_count = param.Integer(0, doc="Grows with every group of results")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.new_items: list[Any] = []
        self._generation = 0

    def start(self, make: Make, total: int) -> None:
        """Begin; what ran before is stopped."""
        self._generation += 1
        self.param.update(error="", done=0, total=total, busy=True)
        if event_loop() is None:
            self._run(self._generation, make, None)
        else:
            POOL.submit(self._run, self._generation, make, pn.state.curdoc)

    def stop(self) -> None:
        """End the work; results that came are kept."""
        self._generation += 1
        self.busy = False

    def _run(self, generation: int, make: Make, document: Any) -> None:
        def stop() -> bool:
            context = None if document is None else document.session_context
            return generation != self._generation or (context is not None and context.destroyed)

        pending: list[Any] = []
        last = time.monotonic()
        error = ""
        try:
            for item in make(stop):
                if stop():
                    return
                pending.append(item)
                if time.monotonic() - last > PUBLISH_S:
                    self._send(document, partial(self._publish, generation, pending))
                    pending, last = [], time.monotonic()
        except Exception as problem:
            log.info("work failed", exc_info=problem)
            error = describe_error(problem)
        if not stop():
            self._send(document, partial(self._finish, generation, pending, error))

    @staticmethod
    def _send(document: Any, report: Callable[[], None]) -> None:
        if document is None or document.session_context is None:
            report()
        else:
            document.add_next_tick_callback(report)

    def _publish(self, generation: int, items: list[Any]) -> None:
        if generation == self._generation and items:
            self.new_items = items
            self.param.update(done=self.done + len(items), done_count=self.done_count + 1)

    def _finish(self, generation: int, items: list[Any], error: str) -> None:
        if generation == self._generation:
            self._publish(generation, items)
            self.param.update(busy=False, error=error)
