"""`fibsem-dash evaluate`: quality of an existing stack."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fibsem_dash.cli.job_process import command_monitor, open_workers
from fibsem_dash.cli.options import add_compute_options
from fibsem_dash.settings import METRICS, RunSettings, update


def add_parser(commands: Any, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "evaluate",
        parents=[common],
        help="measure the quality of a stack",
        description="Measure how well neighbouring slices of a stack fit.",
    )
    parser.add_argument(
        "stack",
        metavar="STACK",
        help=".mrc, .zarr, .h5 (BigDataViewer) or .tif stack, or a folder of TIFF slices",
    )
    for name, text in (
        ("--box", "evaluation box in pixels; 0 = to the edge"),
        ("--stop-box", "where the box arrives in the last slice, sliding evenly"),
    ):
        parser.add_argument(name, nargs=4, type=int, metavar=("T", "H", "L", "W"), help=text)
    parser.add_argument(
        "--metrics",
        default="NSAD,NCC,NMI",
        metavar="LIST",
        help=f"some of {','.join(METRICS)} (default NSAD,NCC,NMI)",
    )
    parser.add_argument("--invert", action="store_true", help="grey levels count downwards")
    parser.add_argument("--reference", action="store_true", help="FSC as older reports computed it")
    parser.add_argument(
        "--out",
        metavar="FILE.csv",
        help="table to write (default: STACK's name with _RegistrationQuality.csv, in this folder)",
    )
    add_compute_options(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    from fibsem_dash.io.tables import write_csv
    from fibsem_dash.registration.evaluation import evaluate_stack, summarise_quality

    changes: dict[str, Any] = {
        "quality.metrics": arguments.metrics,
        "quality.reference": arguments.reference,
    }
    if arguments.box:
        changes["quality.box"] = arguments.box
    if arguments.stop_box:
        changes |= {"quality.stop_box": arguments.stop_box, "quality.sliding": True}
    settings = update(RunSettings(), changes).quality
    out = Path(arguments.out or f"{Path(arguments.stack).stem}_RegistrationQuality.csv")
    with open_workers(arguments.workers, arguments.scheduler) as executor:
        table = evaluate_stack(
            arguments.stack,
            settings,
            invert=arguments.invert,
            executor=executor,
            monitor=command_monitor(),
        )
    write_csv(out, table)
    print(f"{out}: {len(table)} pairs")
    if len(table):
        print(summarise_quality(table).to_string(float_format=lambda v: f"{v:.4f}"))
    return 0
