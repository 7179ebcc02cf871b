"""Worker processes without a scheduler."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from fibsem_dash.compute.cluster import LocalClusterExecutor, open_executor
from fibsem_dash.compute.process_pool import ProcessPoolExecutor
from fibsem_dash.compute.progress import Cancelled, SilentMonitor
from fibsem_dash.errors import ParameterError, RunError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux")


class Stopping(SilentMonitor):
    """Asks to stop after a while."""

    def __init__(self, after_s: float) -> None:
        self.until = time.monotonic() + after_s

    def cancelled(self) -> bool:
        return time.monotonic() > self.until


def square(value: int) -> int:
    return value * value


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def who(_batch: object) -> tuple[int, list[int], str]:
    blocked = [int(s) for s in signal.pthread_sigmask(signal.SIG_BLOCK, set())]
    return os.getpid(), blocked, os.environ["OPENBLAS_NUM_THREADS"]


def die_once(marker: str) -> int:
    path = Path(marker)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 7


def die(_batch: object) -> None:
    os._exit(9)


def number(marker: str) -> str:
    """Tell the worker's number, after the other one had time to begin."""
    path = Path(marker)
    if marker and not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.3)
    return os.environ["FIBSEM_DASH_WORKER_NUMBER"]


def refuse(value: int) -> int:
    raise ParameterError("the value", expected="another", found=value, remedy="Take another.")


def lock_of(_batch: object) -> object:
    return threading.Lock()


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    executor = ProcessPoolExecutor(2)
    yield executor
    executor.close()


def test_a_run_on_this_machine_needs_no_dask() -> None:
    with open_executor(1) as executor:
        assert isinstance(executor, ProcessPoolExecutor)


def test_a_run_that_tells_of_its_cluster_has_one() -> None:
    told: list[tuple[str, str]] = []
    with open_executor(1, announce=lambda *both: told.append(both)) as executor:
        assert isinstance(executor, LocalClusterExecutor)
        assert list(executor.run(square, [3], SilentMonitor())) == [9]
    assert told[0][0].startswith("tcp://127.0.0.1:")


def test_results_of_all_batches_come_back(pool: ProcessPoolExecutor) -> None:
    assert sorted(pool.run(square, iter(range(50)), SilentMonitor())) == [k**2 for k in range(50)]
    assert list(pool.run(square, [], SilentMonitor())) == []


def test_workers_have_one_thread_and_do_not_hear_ctrl_c(pool: ProcessPoolExecutor) -> None:
    for process, blocked, threads in pool.run(who, range(4), SilentMonitor()):
        assert process != os.getpid()
        assert signal.SIGINT in blocked
        assert threads == "1"


def test_batches_run_at_the_same_time(pool: ProcessPoolExecutor) -> None:
    list(pool.run(nap, [0.0] * 4, SilentMonitor()))
    started = time.monotonic()
    assert sum(pool.run(nap, [1.0, 1.0], SilentMonitor())) == 2
    assert time.monotonic() - started < 1.9


def test_errors_reach_the_caller_and_the_next_call_works(pool: ProcessPoolExecutor) -> None:
    with pytest.raises(ParameterError, match="the value") as caught:
        list(pool.run(refuse, [1, 2, 3], SilentMonitor()))
    assert caught.value.remedy == "Take another."
    assert any("in refuse" in note for note in caught.value.__notes__)
    with pytest.raises(TypeError, match="lock"):
        list(pool.run(lock_of, [0], SilentMonitor()))
    assert sorted(pool.run(square, range(9), SilentMonitor())) == [k**2 for k in range(9)]


def test_the_work_of_a_worker_that_dies_is_done_again(
    pool: ProcessPoolExecutor, tmp_path: Path
) -> None:
    batches = [str(tmp_path / str(k)) for k in range(3)]
    assert list(pool.run(die_once, batches, SilentMonitor())) == [7, 7, 7]


def test_workers_are_numbered_and_who_replaces_one_takes_its_number(
    pool: ProcessPoolExecutor, tmp_path: Path
) -> None:
    assert set(pool.run(number, [""] * 4, SilentMonitor())) == {"0", "1"}
    assert set(pool.run(number, [str(tmp_path / "died"), *[""] * 5], SilentMonitor())) == {"0", "1"}


def test_workers_that_die_again_and_again_end_the_run(pool: ProcessPoolExecutor) -> None:
    with pytest.raises(RunError, match="died on the same piece of work"):
        list(pool.run(die, [0], SilentMonitor()))
    assert list(pool.run(square, [5], SilentMonitor())) == [25]


def test_cancelling_does_not_wait_for_batches(pool: ProcessPoolExecutor) -> None:
    started = time.monotonic()
    with pytest.raises(Cancelled):
        list(pool.run(nap, [60.0] * 3, Stopping(0.3)))
    assert time.monotonic() - started < 10
    assert list(pool.run(square, [5], SilentMonitor())) == [25]


def test_closing_leaves_no_process() -> None:
    executor = ProcessPoolExecutor(2)
    pids = {process for process, *_ in executor.run(who, range(8), SilentMonitor())}
    executor.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_workers_end_with_a_parent_that_is_killed() -> None:
    code = (
        "import os\n"
        "from fibsem_dash.compute.process_pool import ProcessPoolExecutor\n"
        "from fibsem_dash.compute.progress import SilentMonitor\n"
        "if __name__ == '__main__':\n"
        "    import subprocess, sys, time\n"
        "    pool = ProcessPoolExecutor(2)\n"
        "    list(pool.run(len, [()], SilentMonitor()))\n"
        "    print('ready', flush=True)\n"
        "    list(pool.run(time.sleep, [600, 600], SilentMonitor()))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    process.stdout.close()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive


LOCKING = """
import multiprocessing
from fibsem_dash.compute.process_pool import ProcessPoolExecutor
from fibsem_dash.compute.progress import SilentMonitor
from tests.compute.test_process_pool import lock

if __name__ == "__main__":
    executor = ProcessPoolExecutor(1)
    print(list(executor.run(lock, [1], SilentMonitor())))
    executor.close()
"""

KEPT: list[object] = []


def lock(value: int) -> int:
    """Keep a lock as long as the process lives, as numcodecs does."""
    KEPT.append(multiprocessing.Lock())
    return value


def test_locks_of_libraries_in_workers_leave_no_warning(tmp_path):
    script = tmp_path / "locking.py"
    script.write_text(LOCKING)
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.stdout.strip() == "[1]"
    assert done.stderr == ""
