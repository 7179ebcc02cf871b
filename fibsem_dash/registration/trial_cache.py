"""Results of trials kept in memory under what they depend on, those used last up to some bytes."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any


class TrialCache:
    """Keeps the results used last, up to some bytes.

    Parameters
    ----------
    max_bytes : int
        What all kept results may take; the one stored last is kept in any case.
    """

    def __init__(self, max_bytes: int = 400_000_000) -> None:
        self.max_bytes = max_bytes
        self.n_bytes = 0
        self._lock = Lock()
        self._kept: OrderedDict[str, tuple[Any, float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(
        self, key: str, make: Callable[[], Any], size: Callable[[Any], int]
    ) -> tuple[Any, float, bool]:
        """Return a result, the seconds that making it took, and whether it was kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                value, seconds, _ = self._kept[key]
                return value, seconds, True
        started = time.perf_counter()
        value = make()
        seconds = time.perf_counter() - started
        with self._lock:
            self._drop(key)
            self._kept[key] = value, seconds, size(value)
            self.n_bytes += self._kept[key][2]
            while self.n_bytes > self.max_bytes and len(self._kept) > 1:
                self._drop(next(iter(self._kept)))
        return value, seconds, False

    def _drop(self, key: str) -> None:
        if key in self._kept:
            self.n_bytes -= self._kept.pop(key)[2]


SHARED = TrialCache()
"""What all trials of this process keep."""
