"""`fibsem-dash convert`: raw frames as TIFF files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from fibsem_dash.cli.frame_options import letters_of
from fibsem_dash.cli.job_process import command_monitor, open_workers
from fibsem_dash.cli.options import add_compute_options

_MOST_SHOWN = 10


def add_parser(commands: Any, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "convert",
        parents=[common],
        help="write raw frames as TIFF files",
        description="Write the raw pixels of .dat frames as TIFF, one file per detector, with "
        "pixel size and header in the tags. Files that are there already are left alone.",
    )
    parser.add_argument("data", metavar="DATA_DIR", help="folder with the frames")
    parser.add_argument("--out", metavar="FOLDER", required=True, help="where the files go")
    parser.add_argument("--pattern", default="", metavar="GLOB", help="names of the frames")
    parser.add_argument(
        "--detectors", metavar="LETTERS", help="such as A or AB (default: all that are stored)"
    )
    add_compute_options(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    from fibsem_dash.cli.entry import EXIT_FAILED_PAIRS
    from fibsem_dash.registration.conversion import convert_to_tif
    from fibsem_dash.registration.frames import find_frames

    letters = letters_of(arguments.detectors)
    paths = find_frames(arguments.data, arguments.pattern)
    with open_workers(arguments.workers, arguments.scheduler) as executor:
        result = convert_to_tif(
            paths, arguments.out, letters, executor=executor, monitor=command_monitor()
        )
    there = f", {len(result.existing)} were there already" if result.existing else ""
    print(f"{arguments.out}: {len(result.written)} files written{there}")
    for path, reason in list(result.failed.items())[:_MOST_SHOWN]:
        print(f"failed: {Path(path).name}: {' '.join(reason.split())}", file=sys.stderr)
    if len(result.failed) > _MOST_SHOWN:
        print(f"... and {len(result.failed) - _MOST_SHOWN} more failed", file=sys.stderr)
    return EXIT_FAILED_PAIRS if result.failed else 0
