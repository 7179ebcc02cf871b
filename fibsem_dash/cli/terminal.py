"""Progress in a terminal: bars where there is one, plain lines in a log."""

from __future__ import annotations

import sys
import time
from typing import Any

from fibsem_dash.compute.progress import STAGE_TITLES
from fibsem_dash.units import format_duration

LINE_EVERY_S = 10.0
"""Seconds between two lines of one stage in a log."""


class TerminalMonitor:
    """Shows one line per stage on standard error: a bar in a terminal, plain text in a log."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self._bar: Any = None
        self._total = self._done = 0
        self._stage = ""
        self._started = self._last_line = time.monotonic()

    def start(self, stage: str, total: int) -> None:
        """Begin the line of a stage."""
        self._close()
        self._total, self._done = total, 0
        self._stage = stage
        self._started = self._last_line = time.monotonic()
        if self.live:
            from tqdm import tqdm

            title = STAGE_TITLES.get(stage, stage)
            self._bar = tqdm(
                total=total, desc=f"{title:<16}", unit="frame", file=sys.stderr, dynamic_ncols=True
            )

    def advance(self, stage: str, n: int = 1) -> None:
        """Move the line of the stage."""
        self._done += n
        if self._bar is not None:
            self._bar.update(n)
        elif not self.live and time.monotonic() - self._last_line > LINE_EVERY_S:
            self._last_line = time.monotonic()
            elapsed = self._last_line - self._started
            left = elapsed / self._done * (self._total - self._done)
            self._print_line(stage, elapsed, f", {format_duration(left)} left")

    def finish(self, stage: str) -> None:
        """End the line of a stage; one that has ended already is not told again."""
        self._close()
        if not self.live and stage == self._stage:
            self._stage = ""
            self._print_line(stage, time.monotonic() - self._started, "")

    def _print_line(self, stage: str, elapsed: float, tail: str) -> None:
        rate = self._done / elapsed if elapsed > 0 else 0.0
        title = STAGE_TITLES.get(stage, stage)
        text = f"{title:<16} {self._done}/{self._total}  {rate:.3g} frames/s{tail}"
        print(text, file=sys.stderr, flush=True)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def message(self, text: str) -> None:
        """Print a line above the bar."""
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr, flush=True)

    def tally(self, stage: str, *, reused: int = 0, failed: int = 0) -> None:
        """Ignore it: the report at the end tells."""

    def cancelled(self) -> bool:
        """Never: Ctrl-C raises KeyboardInterrupt."""
        return False
