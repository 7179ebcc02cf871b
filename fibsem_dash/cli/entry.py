# PYTHON_ARGCOMPLETE_OK
"""Entry point: parse, run one command, turn errors into one line and an exit code."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

from fibsem_dash._version import __version__
from fibsem_dash.cli import (
    compare,
    convert,
    demo,
    evaluate,
    flatten,
    fsc,
    info,
    jobs,
    neuroglancer,
    noise,
    phantom,
    register,
    report,
    serve,
    settings,
    snapshot,
    snr,
    transforms,
)
from fibsem_dash.cli.job_process import OPTION, current_job, job_folder_in, run_as_job
from fibsem_dash.compute.progress import Cancelled
from fibsem_dash.errors import FibsemDashError, ParameterError

EXIT_OK, EXIT_ERROR, EXIT_USAGE, EXIT_FAILED_PAIRS, EXIT_STOPPED = 0, 1, 2, 3, 130
"""Exit codes: everything finished; an error; a usage error; frames or pairs failed; Ctrl-C.

4 is `fibsem_dash.quality.EXIT_GATES`: a gate is not passed.
"""

COMMANDS = (
    demo,
    serve,
    info,
    snapshot,
    snr,
    noise,
    fsc,
    flatten,
    convert,
    phantom,
    register,
    evaluate,
    jobs,
    compare,
    report,
    transforms,
    neuroglancer,
    settings,
)
"""Modules of the subcommands, each with `add_parser` and `run`."""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="fibsem-dash",
        description="Inspect, register and evaluate FIB-SEM image stacks.",
        epilog="Exit codes: 0 finished, 1 error, 2 usage error, 3 frames or pairs failed, 4 a "
        "gate is not passed, "
        "130 stopped by Ctrl-C.",
    )
    parser.add_argument("--version", action="version", version=f"fibsem-dash {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    common.add_argument(OPTION, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add_parser(commands, common).set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        Exit code.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    folder = job_folder_in(given)
    if folder is None:
        return _run(given)
    try:
        return run_as_job(folder, lambda: _run(given))
    except FibsemDashError as error:
        _complain(str(error))
        return EXIT_ERROR


def _complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks for completions, where argcomplete is installed."""
    if "_ARGCOMPLETE" in os.environ:
        with contextlib.suppress(ImportError):
            import argcomplete

            argcomplete.autocomplete(parser)


def _run(argv: Sequence[str]) -> int:
    parser = build_parser()
    _complete(parser)
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except FibsemDashError as error:
        if arguments.debug:
            raise
        _complain(str(error), _option(arguments, error))
        return EXIT_USAGE if isinstance(error, ParameterError) else EXIT_ERROR
    except (KeyboardInterrupt, Cancelled):
        _complain("stopped; the same command goes on from here")
        return EXIT_STOPPED
    except BrokenPipeError:
        return EXIT_OK
    except Exception as error:
        if arguments.debug:
            raise
        _complain(
            f"unexpected {type(error).__name__}: {error}. Please report it, with the output of "
            "the same command and --debug"
        )
        return EXIT_ERROR


def _option(arguments: argparse.Namespace, error: FibsemDashError) -> str:
    """Name the option of the command by which the remedy of an error is done."""
    known = error.argument and hasattr(arguments, error.argument)
    return f" Option: --{error.argument}." if known else ""


def _complain(text: str, option: str = "") -> None:
    line = " ".join(text.split())
    job = current_job()
    if job is not None and not job.cancelled():
        job.fail(line)
    else:
        print(f"fibsem-dash: {line}{option}", file=sys.stderr)
