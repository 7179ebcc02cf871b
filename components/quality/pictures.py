"""The pair of slices at a frame, of several stacks at the same place of the sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.quality.runs import RunEntry
from fibsem_dash.compute.executor import describe_error
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.io import open_stack
from fibsem_dash.quality import PairView, pair_view

PICTURE_PX = 700
"""Largest side of a picture that is read, px."""

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class PairRequest:
    """What is wanted of one run.

    Attributes
    ----------
    key, label, colour : str
        As in the list of runs.
    stack : str
        The file.
    frame : int
        Second slice of the pair in that file.
    box : (xi, xa, yi, ya) or None
        Part of the slices; None for all.
    inverted : bool
        Show high grey levels dark.
    """

    key: str
    label: str
    colour: str
    stack: str
    frame: int
    box: Box | None
    inverted: bool = False


@dataclass(frozen=True)
class PairResult:
    """What was read for a request, or why nothing was.

    Attributes
    ----------
    request : PairRequest
    view : PairView or None
    error : str
        Empty when there is a view.
    """

    request: PairRequest
    view: PairView | None
    error: str = ""


def pair_requests(
    entries: Sequence[RunEntry], frame: int, whole: bool = False
) -> list[PairRequest]:
    """Return what is read at a frame of the comparison.

    Parameters
    ----------
    entries : sequence of RunEntry
        The visible runs; those without a stack are passed over.
    frame : int
        Frame as it is compared, so after the offset of each run.
    whole : bool
        The whole slices instead of the evaluation box.
    """
    return [
        PairRequest(
            entry.key, entry.label, entry.colour, entry.stack, frame - entry.offset,
            None if whole else nearest_box(entry, frame - entry.offset), entry.inverted,
        )
        for entry in entries
        if entry.stack
    ]  # fmt: skip


def nearest_box(entry: RunEntry, frame: int) -> Box | None:
    """Return the evaluation box of a frame, or of the measured frame nearest to it."""
    table = entry.table
    if table.boxes is None or not len(table):
        return None
    place = int(abs(table.frames - frame).argmin())
    return table.box_at(int(table.frames[place]))


def read_pairs(requests: Sequence[PairRequest]) -> list[PairResult]:
    """Read the pairs; what one stack does not have does not keep the others from being shown."""
    return [_read(request) for request in requests]


def _read(request: PairRequest) -> PairResult:
    try:
        with open_stack(request.stack) as stack:
            view = pair_view(
                stack, request.frame, request.box, invert=request.inverted, max_size=PICTURE_PX
            )
    except FibsemDashError as error:
        return PairResult(request, None, describe_error(error))
    return PairResult(request, view)
