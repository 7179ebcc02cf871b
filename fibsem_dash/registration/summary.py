"""What a finished run has to tell."""

from __future__ import annotations

from dataclasses import dataclass

from fibsem_dash.registration.pairs import PairResult
from fibsem_dash.registration.stack_stage import StackSummary


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
        Pairs without a transform.
    stack : StackSummary
        Files and quality.
    seconds : float
        Time of this run.
    """

    n_frames: int
    n_slices: int
    excluded: dict[int, str]
    failed: tuple[PairResult, ...]
    stack: StackSummary
    seconds: float

    @property
    def n_problems(self) -> int:
        """Number of frames left out and pairs failed."""
        return len(self.excluded) + len(self.failed)
