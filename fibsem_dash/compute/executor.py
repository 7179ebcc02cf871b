"""One way to run batches of work, whatever runs them."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from fibsem_dash.compute.progress import Cancelled, Monitor
from fibsem_dash.errors import FibsemDashError, RunError

T = TypeVar("T")
R = TypeVar("R")

BATCHES_PER_WORKER = 3
"""Batches that wait at each worker: enough to keep it busy, few enough to cancel quickly."""

COUNT_INTERVAL_S = 1.0
"""How often the workers of a Dask cluster are counted: batch jobs start, and end, one by one."""


class Executor(Protocol):
    """Runs a function on batches of items."""

    n_workers: int
    description: str

    def run(
        self, function: Callable[[Any], R], batches: Iterable[Any], monitor: Monitor
    ) -> Iterator[R]:
        """Yield the function's result for each batch, in the order in which they finish."""


class InProcessExecutor:
    """Runs batches one after another in this process."""

    n_workers = 1
    description = "this process"

    def run(
        self, function: Callable[[Any], R], batches: Iterable[Any], monitor: Monitor
    ) -> Iterator[R]:
        """Yield the function's result for each batch, in order."""
        for batch in batches:
            if monitor.cancelled():
                raise Cancelled
            yield run_single_threaded(function, batch)


class DaskExecutor:
    """Runs batches on a Dask cluster, a bounded number at a time.

    Workers may come and go at any time: `n_workers` follows while batches run.

    Parameters
    ----------
    client : distributed.Client
        Connected client; it stays open.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self._counted = -math.inf
        self.n_workers = 1
        self._count_workers()
        self.description = f"Dask at {client.scheduler.address}, {self.n_workers} workers"

    def run(
        self, function: Callable[[Any], R], batches: Iterable[Any], monitor: Monitor
    ) -> Iterator[R]:
        """Yield the function's result for each batch, in the order in which they finish.

        Raises
        ------
        Cancelled
            When the monitor asks to stop; waiting batches are withdrawn.
        RunError
            When workers died repeatedly on a batch, or the scheduler went away.
        """
        from distributed import as_completed

        waiting = iter(batches)
        name = getattr(function, "__name__", "work").replace("_batch", "")
        pending = as_completed()
        futures = set()

        def submit(n: int) -> None:
            for _, batch in zip(range(n), waiting, strict=False):
                # Dask's pages show what is in front of the number.
                key = f"{name}-{uuid.uuid4().hex}"
                future = self.client.submit(run_in_worker, function, batch, key=key, pure=False)
                futures.add(future)
                pending.add(future)

        def fill() -> None:
            self._count_workers()
            submit(max(BATCHES_PER_WORKER * self.n_workers - len(futures), 0))

        try:
            fill()
            while futures:
                if monitor.cancelled():
                    raise Cancelled
                with contextlib.suppress(TimeoutError):
                    for future in pending.next_batch(block=True):
                        futures.discard(future)
                        fill()
                        yield _result_of(future)
        finally:
            self.client.cancel(list(futures), force=True)

    def _count_workers(self) -> None:
        """Count the workers again when the last count is old; at least one is told of."""
        if time.monotonic() - self._counted < COUNT_INTERVAL_S:
            return
        # Where the scheduler went away, the futures say so.
        with contextlib.suppress(OSError):
            self.n_workers = max(sum(self.client.nthreads().values()), 1)
        self._counted = time.monotonic()


def run_single_threaded(function: Callable[[Any], R], batch: Any) -> R:
    """Run a function with one thread for linear algebra.

    Sums that several threads share come out in another order, so their last digits would depend on
    the number of cores; and worker processes would fight for them.
    """
    with _thread_controller().limit(limits=1, user_api="blas"):
        return function(batch)


@functools.cache
def _thread_controller() -> Any:
    import numpy as np
    from threadpoolctl import ThreadpoolController

    # The controller knows the libraries that are loaded when it is made.
    np.linalg.cond(np.eye(2))
    return ThreadpoolController()


def run_in_worker(function: Callable[[Any], R], batch: Any) -> R:
    """Run a function in a process that has one core to itself."""
    import cv2

    cv2.setNumThreads(1)
    return run_single_threaded(function, batch)


def _result_of(future: Any) -> Any:
    from concurrent.futures import CancelledError

    from distributed.client import FutureCancelledError
    from distributed.comm import CommClosedError
    from distributed.scheduler import KilledWorker

    try:
        return future.result()
    except KilledWorker as error:
        raise RunError(
            "workers died on the same piece of work several times",
            found=str(error).splitlines()[0],
            remedy="Most often memory ran out: use fewer workers, then start the run "
            "again; finished work is kept.",
            argument="workers",
        ) from error
    except (CancelledError, FutureCancelledError, CommClosedError, ConnectionError) as error:
        raise RunError(
            "the Dask scheduler went away",
            remedy="Start the run again; finished work is kept.",
        ) from error


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def batches_of(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Cut a sequence into batches of at most `size` consecutive items."""
    return [items[i : i + size] for i in range(0, len(items), size)]


def batch_size(n_items: int, n_workers: int, largest: int = 16) -> int:
    """Return a batch size that keeps every worker busy to the end with few, large batches."""
    return int(min(max(n_items // (n_workers * 8), 1), largest))


def describe_error(error: BaseException) -> str:
    """Return one line for an error: our own say what to do, others name their type."""
    if isinstance(error, FibsemDashError):
        return str(error)
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
