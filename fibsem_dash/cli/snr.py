"""`fibsem-dash snr`: signal-to-noise ratio of a frame."""

from __future__ import annotations

import argparse
from typing import Any

from fibsem_dash.cli.frame_options import (
    add_frame_options,
    answer,
    check_out,
    names_of,
    quiet_notes,
)

_EXTRAPOLATIONS = ("nearest", "linear", "parabolic", "gaussian", "levinson-durbin")


def add_parser(commands: Any, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "snr",
        parents=[common],
        help="measure the signal-to-noise ratio of a frame",
        description="Estimate signal power over noise power of a frame from its autocorrelation.",
    )
    parser.add_argument("file", metavar="FILE", help=".dat or .tif frame")
    parser.add_argument(
        "--extrapolation",
        choices=_EXTRAPOLATIONS,
        default="parabolic",
        metavar="METHOD",
        help="how the autocorrelation is continued to lag 0: %(choices)s (default parabolic)",
    )
    parser.add_argument(
        "--detrend", action="store_true", help="subtract a plane, so that shading does not count"
    )
    add_frame_options(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    from fibsem_dash.frame import FIBSEMFrame

    check_out(arguments.out)
    frame = FIBSEMFrame(arguments.file)
    box = tuple(arguments.box)
    with quiet_notes():
        result = frame.snr(
            arguments.detector,
            box,
            arguments.extrapolation,
            detrend=arguments.detrend,
            reference=arguments.reference,
        )
    title = names_of(arguments.file, arguments.detector, box)
    rows = [
        ("SNR along x", result.x.snr, ""),
        ("SNR along y", result.y.snr, ""),
        ("SNR over rings", result.radial.snr, ""),
    ]
    directions = {name: getattr(result, name) for name in ("x", "y", "radial")}
    data = {
        "file": frame.path,
        "detector": arguments.detector,
        "box": box,
        "extrapolation": result.extrapolation,
        "snr": {name: part.snr for name, part in directions.items()},
        "curves": {
            name: {
                "lags_px": part.lags,
                "autocorrelation": part.autocorrelation,
                "noise_free": part.noise_free,
                "baseline": part.baseline,
            }
            for name, part in directions.items()
        },
    }
    figure = None
    if arguments.out:
        from fibsem_dash.figures import draw_snr

        image = frame.crop(arguments.detector, box)
        figure = draw_snr(result, image, title=title, pixel_size_nm=frame.pixel_size_nm)
    return answer(arguments, title, rows, data, result.notes, figure)
