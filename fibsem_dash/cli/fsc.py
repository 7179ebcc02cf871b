"""`fibsem-dash fsc`: Fourier ring correlation of two frames, two detectors, or one frame."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fibsem_dash.cli.frame_options import (
    DETECTORS,
    Row,
    add_frame_options,
    answer,
    check_out,
    names_of,
)
from fibsem_dash.errors import ParameterError


def add_parser(commands: Any, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "fsc",
        parents=[common],
        help="measure up to which frequency two images agree",
        description="Fourier ring correlation of two frames, of two detectors of one frame, or of "
        "the even and the odd rows of one frame.",
    )
    parser.add_argument("file", metavar="FILE", help=".dat or .tif frame")
    parser.add_argument("other", nargs="?", metavar="FILE2", help="frame to compare with")
    parser.add_argument(
        "--other-detector",
        choices=DETECTORS,
        help="detector of the second image (default: that of the first)",
    )
    parser.add_argument(
        "--threshold",
        default="0.143",
        metavar="LEVEL",
        help="a correlation, or half-bit, one-bit, three-sigma (default 0.143)",
    )
    add_frame_options(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    from fibsem_dash.frame import FIBSEMFrame

    check_out(arguments.out)
    box = tuple(arguments.box)
    frame = FIBSEMFrame(arguments.file)
    other = FIBSEMFrame(arguments.other) if arguments.other else None
    result = frame.fsc(
        other,
        arguments.detector,
        box,
        other_detector=arguments.other_detector,
        threshold=_threshold(arguments.threshold),
        reference=arguments.reference,
    )
    second = _second(arguments)
    rows: list[Row] = [
        ("compared with", second, ""),
        ("bandwidth", result.bandwidth, "cycles per pixel"),
        ("period", result.resolution_nm, "nm"),
        ("curve and threshold", result.status, ""),
    ]
    title = names_of(arguments.file, arguments.detector, box)
    data = {
        "file": frame.path,
        "other": other.path if other else None,
        "detector": arguments.detector,
        "compared_with": second,
        "box": box,
        "bandwidth_per_px": result.bandwidth,
        "resolution_nm": result.resolution_nm,
        "status": result.status,
        "pixel_size_nm": result.pixel_size_nm,
        "curves": {
            name: getattr(result, name)
            for name in ("frequencies", "correlation", "smoothed", "counts", "criterion")
        },
    }
    figure = None
    if arguments.out:
        from fibsem_dash.figures import draw_fsc

        halves = other is None and arguments.other_detector is None
        pair = frame.fsc_pair(other, arguments.detector, box, arguments.other_detector)
        labels = ("even rows", "odd rows") if halves else (title, second)
        pixel = frame.pixel_size_nm * (2 if halves else 1)
        figure = draw_fsc(result, pair, labels, title=title, image_pixel_size_nm=pixel)
    return answer(arguments, title, rows, data, (), figure)


def _second(arguments: argparse.Namespace) -> str:
    if not arguments.other and not arguments.other_detector:
        return "its even and odd rows"
    name = Path(arguments.other or arguments.file).name
    return f"{name}, detector {arguments.other_detector or arguments.detector}"


def _threshold(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        if text in ("half-bit", "one-bit", "three-sigma"):
            return text
        raise ParameterError(
            "--threshold", expected="a number, half-bit, one-bit or three-sigma", found=text
        ) from None
