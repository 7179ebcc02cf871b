"""Stacks as arrays of Dask and xarray."""

from __future__ import annotations

import numpy as np
import pytest

import fibsem_dash
from fibsem_dash.errors import AccessError, FormatError
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
