"""TIFF stacks: other readers find every page; folders of slices are stacks."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from fibsem_dash.errors import FormatError
from fibsem_dash.io import TifFolder, open_stack
from fibsem_dash.io.tif_stack_write import TifStackWriter
from tests.io.stack_cases import TYPES, VOXEL, everything, volume


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("dtype", TYPES[".tif"])
def test_tifffile_and_pillow_read_every_page(big: bool, dtype: str, tmp_path: Path) -> None:
    voxels = volume((5, 30, 41), dtype)
    path = tmp_path / "a.tif"
    voxel = (8.0, 4.0, 4.0)
    writer = TifStackWriter.create(path, (5, 30, 41), dtype, voxel, ("n",), big=big)
    for k in range(5):
        writer.write_slices(k, voxels[k : k + 1])
    writer.finish(0, 0, 0, 0)
    np.testing.assert_array_equal(tifffile.imread(path), voxels)
    with tifffile.TiffFile(path) as tif:
        assert tif.is_bigtiff is big
        assert len(tif.pages) == 5
        assert bool(tif.imagej_metadata) is not big
        if big:
            assert tif.ome_metadata
            assert 'PhysicalSizeZ="8"' in tif.ome_metadata
        else:
            assert tif.imagej_metadata["unit"] == "nm"
            assert tif.imagej_metadata["spacing"] == 8.0
    if dtype != "int16":  # Pillow reads 16 bit with sign as 32 bit, tested by tifffile above
        with Image.open(path) as image:
            assert image.n_frames == 5
            image.seek(3)
            np.testing.assert_array_equal(np.asarray(image), voxels[3])
    with open_stack(path) as stack:
        assert stack.voxel_size_nm == pytest.approx(voxel)


@pytest.mark.slow
def test_a_stack_of_more_than_four_gigabytes_is_a_bigtiff(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    shape = (5, 30000, 30000)
    writer = TifStackWriter.create(path, shape, "uint8", VOXEL)
    row = np.zeros((1, *shape[1:]), np.uint8)
    row[0, -1] = 7
    writer.write_slices(4, row)
    with open_stack(path) as stack:
        assert stack.shape == shape
        assert (stack[4][-1] == 7).all()
    with tifffile.TiffFile(path) as tif:
        assert tif.is_bigtiff


def test_a_folder_of_slices_is_a_stack_in_natural_order(tmp_path: Path) -> None:
    voxels = volume((12, 9, 8), "uint16")
    for k, image in enumerate(voxels):
        tifffile.imwrite(tmp_path / f"slice{k}.tif", image)
    (tmp_path / "notes.txt").write_text("not a slice")
    with open_stack(tmp_path) as stack:
        assert isinstance(stack, TifFolder)
        np.testing.assert_array_equal(everything(pickle.loads(pickle.dumps(stack))), voxels)
    tifffile.imwrite(tmp_path / "slice5.tif", voxels[5, :-1])
    with open_stack(tmp_path) as stack, pytest.raises(FormatError, match="differ in size"):
        everything(stack)
