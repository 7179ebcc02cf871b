"""The napari reader, called as the rules of its manifest demand."""

from __future__ import annotations

import fnmatch
import importlib
from pathlib import Path

import numpy as np
import pytest
import yaml

import fibsem_dash
from fibsem_dash.interoperability.napari import get_reader

MANIFEST = yaml.safe_load((Path(fibsem_dash.__file__).parent / "napari.yaml").read_text())


def read(path):
    """Read as napari does: find the command of a reader, import it, ask it, call its answer.

    npe2 itself is not needed: its plugin for pytest does not load where warnings are errors.
    """
    (contribution,) = MANIFEST["contributions"]["readers"]
    (command,) = MANIFEST["contributions"]["commands"]
    assert contribution["command"] == command["id"]
    assert any(fnmatch.fnmatch(str(path), p) for p in contribution["filename_patterns"])
    assert contribution["accepts_directories"]
    module, _, name = command["python_name"].partition(":")
    reader = getattr(importlib.import_module(module), name)(str(path))
    layers = reader(str(path))
    assert all(isinstance(layer, tuple) and len(layer) == 3 for layer in layers)
    return layers


def test_the_reader_opens_a_frame_with_our_reader(finished):
    layers = read(finished.phantom.files[0])
    assert [layer[2] for layer in layers] == ["image", "image"]
    pixels, options, _ = layers[0]
    frame = finished.dataset.frame(0)
    assert np.array_equal(pixels, frame.image("A"))
    assert options["scale"] == (frame.pixel_size_nm,) * 2
    assert options["metadata"]["detector"] == "A"


@pytest.mark.parametrize("name", ["s.mrc", "s.zarr", ""])
def test_the_reader_opens_stacks_and_run_folders(finished, name):
    ((pixels, options, kind),) = read(finished.folder / name)
    assert kind == "image"
    assert pixels.shape[0] == 6
    assert np.array_equal(pixels[2].compute(), fibsem_dash.open_stack(finished.folder)[2].compute())
    assert len(options["scale"]) == 3
    assert options["units"] == ("nm",) * 3


def test_other_files_are_left_to_others(tmp_path):
    assert get_reader(str(tmp_path / "x.png")) is None
    assert get_reader(str(tmp_path)) is None
    assert get_reader([str(tmp_path / "x.dat"), str(tmp_path / "y.dat")]) is not None


def test_the_manifest_is_announced(pyproject_entry_points):
    assert pyproject_entry_points == {"fibsem-dash": "fibsem_dash:napari.yaml"}


@pytest.fixture
def pyproject_entry_points():
    import tomllib

    root = Path(__file__).resolve().parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["entry-points"]["napari.manifest"]
