"""Progress in a notebook: one bar per stage, drawn as HTML and updated in place."""

from __future__ import annotations

import html
import sys
import time
from typing import Any

from fibsem_dash.compute.progress import STAGE_TITLES

UPDATE_EVERY_S = 0.2
"""Least time between two updates of a bar, seconds."""


def in_notebook() -> bool:
    """Tell whether this process is the kernel of a notebook, where HTML can be shown."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and getattr(shell, "kernel", None) is not None


class NotebookMonitor:
    """Shows one progress bar per stage in a notebook, and plain lines anywhere else.

    Examples
    --------
    >>> from fibsem_dash.dataset import FIBSEMDataset
    >>> FIBSEMDataset.from_folder("raw", "run", monitor=NotebookMonitor())  # doctest: +SKIP
    """

    def __init__(self) -> None:
        self._handle: Any = None
        self._total = self._done = 0
        self._shown = 0.0
        self._stage = ""

    def start(self, stage: str, total: int) -> None:
        """Begin the bar of a stage."""
        self._stage, self._total, self._done = stage, total, 0
        self._handle = None
        if in_notebook():
            from IPython.display import HTML, display

            self._handle = display(HTML(self._bar()), display_id=True)

    def advance(self, stage: str, n: int = 1) -> None:
        """Move the bar of the stage."""
        self._done += n
        if time.monotonic() - self._shown > UPDATE_EVERY_S:
            self._draw()

    def finish(self, stage: str) -> None:
        """End the bar of a stage."""
        if stage != self._stage:
            return
        self._draw()
        if self._handle is None:
            sys.stdout.write(f"{self._title():<16} {self._done}/{self._total}\n")
        self._stage = ""

    def message(self, text: str) -> None:
        """Print a line."""
        sys.stdout.write(f"{text}\n")

    def tally(self, stage: str, *, reused: int = 0, failed: int = 0) -> None:
        """Ignore it: tables and messages tell."""

    def cancelled(self) -> bool:
        """Never: the kernel is interrupted."""
        return False

    def _title(self) -> str:
        return STAGE_TITLES.get(self._stage, self._stage)

    def _bar(self) -> str:
        return (
            f"<div>{html.escape(self._title())} <progress value='{self._done}' "
            f"max='{max(self._total, 1)}'></progress> {self._done}/{self._total}</div>"
        )

    def _draw(self) -> None:
        self._shown = time.monotonic()
        if self._handle is not None:
            from IPython.display import HTML

            self._handle.update(HTML(self._bar()))
