"""What a finished run has to tell."""

from __future__ import annotations

from dataclasses import dataclass

from fibsem_dash.facts import facts_html
from fibsem_dash.registration.pairs import PairResult
from fibsem_dash.registration.stack_stage import StackSummary
from fibsem_dash.units import format_duration


@dataclass(frozen=True)
class RunSummary:
    """What a finished run has to tell.

    Attributes
    ----------
    n_frames, n_slices : int
        Files of the input list and slices of the stack.
    excluded : dict
        Frames that were left out, with the reason.
    failed : tuple of PairResult
        Pairs without a transform that nobody accepted.
    stack : StackSummary
        Files and quality.
    seconds : float
        Time of this run.
    by_hand : frozenset of int
        Frames among the excluded that somebody chose to leave out.
    """

    n_frames: int
    n_slices: int
    excluded: dict[int, str]
    failed: tuple[PairResult, ...]
    stack: StackSummary
    seconds: float
    by_hand: frozenset[int] = frozenset()

    def _repr_html_(self) -> str:
        rows = [
            ("Frames", self.n_frames),
            ("Left out", len(self.excluded)),
            ("Pairs failed", len(self.failed)),
            ("Slices", self.n_slices),
            ("Files", ", ".join(self.stack.files)),
            *((f"Median {name}", f"{v:.4f}") for name, v in self.stack.median_quality.items()),
            ("Time", format_duration(self.seconds)),
        ]
        return facts_html("Registration", rows)

    @property
    def n_problems(self) -> int:
        """Number of frames left out, but not by choice, and of pairs failed."""
        return len(self.excluded.keys() - self.by_hand) + len(self.failed)
