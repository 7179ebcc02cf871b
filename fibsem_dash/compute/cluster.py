"""Dask clusters: processes of this machine, or a scheduler that runs already."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from multiprocessing import resource_tracker
from typing import Any, TypeVar

from fibsem_dash.compute.executor import DaskExecutor, Executor, InProcessExecutor, usable_cores
from fibsem_dash.compute.progress import Monitor
from fibsem_dash.errors import AccessError, RunError

R = TypeVar("R")

Announce = Callable[[str, str], None]
"""Takes the addresses of a cluster's scheduler and dashboard."""

WARM_MODULES = (
    "cv2",
    "scipy.fft",
    "threadpoolctl",
    "fibsem_dash.registration.block_pairs",
    "fibsem_dash.registration.data_range",
    "fibsem_dash.registration.keypoints",
    "fibsem_dash.registration.stack",
)
"""What the first work of a worker would have to import."""

FORKED = sys.platform == "linux"
"""Whether workers are copies of one process that has imported everything. Elsewhere each imports
for itself: Windows cannot copy processes, and libraries of macOS do not survive it."""

KEEP_MEMORY = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "4000000000",
    "MALLOC_TRIM_THRESHOLD_": "4000000000",
}
"""Has glibc keep freed memory for the next frame. Without it each buffer of SIFT goes back to the
system and its pages are cleared again, which takes a third of SIFT's time."""


ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Each worker has one core; threads of its own would not survive the copying either."""


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
            _start_template()
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
        for address in client.nthreads():
            fire_and_forget(client.submit(_warm_up, pure=False, workers=[address]))
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


def _start_template() -> None:
    """Start the process that workers are copied from; it imports while the caller goes on.

    The environment is the one that Dask gives a new worker, which the C library and the linear
    algebra read when a process starts: one thread, memory that is kept.
    """
    from multiprocessing import forkserver

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["distributed.nanny", "fibsem_dash.cli.entry", *WARM_MODULES])
    added = {**ONE_THREAD, **KEEP_MEMORY}
    before = {name: os.environ.get(name) for name in added}
    # A terminal sends Ctrl-C to all processes; see `_start`. The tracker lifts the mask when it
    # starts, so it must run already.
    resource_tracker.ensure_running()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(added)
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _warm_up() -> None:
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
        Processes of a local cluster; 0 runs everything in this process; None takes one per core.
    scheduler : str, optional
        Address of a running Dask scheduler, such as ``tcp://host:8786``; overrides `workers`.
    announce : callable, optional
        Told (scheduler's address, dashboard's address) of a cluster; a local one then has a
        dashboard, which only this machine can reach.

    Raises
    ------
    AccessError
        When no scheduler answers at the address.
    RunError
        When the scheduler has no workers.
    """
    if scheduler is not None:
        with _connect(scheduler) as client:
            if announce is not None:
                announce(client.scheduler.address, client.dashboard_link or "")
            yield DaskExecutor(client)
    elif workers == 0:
        yield InProcessExecutor()
    else:
        with contextlib.closing(LocalClusterExecutor(workers or usable_cores(), announce)) as local:
            yield local


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
