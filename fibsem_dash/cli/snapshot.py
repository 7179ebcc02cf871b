"""`fibsem-dash snapshot`: all of a frame on one picture."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_parser(commands: Any, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "snapshot",
        parents=[common],
        help="save a picture of a frame with its parameters",
        description="Save all detectors of a frame with the table of parameters and the notes.",
    )
    parser.add_argument("file", metavar="FILE", help=".dat or .tif frame")
    parser.add_argument(
        "--out",
        metavar="FIGURE",
        help=".png, .jpg or .svg (default: FILE's name with _snapshot.png, in this folder)",
    )
    for name, end in (("--thr-min", "below"), ("--thr-max", "above")):
        parser.add_argument(
            name,
            type=float,
            default=1e-3,
            metavar="SHARE",
            help=f"share of the pixels {end} the grey levels (default 0.001)",
        )
    parser.add_argument(
        "--dpi", type=int, default=200, metavar="N", help="dots per inch (default 200)"
    )
    parser.add_argument(
        "--bright", action="store_true", help="high counts bright (default: dark, like stain)"
    )
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    from fibsem_dash.frame import FIBSEMFrame

    frame = FIBSEMFrame(arguments.file)
    out = arguments.out or f"{Path(arguments.file).stem}_snapshot.png"
    saved = frame.snapshot(
        out,
        arguments.dpi,
        thr_min=arguments.thr_min,
        thr_max=arguments.thr_max,
        high_is_dark=not arguments.bright,
    )
    print(f"Figure: {saved}")
    return 0
