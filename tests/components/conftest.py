"""Folders of small frames and a server that may show them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fibsem_dash.phantom import write_phantom

pytest.importorskip("panel_material_ui", reason="the dashboard's packages are not installed")

from components.config import ServerConfig
from components.session import Session


@pytest.fixture(scope="session")
def frames_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with one folder of frames, of which two numbers are missing."""
    root = tmp_path_factory.mktemp("root").resolve()
    write_phantom(root / "stack", frames=8, size=64)
    for index in (3, 4):
        (root / "stack" / f"Phantom_22-01-01_{index:06d}_0-0-0.dat").unlink()
    return root


@pytest.fixture
def config(frames_root: Path, tmp_path: Path) -> ServerConfig:
    return ServerConfig((frames_root,), (tmp_path / "runs").resolve())


@pytest.fixture
def session(config: ServerConfig) -> Session:
    return Session(config)
