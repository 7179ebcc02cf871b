"""Headers of every answer of the server that tell browsers what they must not do."""

from __future__ import annotations

from typing import Any

from tornado.httputil import HTTPHeaders
from tornado.web import OutputTransform

SECURITY_HEADERS = {
    # A file is what we say it is, never a script that a browser recognises.
    "X-Content-Type-Options": "nosniff",
    # No other site may show these pages in a frame of its own; the Dask pages are our own frames.
    "X-Frame-Options": "SAMEORIGIN",
    "Content-Security-Policy": "frame-ancestors 'self'; object-src 'none'; base-uri 'self'",
    # Addresses hold the names of folders.
    "Referrer-Policy": "same-origin",
}
"""Headers of every answer. Panel's pages need inline scripts, so the policy names none for them."""


class SecurityHeaders(OutputTransform):
    """Adds the headers to pages, files and errors alike."""

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Add the headers to the beginning of an answer."""
        for name, value in SECURITY_HEADERS.items():
            headers[name] = value
        return status_code, headers, chunk


def add_security_headers(server: Any) -> None:
    """Have a server of Bokeh or Panel send `SECURITY_HEADERS` with every answer."""
    server._tornado.add_transform(SecurityHeaders)
