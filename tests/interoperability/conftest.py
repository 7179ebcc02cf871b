"""A small finished run with an OME-Zarr stack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from fibsem_dash.dataset import FIBSEMDataset
from fibsem_dash.phantom import PhantomResult, write_phantom


@dataclass
class FinishedRun:
    phantom: PhantomResult
    dataset: FIBSEMDataset
    folder: Path
    zarr: Path


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """Six frames of 128 x 160, registered into MRC and OME-Zarr."""
    root = tmp_path_factory.mktemp("interoperability")
    phantom = write_phantom(root / "raw", frames=6, size=160, seed=5)
    dataset = FIBSEMDataset(
        phantom.files, root / "run", **{"output.formats": ("mrc", "zarr"), "output.file_name": "s"}
    )
    dataset.register()
    return FinishedRun(phantom, dataset, root / "run", root / "run" / "s.zarr")
