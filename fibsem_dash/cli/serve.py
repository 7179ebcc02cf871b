"""`fibsem-dash serve`: the dashboard in the browser."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fibsem_dash.errors import RunError


def add_parser(commands: Any, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "serve",
        parents=[common],
        help="start the dashboard in the browser",
        description="Start the dashboard. It listens on this machine only and shows the folders "
        "that are named here and what lies below them. At another address it asks for a login, "
        "or shows the demo only.",
    )
    parser.add_argument(
        "roots", nargs="*", metavar="DATA_ROOT", help="folders to show (default: this one)"
    )
    parser.add_argument(
        "--run-root", default="", metavar="DIR", help="where runs go (default ./fibsem-runs)"
    )
    parser.add_argument(
        "--port", type=int, default=5006, metavar="N", help="default 5006; a free one when taken"
    )
    parser.add_argument(
        "--scheduler", default="", metavar="ADDRESS", help="running Dask scheduler, tcp://..."
    )
    parser.add_argument(
        "--address", default="", metavar="IP", help="listen there, not on this machine alone"
    )
    parser.add_argument(
        "--basic-auth", default="", metavar="FILE", help='login: JSON such as {"name": "password"}'
    )
    parser.add_argument(
        "--oauth-provider", default="", metavar="NAME",
        help="login by a provider; PANEL_OAUTH_KEY and PANEL_OAUTH_SECRET hold its key",
    )  # fmt: skip
    parser.add_argument(
        "--allow-origin", action="append", default=[], metavar="HOST",
        help="host name under which browsers open the page, such as that of a proxy",
    )  # fmt: skip
    parser.add_argument("--show", action="store_true", help="open a browser")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    options = ["--port", str(arguments.port)]
    for host in arguments.allow_origin:
        options += ["--allow-origin", host]
    for name in ("run_root", "scheduler", "address", "basic_auth", "oauth_provider"):
        if getattr(arguments, name):
            options += [f"--{name.replace('_', '-')}", getattr(arguments, name)]
    if arguments.show:
        options.append("--show")
    return start_server([*options, "--", *arguments.roots])


def start_server(options: Sequence[str]) -> int:
    """Run the server until it ends; return its exit code.

    The command line does not import the libraries of the screens, so it stays quick to start.

    Raises
    ------
    RunError
        When the dashboard is not installed.
    """
    package = importlib.util.find_spec("components")
    if package is None or package.origin is None:
        raise RunError(
            "the dashboard is not installed", remedy="Install the whole package, then try again."
        )
    # -P: a folder of data that happens to hold Python files must not be imported from.
    command = [sys.executable, "-P", "-m", "components.server", *options]
    places = [str(Path(package.origin).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places))}
    if os.name == "posix":
        # In place of this process, so that whoever stops this one stops the server.
        sys.stdout.flush()
        os.execve(sys.executable, command, environment)
    process = subprocess.Popen(command, env=environment)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # Ctrl-C reaches the server too, which then ends by itself.
            continue
