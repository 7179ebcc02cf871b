"""`fibsem-dash report`: the report of a run, made again."""

from __future__ import annotations

import argparse
from typing import Any

from fibsem_dash.cli.compare import report_gates


def add_parser(commands: Any, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "report",
        parents=[common],
        help="write the report of a run again",
        description="Write report.html of a run folder: one file that works without a network. "
        "Exits with 4 when a gate is not passed.",
    )
    parser.add_argument("run_dir", metavar="RUN_DIR", help="run folder")
    parser.add_argument(
        "--out",
        metavar="FILE.html",
        help="report to write (default: in the run folder)",
    )
    parser.add_argument("--gates", metavar="FILE", help="limits to pass, as YAML or JSON")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    from fibsem_dash.quality import read_gates
    from fibsem_dash.report import write_run_report

    gates = read_gates(arguments.gates) if arguments.gates else ()
    path, results = write_run_report(arguments.run_dir, arguments.out, gates=gates)
    print(f"Report     {path}")
    return report_gates(results)
