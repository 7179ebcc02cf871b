"""`fibsem-dash info`: the header of a frame or a stack."""

from __future__ import annotations

import argparse
import json
from typing import Any


def add_parser(commands: Any, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "info",
        parents=[common],
        help="show the header of a frame or a stack",
        description="Show the header of a raw frame or a stack, with units and meanings.",
    )
    parser.add_argument("file", metavar="FILE", help=".dat, .tif, .mrc, .h5 or .zarr")
    parser.add_argument("--json", action="store_true", help="as JSON, for scripts")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    from fibsem_dash.io.describe import describe, render_description

    description = describe(arguments.file)
    if arguments.json:
        print(json.dumps(description, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print(render_description(description))
    return 0
