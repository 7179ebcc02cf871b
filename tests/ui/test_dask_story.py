"""A user looks at the Dask dashboard of a running job through the address of the server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cluster_job import cluster_job

pytestmark = pytest.mark.ui

SHOW = """address => {
    const frame = document.createElement('iframe');
    frame.id = 'dask'; frame.src = address; frame.width = 1000; frame.height = 600;
    frame.style = 'position: fixed; top: 70px; left: 0; z-index: 9999';
    document.body.appendChild(frame);
}"""


def test_the_dask_dashboard_paints_and_only_the_server_is_asked(tab: Any, data_root: Path) -> None:
    news: list[str] = []

    def listen(socket: Any) -> None:
        if "/dask/" in socket.url:
            socket.on("framereceived", lambda _content: news.append(socket.url))

    with cluster_job(data_root.parent / "runs") as job:
        tab.open()
        tab.page.get_by_text("a cluster: starting").wait_for()
        tab.page.on("websocket", listen)
        tab.page.evaluate(SHOW, f"dask/{job}/status")
        frame = tab.page.frame_locator("#dask")
        # The tabs of this page and what the plots show come over the websocket.
        frame.get_by_text("Data Transfer", exact=True).wait_for()
        frame.locator("canvas").first.wait_for()
        known = len(news)
        for _ in range(100):
            tab.page.wait_for_timeout(100)
            if len(news) > known + 5:
                break
        assert len(news) > known + 5
        tab.shot()
        tab.page.evaluate("document.getElementById('dask').remove()")
