"""One stack in several formats, a run, and the Stack page over them."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from components.config import ServerConfig
from components.pages.stack import StackPage
from components.session import Session
from fibsem_dash.io.mrc import MrcStackWriter
from fibsem_dash.jobs import JobRegistry, jobs_folder
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.frames import find_frames
from fibsem_dash.registration.pipeline import Registration
from fibsem_dash.registration.stack_conversion import convert_stack
from fibsem_dash.settings import RunSettings, update
from tests.components.stack.stack_cases import SHAPE


@pytest.fixture(scope="module")
def volume():
    rng = np.random.default_rng(5)
    return rng.integers(20, 230, SHAPE).astype(np.uint8)


@pytest.fixture
def root(tmp_path, volume):
    """An allowed folder with the same stack in several formats, and a place for runs."""
    data = tmp_path.resolve() / "data"
    data.mkdir()
    writer = MrcStackWriter.create(data / "a.mrc", SHAPE, np.uint8, (20.0, 10.0, 10.0))
    for k, image in enumerate(volume):
        writer.write_slice(k, image)
    writer.finish(20, 230, 120, 10)
    tifffile.imwrite(data / "b.tif", volume, photometric="minisblack")
    convert_stack([data / "a.mrc"], data / "c.zarr")
    convert_stack([data / "a.mrc"], data / "d.h5")
    convert_stack([data / "a.mrc"], data / "slices")
    return data


@pytest.fixture
def config(root):
    return ServerConfig((root,), root.parent / "runs")


@pytest.fixture
def page(config):
    page = StackPage(Session(config))
    page.__panel__()
    page.on_enter()
    yield page
    page.close()


@pytest.fixture
def registry(config):
    registry = JobRegistry(jobs_folder(config.run_root))
    yield registry
    registry.close()


@pytest.fixture
def run_page(root, config):
    """The Stack page with the stack of a run whose slices are larger than its frames."""
    frames, run = root / "frames", config.run_root / "run"
    write_phantom(frames, frames=5, size=160)
    settings = update(RunSettings(), {"quality.box": [30, 60, 40, 50]})
    Registration(find_frames(frames), run, settings).run()
    page = StackPage(Session(config))
    page.__panel__()
    page.on_enter()
    page.open(str(run))
    assert page.opening.error == ""
    yield page
    page.close()
