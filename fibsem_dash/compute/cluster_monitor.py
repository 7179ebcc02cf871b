"""What the workers of a Dask cluster do, for plots of our own where Dask's cannot be reached."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fibsem_dash.errors import AccessError

TASKS_KEPT = 20_000
"""Finished tasks that the scheduler remembers between two samples."""

PLUGIN = "fibsem-dash-tasks"
"""Name under which the scheduler keeps the list of finished tasks."""


@dataclass(frozen=True)
class WorkerSample:
    """One worker at one moment.

    Attributes
    ----------
    name, address : str
        What the cluster calls it, and where it listens.
    cpu_percent : float
        Of one core; more than 100 with several threads.
    memory_bytes, limit_bytes : int
        What it uses and may use; a limit of 0 means none.
    processing, in_memory : int
        Tasks that it has to do or does, and results that it keeps.
    threads : int
        Tasks that it can do at a time.
    """

    name: str
    address: str
    cpu_percent: float
    memory_bytes: int
    limit_bytes: int
    processing: int
    in_memory: int
    threads: int


@dataclass(frozen=True)
class TaskSpan:
    """One finished piece of work.

    Attributes
    ----------
    name : str
        Function, without the number of the call.
    worker : str
        Address of the worker.
    action : str
        ``"compute"``, ``"transfer"``, ``"disk-read"`` and so on.
    start, stop : float
        Seconds since 1970.
    """

    name: str
    worker: str
    action: str
    start: float
    stop: float


@dataclass(frozen=True)
class ClusterSample:
    """A cluster at one moment.

    Attributes
    ----------
    time : float
        Seconds since 1970.
    workers : tuple of WorkerSample
        In the order of their names.
    tasks : tuple of TaskSpan
        What was finished since the sample before; the first sample has none.
    """

    time: float
    workers: tuple[WorkerSample, ...]
    tasks: tuple[TaskSpan, ...]


class ClusterMonitor:
    """Looks at a scheduler from outside. Use it as a context manager, or call `close`.

    One sample costs the scheduler a few milliseconds; call it off the event loop.

    Parameters
    ----------
    address : str
        Address of the scheduler, ``tcp://...``.
    timeout_s : float
        How long it may take to answer.

    Raises
    ------
    AccessError
        When no scheduler answers there.
    """

    def __init__(self, address: str, timeout_s: float = 3.0) -> None:
        from distributed import Client

        self.address = address
        self._seen = -1
        try:
            self._client: Any = Client(address, timeout=timeout_s, set_as_default=False)
        except (OSError, ValueError) as error:
            raise AccessError(
                f"no Dask scheduler answers at {address}", found=str(error).splitlines()[0]
            ) from error

    def sample(self) -> ClusterSample:
        """Look at the cluster now.

        Raises
        ------
        AccessError
            When the scheduler has gone.
        """
        # A lost client would wait for the scheduler to come back.
        if self._client.status == "running":
            try:
                answer = self._client.run_on_scheduler(_collect, seen=self._seen)
            except Exception as error:
                raise self._gone(error) from error
        else:
            raise self._gone(self._client.status)
        self._seen = answer["seen"]
        workers = (WorkerSample(**values) for values in answer["workers"])
        return ClusterSample(
            time=time.time(),
            workers=tuple(sorted(workers, key=lambda w: (len(w.name), w.name))),
            tasks=tuple(TaskSpan(*values) for values in answer["tasks"]),
        )

    def _gone(self, found: object) -> AccessError:
        return AccessError(f"the Dask scheduler at {self.address} has gone", found=found)

    def close(self) -> None:
        """Leave the cluster; it goes on."""
        self._client.close()

    def __enter__(self) -> ClusterMonitor:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _collect(seen: int, dask_scheduler: Any = None) -> Mapping[str, Any]:
    """Run on the scheduler: the workers, and the tasks behind number `seen`."""
    from distributed.diagnostics.task_stream import TaskStreamPlugin
    from distributed.utils import key_split

    plugin = dask_scheduler.plugins.get(PLUGIN)
    if plugin is None:
        # It records only from now on.
        plugin = TaskStreamPlugin(dask_scheduler, maxlen=TASKS_KEPT)
        dask_scheduler.add_plugin(plugin, name=PLUGIN)
    first = plugin.index if seen < 0 else seen
    tasks = [
        (key_split(entry["key"]), str(entry["worker"]), span["action"], span["start"], span["stop"])
        for entry in plugin.collect(start_index=first)
        for span in entry["startstops"]
    ]
    workers = [
        {
            "name": str(state.name),
            "address": state.address,
            "cpu_percent": float(state.metrics.get("cpu", 0.0)),
            "memory_bytes": int(state.metrics.get("memory", 0)),
            "limit_bytes": int(state.memory_limit or 0),
            "processing": len(state.processing),
            "in_memory": len(state.has_what),
            "threads": int(state.nthreads),
        }
        for state in dask_scheduler.workers.values()
    ]
    return {"seen": plugin.index, "tasks": tasks, "workers": workers}
