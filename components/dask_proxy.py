"""The Dask dashboard of a job under the address of this server: ``/dask/<job>/status``.

A browser far away can reach one port. Only pages and static files of the dashboard pass, only from
the cluster of a running job, and only for who may see the application.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from typing import Any
from urllib.parse import urlsplit

import psutil
from bokeh.server.views.auth_request_handler import AuthRequestHandler
from bokeh.server.views.ws import WSHandler
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler, websocket_connect

from components.config import server_config
from components.jobs import job_registry
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.jobs import JobRecord
from fibsem_dash.jobs.store import ID_PATTERN

PAGES = (
    r"(?:status|workers|tasks|system|profile|profile-server|graph|groups|individual-[a-z-]{1,60})"
)
"""Pages of the dashboard that may be seen: those with plots, none with logs or call stacks."""

HTTP_PATHS = re.compile(
    rf"(?:{PAGES}(?:/autoload\.js)?|statics/[\w./-]{{1,200}}|static/[\w./@-]{{1,200}})"
)
WS_PATHS = re.compile(PAGES)

PASSED_ON = ("Content-Type", "Cache-Control", "Etag", "Last-Modified")
"""Headers of an answer that the browser gets."""

LARGEST_MESSAGE = 100_000_000
"""Bytes of one message of a dashboard."""

LOCAL = ("127.0.0.1", "localhost", "::1")


def dashboard_path(record: JobRecord, page: str = "status") -> str:
    """Return the address of a job's dashboard on this server, relative to the application.

    Parameters
    ----------
    record : JobRecord
        The job.
    page : str
        Page of the dashboard, such as ``"status"`` or ``"individual-task-stream"``.

    Returns
    -------
    str
        Such as ``"dask/<job>/status"``; empty where the job has no dashboard that may be shown.
    """
    return f"dask/{record.id}/{page}" if _may_show(record) else ""


def dashboard_origin(job: str) -> str:
    """Return where the dashboard of a running job is, such as ``http://127.0.0.1:8787``.

    Raises
    ------
    HTTPError
        404 where there is none that may be shown.
    """
    try:
        record = job_registry().get(job)
    except FibsemDashError:
        raise HTTPError(404) from None
    if not _may_show(record):
        raise HTTPError(404)
    parts = urlsplit(record.dashboard)
    return f"{parts.scheme}://{parts.netloc}"


def _may_show(record: JobRecord) -> bool:
    """Whether the address that a file names is that of the job's own cluster."""
    if record.state != "running" or not record.dashboard:
        return False
    try:
        parts = urlsplit(record.dashboard)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme != "http" or port is None or parts.username or parts.password:
        return False
    scheduler = urlsplit(server_config().scheduler).hostname
    if scheduler and host == scheduler:
        return True
    return host in LOCAL and _listens(record, port)


def _listens(record: JobRecord, port: int) -> bool:
    try:
        process = psutil.Process(record.pid)
        sockets = process.net_connections("tcp")
    except psutil.AccessDenied:
        # Some systems tell only an administrator.
        return True
    except psutil.Error:
        return False
    return any(s.status == psutil.CONN_LISTEN and s.laddr.port == port for s in sockets)


class Guard(AuthRequestHandler):
    """Asks for the same login as the application does."""

    async def prepare(self) -> None:
        """Refuse who is not logged in."""
        await super().prepare()  # type: ignore[no-untyped-call]
        if not self.current_user:
            raise HTTPError(403)


class DashboardPage(Guard, RequestHandler):
    """Pages and static files of a dashboard."""

    async def get(self, job: str, path: str) -> None:
        """Answer with what the dashboard answers."""
        if not HTTP_PATHS.fullmatch(path) or ".." in path:
            raise HTTPError(404)
        origin = await asyncio.to_thread(dashboard_origin, job)
        query = f"?{self.request.query}" if self.request.query else ""
        request = HTTPRequest(
            f"{origin}/{path}{query}",
            follow_redirects=False,
            request_timeout=20,
            decompress_response=True,
        )
        try:
            answer = await AsyncHTTPClient().fetch(request, raise_error=False)
        except (OSError, HTTPClientError):
            raise HTTPError(502) from None
        self.set_status(answer.code if answer.code in (200, 304, 404) else 502)
        for name in PASSED_ON:
            if name in answer.headers:
                self.set_header(name, answer.headers[name])
        self.set_header("X-Frame-Options", "SAMEORIGIN")
        if answer.code == 200:
            self.write(answer.body)
        await self.finish()


class DashboardSocket(Guard, WebSocketHandler):
    """The websocket of a dashboard's page."""

    _far: Any = None

    def check_origin(self, origin: str) -> bool:
        """Accept the pages of this server, as the application does."""
        return bool(WSHandler.check_origin(self, origin))  # type: ignore[arg-type]

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Speak as Bokeh does."""
        return "bokeh" if "bokeh" in subprotocols else None

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Connect to the dashboard, then to the browser."""
        job, page = args
        if not WS_PATHS.fullmatch(page):
            raise HTTPError(404)
        origin = await asyncio.to_thread(dashboard_origin, job)
        # The token of the session is the second protocol; it must come through.
        wanted = self.request.headers.get("Sec-WebSocket-Protocol", "")
        query = f"?{self.request.query}" if self.request.query else ""
        self._url = f"{origin.replace('http', 'ws', 1)}/{page}/ws{query}"
        self._protocols = [part.strip() for part in wanted.split(",") if part.strip()]
        await super().get(*args, **kwargs)

    async def open(self, *_args: str, **_kwargs: str) -> None:
        """Connect to the dashboard."""
        try:
            self._far = await websocket_connect(
                self._url,
                subprotocols=self._protocols or None,
                max_message_size=LARGEST_MESSAGE,
                connect_timeout=10,
            )
        except (OSError, HTTPClientError, WebSocketClosedError):
            self.close(1011, "the dashboard does not answer")
            return
        self._passing = asyncio.ensure_future(self._pass_on())

    async def _pass_on(self) -> None:
        while (message := await self._far.read_message()) is not None:
            try:
                await self.write_message(message, binary=isinstance(message, bytes))
            except WebSocketClosedError:
                break
        self.close()

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Hand a message of the browser to the dashboard."""
        if self._far is None:
            return None
        return self._send(message)

    async def _send(self, message: str | bytes) -> None:
        try:
            await self._far.write_message(message, binary=isinstance(message, bytes))
        except WebSocketClosedError:
            self.close()

    def on_close(self) -> None:
        """Leave the dashboard."""
        if self._far is not None:
            self._far.close()


ROUTES: list[tuple[str, type[RequestHandler], dict[str, Any]]] = [
    (rf"/dask/({ID_PATTERN.pattern})/([\w-]+)/ws", DashboardSocket, {}),
    (rf"/dask/({ID_PATTERN.pattern})/([\w./@-]+)", DashboardPage, {}),
]
"""Routes of the proxy; ``panel serve app.py --plugins components.dask_proxy`` takes them, too."""
