"""A phantom, a stack of known pairs, and a current folder that is not theirs."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest

from fibsem_dash.phantom import PhantomResult, write_phantom
from tests.metric_cases import synthetic_stack


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> PhantomResult:
    """Eight .dat frames of 192 x 192 with known drift and two detectors; nobody changes them."""
    return write_phantom(tmp_path_factory.mktemp("compat_raw"), frames=8, size=192, seed=3)


@pytest.fixture(scope="session")
def mrc_stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stack of the golden file as MRC."""
    path = tmp_path_factory.mktemp("compat_mrc") / "known.mrc"
    with mrcfile.new(path) as mrc:
        mrc.set_data(synthetic_stack())
        mrc.voxel_size = 80.0
    return path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, as a notebook does."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listing(folder: Path) -> list[tuple[str, int, int]]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in files]


@pytest.fixture
def untouched(phantom: PhantomResult):
    """Fail where the folder of the raw frames changes."""
    folder = Path(phantom.files[0]).parent
    before = listing(folder)
    yield folder
    assert listing(folder) == before


@pytest.fixture(scope="session")
def texture() -> np.ndarray:
    return synthetic_stack()[0].astype(np.float64)
