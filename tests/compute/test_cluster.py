"""Worker processes of this machine."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from fibsem_dash.compute.cluster import LocalClusterExecutor, open_executor
from fibsem_dash.compute.progress import SilentMonitor
from fibsem_dash.errors import AccessError


def square(value: int) -> int:
    return value * value


def blocked_signals(_batch: object) -> list[int]:
    return [int(s) for s in signal.pthread_sigmask(signal.SIG_BLOCK, set())]


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
