"""A lock on a file that the system takes back when its holder dies."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fibsem_dash.io.atomic import reading


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold the lock, waiting for it; threads and processes exclude each other.

    Raises
    ------
    AccessError
        When the file cannot be made.
    """
    with reading(path):
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        _acquire(descriptor)
        yield
    finally:
        # Closing gives the lock back.
        os.close(descriptor)


def _acquire(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
                return
            except OSError:
                continue
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)
