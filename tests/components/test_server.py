"""The start of the server, as far as it needs no server."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

pytest.importorskip("panel")

from components import server


def test_a_taken_port_is_replaced_by_a_free_one() -> None:
    with socket.socket() as taken:
        taken.bind((server.ADDRESS, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert server.free_port(port) not in (port, 0)


def test_a_missing_root_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert server.main(["--", str(tmp_path / "absent")]) == 1
    assert "there is no folder" in capsys.readouterr().err
