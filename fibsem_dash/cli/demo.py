"""`fibsem-dash demo`: a phantom, registered and measured, in one command."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fibsem_dash.cli.phantom import draw_phantom
from fibsem_dash.cli.register import run_registration
from fibsem_dash.cli.serve import start_server
from fibsem_dash.compute.executor import usable_cores
from fibsem_dash.settings import RunSettings, update

BLANK_SHARE, JUMP_SHARE, JUMP_PX = 0.35, 0.7, 20.0
"""Places of the blank frame and of the jump as shares of the stack, and the jump in pixels."""


def add_parser(commands: Any, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "demo",
        parents=[common],
        help="make a synthetic stack, register it, open it in the browser",
        description="Make a synthetic stack with a blank frame and a jump, register it and open "
        "it in the browser.",
    )
    parser.add_argument("--frames", type=int, default=60, metavar="N", help="default 60")
    parser.add_argument("--size", type=int, default=512, metavar="PX", help="default 512")
    parser.add_argument("--out", default="demo", metavar="DIR", help="default ./demo")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument("--workers", type=int, metavar="N", help="default: one per core")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    from fibsem_dash.registration.frames import find_frames

    raw, result = Path(arguments.out) / "raw", Path(arguments.out) / "run"
    n = arguments.frames
    options: dict[str, Any] = {"frames": n, "size": arguments.size}
    if n >= 10:
        options |= {"blank": (int(n * BLANK_SHARE),), "jump": (int(n * JUMP_SHARE), JUMP_PX)}
    draw_phantom(str(raw), workers=arguments.workers or usable_cores(), overwrite=True, **options)
    settings = update(RunSettings(), {"quality.metrics": "NSAD,NCC,NMI,FSC"})
    run_registration(find_frames(raw), str(result), settings, workers=arguments.workers)
    print(f"Frames     {raw}")
    # In a script or a log nobody sees a page, and a server would never end.
    if arguments.no_browser or not sys.stdout.isatty():
        print(f"Dashboard  fibsem-dash serve {arguments.out} --show")
        return 0
    query = "?" + urlencode({"folder": str(raw.resolve()), "run": str(result.resolve())})
    return start_server(
        [f"--run-root={arguments.out}", f"--open={query}", "--show", "--", arguments.out]
    )
