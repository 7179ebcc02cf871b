"""The dashboard of a job under the address of the server, and nothing else."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("panel")

from components import dask_proxy
from components.config import ServerConfig
from components.jobs import job_label, job_labels
from components.widgets.activity_view import ActivityView
from fibsem_dash.jobs import JobRecord, JobRegistry, StageProgress, jobs_folder
from tests.cluster_job import cluster_job

PROJECT = Path(__file__).resolve().parents[2]

SERVER = """
import sys, panel as pn
from components.dask_proxy import ROUTES
options = {"basic_auth": "secret", "cookie_secret": "x" * 32} if sys.argv[2] == "login" else {}
port = int(sys.argv[1])
pn.serve({"/": lambda: pn.pane.Str("x")}, address="127.0.0.1", port=port, show=False,
         websocket_origin=[f"127.0.0.1:{port}"], extra_patterns=ROUTES, verbose=False, **options)
"""


@pytest.fixture(scope="module")
def run_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proxy").resolve()


@pytest.fixture(scope="module")
def job(run_root: Path) -> Iterator[str]:
    with cluster_job(run_root) as name:
        yield name


@pytest.fixture(scope="module")
def start_server(run_root: Path) -> Iterator[Callable[[str], str]]:
    started = []

    def start(login: str) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = os.environ | {"FIBSEM_DASH_RUN_ROOT": str(run_root)}
        command = [sys.executable, "-c", SERVER, str(port), login]
        started.append(
            subprocess.Popen(command, cwd=PROJECT, env=environment, stderr=subprocess.DEVNULL)
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return f"127.0.0.1:{port}"
            time.sleep(0.1)
        raise AssertionError("the server did not start")

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def server(start_server: Callable[[str], str]) -> str:
    return start_server("open")


def get(server: str, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://{server}/{path}", timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def connect(server: str, path: str, origin: str) -> tuple[int, str | None]:
    """Open a websocket as a browser page of an origin does; return status and protocol."""
    connection = http.client.HTTPConnection(server, timeout=20)
    headers = {
        "Origin": origin,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol": "bokeh, token",
    }
    connection.request("GET", f"/{path}", headers=headers)
    with connection.getresponse() as answer:
        result = answer.status, answer.headers["Sec-WebSocket-Protocol"]
    connection.close()
    return result


def test_pages_and_static_files_of_the_dashboard_come_through(server: str, job: str) -> None:
    status, page = get(server, f"dask/{job}/status")
    assert status == 200
    assert b"Dask Diagnostic UI" in page
    for path in ("workers", "tasks", "individual-task-stream", "statics/css/base.css"):
        assert get(server, f"dask/{job}/{path}")[0] == 200, path


@pytest.mark.parametrize(
    "path",
    [
        "info/main/workers.html",
        "info/main/logs.html",
        "health",
        "metrics",
        "json/counts.json",
        "statics/../health",
        "statics/%2e%2e/health",
        "proxy/80/127.0.0.1/status",
        "http://127.0.0.1:80/status",
        "",
    ],
)
def test_nothing_else_of_the_scheduler_comes_through(server: str, job: str, path: str) -> None:
    assert get(server, f"dask/{job}/{path}")[0] == 404


def test_an_unknown_job_has_no_dashboard(server: str, job: str) -> None:
    assert get(server, "dask/20260101-000000-abcdef/status")[0] == 404
    assert get(server, "dask/127.0.0.1:8787/status")[0] == 404


def test_the_websocket_asks_where_its_page_came_from(server: str, job: str) -> None:
    path = f"dask/{job}/status/ws"
    assert connect(server, path, f"http://{server}") == (101, "bokeh")
    assert connect(server, path, "http://evil.example") == (403, None)
    assert connect(server, f"dask/{job}/health/ws", f"http://{server}") == (404, None)


def test_without_the_login_of_the_application_nothing_comes_through(
    start_server: Callable[[str], str], job: str
) -> None:
    guarded = start_server("login")
    assert get(guarded, f"dask/{job}/status")[0] == 403
    assert get(guarded, f"dask/{job}/statics/css/base.css")[0] == 403
    assert connect(guarded, f"dask/{job}/status/ws", f"http://{guarded}") == (403, None)


def test_a_file_cannot_lead_the_proxy_elsewhere(
    run_root: Path, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = JobRegistry(jobs_folder(run_root), watch=False).get(job)
    config = ServerConfig((run_root,), run_root)
    monkeypatch.setattr(dask_proxy, "server_config", lambda: config)
    assert dask_proxy.dashboard_path(record) == f"dask/{job}/status"
    with socket.socket() as other:
        # A service of this machine that is not the job's.
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        for address in (
            f"http://127.0.0.1:{taken}/status",
            "http://example.org:8787/status",
            "file:///etc/passwd",
            "http://127.0.0.1/status",
            "http://127.0.0.1:x/status",
            "http://[::1/status",
            "",
        ):
            assert dask_proxy.dashboard_path(replace(record, dashboard=address)) == "", address
    assert dask_proxy.dashboard_path(replace(record, state="done")) == ""
    far = replace(record, dashboard="http://cluster:8787/status")
    assert dask_proxy.dashboard_path(far) == ""
    config = replace(config, scheduler="tcp://cluster:8786")
    assert dask_proxy.dashboard_path(far) == f"dask/{job}/status"


def label_of(**values: Any) -> str:
    stage = StageProgress("keypoints", "running", 200, 80, left_s=values.pop("left_s", None))
    record = JobRecord("x", "register", "run 7", "", (), (), "running", stages=(stage,))
    return job_label(replace(record, **values))


def test_the_title_bar_tells_what_a_job_does() -> None:
    assert label_of() == "run 7: Key points 40 %"
    assert label_of(left_s=12.3) == "run 7: Key points 40 %, 12 s left"
    assert label_of(left_s=125.0) == "run 7: Key points 40 %, 2 min 05 s left"
    assert label_of(stages=()) == "run 7: starting"
    assert label_of(cancelling=True) == "run 7: stopping"


def test_the_title_bar_follows_the_jobs(run_root: Path, job: str) -> None:
    registry = JobRegistry(jobs_folder(run_root), watch=False)
    view = ActivityView(jobs=registry)
    assert job_labels(registry) == ["a cluster: starting"]
    assert view.text.object == "a cluster: starting"
    progress = registry.folder / job / "job.json"
    values = json.loads(progress.read_text())
    progress.write_text(json.dumps(values | {"title": "a\nname"}))
    registry.refresh(start=False)
    view.poll()
    assert view.text.object == "a name: starting"
