"""`fibsem-dash transforms`: the transforms of a run for other programs."""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(commands: Any, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "transforms",
        parents=[common],
        help="write the transforms of a run for IMOD",
        description="Write the transforms of a run as an .xf file of IMOD: one line A11 A12 A21 "
        "A22 DX DY per frame that the run uses, about the centres of the images.",
    )
    parser.add_argument("run_folder", metavar="RUN", help="run folder")
    parser.add_argument("--xf", required=True, metavar="FILE", help="file to write")
    parser.add_argument(
        "--flip-y",
        action="store_true",
        help="for frames that IMOD turned when it read them (tif2mrc does)",
    )
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    from fibsem_dash.interoperability import run_to_xf, write_xf

    lines = run_to_xf(arguments.run_folder, flip_y=arguments.flip_y)
    write_xf(arguments.xf, lines)
    print(f"{arguments.xf}: {len(lines)} transforms")
    return 0
