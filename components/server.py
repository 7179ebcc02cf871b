"""Starts the dashboard: ``python -m components.server [DATA_ROOT ...]``.

The server listens on this machine only, so nobody else can reach the data without a tunnel. With
another ``--address`` it asks for a login, or shows the demo only.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from components.access import (
    SAFELY,
    cookie_secret,
    is_loopback,
    login_provider,
    origins,
    read_passwords,
)
from fibsem_dash.errors import FibsemDashError, ParameterError

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
    parser.add_argument("--address", default=ADDRESS)
    parser.add_argument("--allow-origin", action="append", default=[], metavar="HOST[:PORT]")
    parser.add_argument("--basic-auth", default="", metavar="FILE")
    parser.add_argument("--oauth-provider", default="", metavar="NAME")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--open", default="", metavar="QUERY")
    return parser


def free_port(wanted: int, address: str = ADDRESS) -> int:
    """Return the wanted port if it is free, else one that is."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for port in (wanted, 0):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name != "nt":
                # As the server does: a port that was closed a moment ago counts as free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
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
    closed = is_loopback(arguments.address) or arguments.basic_auth or arguments.oauth_provider
    os.environ["FIBSEM_DASH_DEMO_ONLY"] = "0" if closed else "1"


def login_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return how `panel.serve` asks for a login; empty when it does not.

    Key and secret of OAuth come from PANEL_OAUTH_KEY and PANEL_OAUTH_SECRET: the command line can
    be read by every user of the machine.

    Raises
    ------
    FibsemDashError
        When the file of passwords cannot be used, or a key is missing.
    """
    if arguments.basic_auth:
        provider = login_provider(read_passwords(arguments.basic_auth))
        return {"auth_provider": provider, "cookie_secret": cookie_secret()}
    if not arguments.oauth_provider:
        return {}
    missing = [n for n in ("PANEL_OAUTH_KEY", "PANEL_OAUTH_SECRET") if not os.environ.get(n)]
    if missing:
        raise ParameterError(
            "the login needs a key of its provider",
            expected=" and ".join(missing),
            found="not set",
            remedy="Set them in the environment of the server.",
        )
    return {
        "oauth_provider": arguments.oauth_provider,
        "oauth_key": os.environ["PANEL_OAUTH_KEY"],
        "oauth_secret": os.environ["PANEL_OAUTH_SECRET"],
        "cookie_secret": cookie_secret(),
    }


LATE_MODULES = ("scipy.signal", "scipy.optimize")
"""Slow to import, and needed only by what is measured on the pages."""


def warm_up() -> None:
    """Import and build every page once, so that the first visitor does not wait for it.

    Runs in steps on the loop of the server, which answers in between.
    """
    from tornado.ioloop import IOLoop

    loop = IOLoop.current()
    steps = iter(_warm_steps())

    def turn() -> None:
        if next(steps, None) is not None:
            loop.add_callback(turn)

    loop.add_callback(turn)


def _warm_steps() -> Iterator[str]:
    from components.pages import PAGES
    from components.session import Session
    from components.shell import build

    build()
    yield "shell"
    for entry in PAGES:
        if find_spec(entry.module) is None:
            continue
        try:
            page = entry.load()(Session())
            yield entry.key
            page.__panel__().get_root()
            yield entry.key
        except Exception:
            # The page itself will say so to whoever opens it.
            log.exception("page %s could not be built", entry.key)
    for name in LATE_MODULES:
        import_module(name)
        yield name


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

    from components import dask_proxy, report_files
    from components.headers import add_security_headers
    from components.jobs import job_registry
    from components.shell import build

    # Jobs that wait for their turn go on, whether a page is open or not.
    job_registry()
    port = free_port(arguments.port, arguments.address)
    try:
        login = login_options(arguments)
    except FibsemDashError as error:
        _say(f"fibsem-dash: {error}", sys.stderr)
        return 1
    server = pn.serve(
        {"/": build},
        address=arguments.address,
        port=port,
        websocket_origin=origins(arguments.address, port, arguments.allow_origin),
        **login,
        websocket_max_message_size=UPLOAD_LIMIT,
        http_server_kwargs={"max_buffer_size": UPLOAD_LIMIT},
        extra_patterns=[*dask_proxy.ROUTES, *report_files.ROUTES],
        title="fibsem-dash",
        show=False,
        start=False,
        verbose=False,
    )
    add_security_headers(server)
    shown = ADDRESS if arguments.address in ("0.0.0.0", "::") else arguments.address
    address = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/{arguments.open}"
    if arguments.port and port != arguments.port:
        _say(f"Port {arguments.port} is taken.")
    if os.environ["FIBSEM_DASH_DEMO_ONLY"] == "1":
        _say(SAFELY)
    _say(f"fibsem-dash is at {address}  (Ctrl-C stops it)")
    server.io_loop.add_callback(warm_up)
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
