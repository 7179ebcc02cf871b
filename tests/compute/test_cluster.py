"""Worker processes of this machine."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import cv2
import pytest

from fibsem_dash.compute import executor as executor_module
from fibsem_dash.compute.cluster import LocalClusterExecutor, open_executor
from fibsem_dash.compute.executor import BATCHES_PER_WORKER, DaskExecutor
from fibsem_dash.compute.progress import SilentMonitor
from fibsem_dash.errors import AccessError


def square(value: int) -> int:
    return value * value


def blocked_signals(_batch: object) -> list[int]:
    return [int(s) for s in signal.pthread_sigmask(signal.SIG_BLOCK, set())]


MEETING = threading.Barrier(BATCHES_PER_WORKER + 2)


def meet(number: int) -> int:
    """Go on when more batches run at once than one worker is given; the first ones go on at once.

    Raises BrokenBarrierError where they never do.
    """
    if number >= BATCHES_PER_WORKER:
        MEETING.wait(timeout=20)
    return number


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalClusterExecutor]:
    executor = LocalClusterExecutor(1)
    yield executor
    executor.close()


def test_results_of_all_batches_come_back(cluster: LocalClusterExecutor) -> None:
    assert sorted(cluster.run(square, range(20), SilentMonitor())) == [k * k for k in range(20)]


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="no signal masks here")
def test_workers_do_not_hear_ctrl_c(cluster: LocalClusterExecutor) -> None:
    (blocked,) = cluster.run(blocked_signals, [None], SilentMonitor())
    assert signal.SIGINT in blocked


def test_opencv_is_loaded_before_a_process_starts() -> None:
    # While OpenCV is imported sys.path leads to a wrong `typing`, which new processes would copy.
    code = (
        "import sys, fibsem_dash.compute.cluster as c; assert 'cv2' not in sys.modules\n"
        "c.LocalClusterExecutor._start = lambda self: print('cv2' in sys.modules)\n"
        "c.LocalClusterExecutor(1)._client.result()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_a_scheduler_that_does_not_answer_is_named() -> None:
    with (
        pytest.raises(AccessError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"),
        open_executor(scheduler="tcp://127.0.0.1:9"),
    ):
        pass


def test_workers_that_come_while_a_run_goes_on_get_work(monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import Client, LocalCluster

    monkeypatch.setattr(executor_module, "COUNT_INTERVAL_S", 0.0)
    n_threads, n = cv2.getNumThreads(), MEETING.parties
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as jobs,
        Client(jobs) as client,
    ):
        executor = DaskExecutor(client)
        found = executor.run(meet, range(BATCHES_PER_WORKER + 2 * n), SilentMonitor())
        first = next(found)
        jobs.scale(n)
        client.wait_for_workers(n, timeout=20)
        assert sorted([first, *found]) == list(range(BATCHES_PER_WORKER + 2 * n))
        assert executor.n_workers == n
    cv2.setNumThreads(n_threads)
