"""Reports of runs in the browser: ``/report/<run folder below the run root>``.

Nothing but ``report.html`` of run folders passes. The page gets an origin of its own and may not
ask any server, so a file that somebody put there reaches neither the dashboard nor its cookies.
"""

from __future__ import annotations

import asyncio
from pathlib import Path, PureWindowsPath
from typing import Any

from tornado.web import HTTPError, RequestHandler

from components.config import ServerConfig, server_config
from components.dask_proxy import Guard
from components.run_result import REPORT
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.registration.run_store import RunStore

POLICY = (
    "sandbox allow-scripts allow-downloads allow-popups; default-src 'none'; "
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page of a report may do: run its own scripts, and nothing outside itself."""

LARGEST = 200_000_000
"""Bytes of a report; that of 17,000 frames has 10 MB."""


def report_address(config: ServerConfig, folder: Path) -> str:
    """Return the address of a run's report, relative to the application; empty for none.

    Parameters
    ----------
    config : ServerConfig
        Its run root is where runs may be looked at.
    folder : pathlib.Path
        The run folder.
    """
    resolved = folder.resolve()
    if not resolved.is_relative_to(config.run_root) or resolved == config.run_root:
        return ""
    return f"report/{resolved.relative_to(config.run_root).as_posix()}"


def report_file(config: ServerConfig, name: str) -> Path:
    """Return the report of a run folder below the run root.

    Parameters
    ----------
    config : ServerConfig
        What may be shown.
    name : str
        Path of the run folder below the run root, from the browser.

    Raises
    ------
    FibsemDashError
        When it lies elsewhere, also through a link, or is none.
    """
    folder = config.confine(config.run_root / name)
    path = config.confine(folder / REPORT)
    inside = folder.is_relative_to(config.run_root) and path == folder / REPORT
    if not inside or not RunStore(folder).exists or not path.is_file():
        raise HTTPError(404)
    if path.stat().st_size > LARGEST:
        raise HTTPError(404)
    return path


def is_plain(name: str) -> bool:
    """Tell whether a path from the browser can only lie below a folder, on any system.

    Others are not even looked up: on Windows, a share that somebody names would be asked.
    """
    path = PureWindowsPath(name)
    return not ("\x00" in name or ".." in path.parts or path.anchor or "\\" in name)


def _read(name: str) -> bytes:
    try:
        return report_file(server_config(), name).read_bytes()
    except (FibsemDashError, OSError, ValueError):
        raise HTTPError(404) from None


class ReportPage(Guard, RequestHandler):
    """The report of a run."""

    async def get(self, name: str) -> None:
        """Answer with the file."""
        if not is_plain(name):
            raise HTTPError(404)
        content = await asyncio.to_thread(_read, name)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")
        await self.finish(content)


ROUTES: list[tuple[str, type[RequestHandler], dict[str, Any]]] = [(r"/report/(.+)", ReportPage, {})]
"""Routes of the reports; ``panel serve app.py --plugins components.report_files`` takes them."""
