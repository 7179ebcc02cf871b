"""Runs a command and measures it from outside: elapsed and processor time, memory of workers."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

import psutil

SAMPLE_EVERY_S = 0.05


@dataclass
class Measured:
    """What one command took.

    Attributes
    ----------
    wall_s, cpu_s : float
        Elapsed time and processor time of the command and all its descendants (on Linux those,
        too, that outlive their parents); cpu_s is NaN where the system does not tell.
    peak_bytes, private_bytes : int
        Largest resident memory of any one child process, with and without the pages of mapped
        files; 0 where memory was not watched or the system does not tell.
    own_peak_bytes, own_private_bytes : int
        Largest resident memory of the command itself, which holds the scheduler, with and without
        the pages of mapped files.
    own_cpu_s : float
        Its processor time without that of its children; zero where memory was not watched.
    output : str
        Standard output.
    """

    wall_s: float = 0.0
    cpu_s: float = float("nan")
    peak_bytes: int = 0
    private_bytes: int = 0
    own_peak_bytes: int = 0
    own_private_bytes: int = 0
    own_cpu_s: float = 0.0
    output: str = ""


@dataclass
class _Watch:
    """Watches the children of a process until told to stop."""

    pid: int
    peaks: dict[int, int] = field(default_factory=dict)
    private: dict[int, int] = field(default_factory=dict)
    own: int = 0
    own_private: int = 0
    own_cpu_s: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stop.wait(SAMPLE_EVERY_S):
            with contextlib.suppress(psutil.Error):
                command = psutil.Process(self.pid)
                peak, private = memory_of(command)
                self.own, self.own_private = max(self.own, peak), max(self.own_private, private)
                self.own_cpu_s = max(self.own_cpu_s, sum(command.cpu_times()[:2]))
                for child in psutil.Process(self.pid).children(recursive=True):
                    peak, private = memory_of(child)
                    self.peaks[child.pid] = max(self.peaks.get(child.pid, 0), peak)
                    self.private[child.pid] = max(self.private.get(child.pid, 0), private)


def memory_of(process: psutil.Process) -> tuple[int, int]:
    """Peak resident memory and present private memory of a process, bytes.

    Linux and Windows keep the peak themselves, so nothing falls between two samples; elsewhere it
    is the present resident memory.
    """
    try:
        if sys.platform == "linux":
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            status = dict(line.split(":", 1) for line in lines if ":" in line)
            high, anonymous = (int(status.get(k, "0 kB").split()[0]) for k in ("VmHWM", "RssAnon"))
            return high * 1024, anonymous * 1024
        info = process.memory_info()
    except (OSError, psutil.Error):
        return 0, 0
    return getattr(info, "peak_wset", info.rss), getattr(info, "private", 0)


def measure(command: Sequence[str | os.PathLike[str]], *, memory: bool = False) -> Measured:
    """Run a command to its end.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    memory : bool, default False
        Watch the memory of the children; takes a little of one core.

    Raises
    ------
    SystemExit
        The command failed; its last lines are shown.
    """
    others = {child.pid for child in psutil.Process().children()}
    _adopt_orphans(True)
    before = _children_cpu()
    started = time.perf_counter()
    with subprocess.Popen(
        [os.fspath(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        watch = _Watch(process.pid)
        thread = threading.Thread(target=watch.run, daemon=True)
        if memory:
            thread.start()
        output, errors = process.communicate()
        wall = time.perf_counter() - started
        watch.stop.set()
        if memory:
            thread.join()
    if process.returncode != 0:
        tail = "\n".join((output + errors).splitlines()[-15:])
        raise SystemExit(f"{' '.join(map(str, command))}\nended with {process.returncode}:\n{tail}")
    _wait_for_orphans(others)
    _adopt_orphans(False)
    return Measured(
        wall_s=wall,
        cpu_s=_children_cpu() - before,
        peak_bytes=max(watch.peaks.values(), default=0),
        private_bytes=max(watch.private.values(), default=0),
        own_peak_bytes=watch.own,
        own_private_bytes=watch.own_private,
        own_cpu_s=watch.own_cpu_s,
        output=output,
    )


def _adopt_orphans(wanted: bool) -> None:
    """Become the parent of processes whose own parent ends first, so that their time counts."""
    if sys.platform == "linux":
        set_child_subreaper = 36
        ctypes.CDLL(None).prctl(set_child_subreaper, int(wanted), 0, 0, 0)


def _wait_for_orphans(others: Set[int]) -> None:
    """Wait for the adopted processes; `others` are children that have nothing to do with them."""
    if sys.platform != "linux":
        return
    for child in psutil.Process().children():
        if child.pid not in others:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child.pid, 0)


def _children_cpu() -> float:
    if sys.platform == "win32":
        return float("nan")
    times = os.times()
    return times.children_user + times.children_system
