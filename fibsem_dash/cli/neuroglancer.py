"""`fibsem-dash neuroglancer`: an OME-Zarr stack for Neuroglancer in this machine's browser."""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(commands: Any, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "neuroglancer",
        parents=[common],
        help="serve an OME-Zarr stack for Neuroglancer",
        description="Serve an OME-Zarr stack on this machine only and print the link that opens "
        "it in Neuroglancer. The page of the viewer comes from its own address; the voxels stay "
        "on this machine. Ctrl-C ends it.",
    )
    parser.add_argument("stack", metavar="STACK.zarr", help="OME-Zarr folder")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="default: a free one")
    parser.add_argument(
        "--viewer", metavar="URL", help="page of the viewer, for example one of your own"
    )
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    from fibsem_dash.interoperability.neuroglancer import VIEWER, ZarrServer

    with ZarrServer(arguments.stack, arguments.port, arguments.viewer or VIEWER) as server:
        link = server.link
        print(f"Serving  {server.source}")
        print(f"Open     {link}", flush=True)
        server.serve_forever()
    return 0
