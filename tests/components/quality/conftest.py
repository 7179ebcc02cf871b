"""A registered run, its stack as another program has it, and the Quality page over them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from components.config import ServerConfig
from components.pages import quality as quality_page
from components.pages.quality import QualityPage
from components.session import Session
from components.widgets import quality_add
from fibsem_dash.io import open_stack
from fibsem_dash.phantom import write_phantom
from fibsem_dash.quality import find_run_stack
from fibsem_dash.registration.pipeline import Registration
from tests.components.quality.quality_cases import FakeJobs


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with frames, a registered run below runs/, and its stack as another program has it."""
    root = tmp_path_factory.mktemp("quality").resolve()
    write_phantom(root / "data" / "raw", frames=6, size=192, seed=3)
    frames = sorted((root / "data" / "raw").glob("*.dat"))
    Registration(frames, root / "runs" / "one").run()
    with open_stack(find_run_stack(root / "runs" / "one")) as stack:
        volume = np.stack([stack[k] for k in range(len(stack))]).astype(np.int32)
    # Inverted, cropped at the top left: 12 rows, 8 columns.
    other = (volume.max() - volume)[:, 12:, 8:].astype(np.uint16)
    tifffile.imwrite(root / "data" / "other.tif", other)
    return root


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> FakeJobs:
    fake = FakeJobs()
    monkeypatch.setattr(quality_page, "job_registry", lambda: fake)
    monkeypatch.setattr(quality_add, "job_registry", lambda: fake)
    return fake


@pytest.fixture
def page(root: Path, jobs: FakeJobs) -> QualityPage:
    page = QualityPage(Session(ServerConfig((root / "data",), root / "runs")))
    page.__panel__()
    page.on_enter()
    return page
