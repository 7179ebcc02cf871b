"""Samples of a running cluster."""

from __future__ import annotations

import time

import pytest

from fibsem_dash.compute.cluster import LocalClusterExecutor
from fibsem_dash.compute.cluster_monitor import ClusterMonitor
from fibsem_dash.compute.progress import SilentMonitor
from fibsem_dash.errors import AccessError


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def sample_often(monitor: ClusterMonitor) -> None:
    for _ in range(100):
        monitor.sample()
        time.sleep(0.05)


def test_workers_and_finished_tasks_are_seen_from_outside() -> None:
    told: list[tuple[str, str]] = []
    executor = LocalClusterExecutor(2, announce=lambda *both: told.append(both))
    try:
        list(executor.run(nap, [0.01], SilentMonitor()))
        ((scheduler, dashboard),) = told
        assert dashboard.startswith("http://127.0.0.1:")
        with ClusterMonitor(scheduler) as monitor:
            first = monitor.sample()
            assert first.tasks == ()
            before = time.time()
            list(executor.run(nap, [0.05] * 4, SilentMonitor()))
            second = monitor.sample()
            done = [task for task in second.tasks if task.action == "compute"]
            # The scheduler may give a task to an idle worker while the first one begins it.
            assert 4 <= len(done) <= 8
            assert all(0.04 < task.stop - task.start < 5 for task in done)
            assert all(before - 1 < task.start for task in done)
            assert {task.worker for task in done} <= {w.address for w in second.workers}
            assert monitor.sample().tasks == ()
        assert [worker.name for worker in second.workers] == ["0", "1"]
        assert all(worker.memory_bytes > 1e6 for worker in second.workers)
        assert all(worker.threads == 1 for worker in second.workers)
        # The cluster does not mind that somebody looked.
        assert list(executor.run(nap, [0.01], SilentMonitor())) == [0.01]
        monitor = ClusterMonitor(scheduler)
    finally:
        executor.close()
    try:
        with pytest.raises(AccessError, match="has gone"):
            sample_often(monitor)
    finally:
        monitor.close()


def test_an_address_without_a_scheduler_is_named() -> None:
    with pytest.raises(AccessError, match="no Dask scheduler answers at"):
        ClusterMonitor("tcp://127.0.0.1:9", timeout_s=0.5)
