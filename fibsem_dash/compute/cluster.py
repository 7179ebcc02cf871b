"""Dask clusters: processes of this machine, or a scheduler that runs already."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from multiprocessing import resource_tracker
from typing import Any, TypeVar

from fibsem_dash.backend import WORKER_NUMBER
from fibsem_dash.compute.executor import DaskExecutor, Executor, InProcessExecutor, usable_cores
from fibsem_dash.compute.process_pool import ProcessPoolExecutor
from fibsem_dash.compute.progress import Monitor
from fibsem_dash.compute.template import FORKED, KEEP_MEMORY, WARM_MODULES, start_template
from fibsem_dash.errors import AccessError, RunError

R = TypeVar("R")

Announce = Callable[[str, str], None]
"""Takes the addresses of a cluster's scheduler and dashboard."""


class LocalClusterExecutor:
    """Runs batches on processes of this machine, which start while the caller goes on.

    Parameters
    ----------
    n_workers : int
        Number of processes, with one thread each.
    announce : callable, optional
        Told (scheduler's address, dashboard's address) once the processes run, from another
        thread. Without it there is no dashboard.
    """

    def __init__(self, n_workers: int, announce: Announce | None = None) -> None:
        self.n_workers = n_workers
        self._announce = announce
        self.description = f"{n_workers} worker process{'es' if n_workers > 1 else ''}"
        if FORKED:
            start_template(["distributed.nanny"])
        # OpenCV puts a folder with a module `typing` on sys.path while it is imported, and new
        # processes copy sys.path: it must be loaded before a worker is started.
        import_module("cv2")
        self._cluster: Any = None
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="cluster-start")
        self._client = self._starter.submit(self._start)

    def _start(self) -> Any:
        import dask
        from distributed import Client, LocalCluster, fire_and_forget

        # A terminal sends Ctrl-C to all processes. The workers inherit this thread's mask and stay
        # deaf to it; the main thread hears it and stops them.
        if hasattr(signal, "pthread_sigmask"):
            # Started later, the tracker would lift the mask.
            resource_tracker.ensure_running()
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        environment = dask.config.get("distributed.nanny.pre-spawn-environ") | KEEP_MEMORY
        changes: dict[str, Any] = {"distributed.nanny.pre-spawn-environ": environment}
        if self._announce is None:
            # Without a page to show it on, a sample of the stack every 10 ms is work for nothing.
            changes["distributed.worker.profile.enabled"] = False
        if FORKED:
            changes["distributed.worker.multiprocessing-method"] = "forkserver"
        with dask.config.set(changes):
            self._cluster = LocalCluster(
                n_workers=self.n_workers,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
                host="127.0.0.1",
                scheduler_kwargs={"dashboard": self._announce is not None},
            )
        client = Client(self._cluster)
        if self._announce is not None:
            self._announce(client.scheduler.address, self._cluster.dashboard_link or "")
        for number, address in enumerate(client.nthreads()):
            fire_and_forget(client.submit(_warm_up, number, pure=False, workers=[address]))
        return client

    def run(
        self, function: Callable[[Any], R], batches: Iterable[Any], monitor: Monitor
    ) -> Iterator[R]:
        """Yield the function's result for each batch, in the order in which they finish."""
        return DaskExecutor(self._client.result()).run(function, batches, monitor)

    def close(self) -> None:
        """Stop the processes."""
        with contextlib.suppress(Exception):
            self._client.result().close()
        if self._cluster is not None:
            self._cluster.close()
        self._starter.shutdown()


def _warm_up(number: int) -> None:
    os.environ[WORKER_NUMBER] = str(number)
    for name in WARM_MODULES:
        import_module(name)


@contextlib.contextmanager
def open_executor(
    workers: int | None = None,
    scheduler: str | None = None,
    announce: Announce | None = None,
) -> Iterator[Executor]:
    """Open the place where work runs, and close what was opened for it.

    Parameters
    ----------
    workers : int, optional
        Processes of this machine; 0 runs everything in this process; None takes one per core.
    scheduler : str, optional
        Address of a running Dask scheduler, such as ``tcp://host:8786``; overrides `workers`.
    announce : callable, optional
        Told (scheduler's address, dashboard's address) of a cluster. A local one then has a
        dashboard, which only this machine can reach; without this, on Linux, processes of this
        machine need no Dask at all, see `fibsem_dash.compute.process_pool`.

    Raises
    ------
    AccessError
        When no scheduler answers at the address.
    RunError
        When the scheduler has no workers.
    """
    if scheduler is not None:
        with _quiet_client(), _connect(scheduler) as client:
            if announce is not None:
                announce(client.scheduler.address, client.dashboard_link or "")
            yield DaskExecutor(client)
    elif workers == 0:
        yield InProcessExecutor()
    else:
        n_workers = workers or usable_cores()
        local: Any
        if FORKED and announce is None:
            local = ProcessPoolExecutor(n_workers)
        else:
            local = LocalClusterExecutor(n_workers, announce)
        with contextlib.closing(local):
            yield local


@contextlib.contextmanager
def _quiet_client() -> Iterator[None]:
    """Keep Dask from printing tracebacks when the scheduler dies: a RunError says so."""
    # It sets the levels of its loggers when it is imported.
    import_module("distributed")
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _connect(address: str) -> Any:
    from distributed import Client

    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise AccessError(
            f"no Dask scheduler answers at {address}",
            found=str(error),
            remedy="Check the address, and that the scheduler runs.",
        ) from error
    try:
        client.wait_for_workers(1, timeout=60)
    except TimeoutError:
        client.close()
        raise RunError(
            "the Dask scheduler has no worker", remedy="Start workers, then try again."
        ) from None
    return client
