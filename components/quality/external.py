"""The aligned stack of another program, measured on the same region of the sample."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from components.plots.export import safe_name
from components.quality.pictures import Box
from components.quality.runs import RunEntry
from fibsem_dash.errors import AccessError, ParameterError
from fibsem_dash.io import open_stack
from fibsem_dash.io.atomic import access_error
from fibsem_dash.quality import QualityTable, RegionMatch, match_sample_region

FOLDER_NAME = "evaluations"
"""Below the run root: tables of stacks that were evaluated here."""

MEASURES = ("NSAD", "NCC", "NMI", "FSC")
"""Measures that `evaluate` knows."""

STACKS = (".mrc", ".tif", ".tiff", ".zarr", ".h5")
"""Ends of the names of stacks."""


@dataclass(frozen=True)
class Evaluation:
    """How a stack is measured.

    Attributes
    ----------
    stack : str
        The file.
    box : (int, int, int, int)
        [top, height, left, width], px of that stack.
    inverted : bool
        Whether its grey levels count the other way.
    metrics : tuple of str
        Measures.
    """

    stack: str
    box: tuple[int, int, int, int]
    inverted: bool
    metrics: tuple[str, ...]

    def arguments(self, out: Path) -> list[str]:
        """Return the command line of `fibsem-dash evaluate` that writes to a file."""
        command = [self.stack, "--box", *map(str, self.box), "--metrics", ",".join(self.metrics)]
        return [*command, *(["--invert"] if self.inverted else []), "--out", str(out)]


def match_stack(entry: RunEntry, stack: str, inverted: bool | None) -> RegionMatch:
    """Find the region that a run was measured in, in another stack.

    Parameters
    ----------
    entry : RunEntry
        Its stack and evaluation box: what the boxes of all pairs have in common, so that no pair
        sees the edge of the other stack; the whole slice where it has none.
    stack : str
        The other stack.
    inverted : bool or None
        Whether its grey levels count the other way; found out when None.

    Raises
    ------
    ParameterError
        When the run has no stack, or the region cannot be looked for.
    FormatError, AccessError
        For files that cannot be read.
    """
    if not entry.stack:
        raise ParameterError(
            "the run has no stack to compare with",
            found=entry.label,
            remedy="Choose a run of a run folder, or type the box.",
        )
    box = common_box(entry.table)
    if box is None:
        with open_stack(entry.stack) as opened:
            _, height, width = opened.shape
        box = 0, width, 0, height
    return match_sample_region(entry.stack, box, stack, inverted=inverted)


def common_box(table: QualityTable) -> Box | None:
    """Return what the evaluation boxes (xi, xa, yi, ya) of all pairs have in common.

    Parameters
    ----------
    table : QualityTable
        A box that slides so far that less than a quarter is common counts as that of the middle
        pair.

    Returns
    -------
    (xi, xa, yi, ya) or None
        None for a table without boxes.
    """
    if table.boxes is None or not len(table):
        return None
    boxes = table.boxes
    xi, yi = (int(v) for v in boxes[:, [0, 2]].max(0))
    xa, ya = (int(v) for v in boxes[:, [1, 3]].min(0))
    middle = boxes[len(boxes) // 2]
    area = (middle[1] - middle[0]) * (middle[3] - middle[2])
    if max(xa - xi, 0) * max(ya - yi, 0) * 4 >= area:
        return xi, xa, yi, ya
    xi, xa, yi, ya = (int(v) for v in middle)
    return xi, xa, yi, ya


def match_words(match: RegionMatch, run: str) -> str:
    """Return in words what was matched."""
    xi, xa, yi, ya = match.box_b
    dx, dy = match.offset
    size = f"{xa - xi} × {ya - yi} px at x {xi}, y {yi}"
    slices = f", slices {match.z_offset:+d}" if match.z_offset else ""
    grey = "inverted grey levels" if match.inverted else "the same grey levels"
    sure = "" if match.reliable else "Not certain: check the box. "
    notes = "".join(f" {note[:1].upper()}{note[1:]}." for note in match.notes)
    return (
        f"{sure}The region of {run} is {size} (moved by {dx:+d}, {dy:+d} px{slices}), with {grey}; "
        f"correlation {match.ncc:.3f} in {len(match.slices)} slices.{notes}"
    )


def check_box(stack: str, box: tuple[int, int, int, int]) -> None:
    """Refuse a box [top, height, left, width] that does not lie on the slices.

    Raises
    ------
    ParameterError
        When it does not, or has no size.
    """
    with open_stack(stack) as opened:
        _, rows, columns = opened.shape
    top, height, left, width = box
    if min(box) < 0 or height < 2 or width < 2 or top + height > rows or left + width > columns:
        raise ParameterError(
            "the box does not lie on the slices",
            expected=f"at least 2 × 2 px inside {columns} × {rows} px",
            found=f"top {top}, height {height}, left {left}, width {width}",
        )


def table_path(run_root: Path, stack: str) -> Path:
    """Return a new file for the table of a stack below the run root; its folder is made.

    Raises
    ------
    AccessError
        When the folder cannot be made.
    """
    folder = run_root / FOLDER_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise access_error(error, folder) from error
    stem = safe_name(Path(stack).stem)[:80]
    for k in range(1000):
        name = f"{stem}_{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}" + (f"-{k}" if k else "")
        path = folder / f"{name}_RegistrationQuality.csv"
        if not path.exists():
            return path
    raise AccessError("no free name for the table", path=folder)
