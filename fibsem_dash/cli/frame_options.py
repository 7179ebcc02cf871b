"""What the commands that analyse a frame have in common: their options and how they answer."""

from __future__ import annotations

import argparse
import json
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibsem_dash.errors import ParameterError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = tuple[str, float | str, str]
"""Label, value and unit."""

DETECTORS = ("A", "B", "C", "D")
"""Letters that --detector takes."""


def add_frame_options(parser: argparse.ArgumentParser, *, reference: bool = True) -> None:
    """Add --detector, --box, --reference, --json and --out."""
    add_detector_option(parser)
    add_box_option(parser)
    if reference:
        parser.add_argument(
            "--reference", action="store_true", help="the numbers of old reports, to compare with"
        )
    parser.add_argument("--json", action="store_true", help="as JSON, curves too, for scripts")
    parser.add_argument(
        "--out", metavar="FIGURE", help="save a figure, too: .png, .jpg or .svg (default: none)"
    )


def add_detector_option(parser: argparse.ArgumentParser) -> None:
    """Add --detector."""
    parser.add_argument(
        "--detector", choices=DETECTORS, default="A", help="letter of the detector (default A)"
    )


def add_box_option(parser: argparse.ArgumentParser) -> None:
    """Add --box."""
    parser.add_argument(
        "--box",
        nargs=4,
        type=int,
        default=(0, 0, 0, 0),
        metavar=("T", "H", "L", "W"),
        help="part of the frame: top, height, left, width in pixels; 0 = to the edge",
    )


def add_roi_option(parser: argparse.ArgumentParser, help_text: str) -> None:
    """Add --roi, which may be repeated."""
    parser.add_argument(
        "--roi",
        nargs=4,
        type=int,
        action="append",
        default=[],
        dest="rois",
        metavar=("L", "R", "T", "B"),
        help=help_text,
    )


def check_out(path: str | None) -> None:
    """Refuse a figure of an unknown kind before anything is computed.

    Raises
    ------
    ParameterError
        For a suffix that no figure has.
    """
    if path is not None:
        from fibsem_dash.figures.save import check_figure_path

        check_figure_path(path)


@contextmanager
def quiet_notes() -> Iterator[None]:
    """Keep the notes of an analysis from being told twice: the answer holds them."""
    from fibsem_dash.numerics.notes import AnalysisWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AnalysisWarning)
        yield


def answer(
    arguments: argparse.Namespace,
    title: str,
    rows: Sequence[Row],
    data: dict[str, Any],
    notes: Sequence[str] = (),
    figure: Figure | None = None,
) -> int:
    """Print a table or JSON, save the figure, and return the exit code."""
    saved = None
    if figure is not None and arguments.out:
        from fibsem_dash.figures import save_figure

        saved = str(save_figure(figure, arguments.out))
    if arguments.json:
        from fibsem_dash.io.atomic import json_safe

        content = data | {"notes": list(notes), "figure": saved}
        print(json.dumps(json_safe(content), indent=2, ensure_ascii=False, allow_nan=False))
        return 0
    print(title)
    print(format_rows(rows))
    for note in notes:
        print(f"  note: {note}")
    if saved:
        print(f"Figure: {saved}")
    return 0


def format_rows(rows: Sequence[Row]) -> str:
    """Lay out labels, right-aligned numbers with units, and texts."""
    wide = max((len(label) for label, _, _ in rows), default=0)
    numbers = [value_text(value) for _, value, _ in rows if not isinstance(value, str)]
    long = max((len(text) for text in numbers), default=0)
    lines = []
    for label, value, unit in rows:
        text = value if isinstance(value, str) else f"{value_text(value):>{long}}"
        known = isinstance(value, str) or not math.isnan(value)
        lines.append(f"  {label:<{wide}}  {text} {unit if known else ''}".rstrip())
    return "\n".join(lines)


def value_text(value: float) -> str:
    """Write a number with five digits; "unknown" for NaN."""
    if math.isnan(value):
        return "unknown"
    return f"{value:.5g}" if abs(value) < 1e5 else f"{value:.0f}"


def names_of(path: str, detector: str, box: Sequence[int]) -> str:
    """Write what was analysed: file, detector, and the box where there is one."""
    place = f", box {' '.join(map(str, box))}" if any(box) else ""
    return f"{Path(path).name}, detector {detector}{place}"


def letters_of(text: str | None) -> list[str] | None:
    """Read the letters of --detectors; None where it was not given.

    Raises
    ------
    ParameterError
        For other signs than the letters of detectors.
    """
    if text is None:
        return None
    letters = [sign for sign in text.upper() if sign not in ", "]
    if not letters or not set(letters) <= set(DETECTORS):
        raise ParameterError("--detectors", expected="letters such as A or AB", found=text)
    return letters
