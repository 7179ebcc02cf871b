"""Progress and cancel, as plain callables: no stage knows a terminal or a browser."""

from __future__ import annotations

from typing import Protocol

STAGE_TITLES = {
    "inspect": "Reading headers",
    "data_range": "Data range",
    "keypoints": "Key points",
    "pairs": "Pair transforms",
    "chain": "Chain",
    "stack": "Writing stack",
    "pyramid": "Building pyramid",
    "evaluate": "Evaluating",
    "convert": "Converting",
    "snr": "Signal to noise",
    "fractions": "Shares of B",
    "phantom": "Drawing phantom",
}
"""What the stages are called on screen."""


class Cancelled(Exception):
    """The work was stopped on request; what is finished is kept."""


class Monitor(Protocol):
    """What a stage reports to and asks."""

    def start(self, stage: str, total: int) -> None:
        """Announce a stage with its number of items."""

    def advance(self, stage: str, n: int = 1) -> None:
        """Tell that n more items of the stage are done."""

    def tally(self, stage: str, *, reused: int = 0, failed: int = 0) -> None:
        """Tell how many more of its items came from an earlier run, and how many have no result."""

    def finish(self, stage: str) -> None:
        """Tell that the stage is complete."""

    def message(self, text: str) -> None:
        """Pass on a line that the user should see."""

    def cancelled(self) -> bool:
        """Tell whether the work should stop."""


class SilentMonitor:
    """A monitor that says nothing and never cancels."""

    def start(self, stage: str, total: int) -> None:
        """Ignore the start of a stage."""

    def advance(self, stage: str, n: int = 1) -> None:
        """Ignore progress."""

    def tally(self, stage: str, *, reused: int = 0, failed: int = 0) -> None:
        """Ignore what became of the items."""

    def finish(self, stage: str) -> None:
        """Ignore the end of a stage."""

    def message(self, text: str) -> None:
        """Ignore a line of text."""

    def cancelled(self) -> bool:
        """Never ask to stop."""
        return False
