"""A Panel server in a thread of the test."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE_S = 20.0


@contextmanager
def serve_in_thread(build: Callable[[], Any], **options: Any) -> Iterator[str]:
    """Serve what a function builds for each tab, until the block ends; yields its address."""
    import panel as pn

    from components.server import free_port

    port = free_port(0, "127.0.0.1")
    server = pn.serve(
        {"/": build},
        address="127.0.0.1",
        port=port,
        show=False,
        threaded=True,
        verbose=False,
        **options,
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not _listens(port) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert _listens(port), "the server did not start"
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.stop()
        server.join(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
