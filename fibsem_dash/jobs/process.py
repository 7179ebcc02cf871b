"""Processes of jobs: started apart from the server, recognised again, stopped as a whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil

SAME_PROCESS_S = 1.0
"""Seconds by which two readings of one process's start may differ: the clock may be set."""

_children: list[subprocess.Popen[bytes]] = []
_children_lock = threading.Lock()


def start_detached(command: Sequence[str], cwd: str, output: Path) -> tuple[int, float]:
    """Start a process that goes on when this one ends; return its number and start time.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    cwd : str
        Where it runs.
    output : pathlib.Path
        File to which it appends what it prints past the log.

    Raises
    ------
    OSError
        When it cannot be started.
    """
    package = find_spec("fibsem_dash")
    places = [os.environ.get("PYTHONPATH", "")]
    if package is not None and package.origin is not None:
        places.insert(0, str(Path(package.origin).parents[1]))
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, places)),
        "PYTHONUNBUFFERED": "1",
    }
    with output.open("ab") as stream:
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                creationflags=flags,
            )
        else:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
    with _children_lock:
        _children.append(process)
    try:
        return process.pid, psutil.Process(process.pid).create_time()
    except psutil.Error:
        return process.pid, time.time()


def reap() -> None:
    """Let the system forget processes of this one that have ended."""
    with _children_lock:
        _children[:] = [child for child in _children if child.poll() is None]


def find_process(pid: int | None, create_time: float | None) -> psutil.Process | None:
    """Return the process if it still runs; a new one with the same number is another."""
    if pid is None or create_time is None:
        return None
    try:
        process = psutil.Process(pid)
        if abs(process.create_time() - create_time) > SAME_PROCESS_S:
            return None
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.Error:
        return None


def interrupt(process: psutil.Process) -> None:
    """Ask a process to stop, as Ctrl-C does."""
    with suppress(psutil.Error, OSError, ValueError):
        if sys.platform == "win32":
            process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            process.send_signal(signal.SIGINT)


def stop_tree(process: psutil.Process, patience_s: float) -> None:
    """Wait until a process and all that it started are gone; end them after `patience_s`."""
    deadline = time.monotonic() + patience_s
    members = {member.pid: member for member in _tree(process)}
    while any(_lives(member) for member in members.values()) and time.monotonic() < deadline:
        time.sleep(0.05)
        # What it starts meanwhile belongs to it, too.
        members |= {member.pid: member for member in _tree(process) if member.pid not in members}
    for member in members.values():
        with suppress(psutil.Error):
            member.kill()
    reap()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _tree(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return [process]
