"""Known answers and small files for the tests of readers and writers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fibsem_dash.io.dat import write_dat


@pytest.fixture(scope="session")
def golden(shared: Path) -> dict[str, Any]:
    """Values that the reference software gives."""
    return json.loads((shared / "golden" / "golden_frame_image.json").read_text())


@pytest.fixture
def images() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {letter: rng.integers(-6000, 6000, (5, 7)).astype(np.int16) for letter in "AB"}


@pytest.fixture
def frame_file(tmp_path: Path, images: dict[str, np.ndarray]) -> Path:
    path = tmp_path / "frame.dat"
    write_dat(path, images)
    return path


@pytest.fixture
def damaged(frame_file: Path) -> Callable[..., Path]:
    """Change bytes of a good frame: damaged({offset: bytes}, keep=length)."""

    def change(changes: dict[int, bytes] | None = None, keep: int | None = None) -> Path:
        data = bytearray(frame_file.read_bytes())
        for offset, content in (changes or {}).items():
            data[offset : offset + len(content)] = content
        frame_file.write_bytes(data[:keep])
        return frame_file

    return change
