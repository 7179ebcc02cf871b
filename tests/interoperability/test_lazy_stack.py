"""Stacks as arrays of Dask and xarray."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tifffile

import fibsem_dash
from fibsem_dash.errors import AccessError, FormatError
from fibsem_dash.io import open_stack as open_file
from fibsem_dash.io.mrc import MrcStackWriter
from fibsem_dash.registration.stack_conversion import convert_stack


@pytest.fixture
def voxels():
    return np.random.default_rng(0).integers(-900, 900, (11, 20, 30)).astype(np.int16)


@pytest.fixture
def mrc(tmp_path, voxels):
    path = tmp_path / "stack.mrc"
    writer = MrcStackWriter.create(path, voxels.shape, voxels.dtype, (8.0, 4.0, 4.0))
    writer.write_slices(0, voxels)
    writer.finish(-900, 900, 0, 1)
    return path


@pytest.mark.parametrize("suffix", ["mrc", "zarr", "h5", "tif"])
def test_all_formats_give_the_same_array(mrc, voxels, suffix, tmp_path):
    path = mrc
    if suffix != "mrc":
        path = tmp_path / f"copy.{suffix}"
        convert_stack([mrc], path)
    stack = fibsem_dash.open_stack(path)
    assert (stack.shape, stack.dtype) == (voxels.shape, voxels.dtype)
    assert stack.voxel_size_nm == pytest.approx((8.0, 4.0, 4.0))
    lazy = stack.to_dask(depth=3)
    assert lazy.chunks[0] == (3, 3, 3, 2)
    assert np.array_equal(lazy.compute(scheduler="synchronous"), voxels)
    assert np.array_equal(stack[4:6].compute(), voxels[4:6])
    assert np.array_equal(np.asarray(stack), voxels)
    assert "11 × 20 × 30" in stack._repr_html_()


@pytest.mark.parametrize("suffix", ["mrc", "zarr", "h5", "tif"])
def test_a_pyramid_has_the_levels_of_the_file(mrc, voxels, suffix, tmp_path):
    path = mrc
    if suffix != "mrc":
        path = tmp_path / f"copy.{suffix}"
        convert_stack([mrc], path)
    levels = fibsem_dash.open_stack(path).to_pyramid()
    assert np.array_equal(levels[0].compute(), voxels)
    with open_file(path) as stack:
        shapes = [shape for shape, _, _ in stack.part_levels]
        assert [level.shape for level in levels] == shapes
        for number, level in enumerate(levels):
            part = stack.read_part(*(slice(0, n) for n in shapes[number]), number)
            assert np.array_equal(level.compute(), part)


def test_blocks_of_a_pyramid_are_those_that_are_decoded_together(tmp_path):
    voxels = np.random.default_rng(1).integers(0, 255, (5, 1100, 300)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "s.tif", voxels, photometric="minisblack")
    convert_stack([tmp_path / "s.tif"], tmp_path / "s.zarr")
    level = fibsem_dash.open_stack(tmp_path / "s.zarr").to_pyramid()[0]
    assert level.chunks == ((5,), (1024, 76), (300,))
    assert np.array_equal(level[3, 1000:1060].compute(), voxels[3, 1000:1060])


def test_a_file_that_was_written_anew_is_not_taken_from_a_cache(mrc, voxels):
    def keys():
        stack = fibsem_dash.open_stack(mrc)
        return set(stack.to_dask().__dask_keys__()[0][0]), stack.to_pyramid()[0].name

    first, again = keys(), keys()
    assert first == again
    status = mrc.stat()
    os.utime(mrc, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    later = keys()
    assert later[1] != first[1]
    assert later[0] != first[0]


def test_xarray_has_coordinates_in_nm(mrc, voxels):
    array = fibsem_dash.open_stack(mrc).to_xarray()
    assert array.dims == ("z", "y", "x")
    assert array.z.values[:3].tolist() == [0.0, 8.0, 16.0]
    assert array.x.attrs["units"] == "nm"
    part = array.sel(z=16.0, y=slice(8.0, 40.0), x=12.0)
    assert np.array_equal(part.compute(), voxels[2, 2:11, 3])


def test_what_is_no_stack_is_refused(tmp_path):
    with pytest.raises((AccessError, FormatError)):
        fibsem_dash.open_stack(tmp_path / "missing.mrc")
    with pytest.raises(AttributeError, match="no attribute"):
        _ = fibsem_dash.nothing
