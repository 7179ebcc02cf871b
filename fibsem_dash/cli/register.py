"""`fibsem-dash register`: raw frames in, registered and evaluated stack out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibsem_dash.backend import device_count
from fibsem_dash.cli.compare import write_report
from fibsem_dash.cli.job_process import command_monitor, open_workers
from fibsem_dash.cli.options import add_compute_options, add_settings_options, settings_from
from fibsem_dash.compute.cluster import open_executor
from fibsem_dash.compute.executor import usable_cores
from fibsem_dash.errors import ParameterError
from fibsem_dash.jobs.monitor import JobMonitor
from fibsem_dash.settings import RunSettings
from fibsem_dash.units import format_bytes, format_duration

if TYPE_CHECKING:
    from fibsem_dash.registration.edits import RunEdits
    from fibsem_dash.registration.summary import RunSummary


def add_parser(commands: Any, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "register",
        parents=[common],
        help="register a folder of raw frames",
        description="Register a folder of raw frames into a stack with a quality table. A run "
        "that was stopped goes on where it was when the same command is given again.",
    )
    parser.add_argument(
        "data_dir", metavar="DATA_DIR", nargs="?", help="folder with one file per frame"
    )
    parser.add_argument("--out", required=True, metavar="RUN_DIR", help="run folder")
    parser.add_argument(
        "--pattern", default="", metavar="GLOB", help="file names (default: *.dat, else *.tif)"
    )
    add_settings_options(parser)
    _add_edits_options(parser)
    _add_repeat_options(parser)
    add_compute_options(parser)
    group = parser.add_argument_group("how it runs")
    group.add_argument(
        "--fresh", action="store_true", help="forget what an earlier run left, but not the edits"
    )
    group.add_argument(
        "--dry-run", action="store_true", help="tell time, memory and disk space, then stop"
    )
    group.add_argument(
        "--max-failed",
        type=int,
        default=0,
        metavar="N",
        help="exit with 3 when more frames and pairs than this failed (default 0)",
    )
    group.add_argument("--xlsx", action="store_true", help="write the quality table as XLSX too")
    return parser


def _add_repeat_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("repeat a run")
    group.add_argument(
        "--from",
        dest="repeat",
        metavar="RUN/run.json",
        help="the frames, settings and edits of that run, in place of DATA_DIR and settings",
    )
    group.add_argument(
        "--force", action="store_true", help="repeat it although frames have changed since"
    )


def _add_edits_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "edits (kept as edits.json in the run folder, and honoured by the next run)"
    )
    group.add_argument(
        "--exclude",
        nargs="+",
        action="extend",
        default=[],
        metavar="FRAME",
        help="leave frames out: file names, or numbers from 0 as in frames.csv",
    )
    group.add_argument(
        "--edits",
        metavar="FILE.json",
        help="edits in place of those of the run folder; --exclude adds to them",
    )


def edits_from(arguments: argparse.Namespace, paths: Sequence[Path]) -> RunEdits | None:
    """Return the edits that the options ask for; None leaves those of the run folder.

    Raises
    ------
    ParameterError
        When there is no such frame.
    FormatError
        When the file holds no edits.
    """
    from fibsem_dash.registration.edits import read_edits, resolve_frames, run_edits

    if not arguments.exclude and not arguments.edits:
        return None
    names = resolve_frames(arguments.exclude, paths)
    edits = read_edits(arguments.edits) if arguments.edits else run_edits(arguments.out)
    return edits.exclude(*names)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    paths, settings, edits = _what_to_run(arguments)
    if arguments.dry_run:
        return _dry_run(paths, settings, arguments)
    summary = run_registration(
        paths,
        arguments.out,
        settings,
        workers=arguments.workers,
        scheduler=arguments.scheduler,
        fresh=arguments.fresh,
        edits=edits,
    )
    if arguments.xlsx:
        _write_xlsx(arguments.out, summary)
    return 3 if summary.n_problems > arguments.max_failed else 0


def _what_to_run(
    arguments: argparse.Namespace,
) -> tuple[Sequence[Path], RunSettings, RunEdits | None]:
    from fibsem_dash.registration.frames import find_frames

    if arguments.repeat is None:
        if arguments.data_dir is None:
            raise ParameterError(
                "no frames", expected="DATA_DIR, or --from RUN/run.json", found="neither"
            )
        paths = find_frames(arguments.data_dir, arguments.pattern)
        return paths, settings_from(arguments), edits_from(arguments, paths)
    others = ("data_dir", "pattern", "config", "changes", "estimator", "transform", "solver")
    given = [n for n in (*others, "formats", "exclude", "edits") if getattr(arguments, n)]
    if given:
        raise ParameterError(
            "--from repeats a run with all that it was made from",
            found=", ".join("--set" if name == "changes" else name for name in given),
            remedy="Leave these out, or leave out --from.",
        )
    return _recipe_of(arguments)


def _recipe_of(arguments: argparse.Namespace) -> tuple[Sequence[Path], RunSettings, RunEdits]:
    from fibsem_dash.registration.repeat import read_recipe

    recipe = read_recipe(arguments.repeat)
    if recipe.folder == Path(os.path.abspath(arguments.out)):
        raise ParameterError(
            "--out is the run that is to be repeated", found=arguments.out,
            remedy="Choose a new folder.",
        )  # fmt: skip
    for line in recipe.other_versions():
        print(f"Version    {line}: the bytes may differ", file=sys.stderr)
    if arguments.force:
        for line in recipe.changed_inputs():
            print(f"Changed    {line}", file=sys.stderr)
    else:
        recipe.require_same_inputs()
    return [Path(path) for path in recipe.paths], recipe.settings, recipe.edits


def run_registration(
    paths: Any,
    out: str,
    settings: RunSettings,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    fresh: bool = False,
    edits: RunEdits | None = None,
) -> RunSummary:
    """Run a registration with progress on the terminal, and tell where things are."""
    monitor = command_monitor()
    if workers is None and scheduler is None:
        available = device_count() if settings.compute.backend == "cupy" else usable_cores()
        workers = min(max(available, 1), max(len(paths) // 2, 1))
    if fresh:
        _forget(out)
    with open_workers(workers, scheduler) as executor:
        # Imported while the worker processes start.
        from fibsem_dash.registration.pipeline import Registration

        print(f"{len(paths)} frames, {executor.description}", file=sys.stderr)
        summary = Registration(paths, out, settings, executor, monitor, edits).run()
    if isinstance(monitor, JobMonitor):
        monitor.settle_problems(summary.n_problems)
    report = write_report(out)
    _report(out, summary)
    if report:
        print(f"Report     {report}")
    return summary


def _forget(out: str) -> None:
    from fibsem_dash.registration.run_store import RunStore

    store = RunStore(out)
    if store.exists:
        with store.lock():
            store.clear()


def _report(out: str, summary: RunSummary) -> None:
    z, y, x = summary.stack.shape
    dz, dy, dx = summary.stack.voxel_size_nm
    quality = os.path.join(out, summary.stack.quality_table)
    print()
    for n, name in enumerate(summary.stack.stacks):
        print(f"{'' if n else 'Stack':<10} {os.path.join(out, name)}")
    print(f"           {x} x {y} x {z} voxels (x, y, z), {summary.stack.dtype},", end=" ")
    print(f"{dx:.4g} x {dy:.4g} x {dz:.4g} nm")
    print(f"           slice distance from {summary.stack.z_source}")
    print(f"Quality    {quality}")
    medians = summary.stack.median_quality.items()
    print("           median " + ", ".join(f"{name} {value:.4g}" for name, value in medians))
    print(f"Tables     {os.path.join(out, 'frames.csv')}, pairs.csv, transforms.csv")
    used = summary.n_frames - len(summary.excluded)
    print(
        f"Frames     {used} of {summary.n_frames} used, {len(summary.failed)} pairs failed, "
        f"{format_duration(summary.seconds)}"
    )
    for index, reason in sorted(summary.excluded.items()):
        print(f"           frame {index} left out: {reason}")
    for pair in summary.failed:
        print(f"           pair {pair.first} - {pair.second} failed: {pair.reason}")


def _write_xlsx(out: str, summary: RunSummary) -> None:
    from fibsem_dash.io.tables import QUALITY_SHEET, read_csv, write_xlsx
    from fibsem_dash.registration.run_store import RunStore

    store = RunStore(out)
    source = store.file(summary.stack.quality_table)
    write_xlsx(source.with_suffix(".xlsx"), {QUALITY_SHEET: read_csv(source)})
    print(f"           {source.with_suffix('.xlsx')}")


def _dry_run(paths: Any, settings: RunSettings, arguments: argparse.Namespace) -> int:
    from fibsem_dash.registration.forecast import forecast
    from fibsem_dash.registration.pipeline import Registration

    n_workers = arguments.workers if arguments.workers is not None else usable_cores()
    with open_executor(0) as executor:
        planned = Registration(paths, arguments.out, settings, executor, command_monitor())
        planned.inspect()
    used = [f for f in planned.frames if f.usable]
    print("Timing one pair ...", file=sys.stderr)
    told = forecast(used, settings, n_workers, arguments.out)
    height, width = used[0].shape
    print(f"Frames     {len(used)} of {len(paths)} usable, {width} x {height} px, {used[0].dtype}")
    print(f"Time       about {format_duration(told.seconds)} on {max(n_workers, 1)} workers")
    print(f"Memory     about {format_bytes(told.worker_bytes)} per worker")
    disk = f"{format_bytes(told.stack_bytes)} stack, {format_bytes(told.cache_bytes)} cache"
    print(f"Disk       about {disk} in {arguments.out}")
    if told.free_bytes is not None:
        note = "" if told.fits else ": not enough"
        print(f"Free       {format_bytes(told.free_bytes)}{note}")
    return 0
