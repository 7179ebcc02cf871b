"""What state a job is in, from its files and its process."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from fibsem_dash.jobs import process
from fibsem_dash.jobs.records import JobRecord, JobState
from fibsem_dash.jobs.store import JobFolder

JOB_KINDS = ("register", "evaluate", "convert", "phantom", "flatten")
"""Commands that may run as jobs."""

STARTING_S = 20.0
"""Seconds that a job may be without a process between its start and the first sign of it."""

SILENT_S = 60.0
"""Seconds without a sign after which a job of another machine counts as dead."""


def record_of(folder: JobFolder, values: Mapping[str, Any], host: str) -> JobRecord:
    """Return a job as its files and its process show it.

    Parameters
    ----------
    folder : JobFolder
        Its files.
    values : dict
        Content of its job.json.
    host : str
        Name of this machine: a process of another one cannot be seen.
    """
    attempt = values["attempt"]
    told = folder.read_progress(attempt) if values["state"] == "started" else {}
    record = JobRecord(
        id=folder.id,
        kind=values["kind"],
        title=values["title"],
        folder=values["folder"],
        command=_command(folder, values),
        arguments=tuple(values["arguments"]),
        state="queued",
        created=values["created"],
        started=values["started"],
        pid=values["pid"] or told.get("pid"),
        create_time=values["create_time"] or told.get("create_time"),
        attempt=attempt,
    )
    names = ("stages", "messages", "problems", "error", "dashboard", "scheduler")
    record = replace(record, **{name: told[name] for name in names if name in told})
    state = _state_of(folder, values, record, told, host)
    if state == "running":
        return replace(record, state=state, cancelling=folder.wants_cancel(attempt))
    ended = told.get("state", "running") == state
    stages = tuple(
        replace(s, state=state, left_s=None) if s.state == "running" else s for s in record.stages
    )
    return replace(
        record,
        state=state,
        stages=stages,
        dashboard="",
        scheduler="",
        finished=told.get("finished"),
        exit_status=told.get("exit_status") if ended else None,
        error=record.error or _why(state, folder),
    )


def _state_of(
    folder: JobFolder,
    values: Mapping[str, Any],
    record: JobRecord,
    told: Mapping[str, Any],
    host: str,
) -> JobState:
    if values["kind"] not in JOB_KINDS:
        return "failed"
    if values["state"] != "started":
        return "queued" if values["state"] == "queued" else "cancelled"
    end: JobState = told.get("state", "running")
    if end != "running":
        return end
    if _lives(folder, values, record, host):
        return "running"
    # It may have told its end while we looked for it.
    end = folder.read_progress(record.attempt).get("state", "running")
    if end != "running":
        return end
    return "cancelled" if folder.wants_cancel(record.attempt) else "interrupted"


def _lives(folder: JobFolder, values: Mapping[str, Any], record: JobRecord, host: str) -> bool:
    age = time.time() - (values["started"] or 0.0)
    if values["host"] != host:
        with suppress(OSError):
            age = time.time() - folder.progress.stat().st_mtime
        return age < SILENT_S
    if record.pid is None:
        return age < STARTING_S
    return process.find_process(record.pid, record.create_time) is not None


def _command(folder: JobFolder, values: Mapping[str, Any]) -> tuple[str, ...]:
    # Always our own program: what a file says is only ever its arguments.
    # -P: a folder of data that happens to hold Python files must not be imported from.
    program = (sys.executable, "-P", "-m", "fibsem_dash", values["kind"])
    return (*program, "--job-folder", str(folder.path), *values["arguments"])


def _why(state: JobState, folder: JobFolder) -> str:
    if state == "interrupted":
        return "its process ended without a word; resume goes on from there"
    if state != "failed":
        return ""
    with suppress(OSError):
        lines = folder.output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "unknown"
    return "unknown"
