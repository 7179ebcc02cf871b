"""Fixtures that several test modules share."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import pytest

from tests.stand_in_card import make_modules


def shared_folder() -> Path:
    """Folder with the real data and the known answers, which lies beside the project."""
    default = Path(__file__).resolve().parents[2] / "shared"
    return Path(os.environ.get("FIBSEM_DASH_SHARED", default))


@pytest.fixture(scope="session")
def shared() -> Path:
    folder = shared_folder()
    if not (folder / "data").is_dir():
        pytest.skip(f"no shared data in {folder} (set FIBSEM_DASH_SHARED to its folder)")
    return folder


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """CuPy as the program finds it: a stand-in with two cards, see `stand_in_card`."""
    modules = make_modules()
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("fibsem_dash.backend.find_spec", lambda name: name)
    return modules["cupy"]
