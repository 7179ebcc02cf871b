"""A command that runs as a job: its process tells how far it is in the folder of the job."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import Any

from fibsem_dash.cli.terminal import TerminalMonitor
from fibsem_dash.compute.cluster import open_executor
from fibsem_dash.jobs.monitor import JobMonitor

OPTION = "--job-folder"
"""Hidden option of every command: the folder of the job that this process is."""

_current: list[JobMonitor] = []


def job_folder_in(argv: Sequence[str]) -> str | None:
    """Return the folder of the job, before the arguments are parsed; None for no job."""
    for place, argument in enumerate(argv[:-1]):
        if argument == OPTION:
            return argv[place + 1]
    return None


def current_job() -> JobMonitor | None:
    """Return the job that this process is."""
    return _current[-1] if _current else None


def command_monitor() -> TerminalMonitor | JobMonitor:
    """Return what hears of progress: the job, or the terminal."""
    return current_job() or TerminalMonitor()


def open_workers(workers: int | None, scheduler: str | None) -> Any:
    """Open the place where work runs; a job tells where its cluster can be watched."""
    job = current_job()
    return open_executor(workers, scheduler, announce=job.cluster if job else None)


def run_as_job(folder: str, command: Callable[[], int]) -> int:
    """Run a command as the job of a folder; return its exit code."""
    with ExitStack() as stack:
        job = stack.enter_context(JobMonitor(folder))
        stack.enter_context(job.printed_lines())
        _hear_signals(job)
        _current.append(job)
        stack.callback(_current.remove, job)
        code = 1
        try:
            code = command()
        except SystemExit as error:
            # argparse has printed why.
            code = error.code if isinstance(error.code, int) else 1
            if code:
                lines = job.folder.read_log(0, "info", 10_000)
                job.fail(lines[-1].text if lines else "the command could not be read")
        finally:
            job.end(code)
    return code


def _hear_signals(job: JobMonitor) -> None:
    def stop(_number: int, _frame: object) -> None:
        # Once: a second interrupt would break off the cleaning up.
        if job.begin_cancel():
            raise KeyboardInterrupt

    # A server that a script started in the background ignores Ctrl-C, and so would its jobs.
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name) and threading.current_thread() is threading.main_thread():
            signal.signal(getattr(signal, name), stop)
    if hasattr(signal, "pthread_sigmask"):
        with suppress(OSError):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
