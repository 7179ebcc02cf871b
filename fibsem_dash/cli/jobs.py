"""`fibsem-dash jobs`: what runs below a run root."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from fibsem_dash.jobs.records import LOG_LEVELS, JobRecord
from fibsem_dash.units import format_duration

_ACTIONS = ("log", "cancel", "resume")


def add_parser(commands: Any, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "jobs",
        parents=[common],
        help="list, cancel and resume the jobs of the dashboard",
        description="List the jobs of the dashboard, or show the log of one, cancel or resume it.",
    )
    parser.add_argument("action", nargs="?", choices=("list", *_ACTIONS), default="list")
    parser.add_argument("id", nargs="?", metavar="ID", help="job, or the end of its name")
    parser.add_argument(
        "--run-root",
        default="fibsem-runs",
        metavar="DIR",
        help="the dashboard's folder of runs (default ./fibsem-runs)",
    )
    parser.add_argument(
        "--level", choices=LOG_LEVELS, default="info", help="least severe lines of a log to show"
    )
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    from fibsem_dash.errors import ParameterError
    from fibsem_dash.jobs.registry import JobRegistry, jobs_folder

    registry = JobRegistry(jobs_folder(Path(arguments.run_root)), watch=False)
    if arguments.action == "list":
        _print_table(registry.jobs())
        return 0
    ids = [record.id for record in registry.jobs() if record.id.endswith(arguments.id or "?")]
    if len(ids) != 1:
        raise ParameterError(
            "no single job fits",
            expected="the ID of one",
            found=arguments.id or "none",
            remedy=f"fibsem-dash jobs --run-root {arguments.run_root} lists them.",
        )
    if arguments.action == "log":
        for line in registry.log(ids[0], level=arguments.level, limit=1_000_000):
            print(f"{_clock(line.time)}  {line.level:<8} {line.text}")
    elif arguments.action == "cancel":
        registry.cancel(ids[0])
        print(f"{ids[0]}: asked to stop")
    else:
        registry.resume(ids[0])
        registry.refresh()
        print(f"{ids[0]}: {registry.get(ids[0]).state}")
    return 0


def _print_table(records: list[JobRecord]) -> None:
    if not records:
        print("no jobs")
        return
    print(f"{'ID':<23} {'command':<9} {'state':<12} {'progress':<34} {'problems':>8}  title")
    for record in records:
        print(
            f"{record.id:<23} {record.kind:<9} {record.state:<12} {_progress(record):<34} "
            f"{record.problems:>8}  {' '.join(record.title.split())}"
        )


def _progress(record: JobRecord) -> str:
    stage = record.stage
    if stage is None:
        return f"place {record.queue_place}" if record.queue_place else ""
    text = f"{stage.title} {stage.done}/{stage.total}"
    left = stage.left_s if record.state == "running" else None
    return text if left is None else f"{text}, {format_duration(left)} left"


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
