"""All jobs of a folder: submit, follow, cancel, resume; what is on disk is what counts."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fibsem_dash.errors import FibsemDashError, ParameterError, RunError
from fibsem_dash.io.atomic import access_error
from fibsem_dash.jobs import process
from fibsem_dash.jobs.lock import file_lock
from fibsem_dash.jobs.reading import JOB_KINDS, record_of
from fibsem_dash.jobs.records import LOG_LEVELS, JobRecord, LogLine
from fibsem_dash.jobs.store import ID_PATTERN, JobFolder, new_job

FOLDER_NAME = ".fibsem-jobs"
"""Name of the folder of all jobs below the folder of the runs."""

POLL_S = 0.25
"""Seconds between two looks at the disk."""

PATIENCE_S = 1.3
"""Seconds that a cancelled job has to stop by itself."""

log = logging.getLogger(__name__)


def jobs_folder(run_root: str | os.PathLike[str]) -> Path:
    """Return the folder of all jobs of a run root."""
    return Path(run_root) / FOLDER_NAME


@dataclass(frozen=True)
class _Seen:
    """A job as it was read last."""

    stamp: object
    values: dict[str, Any]
    record: JobRecord


class JobRegistry:
    """The jobs of one folder; all methods may be called from any thread.

    Several servers may share a folder: a job is started by one of them.

    Parameters
    ----------
    folder : path-like
        Folder with one folder per job; made when the first job is submitted.
    parallel : int
        Jobs that run at the same time.
    watch : bool
        Whether a thread starts queued jobs and notices ends; otherwise call `refresh`.
    """

    def __init__(
        self, folder: str | os.PathLike[str], parallel: int = 1, *, watch: bool = True
    ) -> None:
        self.folder = Path(folder).absolute()
        self.parallel = max(int(parallel), 1)
        self.version = 0
        self._host = socket.gethostname()
        self._lock = threading.RLock()
        self._seen: dict[str, _Seen] = {}
        self._refused: dict[str, object] = {}
        self._records: tuple[JobRecord, ...] = ()
        self._closed = threading.Event()
        self._read()
        self._thread = threading.Thread(target=self._follow, name="jobs", daemon=True)
        if watch:
            self._thread.start()

    # What a page shows

    def jobs(self) -> list[JobRecord]:
        """Return all jobs, the newest first."""
        return list(self._records)

    def get(self, job_id: str) -> JobRecord:
        """Return one job.

        Raises
        ------
        ParameterError
            When there is no such job.
        """
        for look in (False, True):
            if look:
                # Another server may just have made it.
                self._read()
            for record in self._records:
                if record.id == job_id:
                    return record
        raise ParameterError("there is no such job", found=job_id)

    def log(
        self, job_id: str, after: int = 0, level: str = "info", limit: int = 1000
    ) -> list[LogLine]:
        """Return lines of a job's log.

        Parameters
        ----------
        job_id : str
            The job.
        after : int
            Number of the last line that is known; 0 for all.
        level : {"info", "warning", "error"}
            The least severe level to return.
        limit : int
            The most lines to return.

        Raises
        ------
        ParameterError
            For an unknown job or level.
        """
        if level not in LOG_LEVELS:
            raise ParameterError("level", expected=f"one of {', '.join(LOG_LEVELS)}", found=level)
        return self._folder_of(job_id).read_log(after, level, limit)

    # What a user does

    def submit(self, kind: str, arguments: Sequence[str], title: str = "", folder: str = "") -> str:
        """Put a command at the end of the queue; return the id of its job.

        Parameters
        ----------
        kind : str
            One of `JOB_KINDS`.
        arguments : sequence of str
            What follows it on the command line; relative paths count from the current folder.
        title : str
            What a user calls it.
        folder : str
            Where its results go.

        Raises
        ------
        ParameterError
            For another command.
        RunError
            When a job that runs or waits has the same folder.
        AccessError
            When the job cannot be written.
        """
        if kind not in JOB_KINDS:
            raise ParameterError("job", expected=f"one of {', '.join(JOB_KINDS)}", found=kind)
        name = time.strftime("%Y%m%d-%H%M%S-", time.gmtime()) + uuid.uuid4().hex[:6]
        target = JobFolder(self.folder / name)
        folder = os.path.abspath(folder) if folder else ""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise access_error(error, self.folder) from error
        with self._alone():
            self._refuse_second(folder)
            try:
                target.path.mkdir()
            except OSError as error:
                raise access_error(error, target.path) from error
            order = self._last_order() + 1
            target.write_job(
                new_job(name, kind, arguments, title or kind, folder, self._host, order)
            )
        self.refresh(start=self._thread.is_alive())
        return name

    def cancel(self, job_id: str) -> None:
        """Take a job from the queue, or stop it: after 2 s nothing of it runs.

        Returns at once. What is finished stays, and `resume` goes on from there. Nothing happens
        to a job that has ended.

        Raises
        ------
        ParameterError
            When there is no such job.
        """
        folder = self._folder_of(job_id)
        with self._alone():
            record = self.get(job_id)
            if record.state == "queued":
                folder.write_job(self._seen[job_id].values | {"state": "cancelled"})
            elif record.state == "running":
                folder.ask_to_cancel(record.attempt)
        running = process.find_process(record.pid, record.create_time)
        if record.state == "running" and running is not None and self._is_here(job_id):
            process.interrupt(running)
            # Not a daemon: a command that cancels must not end before the job has.
            threading.Thread(
                target=self._stop, args=(running,), name="job-stop", daemon=False
            ).start()
        self.refresh(start=False)

    def resume(self, job_id: str) -> None:
        """Queue the same command again; it goes on where it was.

        Raises
        ------
        ParameterError
            When there is no such job.
        RunError
            When it runs, waits or is done, or another job has the same folder.
        """
        folder = self._folder_of(job_id)
        with self._alone():
            record = self.get(job_id)
            if not record.resumable:
                raise RunError(f"the job is {record.state}", found=record.title)
            self._refuse_second(record.folder)
            values = self._seen[job_id].values
            folder.write_job(
                values
                | {
                    "state": "queued",
                    "host": self._host,
                    "order": self._last_order() + 1,
                    "attempt": record.attempt + 1,
                    "started": None,
                    "pid": None,
                    "create_time": None,
                }
            )
        self.refresh(start=self._thread.is_alive())

    def move_up(self, job_id: str) -> None:
        """Have a queued job start before the one that now is in front of it.

        Raises
        ------
        ParameterError
            When there is no such job.
        """
        self._folder_of(job_id)
        with self._alone():
            queue = self._queue()
            ids = [record.id for record in queue]
            place = ids.index(job_id) if job_id in ids else 0
            if place > 0:
                mine, other = (self._seen[name].values for name in (job_id, ids[place - 1]))
                first, second = other["order"], mine["order"]
                JobFolder(self.folder / job_id).write_job(mine | {"order": first})
                JobFolder(self.folder / ids[place - 1]).write_job(other | {"order": second})
        self.refresh(start=False)

    def remove(self, job_id: str) -> None:
        """Forget a job that has ended; its results stay.

        Raises
        ------
        ParameterError
            When there is no such job.
        RunError
            When it runs or waits.
        """
        folder = self._folder_of(job_id)
        with self._alone():
            record = self.get(job_id)
            if record.active:
                raise RunError(f"the job is {record.state}", remedy="Cancel it first.")
            shutil.rmtree(folder.path, ignore_errors=True)
        self.refresh(start=False)

    def close(self) -> None:
        """Stop following; the jobs go on."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(5)

    # Following

    def refresh(self, *, start: bool = True) -> None:
        """Look at the disk now, and start what is next in the queue."""
        self._read()
        if start and self._may_start():
            with suppress(FibsemDashError), self._alone():
                while self._may_start():
                    self._start(self._queue()[0])
                    self._read()

    def _follow(self) -> None:
        while not self._closed.wait(POLL_S):
            try:
                process.reap()
                self.refresh()
            except Exception:
                log.exception("the jobs could not be looked at")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the queue, and know what others changed before."""
        with file_lock(self.folder / "queue.lock"):
            self._read()
            yield

    def _folder_of(self, job_id: str) -> JobFolder:
        self.get(job_id)
        return JobFolder(self.folder / job_id)

    def _is_here(self, job_id: str) -> bool:
        return bool(self._seen[job_id].values["host"] == self._host)

    def _refuse_second(self, folder: str) -> None:
        for record in self._records:
            if folder and record.folder == folder and record.active:
                raise RunError(
                    "another job works for this folder",
                    path=folder,
                    found=record.title,
                    remedy="Wait for it, cancel it, or choose another folder.",
                )

    def _last_order(self) -> float:
        return max((seen.values["order"] for seen in self._seen.values()), default=0)

    def _queue(self) -> list[JobRecord]:
        queued = [record for record in self._records if record.queue_place]
        return sorted(queued, key=lambda record: record.queue_place)

    def _may_start(self) -> bool:
        running = sum(record.state == "running" for record in self._records)
        return bool(self._queue()) and running < self.parallel

    def _start(self, record: JobRecord) -> None:
        folder = JobFolder(self.folder / record.id)
        values = self._seen[record.id].values | {
            "state": "started",
            "host": self._host,
            "started": time.time(),
        }
        # Written before the process is there: a server that dies now must not have another one
        # start it a second time.
        folder.write_job(values)
        cwd = values["cwd"] if os.path.isdir(values["cwd"]) else str(folder.path)
        try:
            pid, created = process.start_detached(record.command, cwd, folder.output)
        except OSError as error:
            log.error("job %s cannot start: %s", record.id, error)
            folder.write_job(values | {"state": "cancelled"})
            return
        folder.write_job(values | {"pid": pid, "create_time": created})

    def _stop(self, running: Any) -> None:
        process.stop_tree(running, PATIENCE_S)
        self.refresh(start=False)

    def _read(self) -> None:
        with self._lock:
            try:
                names = [name for name in os.listdir(self.folder) if ID_PATTERN.fullmatch(name)]
            except OSError:
                names = []
            seen = {name: found for name in names if (found := self._look(name)) is not None}
            self._seen = seen
            records = sorted(
                (item.record for item in seen.values()),
                key=lambda record: (record.created, record.id),
                reverse=True,
            )
            queue = sorted(
                (record.id for record in records if record.state == "queued"),
                key=lambda name: (seen[name].values["order"], name),
            )
            places = {name: place for place, name in enumerate(queue, 1)}
            placed = tuple(
                replace(record, queue_place=places[record.id]) if record.id in places else record
                for record in records
            )
            if placed != self._records:
                self._records = placed
                self.version += 1

    def _look(self, name: str) -> _Seen | None:
        folder = JobFolder(self.folder / name)
        stamp = folder.stamp()
        known = self._seen.get(name)
        # A running job may have died, which no file tells.
        if known and known.stamp == stamp and known.record.state != "running":
            return known
        if self._refused.get(name) == stamp:
            return None
        try:
            values = folder.read_job()
        except FibsemDashError as error:
            if folder.path.exists():
                self._refused[name] = stamp
                log.warning("a job is left out: %s", error)
            return None
        return _Seen(stamp, values, record_of(folder, values, self._host))
