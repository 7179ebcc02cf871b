"""Starts the dashboard: ``python -m components.server [DATA_ROOT ...]``.

The server listens on this machine only, so nobody else can reach the data without a tunnel.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

ADDRESS = "127.0.0.1"

PORT = 5006
"""Port that is tried first."""

UPLOAD_LIMIT = 100_000_000
"""Bytes that a browser may send at once."""

log = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the server's options."""
    parser = argparse.ArgumentParser(prog="fibsem-dash serve")
    parser.add_argument("roots", nargs="*", metavar="DATA_ROOT")
    parser.add_argument("--run-root", default="")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--scheduler", default="")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--open", default="", metavar="QUERY")
    return parser


def free_port(wanted: int) -> int:
    """Return the wanted port if it is free, else one that is."""
    for port in (wanted, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            if os.name != "nt":
                # As the server does: a port that was closed a moment ago counts as free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ADDRESS, port))
            except (OSError, OverflowError):
                continue
            return int(probe.getsockname()[1])
    return wanted


def set_environment(arguments: argparse.Namespace) -> None:
    """Hand the folders and the scheduler to `components.config`."""
    roots = [str(Path(root).expanduser().resolve()) for root in arguments.roots]
    if roots:
        os.environ["FIBSEM_DASH_ROOTS"] = os.pathsep.join(roots)
    if arguments.run_root:
        os.environ["FIBSEM_DASH_RUN_ROOT"] = str(Path(arguments.run_root).expanduser().resolve())
    if arguments.scheduler:
        os.environ["FIBSEM_DASH_SCHEDULER"] = arguments.scheduler


def warm_up() -> None:
    """Import all pages and build the first one, so that the first visitor does not wait for it."""
    from components.pages import PAGES
    from components.shell import build

    build()
    for entry in PAGES:
        if find_spec(entry.module) is not None:
            import_module(entry.module)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server until it is stopped.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        Exit code.
    """
    arguments = build_parser().parse_args(argv)
    missing = [root for root in arguments.roots if not Path(root).expanduser().is_dir()]
    if missing:
        _say(f"fibsem-dash: there is no folder {missing[0]}", sys.stderr)
        return 1
    set_environment(arguments)
    import panel as pn

    from components.dask_proxy import ROUTES
    from components.jobs import job_registry
    from components.shell import build

    warm_up()
    # Jobs that wait for their turn go on, whether a page is open or not.
    job_registry()
    port = free_port(arguments.port)
    address = f"http://{ADDRESS}:{port}/{arguments.open}"
    if arguments.port and port != arguments.port:
        _say(f"Port {arguments.port} is taken.")
    _say(f"fibsem-dash is at {address}  (Ctrl-C stops it)")
    server = pn.serve(
        {"/": build},
        address=ADDRESS,
        port=port,
        websocket_origin=[f"{ADDRESS}:{port}", f"localhost:{port}"],
        websocket_max_message_size=UPLOAD_LIMIT,
        http_server_kwargs={"max_buffer_size": UPLOAD_LIMIT},
        extra_patterns=ROUTES,
        title="fibsem-dash",
        show=False,
        start=False,
        verbose=False,
    )
    if arguments.show:
        server.io_loop.add_callback(_open_browser, address)
    try:
        server.start()
        server.io_loop.start()
    except KeyboardInterrupt:
        return 0
    return 0


def _open_browser(address: str) -> None:
    import webbrowser

    if not webbrowser.open(address):
        _say(f"No browser could be opened; go to {address}")


def _say(text: str, stream: object = None) -> None:
    out = stream or sys.stdout
    out.write(f"{text}\n")  # type: ignore[attr-defined]
    out.flush()  # type: ignore[attr-defined]


if __name__ == "__main__":
    sys.exit(main())
