"""One run at a time in a run folder: a file that says who, and a lock that dies with its holder.

The system's own lock on the file decides on one machine: it needs no clock, no process number, and
of several processes that find the file of a dead run only one gets it. What the file says decides
between machines, and where the disk knows no such locks.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from fibsem_dash.errors import RunError
from fibsem_dash.io.atomic import access_error

LOCK_WRITING_SECONDS = 5.0
"""Age from which a lock without content counts as left over."""

LOCK_NAME = "run.lock"


def now() -> str:
    """Return the current time, ISO 8601 in UTC, whole seconds."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


@contextlib.contextmanager
def hold_run_lock(folder: Path) -> Iterator[None]:
    """Hold a run folder for one run at a time.

    Parameters
    ----------
    folder : pathlib.Path
        The run folder, which exists.

    Raises
    ------
    RunError
        When another process holds it; the message names it.
    AccessError
        When the file cannot be made.
    """
    path = folder / LOCK_NAME
    try:
        descriptor = _take(path)
    except OSError as error:
        raise access_error(error, path) from error
    try:
        yield
    finally:
        # Before the system's lock goes, so that nobody can take a file that is about to vanish.
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Tell whether a process works in a run folder; one of another machine is believed.

    The lock of the system is left alone: a run that begins just now would take it for another's.
    """
    path = folder / LOCK_NAME
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        holder = _holder(descriptor)
    finally:
        os.close(descriptor)
    if holder is None:
        return _is_young(path)
    if holder["host"] != socket.gethostname():
        return True
    return _is_alive(int(holder["pid"]), float(holder["started"]))


def _take(path: Path) -> int:
    while True:
        fresh = True
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
        except FileExistsError:
            fresh = False
            try:
                descriptor = os.open(path, os.O_RDWR)
            except FileNotFoundError:
                continue
        try:
            if _try(path, descriptor, fresh):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _try(path: Path, descriptor: int, fresh: bool) -> bool:
    """Make the open file ours; False when it is no longer the one in the folder."""
    locked = _lock(descriptor, wait=fresh)
    if not _is_file_at(path, descriptor):
        return False
    if not fresh:
        _refuse_held(path, _holder(descriptor), locked)
        if locked is None:
            # Without locks of the system: away with it, and whoever makes the new file has it.
            path.unlink(missing_ok=True)
            return False
    me: dict[str, Any] = {"pid": os.getpid(), "host": socket.gethostname(), "since": now()}
    me |= {"started": psutil.Process().create_time(), "locked": locked is True}
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, json.dumps(me).encode())
    return True


def _refuse_held(path: Path, holder: dict[str, Any] | None, locked: bool | None) -> None:
    if holder is None:
        held = locked is False or _is_young(path)
    elif holder["host"] != socket.gethostname():
        held = True
    elif holder.get("locked") is True and locked is not None:
        held = not locked
    else:
        held = locked is False or _is_alive(int(holder["pid"]), float(holder["started"]))
    if held:
        ours = holder is not None and holder["host"] == socket.gethostname()
        if holder is not None and ours and not psutil.pid_exists(int(holder["pid"])):
            # The winner has not put its name over that of the dead run yet.
            holder = None
        known = "process {pid} on {host} since {since}".format(**holder) if holder else None
        raise RunError(
            "another run uses this folder",
            path=path.parent,
            found=known or "a run that is just starting",
            remedy="Wait for it, stop it, or choose another folder; if that machine is gone, "
            "remove run.lock.",
        )


def _lock(descriptor: int, wait: bool) -> bool | None:
    """Lock an open file; False when another process has it, None where that cannot be known."""
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        # The file that we made ourselves can only be held for a moment, by who looks at it.
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_file_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> dict[str, Any] | None:
    """Return what the file says; None when that is nothing, or torn."""
    with os.fdopen(os.dup(descriptor), "rb") as stream:
        stream.seek(0)
        content = stream.read(10_000)
    try:
        holder = json.loads(content)
        int(holder["pid"]), float(holder["started"]), holder["host"], holder["since"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return dict(holder)


def _is_young(path: Path) -> bool:
    # A lock without content is torn, unless its run is about to write it. One from the future is
    # older than the clock: it was set back since.
    try:
        return abs(time.time() - path.stat().st_mtime) < LOCK_WRITING_SECONDS
    except OSError:
        return False


def _is_alive(pid: int, started: float) -> bool:
    # A number that was given to a new process must not keep the folder locked.
    try:
        return abs(psutil.Process(pid).create_time() - started) < 1.0
    except psutil.Error:
        return False
