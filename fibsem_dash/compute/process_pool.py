"""Worker processes without a scheduler: copies of one process, fed through pipes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any, TypeVar

from fibsem_dash.backend import WORKER_NUMBER
from fibsem_dash.compute.executor import run_in_worker
from fibsem_dash.compute.progress import Cancelled, Monitor
from fibsem_dash.compute.template import start_template
from fibsem_dash.errors import RunError

R = TypeVar("R")

MOST_DEATHS = 3
"""Workers that may die on one batch before the run ends, as with Dask."""

CANCEL_EVERY_S = 0.2
"""How often the monitor is asked whether to stop while no batch ends."""


@dataclass
class _Work:
    """A batch and the workers that died on it."""

    batch: Any
    deaths: int = 0


@dataclass
class _Worker:
    """A process, this side's end of its pipe, and what it does."""

    process: Any
    pipe: Connection
    number: int
    work: _Work | None = field(default=None)


class ProcessPoolExecutor:
    """Runs batches on processes of this machine, which start while the caller goes on.

    For one command on one machine this does what a Dask cluster does there, without importing
    Dask, starting its scheduler and keeping it informed. A worker that dies is replaced.
    On Linux only: workers are forks of one process that has imported everything.

    Parameters
    ----------
    n_workers : int
        Number of processes, with one thread each.
    """

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        self.description = f"{n_workers} worker process{'es' if n_workers > 1 else ''}"
        start_template()
        # OpenCV puts a folder with a module `typing` on sys.path while it is imported, and new
        # processes copy sys.path: it must be loaded before a worker is started.
        import_module("cv2")
        self._context = multiprocessing.get_context("forkserver")
        # The template answers only after its imports.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="worker-start")
        self._started = self._starter.submit(self._fill, [])

    def _fill(self, workers: list[_Worker]) -> list[_Worker]:
        """Start the workers that are missing."""
        while len(workers) < self.n_workers:
            ours, theirs = multiprocessing.Pipe()
            # A worker that replaces a dead one takes its number, and its card.
            number = min(set(range(self.n_workers)) - {worker.number for worker in workers})
            process = self._context.Process(target=_serve, args=(theirs, number), daemon=True)
            process.start()
            # Else nobody would notice that the worker's end is closed.
            theirs.close()
            workers.append(_Worker(process, ours, number))
        return workers

    def run(
        self, function: Callable[[Any], R], batches: Iterable[Any], monitor: Monitor
    ) -> Iterator[R]:
        """Yield the function's result for each batch, in the order in which they finish.

        Raises
        ------
        Cancelled
            When the monitor asks to stop; the workers at work are killed.
        RunError
            When workers died repeatedly on a batch.
        """
        workers = self._fill(self._started.result())
        waiting = iter(batches)
        again: deque[_Work] = deque()

        def give(worker: _Worker) -> None:
            work = again.popleft() if again else next(map(_Work, waiting), None)
            if work is not None:
                worker.work = work
                # Where it died just now, its pipe tells in the next turn.
                with contextlib.suppress(OSError):
                    worker.pipe.send((function, work.batch))

        try:
            for worker in workers:
                give(worker)
            while busy := {worker.pipe: worker for worker in workers if worker.work}:
                if monitor.cancelled():
                    raise Cancelled
                ready = wait(list(busy), CANCEL_EVERY_S)
                for worker in [busy[pipe] for pipe in busy if pipe in ready]:
                    try:
                        done, result = worker.pipe.recv()
                    except (EOFError, OSError):
                        again.append(_blame(worker))
                        workers.remove(worker)
                        give(self._fill(workers)[-1])
                        continue
                    worker.work = None
                    if not done:
                        raise result
                    # The worker goes on while the caller handles the result.
                    give(worker)
                    yield result
        finally:
            # What is still at work has results of no use to the next call.
            for worker in [worker for worker in workers if worker.work]:
                _stop(worker)
                workers.remove(worker)

    def close(self) -> None:
        """Stop the processes."""
        with contextlib.suppress(OSError, EOFError):
            for worker in self._started.result():
                _stop(worker)
        self._starter.shutdown()


def _blame(worker: _Worker) -> _Work:
    """Return the work of a worker that died, or end the run where it was not the first."""
    _stop(worker)
    work = worker.work
    assert work is not None
    work.deaths += 1
    if work.deaths >= MOST_DEATHS:
        raise RunError(
            "workers died on the same piece of work several times",
            found=f"exit code {worker.process.exitcode}",
            remedy="Most often memory ran out: use fewer workers, then start the run again; "
            "finished work is kept.",
            argument="workers",
        )
    return work


def _stop(worker: _Worker) -> None:
    worker.process.kill()
    worker.process.join()
    worker.pipe.close()


def _serve(pipe: Connection, number: int) -> None:
    """Do batches until the other side closes the pipe."""
    os.environ[WORKER_NUMBER] = str(number)
    # A worker is killed at the end. Locks that libraries make (numcodecs has one) are named by
    # default here, would be left behind, and the interpreter would warn of them; those for forked
    # processes have no name.
    multiprocessing.set_start_method("fork", force=True)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        while True:
            pipe.send_bytes(_answer(*pipe.recv()))


def _answer(function: Callable[[Any], Any], batch: Any) -> Any:
    """Return the pickled pair of success and result, or of failure and exception."""
    try:
        return ForkingPickler.dumps((True, run_in_worker(function, batch)))
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller has to hear of it
        error.add_note(f"In a worker process:\n{traceback.format_exc()}")
        return ForkingPickler.dumps((False, error))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
