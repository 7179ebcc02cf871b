"""`fibsem-dash compare`: several registrations in one report, and gates for scripts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fibsem_dash.errors import FibsemDashError, ParameterError

if TYPE_CHECKING:
    from fibsem_dash.quality import Gate, GateResult, QualityTable


def add_parser(commands: Any, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "compare",
        parents=[common],
        help="compare the quality of several registrations",
        description="Compare quality tables in one HTML file that works without a network. "
        "Exits with 4 when a gate is not passed.",
    )
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="run folders and quality tables (.csv, .xlsx)"
    )
    # Labels end where the next option begins, so files have to come first.
    parser.add_argument("--label", nargs="+", action="extend", default=[], metavar="TEXT",
                        help="names in the order of the files")  # fmt: skip
    parser.add_argument("--out", metavar="report.html", help="report to write")
    parser.add_argument(
        "--baseline", metavar="LABEL", help="what the others are compared with (default: the first)"
    )
    parser.add_argument("--gates", metavar="FILE", help="limits to pass, as YAML or JSON")
    parser.add_argument("--csv", metavar="FILE", help="write the statistics as CSV, too")
    parser.add_argument("--xlsx", metavar="FILE", help="write statistics and tables as XLSX, too")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    from fibsem_dash.quality import read_gates
    from fibsem_dash.report import (
        read_tables,
        write_comparison,
        write_statistics_csv,
        write_statistics_xlsx,
    )
    from fibsem_dash.report.comparison import check_all_gates

    if not (arguments.out or arguments.csv or arguments.xlsx or arguments.gates):
        raise ParameterError("nothing to write", expected="--out, --csv, --xlsx or --gates")
    gates = read_gates(arguments.gates) if arguments.gates else ()
    tables = read_tables(arguments.files, arguments.label)
    baseline = _place(tables, arguments.baseline)
    if arguments.out:
        path, results = write_comparison(tables, arguments.out, baseline=baseline, gates=gates)
        print(f"Report     {path}")
    else:
        results = check_all_gates(tables, gates)
    if arguments.csv:
        write_statistics_csv(tables, arguments.csv)
        print(f"Table      {arguments.csv}")
    if arguments.xlsx:
        write_statistics_xlsx(tables, arguments.xlsx)
        print(f"Table      {arguments.xlsx}")
    _print_medians(tables)
    return report_gates(results)


def _place(tables: Sequence[QualityTable], label: str | None) -> int:
    labels = [table.label for table in tables]
    if label is None:
        return 0
    if label not in labels:
        raise ParameterError("--baseline", expected=" or ".join(labels), found=label)
    return labels.index(label)


def _print_medians(tables: Sequence[QualityTable]) -> None:
    from fibsem_dash.quality import summarise

    width = max(len(table.label) for table in tables)
    for table in tables:
        medians = ", ".join(f"{name} {s.median:.4g}" for name, s in summarise(table).items())
        print(f"{table.label:{width}}  median {medians or 'of nothing'}")


def report_gates(results: Sequence[GateResult]) -> int:
    """Print what became of the gates; return the exit code."""
    from fibsem_dash.quality import EXIT_GATES

    for result in results:
        print(result)
    return 0 if all(result.passed for result in results) else EXIT_GATES


def write_report(run_folder: str, gates: Sequence[Gate] = ()) -> str:
    """Write report.html of a run that has ended; return its path, or "" after a message.

    The registration is done by now: whatever happens here must not make it fail.
    """
    from fibsem_dash.report import write_run_report

    try:
        return str(write_run_report(run_folder, gates=gates)[0])
    except FibsemDashError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001
        reason = f"unexpected {type(error).__name__}: {error}"
    print(f"no report was written: {reason}", file=sys.stderr)
    print(f"`fibsem-dash report {run_folder}` tries again", file=sys.stderr)
    return ""
