"""Undo and redo of settings that are dragged."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")

PAUSE_S = 1.0
"""Changes of one setting that follow each other more closely count as one step."""


class ValueHistory(Generic[Value]):
    """Values one after the other; a dragged slider makes one step.

    Parameters
    ----------
    value : object
        The first value; values are compared with ``==`` and never changed.
    clock : callable
        Tells the time, s.
    limit : int
        Most steps that can be undone.
    """

    def __init__(
        self, value: Value, clock: Callable[[], float] = time.monotonic, limit: int = 200
    ) -> None:
        self.current = value
        self._clock = clock
        self._limit = limit
        self._past: list[Value] = []
        self._future: list[Value] = []
        self._last: tuple[str, float] = ("", float("-inf"))

    @property
    def can_undo(self) -> bool:
        """Whether there is an older value."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether a step was undone."""
        return bool(self._future)

    def push(self, value: Value, what: str = "") -> None:
        """Make a value the current one.

        Parameters
        ----------
        value : object
            The new value.
        what : str
            What was changed: quick changes of the same are one step.
        """
        if value == self.current:
            return
        now = self._clock()
        same = bool(what) and what == self._last[0] and now - self._last[1] < PAUSE_S
        if not (same and self._past):
            self._past = [*self._past, self.current][-self._limit :]
        self._last = what, now
        self._future = []
        self.current = value

    def undo(self) -> Value:
        """Go back one step, if there is one; return the value that holds now."""
        if self._past:
            self._future.append(self.current)
            self.current = self._past.pop()
        self._last = "", float("-inf")
        return self.current

    def redo(self) -> Value:
        """Take back the last undo, if there was one; return the value that holds now."""
        if self._future:
            self._past.append(self.current)
            self.current = self._future.pop()
        self._last = "", float("-inf")
        return self.current
