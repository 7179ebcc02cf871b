"""Work off the event loop: only the newest request counts, the last good result stays."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import panel as pn
import param

from components.locked import event_loop
from fibsem_dash.compute.executor import describe_error

log = logging.getLogger(__name__)

DEBOUNCE_S = 0.05
"""A slider that moves sends many values: only one that stays this long is worked on."""

POOL = ThreadPoolExecutor(2, thread_name_prefix="page-work")
"""Threads that pages share: image work releases Python's lock, and more would not be faster."""


class LatestWork(param.Parameterized):
    """Runs one kind of work in the background for one page.

    A newer request makes an older one stale: it is not begun any more, and if it runs already its
    result is thrown away. Without an event loop (tests, notebooks) the work is done at once.

    Parameters
    ----------
    function : callable
        Does the work; for a thread.
    pool : ThreadPoolExecutor, optional
        Threads that do it; those of all pages by default.
    """

    busy = param.Boolean(False, doc="Work is under way")
    error = param.String("", doc="Why the newest request failed; empty when it did not")
    result = param.Parameter(None, doc="Result of the newest request that succeeded")
    done_count = param.Integer(0, doc="Grows with every result, also when it equals the last")

    def __init__(
        self, function: Callable[..., Any], pool: ThreadPoolExecutor = POOL, **values: Any
    ) -> None:
        super().__init__(**values)
        self._function = function
        self._pool = pool
        self._generation = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def request(self, *arguments: Any) -> None:
        """Ask for the result for these arguments; older requests are stale from now on."""
        self._generation += 1
        loop = event_loop()
        if loop is None:
            self._run_now(*arguments)
            return
        self.busy = True
        task = loop.create_task(self._run(self._generation, arguments, pn.state.curdoc))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        """Make every request stale."""
        self._generation += 1
        self.busy = False

    def is_stale(self, generation: int) -> bool:
        """Tell whether a newer request was made."""
        return generation != self._generation

    def _run_now(self, *arguments: Any) -> None:
        self.busy = True
        try:
            self._succeed(self._function(*arguments))
        except Exception as error:  # noqa: BLE001 - the page must stay alive
            self._fail(error)
        finally:
            self.busy = False

    async def _run(self, generation: int, arguments: tuple[Any, ...], document: Any) -> None:
        await asyncio.sleep(DEBOUNCE_S)
        if self.is_stale(generation):
            return
        loop = asyncio.get_running_loop()
        try:
            result = await loop.run_in_executor(self._pool, self._begin, generation, arguments)
        except Exception as error:  # noqa: BLE001 - the page must stay alive
            outcome = partial(self._finish, generation, self._fail, error)
        else:
            outcome = partial(self._finish, generation, self._succeed, result)
        if document is None or document.session_context is None:
            outcome()
        elif not document.session_context.destroyed:
            # Models may only change while the document is locked, which this callback is.
            document.add_next_tick_callback(outcome)

    def _finish(self, generation: int, report: Callable[[Any], None], outcome: Any) -> None:
        if not self.is_stale(generation):
            report(outcome)
            self.busy = False

    def _begin(self, generation: int, arguments: tuple[Any, ...]) -> Any:
        return None if self.is_stale(generation) else self._function(*arguments)

    def _succeed(self, result: Any) -> None:
        self.param.update(result=result, error="", done_count=self.done_count + 1)

    def _fail(self, error: BaseException) -> None:
        log.info("work failed", exc_info=error)
        self.error = describe_error(error)
