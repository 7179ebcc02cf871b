"""Several processes want one run folder at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from fibsem_dash.errors import RunError
from fibsem_dash.registration.run_lock import hold_run_lock

ROOT = Path(__file__).resolve().parents[2]

CONTENDER = """
import sys, time
from pathlib import Path
from fibsem_dash.errors import RunError
from fibsem_dash.registration.run_lock import hold_run_lock
folder = Path(sys.argv[1])
print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    sys.stdin.readline()
    try:
        with hold_run_lock(folder):
            print("held", flush=True)
            sys.stdin.readline()
    except RunError as error:
        print("refused " + str(error.found), flush=True)
        sys.stdin.readline()
    print("left", flush=True)
"""

STALE = (
    "",
    "{",
    json.dumps({"pid": 2**22 + 1, "host": os.uname().nodename, "since": "x", "started": 1.0}),
    json.dumps(
        {
            "pid": 2**22 + 1,
            "host": os.uname().nodename,
            "since": "x",
            "started": 1.0,
            "locked": True,
        }
    ),
)
"""What killed runs leave: nothing, half a line, a holder of this program before and now."""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the system's lock is that of Unix")


@pytest.mark.slow
def test_of_many_processes_that_find_a_stale_lock_exactly_one_gets_the_folder(
    tmp_path: Path,
) -> None:
    n_rounds, n_processes = 60, 4
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CONTENDER, str(tmp_path), str(n_rounds)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        for _ in range(n_processes)
    ]
    try:
        told = [process.stdout.readline() for process in processes]
        assert told == ["ready\n"] * n_processes
        for n in range(n_rounds):
            lock = tmp_path / "run.lock"
            lock.write_text(STALE[n % len(STALE)])
            os.utime(lock, (0, 0))
            for process in processes:
                process.stdin.write("\n")
            told = [process.stdout.readline().strip() for process in processes]
            assert told.count("held") == 1, (n, told)
            holder = processes[told.index("held")].pid
            refused = [text for text in told if text != "held"]
            # Whoever looks while the winner writes its name is told so.
            assert all(
                f"process {holder} " in text or "just starting" in text for text in refused
            ), (n, refused)
            for process in processes:
                process.stdin.write("\n")
            assert [p.stdout.readline() for p in processes] == ["left\n"] * n_processes
            assert not lock.exists()
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_a_holder_is_recognised_when_its_start_time_seems_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hold_run_lock(tmp_path):
        real = psutil.Process.create_time
        monkeypatch.setattr(psutil.Process, "create_time", lambda self: real(self) - 3600)
        with pytest.raises(RunError, match=f"process {os.getpid()} "), hold_run_lock(tmp_path):
            pytest.fail("the folder was given twice")


def test_a_torn_lock_from_the_future_is_left_over(tmp_path: Path) -> None:
    lock = tmp_path / "run.lock"
    lock.write_text("")
    os.utime(lock, (4e9, 4e9))
    with hold_run_lock(tmp_path):
        assert json.loads(lock.read_text())["pid"] == os.getpid()


def test_without_locks_of_the_system_the_process_number_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fibsem_dash.registration import run_lock

    monkeypatch.setattr(run_lock, "_lock", lambda descriptor, wait: None)
    with (
        hold_run_lock(tmp_path),
        pytest.raises(RunError, match=f"process {os.getpid()} "),
        hold_run_lock(tmp_path),
    ):
        pytest.fail("the folder was given twice")
    (tmp_path / "run.lock").write_text(STALE[2])
    with hold_run_lock(tmp_path):
        assert json.loads((tmp_path / "run.lock").read_text())["pid"] == os.getpid()
