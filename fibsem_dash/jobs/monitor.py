"""What a job's own process writes about itself."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from fibsem_dash.errors import AccessError
from fibsem_dash.io.atomic import json_safe
from fibsem_dash.jobs.records import JobState, StageProgress
from fibsem_dash.jobs.store import JobFolder

WRITE_EVERY_S = 0.25
"""Shortest time between two states on disk."""

HEARTBEAT_S = 1.0
"""Longest time between two states on disk, so that a server elsewhere sees that the job lives."""

LONGEST_LINE = 4000
"""Characters of a line of the log that are kept: it is for sentences, not for data."""

STATE_OF_EXIT: dict[int, JobState] = {0: "done", 3: "done", 130: "cancelled"}
"""State by exit code of the command; any other one is a failure."""


@dataclass
class _Stage:
    """Counts of one stage while it goes on."""

    name: str
    total: int
    started: float
    done: int = 0
    reused: int = 0
    failed: int = 0
    state: str = "running"
    seconds: float = 0.0

    def progress(self) -> StageProgress:
        running = self.state == "running"
        seconds = time.monotonic() - self.started if running else self.seconds
        # Items from an earlier run come at once and tell nothing about those that are left.
        computed = max(self.done - self.reused, 0)
        rate = (computed or self.done) / seconds if seconds > 0 else 0.0
        left = (self.total - self.done) / rate if running and rate > 0 else None
        return StageProgress(
            name=self.name,
            state=self.state,
            total=self.total,
            done=self.done,
            reused=self.reused,
            failed=self.failed,
            seconds=seconds,
            rate=rate,
            left_s=left,
        )


class JobMonitor:
    """Writes progress and log of this process into the folder of its job.

    A thread writes, so that a slow disk does not hold up the work. Use it as a context manager.

    Parameters
    ----------
    folder : path-like
        Folder of the job; it must hold its job.json.

    Raises
    ------
    FormatError, AccessError
        When the folder is not that of a job.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = JobFolder(Path(folder).absolute())
        self.attempt = int(self.folder.read_job()["attempt"])
        self.error = ""
        self._lock = threading.Lock()
        self._log_lock = threading.Lock()
        self._stages: list[_Stage] = []
        self._messages = 0
        self._problems: int | None = None
        self._addresses = {"dashboard": "", "scheduler": ""}
        self._end: dict[str, Any] = {"state": "running", "finished": None, "exit_status": None}
        self._started = time.time()
        self._changed = threading.Event()
        self._stop = threading.Event()
        self._cancelled = threading.Event()
        self._writer = threading.Thread(target=self._write_on, name="job-progress", daemon=True)

    def __enter__(self) -> JobMonitor:
        self._write()
        self._writer.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._changed.set()
        self._writer.join()
        self._write()

    def start(self, stage: str, total: int) -> None:
        """Announce a stage with its number of items; a stage that comes again grows."""
        with self._lock:
            last = self._stages[-1] if self._stages else None
            if last is not None and last.name == stage and last.state == "running":
                last.total += total
            else:
                self._stages.append(_Stage(stage, total, time.monotonic()))
        self._changed.set()

    def advance(self, stage: str, n: int = 1) -> None:
        """Tell that n more items of the stage are done."""
        self._count(stage, done=n)

    def tally(self, stage: str, *, reused: int = 0, failed: int = 0) -> None:
        """Tell how many more of its items came from an earlier run, and how many have no result."""
        self._count(stage, reused=reused, failed=failed)

    def _count(self, name: str, done: int = 0, reused: int = 0, failed: int = 0) -> None:
        with self._lock:
            for stage in reversed(self._stages):
                if stage.name == name:
                    stage.done += done
                    stage.reused += reused
                    stage.failed += failed
                    break
        self._changed.set()

    def finish(self, stage: str) -> None:
        """Tell that the stage is complete."""
        line = ""
        with self._lock:
            for item in reversed(self._stages):
                if item.name == stage and item.state == "running":
                    item.seconds = time.monotonic() - item.started
                    item.state = "done"
                    told = item.progress()
                    reused = f", {told.reused} from before" if told.reused else ""
                    line = f"{told.title}: {told.done} in {told.seconds:.1f} s{reused}"
                    break
        if line:
            self.log(line)
        self._changed.set()

    def message(self, text: str) -> None:
        """Pass on a line that the user should see."""
        with self._lock:
            self._messages += 1
        self.log(text, "warning")
        self._changed.set()

    def settle_problems(self, n: int) -> None:
        """Tell how many frames and pairs failed in the end."""
        with self._lock:
            self._problems = n

    def cluster(self, scheduler: str, dashboard: str) -> None:
        """Tell the addresses of the Dask cluster that works for this job."""
        with self._lock:
            self._addresses = {"scheduler": scheduler, "dashboard": dashboard}
        self._changed.set()

    def cancelled(self) -> bool:
        """Tell whether the work should stop."""
        return self._cancelled.is_set()

    def begin_cancel(self) -> bool:
        """Note that the work stops; tell whether that is new."""
        # Without the lock: a signal may come while this thread holds it.
        new = not self._cancelled.is_set()
        self._cancelled.set()
        return new

    def fail(self, text: str) -> None:
        """Say why the job cannot go on."""
        self.error = text
        self.log(text, "error")

    def end(self, exit_status: int) -> None:
        """Settle the state by the exit code of the command."""
        state = STATE_OF_EXIT.get(exit_status, "failed")
        with self._lock:
            for stage in self._stages:
                if stage.state == "running":
                    stage.seconds = time.monotonic() - stage.started
                    stage.state = state
            self._addresses = {"dashboard": "", "scheduler": ""}
            self._end = {"state": state, "finished": time.time(), "exit_status": exit_status}

    def log(self, text: str, level: str = "info") -> None:
        """Append lines to the log."""
        known = {"time": time.time(), "level": level, "job": self.folder.path.name}
        lines = [part[:LONGEST_LINE] for part in text.splitlines() if part.strip()]
        content = "".join(
            json.dumps(known | {"text": line}, ensure_ascii=False) + "\n" for line in lines
        )
        # A disk that is full for the log must not end the work.
        with suppress(OSError), self._log_lock:
            self.folder.append_log(content)

    @contextmanager
    def printed_lines(self) -> Iterator[None]:
        """Have the log take what is printed."""
        with redirect_stdout(_LogStream(self)), redirect_stderr(_LogStream(self)):
            yield

    def _write_on(self) -> None:
        while not self._stop.is_set():
            self._changed.wait(HEARTBEAT_S)
            self._changed.clear()
            self._write()
            # A flag works where no signal does.
            if self.folder.wants_cancel(self.attempt):
                self._cancelled.set()
            self._stop.wait(WRITE_EVERY_S)

    def _write(self) -> None:
        with self._lock:
            stages = [stage.progress() for stage in self._stages]
            problems = self._problems
            if problems is None:
                problems = sum(stage.failed for stage in stages)
            content = {
                "attempt": self.attempt,
                "pid": os.getpid(),
                "create_time": psutil.Process().create_time(),
                "started": self._started,
                "updated": time.time(),
                "stages": [asdict(stage) for stage in stages],
                "messages": self._messages,
                "problems": problems,
                "error": self.error,
                **self._addresses,
                **self._end,
            }
        with suppress(OSError, AccessError):
            _replace(self.folder.progress, json.dumps(json_safe(content)))


class _LogStream(io.TextIOBase):
    """A text stream whose whole lines go to the log."""

    def __init__(self, monitor: JobMonitor) -> None:
        self._monitor = monitor
        self._rest = ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        if lines:
            self._monitor.log("\n".join(lines))
        return len(text)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return sys.__stderr__.fileno() if sys.__stderr__ is not None else 2


def _replace(path: Path, text: str) -> None:
    # Four times a second: not forced to disk. After a loss of power the job is gone anyway.
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
