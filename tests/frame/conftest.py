"""Frames as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fibsem_dash.io.dat import write_dat

WriteFrame = Callable[..., Path]


@pytest.fixture
def write_frame(tmp_path: Path) -> WriteFrame:
    """Write a .dat frame into the folder raw: write_frame(name, images, **header)."""

    def write(name: str, images: dict[str, np.ndarray], **header: object) -> Path:
        folder = tmp_path / "raw"
        folder.mkdir(exist_ok=True)
        write_dat(folder / f"{name}.dat", images, header)
        return folder / f"{name}.dat"

    return write
