"""Background work of this server: what runs and how far it is, for the title bar of every tab."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(eq=False)
class Activity:
    """One piece of work that runs in the background.

    Attributes
    ----------
    name : str
        What it does, such as "Reading headers".
    done, total : int
        Items; a total of 0 means that it is not known yet.
    stop : threading.Event
        Set when the user wants it to end.
    """

    name: str
    total: int = 0
    done: int = 0
    started: float = field(default_factory=time.monotonic)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def label(self) -> str:
        """Name with percent, where the total is known."""
        return f"{self.name} {100 * self.done // self.total} %" if self.total else self.name

    @property
    def rate(self) -> float:
        """Items per second since the start."""
        return self.done / max(time.monotonic() - self.started, 1e-6)

    @property
    def left_s(self) -> float:
        """Expected seconds to the end; NaN while nothing is known."""
        return (self.total - self.done) / self.rate if self.done and self.total else float("nan")


class Activities:
    """The running activities of the process; all methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: list[Activity] = []
        self.version = 0

    @contextmanager
    def running(self, name: str) -> Iterator[Activity]:
        """Register an activity for the time of a with block."""
        activity = Activity(name)
        with self._lock:
            self._running.append(activity)
            self.version += 1
        try:
            yield activity
        finally:
            with self._lock:
                self._running.remove(activity)
                self.version += 1

    def begin(self, activity: Activity, name: str, total: int) -> None:
        """Go on to another part of the work, counted from 0."""
        with self._lock:
            activity.name, activity.total, activity.done = name, total, 0
            activity.started = time.monotonic()
            self.version += 1

    def advance(self, activity: Activity, n: int = 1) -> None:
        """Count finished items."""
        with self._lock:
            activity.done += n
            self.version += 1

    def labels(self) -> list[str]:
        """Return a line for each running activity, the oldest first."""
        with self._lock:
            return [activity.label for activity in self._running]


ACTIVITIES = Activities()
"""Activities of this process."""
