"""A static file server for one Zarr folder, for Neuroglancer in the browser of this machine.

It listens on 127.0.0.1 only, answers GET, HEAD and OPTIONS, and serves nothing outside the folder.
Sharded arrays need parts of files, so ``Range`` is understood.
"""

from __future__ import annotations

import http.server
import json
import math
import os
import re
import urllib.parse
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fibsem_dash.errors import FormatError, ParameterError
from fibsem_dash.interoperability.contrast import stack_contrast
from fibsem_dash.io import is_zarr, open_stack

HOST = "127.0.0.1"
VIEWER = "https://neuroglancer-demo.appspot.com/"
"""Where the viewer's page is loaded from; the voxels go from this machine to its browser only."""
PANE_PX = 340
"""Pixels per side of one of the four panes of the viewer on a small screen."""
_PIECE = 2**20
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class ZarrServer(http.server.ThreadingHTTPServer):
    """Serves one Zarr folder below its own name.

    Parameters
    ----------
    folder : path-like
        The folder.
    port : int, default 0
        0 takes a free one.
    viewer : str
        Address of the viewer's page.

    Raises
    ------
    FormatError
        Where the folder is not Zarr.
    ParameterError
        Where the port cannot be had.
    """

    daemon_threads = True

    def __init__(self, folder: str | os.PathLike[str], port: int = 0, viewer: str = VIEWER) -> None:
        self.viewer = viewer.partition("#")[0]
        self.folder = Path(folder).resolve()
        if not self.folder.is_dir() or not is_zarr(self.folder):
            raise FormatError(
                "not a Zarr folder",
                path=folder,
                remedy="Write one: fibsem-dash convert STACK OUT.zarr",
            )
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            raise ParameterError(
                "the port cannot be had", found=port, remedy="Take another, or 0 for a free one"
            ) from error

    @property
    def source(self) -> str:
        """Address of the Zarr folder."""
        name = urllib.parse.quote(self.folder.name)
        return f"http://{HOST}:{self.server_address[1]}/{name}"

    @property
    def link(self) -> str:
        """Link that opens the stack in Neuroglancer."""
        return f"{self.viewer}#!{urllib.parse.quote(json.dumps(self.state, separators=(',', ':')))}"

    @cached_property
    def state(self) -> dict[str, Any]:
        """What the viewer is to show: the XY plane first, the whole of it, in our contrast.

        Left to itself, the viewer takes the axes in the order of the file, so that z runs to the
        right and XY is mirrored, and the range of the type as contrast. So it has to be where the
        folder is something else than one stack: several channels, or a plain array.
        """
        layer: dict[str, Any] = {
            "type": "image",
            "source": f"zarr://{self.source}",
            "name": self.folder.stem,
        }
        state = {"layers": [layer], "layout": "4panel"}
        try:
            with open_stack(self.folder) as stack:
                (_, height, width), voxel = stack.shape, stack.voxel_size_nm
            contrast = stack_contrast(self.folder)
        except FormatError:
            return state
        if contrast:
            layer["shaderControls"] = {"normalized": {"range": list(contrast)}}
        known = all(math.isfinite(edge) for edge in voxel)
        edges = [[edge * 1e-9, "m"] if known else [1, ""] for edge in reversed(voxel)]
        # The viewer counts its axes from the first one on.
        return {
            "dimensions": dict(zip("xyz", edges, strict=True)),
            "crossSectionScale": max(height, width) / PANE_PX,
            **state,
        }


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers requests for the files of one folder."""

    server: ZarrServer
    protocol_version = "HTTP/1.1"
    server_version = "fibsem-dash"
    sys_version = ""

    def do_OPTIONS(self) -> None:
        self._head(HTTPStatus.NO_CONTENT if self._is_local() else HTTPStatus.FORBIDDEN, 0)

    def do_HEAD(self) -> None:
        self._answer(with_content=False)

    def do_GET(self) -> None:
        self._answer(with_content=True)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing: a viewer asks for thousands of chunks."""

    def _is_local(self) -> bool:
        """Refuse pages that reach this machine under a name of their own."""
        name = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        return name in (HOST, "localhost")

    def _find(self) -> Path | None:
        """Return the file that is asked for; None where it is none of the folder's."""
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        first, _, rest = path.lstrip("/").partition("/")
        if first != self.server.folder.name or "\0" in path or "\\" in path:
            return None
        found = (self.server.folder / rest).resolve()
        inside = found.is_relative_to(self.server.folder)
        return found if inside and found.is_file() else None

    def _answer(self, with_content: bool) -> None:
        if not self._is_local():
            self._head(HTTPStatus.FORBIDDEN, 0)
            return
        path = self._find()
        if path is None:
            self._head(HTTPStatus.NOT_FOUND, 0)
            return
        size = path.stat().st_size
        part = _range_of(self.headers.get("Range"), size)
        if part is None:
            self._head(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, 0, f"bytes */{size}")
            return
        first, stop = part
        status = HTTPStatus.OK
        told = ""
        if self.headers.get("Range") and _RANGE.fullmatch(self.headers["Range"].strip()):
            status, told = HTTPStatus.PARTIAL_CONTENT, f"bytes {first}-{stop - 1}/{size}"
        self._head(status, stop - first, told)
        if with_content:
            self._send(path, first, stop)

    def _head(self, status: HTTPStatus, length: int, content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
        self.send_header("Access-Control-Allow-Headers", "Range")
        # Some browsers ask before a page of the internet may read from this machine.
        self.send_header("Access-Control-Allow-Private-Network", "true")
        self.send_header("Access-Control-Expose-Headers", "Content-Range, Content-Length")
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()

    def _send(self, path: Path, first: int, stop: int) -> None:
        with path.open("rb") as file:
            file.seek(first)
            left = stop - first
            while left > 0:
                piece = file.read(min(left, _PIECE))
                if not piece:
                    self.close_connection = True
                    return
                self.wfile.write(piece)
                left -= len(piece)


def _range_of(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the half-open part of a file that a Range header asks for; None where impossible."""
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return 0, size
    first, last = match.groups()
    if not first:
        length = int(last)
        return (max(size - length, 0), size) if length and size else None
    start = int(first)
    stop = min(int(last) + 1, size) if last else size
    return (start, stop) if start < stop else None
