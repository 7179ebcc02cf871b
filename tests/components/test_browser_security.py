"""What a forged page, message or file of a browser reaches: nothing."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("panel_material_ui", reason="the dashboard's packages are not installed")

from bokeh.document import Document

from components.config import ServerConfig
from components.headers import SECURITY_HEADERS
from components.pages.sift_settings import settings_from_yaml
from components.router import Router
from components.run_plan import RunPlan, check_plan
from components.session import Session
from components.widgets.folder_picker import FolderPicker
from fibsem_dash.errors import AccessError, FormatError, RunError
from fibsem_dash.io.plain_yaml import LARGEST_YAML_BYTES
from fibsem_dash.settings import RunSettings, update

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def port(frames_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a server of its own process."""
    folder = tmp_path_factory.mktemp("runs")
    process = subprocess.Popen(
        [sys.executable, "-m", "components.server", "--port", "0", "--", str(frames_root)],
        cwd=PROJECT,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "FIBSEM_DASH_RUN_ROOT": str(folder)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        for line in process.stdout or ():
            if found := re.search(r"is at http://127\.0\.0\.1:(\d+)", line):
                yield int(found[1])
                break
        else:
            pytest.fail("the server did not start")
    finally:
        process.terminate()
        process.communicate(timeout=30)


def ask(port: int, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        if answer.status != 101:
            answer.read()
        return answer


def upgrade(origin: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
        "Sec-WebSocket-Protocol": "bokeh, token",
    }


@pytest.mark.parametrize("path", ["/", "/?page=header", "/static/js/bokeh.min.js", "/nothing"])
def test_every_answer_carries_the_security_headers(path: str, port: int) -> None:
    answer = ask(port, path)
    assert answer.status == (404 if path == "/nothing" else 200)
    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://127.0.0.1:1", "http://localhost.evil.example", "null"],
)
def test_a_websocket_of_a_foreign_page_is_refused(origin: str, port: int) -> None:
    assert ask(port, "/ws", **upgrade(origin)).status == 403


def test_a_websocket_of_the_own_page_is_asked_for_its_token(port: int) -> None:
    # Past the origin: the made-up token of the session is what is refused now.
    assert ask(port, "/ws", **upgrade(f"http://127.0.0.1:{port}")).status in (101, 403)
    assert ask(port, "/ws", **upgrade("http://evil.example")).reason == "Forbidden"


@pytest.fixture
def outside(tmp_path: Path, frames_root: Path) -> Path:
    """A folder of frames that the server may not show."""
    folder = (tmp_path / "outside").resolve()
    folder.mkdir()
    for path in sorted((frames_root / "stack").glob("*.dat"))[:3]:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture
def linked(config: ServerConfig, outside: Path, tmp_path: Path) -> ServerConfig:
    """A configuration with a root that holds links to the folder outside and to a file in it."""
    root = tmp_path / "open"
    (root / "mixed").mkdir(parents=True)
    (root / "link").symlink_to(outside)
    for path in outside.iterdir():
        (root / "mixed" / path.name).symlink_to(path)
    return replace(config, roots=(root.resolve(),))


def forge(viewable: Any, **values: Any) -> None:
    """Have a widget take values as if the browser had sent them over the websocket."""
    viewable.get_root(Document())
    viewable._process_events(values)


@pytest.mark.parametrize("name", ["link", "mixed", "../outside", "/etc", "link/../../outside"])
def test_paths_in_forged_addresses_are_confined(
    name: str, linked: ServerConfig, settle: Callable[[Session], None]
) -> None:
    session = Session(linked)
    router = Router(session, ("data", "header"))
    target = name if name.startswith("/") else f"{linked.roots[0]}/{name}"
    forge(router.bar, popped=[f"?page=data&folder={target}&run={target}", 1])
    settle(session)
    assert session.folder == ""
    assert session.run_folder == ""
    assert session.frames == []


@pytest.mark.parametrize("name", ["link", "../outside", "/etc"])
def test_paths_in_forged_messages_of_the_folder_field_are_confined(
    name: str, linked: ServerConfig, settle: Callable[[Session], None]
) -> None:
    session = Session(linked)
    picker = FolderPicker(linked, session.open_folder, 300)
    target = name if name.startswith("/") else f"{linked.roots[0]}/{name}"
    forge(picker.path, value=target)
    settle(session)
    assert session.folder == ""
    assert session.frames == []
    assert picker.current is None or picker.current.is_relative_to(linked.roots[0])


@pytest.fixture
def settle() -> Callable[[Session], None]:
    """Wait until a session reads nothing any more."""

    def wait_for(session: Session) -> None:
        import time

        deadline = time.monotonic() + 30
        while session.reader.busy and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not session.reader.busy

    return wait_for


def test_a_run_record_cannot_lead_to_files_outside(
    linked: ServerConfig, outside: Path, settle: Callable[[Session], None]
) -> None:
    run = linked.run_root / "forged"
    run.mkdir(parents=True)
    files = [{"path": str(path), "size": 1, "mtime_ns": 1} for path in sorted(outside.iterdir())]
    (run / "run.json").write_text(json.dumps({"schema_version": 1, "input": files}))
    session = Session(linked)
    session.open_run(str(run))
    settle(session)
    assert session.frames == []


@pytest.mark.parametrize("setting", ["output.flatten_file", "output.brightness_file"])
def test_files_that_settings_name_are_confined(
    setting: str, config: ServerConfig, frames_root: Path, outside: Path
) -> None:
    frames = tuple(list_frames_of(frames_root / "stack"))
    secret = outside / "secret.npz"
    secret.write_bytes(b"")
    settings = update(RunSettings(), {setting: str(secret)})
    plan = RunPlan(str(frames_root / "stack"), "", frames, config, "r", settings)
    with pytest.raises(AccessError, match="not open to the dashboard"):
        check_plan(plan)


def list_frames_of(folder: Path) -> list[Any]:
    from fibsem_dash.registration.frames import inspect_frame

    return [inspect_frame(k, str(path)) for k, path in enumerate(sorted(folder.glob("*.dat")))]


def test_strangers_cannot_send_the_server_to_a_scheduler_of_theirs(
    config: ServerConfig, frames_root: Path
) -> None:
    frames = tuple(list_frames_of(frames_root / "stack"))
    public = replace(config, demo_only=True)
    plan = RunPlan(
        str(frames_root / "stack"), "", frames, public, "r", RunSettings(),
        scheduler="tcp://evil.example:8786",
    )  # fmt: skip
    with pytest.raises(RunError, match="strangers can reach this server"):
        check_plan(plan)


@pytest.mark.parametrize(
    "content",
    [
        b"x" * (LARGEST_YAML_BYTES + 1),
        b"\x89PNG\r\n\x1a\n" * 10,
        b"a: &a [1]\nb: *a\n",
        b"!!python/object/apply:os.system ['true']",
    ],
    ids=["too large", "a picture", "anchors", "an object"],
)
def test_uploads_of_another_size_or_kind_are_refused(content: bytes) -> None:
    with pytest.raises(FormatError):
        settings_from_yaml(content)


def test_a_line_of_plain_text_is_no_html() -> None:
    import html

    from components.widgets.plain import plain_text

    pane = plain_text("<img src=x onerror=alert(1)>&amp;")
    model = pane.get_root(Document())
    # What the browser makes a page of, after it has taken its one layer of escapes away.
    assert html.unescape(model.text) == "<pre>&lt;img src=x onerror=alert(1)&gt;&amp;amp;</pre>"
    pane.object = "<b>"
    assert html.unescape(model.text) == "<pre>&lt;b&gt;</pre>"
