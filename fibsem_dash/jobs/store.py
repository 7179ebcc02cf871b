"""The folder of one job: who writes which file, and reading what may be torn or foreign.

`job.json` is written by servers under the lock of the queue, `progress.json` and `log.jsonl` by
the job's own process, `cancel` by whoever wants it to stop.
"""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from fibsem_dash.errors import FormatError
from fibsem_dash.io.atomic import reading, write_json
from fibsem_dash.jobs.records import JOB_STATES, LOG_LEVELS, LogLine, StageProgress

SCHEMA_VERSION = 1
"""Version of the files of a job."""

ID_PATTERN = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")
"""What a job is called, so that no text from outside leads to another folder."""

LARGEST_LOG_BYTES = 2_000_000
"""Bytes from which a log is begun anew; one older part is kept."""

_FIRST_NUMBER = re.compile(r'\{"first": (\d{1,12})\}$')

LARGEST_JSON = 4_000_000
"""Bytes above which a file is not one of ours."""


def new_job(
    job_id: str,
    kind: str,
    arguments: Sequence[str],
    title: str,
    folder: str,
    host: str,
    order: float,
) -> dict[str, Any]:
    """Return the content of job.json of a job that waits for its first start."""
    return {
        "id": job_id,
        "kind": kind,
        "title": title,
        "folder": folder,
        "cwd": os.getcwd(),
        "host": host,
        "arguments": [str(argument) for argument in arguments],
        "state": "queued",
        "created": time.time(),
        "order": order,
        "attempt": 1,
        "started": None,
        "pid": None,
        "create_time": None,
    }


