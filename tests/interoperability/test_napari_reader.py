"""The napari reader, called as the rules of its manifest demand."""

from __future__ import annotations

import fnmatch
import importlib
import itertools
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml

import fibsem_dash
from fibsem_dash.errors import FormatError
from fibsem_dash.interoperability.napari import get_reader
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.stack_conversion import convert_stack

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
    assert options["axis_labels"] == ("y", "x")
    low, high = options["contrast_limits"]
    assert pixels.min() <= low < high <= pixels.max()
    # The second layer lies on the first, and would hide it.
    assert [layer[1]["visible"] for layer in layers] == [True, False]


@pytest.mark.parametrize("name", ["s.mrc", "s.zarr", ""])
def test_the_reader_opens_stacks_and_run_folders(finished, name):
    ((pixels, options, kind),) = read(finished.folder / name)
    assert kind == "image"
    assert pixels.shape[0] == 6
    expected = fibsem_dash.open_stack(finished.folder)[2].compute()
    assert np.array_equal(pixels[2].compute(), expected)
    assert len(options["scale"]) == 3
    assert options["units"] == ("nm",) * 3
    assert options["axis_labels"] == ("z", "y", "x")
    assert options["name"] == ("s" if name else finished.folder.name)
    # Zeros around the picture do not set the contrast: the phantom lies far below them.
    assert (expected == 0).any()
    assert expected.min() <= options["contrast_limits"][0] < options["contrast_limits"][1] < -3000


def test_a_pyramid_becomes_one_layer_of_several_levels(tmp_path):
    voxels = np.random.default_rng(2).integers(0, 255, (4, 400, 500)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "s.tif", voxels, photometric="minisblack")
    convert_stack([tmp_path / "s.tif"], tmp_path / "s.zarr")
    ((levels, options, _),) = read(tmp_path / "s.zarr")
    assert options["multiscale"]
    assert len(levels) > 1
    assert all(a.shape[2] > b.shape[2] for a, b in itertools.pairwise(levels))
    assert np.array_equal(levels[0][2].compute(), voxels[2])
    # Without a size of the voxels there are no nanometres.
    assert (options["units"], options["scale"]) == (("pixel",) * 3, (1.0,) * 3)


@pytest.mark.parametrize("as_files", [False, True])
def test_frames_before_the_registration_are_one_lazy_layer_per_detector(finished, as_files):
    files = finished.phantom.files
    layers = get_reader(files)(files) if as_files else read(files[0].parent)
    assert len(layers) == 2
    for (pixels, options, _), letter in zip(layers, "AB", strict=True):
        assert pixels.chunks[0] == (1,) * len(files)
        assert np.array_equal(pixels[3].compute(), finished.dataset.frame(3).image(letter))
        assert len(options["scale"]) == 3
        assert options["name"].startswith(files[0].parent.name)


def test_a_frame_of_another_size_is_named_when_it_is_reached(finished, tmp_path):
    files = [finished.phantom.files[0], *write_phantom(tmp_path, frames=1, size=96).files]
    ((pixels, _, _), *_others) = get_reader(files)(files)
    assert pixels[0].compute().any()
    with pytest.raises(FormatError, match="not like the first"):
        pixels[1].compute()


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
