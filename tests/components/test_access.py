"""A server that strangers can reach shows the demo only, or asks who they are."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("panel_material_ui")

from components import access, server
from components.config import ServerConfig, server_config
from components.pages.data import DataPage
from components.session import Session
from components.shell import Shell, safety_notes
from fibsem_dash.errors import AccessError, FibsemDashError
from fibsem_dash.phantom import write_phantom

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("127.9.9.9", True),
     ("0.0.0.0", False), ("::", False), ("192.0.2.7", False), ("host.example", False)],
)  # fmt: skip
def test_only_this_machine_reaches_loopback(address: str, loopback: bool) -> None:
    assert access.is_loopback(address) is loopback


def test_an_open_socket_is_seen() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        closed.listen()
        assert not access.listens_beyond_loopback()
    with socket.socket() as opened:
        opened.bind(("0.0.0.0", 0))
        opened.listen()
        assert access.listens_beyond_loopback()


def test_an_open_server_without_login_is_for_the_demo(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import panel as pn

    monkeypatch.setenv("FIBSEM_DASH_RUN_ROOT", str(tmp_path))
    monkeypatch.delenv("FIBSEM_DASH_DEMO_ONLY", raising=False)
    monkeypatch.setattr(access, "listens_beyond_loopback", lambda: True)
    assert server_config().demo_only
    assert server_config().roots == (tmp_path / "demo-frames",)
    monkeypatch.setattr(pn.config, "oauth_provider", "github")
    assert not server_config().demo_only


@pytest.fixture
def public(tmp_path: Path) -> ServerConfig:
    folder = tmp_path.resolve()
    write_phantom(folder / "secret", frames=2, size=64)
    write_phantom(folder / "demo-frames", frames=2, size=64)
    return ServerConfig((folder / "demo-frames",), folder, demo_only=True)


def test_nothing_but_the_demo_is_open(public: ServerConfig) -> None:
    assert public.confine(public.demo_folder) == public.demo_folder
    link = public.demo_folder / "link"
    link.symlink_to(public.run_root / "secret")
    messages = set()
    for path in (public.run_root / "secret", link, "/etc", "/no/such/place", public.run_root):
        with pytest.raises(AccessError) as caught:
            public.confine(path)
        messages.add(caught.value.what)
    assert len(messages) == 1


def test_the_pages_of_an_open_server_offer_the_demo(public: ServerConfig) -> None:
    shell = Shell(public, f"?page=data&folder={public.run_root / 'secret'}")
    page = shell.pages["data"]
    assert isinstance(page, DataPage)
    assert shell.session.frames == []
    assert page.source.options == ["Demo"]
    assert "strangers" in page.alert.object
    assert "demo only" in safety_notes(public)[0].object
    session = Session(public)
    session.open_run(str(public.run_root / "secret"))
    assert session.run_folder == ""
    assert "only the demo" in session.error


def test_a_closed_server_has_no_note(config: ServerConfig) -> None:
    assert safety_notes(config) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"a": 1}', '{"a": ""}', None])
def test_a_bad_file_of_passwords_stops_the_start(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "passwords.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(FibsemDashError):
        access.read_passwords(path)
    assert server.main(["--port", "0", "--basic-auth", str(path), "--", str(tmp_path)]) == 1


def test_oauth_without_its_key_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PANEL_OAUTH_KEY", raising=False)
    assert server.main(["--port", "0", "--oauth-provider", "github", "--", str(tmp_path)]) == 1
    assert "PANEL_OAUTH_KEY" in capsys.readouterr().err


def test_origins_are_named() -> None:
    assert access.origins("127.0.0.1", 7, []) == ["127.0.0.1:7", "localhost:7"]
    everywhere = access.origins("0.0.0.0", 7, ["proxy.example"])
    assert f"{socket.gethostname()}:7" in everywhere
    assert "proxy.example" in everywhere
    assert not any("*" in origin or origin.startswith("0.0.0.0") for origin in everywhere)


@contextlib.contextmanager
def serving(command: list[str], pattern: str, folder: Path) -> Iterator[int]:
    """Run a server until the block ends; gives its port."""
    environment = os.environ | {
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(PROJECT),
        "FIBSEM_DASH_RUN_ROOT": str(folder / "runs"),
    }
    environment.pop("FIBSEM_DASH_DEMO_ONLY", None)
    process = subprocess.Popen(
        [sys.executable, *command], cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    lines = []
    try:
        for line in process.stdout or ():
            lines.append(line)
            if found := re.search(pattern, line):
                yield int(found[1])
                return
        raise AssertionError("the server did not start:\n" + "".join(lines))
    finally:
        process.terminate()
        process.communicate(timeout=20)


def request(
    port: int, path: str, method: str = "GET", body: str = "", **headers: str
) -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response, text


def test_a_login_lets_in_who_knows_the_password(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords.json"
    passwords.write_text(json.dumps({"ann": "pass & word"}))
    command = ["-m", "components.server", "--address", "0.0.0.0", "--port", "0"]
    command += ["--basic-auth", str(passwords), "--", str(tmp_path)]
    with serving(command, r"is at http://127\.0\.0\.1:(\d+)", tmp_path) as port:
        response, _ = request(port, "/?page=header")
        assert response.status == 302
        place = str(response.headers["Location"]).removeprefix(".")
        assert place.startswith("/login?next=")
        assert request(port, "/ws")[0].status in (302, 400, 403)

        response, text = request(port, place)
        assert response.status == 200
        assert "http" not in text.replace('method="post"', "")
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        for name, word in (("ann", "wrong"), ("bob", "pass & word"), ("", ""), ("bob", "")):
            body = urllib.parse.urlencode({"username": name, "password": word})
            response, _ = request(port, place, "POST", body, **form)
            assert response.status == 302
            assert "user=" not in str(response.headers.get("Set-Cookie", ""))
            response, text = request(port, str(response.headers["Location"]))
            assert response.status == 200
            assert "Invalid username or password" in text

        body = urllib.parse.urlencode({"username": "ann", "password": "pass & word"})
        response, _ = request(port, place, "POST", body, **form)
        assert response.status == 302
        cookies = "; ".join(
            c.partition(";")[0] for c in response.headers.get_all("Set-Cookie") or ()
        )
        response, text = request(port, "/?page=header", Cookie=cookies)
        assert response.status == 200
        assert "fibsem-dash" in text


def test_plain_panel_serve_starts(tmp_path: Path) -> None:
    command = ["-m", "panel", "serve", str(PROJECT / "app.py"), "--port", "0"]
    command += ["--address", "127.0.0.1"]
    with serving(
        command, r"running at:? http://(?:localhost|127\.0\.0\.1):(\d+)", tmp_path
    ) as port:
        response, _ = request(port, "/app")
        assert response.status == 200