class JobFolder:
    """The files of one job.

    Parameters
    ----------
    path : path-like
        The folder of the job, whose name is the job's id.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.id = self.path.name
        self.job = self.path / "job.json"
        self.progress = self.path / "progress.json"
        self.log = self.path / "log.jsonl"
        self.old_log = self.path / "log.1.jsonl"
        self.output = self.path / "output.txt"
        self.cancel = self.path / "cancel"

    def write_job(self, values: Mapping[str, Any]) -> None:
        """Replace job.json."""
        write_json(self.job, {**values, "schema_version": SCHEMA_VERSION})

    def read_job(self) -> dict[str, Any]:
        """Return the content of job.json, checked field by field.

        Raises
        ------
        FormatError
            When it is not a job of this program.
        AccessError
            When it cannot be read.
        """
        data = _read(self.job)
        checks: dict[str, Any] = {
            "schema_version": lambda v: v == SCHEMA_VERSION,
            "id": lambda v: v == self.id,
            "kind": _is_text,
            "title": _is_text,
            "folder": _is_text,
            "cwd": _is_text,
            "host": _is_text,
            "arguments": lambda v: isinstance(v, list) and all(map(_is_text, v)),
            "state": lambda v: v in ("queued", "started", "cancelled"),
            "created": _is_number,
            "order": _is_number,
            "attempt": _is_count,
            "started": _is_number_or_none,
            "pid": lambda v: v is None or _is_count(v),
            "create_time": _is_number_or_none,
        }
        for name, check in checks.items():
            if name not in data or not check(data[name]):
                raise FormatError(
                    "not a job of this version",
                    path=self.job,
                    expected=f"a {name}",
                    found=repr(data.get(name))[:80],
                )
        return data

    def read_progress(self, attempt: int) -> dict[str, Any]:
        """Return what the process told in this attempt; empty where it told nothing yet.

        A file that is torn or foreign counts as nothing told.
        """
        try:
            data = _read(self.progress)
        except (OSError, FormatError):
            return {}
        return _clean_progress(data) if data.get("attempt") == attempt else {}

    def wants_cancel(self, attempt: int) -> bool:
        """Whether somebody asked this attempt to stop."""
        try:
            return self.cancel.read_text(encoding="utf-8").strip() == str(attempt)
        except (OSError, UnicodeDecodeError):
            return False

    def ask_to_cancel(self, attempt: int) -> None:
        """Ask this attempt to stop."""
        with reading(self.cancel):
            self.cancel.write_text(str(attempt), encoding="utf-8")

    def read_log(self, after: int, level: str, limit: int) -> list[LogLine]:
        """Return up to `limit` lines behind line number `after` that are at least so severe."""
        least = LOG_LEVELS.index(level)
        lines: list[LogLine] = []
        for number, text in self._numbered_lines():
            if number <= after:
                continue
            line = _log_line(number, text)
            if line is not None and LOG_LEVELS.index(line.level) >= least:
                lines.append(line)
                if len(lines) >= limit:
                    break
        return lines

    def _numbered_lines(self) -> Iterator[tuple[int, str]]:
        number = 0
        for path in (self.old_log, self.log):
            with suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace") as file:
                for text in file:
                    if not text.endswith("\n"):
                        continue
                    if found := _FIRST_NUMBER.match(text):
                        number = int(found[1]) - 1
                        continue
                    number += 1
                    yield number, text

    def append_log(self, content: str) -> None:
        """Append lines to the log; a long one becomes the old log, and the old one goes.

        Raises
        ------
        OSError
            When it cannot be written.
        """
        try:
            full = self.log.stat().st_size > LARGEST_LOG_BYTES
        except FileNotFoundError:
            full = False
        if full:
            last = max((number for number, _ in self._numbered_lines()), default=0)
            os.replace(self.log, self.old_log)
            content = json.dumps({"first": last + 1}) + "\n" + content
        with self.log.open("a", encoding="utf-8") as stream:
            stream.write(content)

    def stamp(self) -> tuple[tuple[int, int, int], ...]:
        """Return what changes whenever one of the files does."""
        stamps = []
        for path in (self.job, self.progress, self.cancel):
            try:
                status = path.stat()
            except OSError:
                stamps.append((0, 0, 0))
            else:
                stamps.append((status.st_ino, status.st_mtime_ns, status.st_size))
        return tuple(stamps)


def _read(path: Path) -> dict[str, Any]:
    with reading(path):
        if path.stat().st_size > LARGEST_JSON:
            raise FormatError("too large for the file of a job", path=path)
        content = path.read_bytes()
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise FormatError("not a JSON object", path=path, remedy="Remove the folder of this job.")
    return data


def _log_line(number: int, text: str) -> LogLine | None:
    try:
        data = json.loads(text)
        level = data["level"] if data["level"] in LOG_LEVELS else "info"
        return LogLine(number, float(data["time"]), level, str(data["text"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _clean_progress(data: Mapping[str, Any]) -> dict[str, Any]:
    stages = data.get("stages")
    found = [_stage(item) for item in stages] if isinstance(stages, list) else []
    state = data.get("state")
    return {
        "state": state if state in JOB_STATES else "running",
        "stages": tuple(stage for stage in found if stage is not None),
        "exit_status": _number_of(data, "exit_status", whole=True),
        **{name: _number_of(data, name) for name in ("started", "finished", "create_time")},
        **{name: _number_of(data, name, whole=True) for name in ("pid",)},
        **{name: _number_of(data, name, whole=True) or 0 for name in ("messages", "problems")},
        **{
            name: str(data[name]) if _is_text(data.get(name)) else ""
            for name in ("error", "dashboard", "scheduler")
        },
    }


def _stage(item: object) -> StageProgress | None:
    if not isinstance(item, dict) or not _is_text(item.get("name")):
        return None
    whole = {
        name: _number_of(item, name, whole=True) or 0
        for name in ("total", "done", "reused", "failed")
    }
    return StageProgress(
        name=item["name"],
        state=str(item.get("state", "")),
        seconds=_number_of(item, "seconds") or 0.0,
        rate=_number_of(item, "rate") or 0.0,
        left_s=_number_of(item, "left_s"),
        **whole,
    )


def _number_of(data: Mapping[str, Any], name: str, *, whole: bool = False) -> Any:
    value = data.get(name)
    if value is None or not _is_number(value):
        return None
    return int(value) if whole else float(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_number_or_none(value: object) -> bool:
    return value is None or _is_number(value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
