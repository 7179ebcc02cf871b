"""Stacks of one frame or none: what is said of them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("panel_material_ui")

from components.config import ServerConfig
from components.pages.sift import SiftPage
from components.session import Session
from components.shell import _stack_line
from fibsem_dash.phantom import write_phantom


def test_the_sift_page_asks_for_a_second_frame(tmp_path: Path) -> None:
    folder = write_phantom(tmp_path.resolve() / "one", frames=1, size=96).folder
    session = Session(ServerConfig((folder.parent,), folder.parent / "runs"))
    session.open_folder(str(folder))
    page = SiftPage(session)
    page.__panel__()
    page.on_enter()
    assert len(session.frames) == 1
    assert page.one_frame.visible
    assert not page.tabs.visible
    assert not page.no_stack.visible
    assert _stack_line(str(folder), session.frames) == "one  ·  1 frame"


def test_a_stack_without_frames_is_not_said_to_lack_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "open_frames", lambda *_given: None)
    session = Session(ServerConfig((tmp_path.resolve(),), tmp_path.resolve() / "runs"))
    told: list[str] = []
    session.param.watch(lambda event: told.append(event.new), "error")
    for n_frames, expected in ((0, 0), (2, 1)):
        request = SimpleNamespace(files=(), keep_frame=True, pattern="")
        session.frame = 5
        session._on_reading(
            SimpleNamespace(
                request=request,
                frames=[None] * n_frames,
                folder=str(tmp_path),
            )
        )
        assert len(told) == expected
    assert "frames 0 to 1" in told[0]
