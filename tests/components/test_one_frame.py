"""A stack of one frame: pages that need two say so."""

from __future__ import annotations

from pathlib import Path

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
