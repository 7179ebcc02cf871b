"""Fixtures that several test modules share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


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
