from __future__ import annotations

import numpy as np
import pytest
import tifffile

from fibsem_dash.errors import ParameterError, RunError
from fibsem_dash.io import open_stack
from fibsem_dash.io import planes as planes_module
from fibsem_dash.io.mrc import MrcStackWriter
from fibsem_dash.io.planes import PlaneReader, plane_shape, read_plane
from fibsem_dash.io.pyramid import bin_mean, cast_rounded
from fibsem_dash.registration.stack_conversion import convert_stack

SHAPE = (21, 300, 270)
FORMATS = ("stack.mrc", "plain.tif", "packed.tif", "slices", "stack.zarr", "stack.h5")
CUT = {"z": lambda a, k: a[k], "y": lambda a, k: a[:, k], "x": lambda a, k: a[:, :, k].T}
INDEX = {"z": 13, "y": 201, "x": 77}


@pytest.fixture(scope="module")
def volume():
    return np.random.default_rng(1).integers(-900, 900, SHAPE).astype(np.int16)


@pytest.fixture(scope="module")
def stacks(tmp_path_factory, volume):
    """The same voxels in every format."""
    folder = tmp_path_factory.mktemp("planes")
    writer = MrcStackWriter.create(folder / "stack.mrc", SHAPE, np.int16, (8.0, 4.0, 4.0))
    for k, image in enumerate(volume):
        writer.write_slice(k, image)
    writer.finish(float(volume.min()), float(volume.max()), float(volume.mean()), 1.0)
    tifffile.imwrite(folder / "plain.tif", volume, photometric="minisblack")
    tifffile.imwrite(folder / "packed.tif", volume, photometric="minisblack", compression="zlib")
    for name in ("slices", "stack.zarr", "stack.h5"):
        convert_stack([folder / "stack.mrc"], folder / name)
    return folder


@pytest.mark.parametrize("axis", "zyx")
@pytest.mark.parametrize("name", FORMATS)
def test_a_plane_is_the_slice_of_the_whole_array(stacks, volume, name, axis):
    expected = CUT[axis](volume, INDEX[axis])
    with open_stack(stacks / name) as stack:
        plane = read_plane(stack, axis, INDEX[axis])
        assert np.array_equal(plane.image, expected)
        assert plane.image.dtype == volume.dtype
        assert plane.image.flags.c_contiguous
        assert plane.region == (0, expected.shape[0], 0, expected.shape[1])
        assert plane_shape(stack.shape, axis) == expected.shape
        assert not plane.draft
        assert plane.thickness == 1


@pytest.mark.parametrize("axis", "zyx")
@pytest.mark.parametrize("name", FORMATS)
def test_a_region_is_a_part_of_the_plane_and_is_clipped(stacks, volume, name, axis):
    expected = CUT[axis](volume, INDEX[axis])
    rows, columns = expected.shape
    with open_stack(stacks / name) as stack:
        plane = read_plane(stack, axis, INDEX[axis], (3, rows + 50, -7, columns - 4))
    assert np.array_equal(plane.image, expected[3:, : columns - 4])
    assert plane.region == (3, rows, 0, columns - 4)


@pytest.mark.parametrize("axis", "zyx")
@pytest.mark.parametrize("name", FORMATS)
def test_a_reduced_plane_is_the_rounded_mean_of_blocks(stacks, volume, name, axis):
    expected = CUT[axis](volume, INDEX[axis])
    with open_stack(stacks / name) as stack:
        plane = read_plane(stack, axis, INDEX[axis], max_pixels=100)
    means = bin_mean(expected[None], (1, *plane.step))[0]
    assert plane.averaged
    assert max(plane.image.shape) <= 100
    assert np.array_equal(plane.image, cast_rounded(means, volume.dtype))
    assert plane.region == (0, expected.shape[0], 0, expected.shape[1])


@pytest.mark.parametrize("axis", "zyx")
@pytest.mark.parametrize("name", FORMATS)
def test_bands_do_not_change_the_result(stacks, volume, name, axis, monkeypatch):
    monkeypatch.setattr(planes_module, "BAND_BYTES", 4096)
    with open_stack(stacks / name) as stack:
        small = read_plane(stack, axis, INDEX[axis], (5, 21, 3, 20), max_pixels=7)
        monkeypatch.undo()
        whole = read_plane(stack, axis, INDEX[axis], (5, 21, 3, 20), max_pixels=7)
    assert np.array_equal(small.image, whole.image)


@pytest.mark.parametrize("axis", "zyx")
@pytest.mark.parametrize("name", ["stack.mrc", "plain.tif", "packed.tif", "slices"])
def test_a_draft_is_every_nth_voxel(stacks, volume, name, axis):
    expected = CUT[axis](volume, INDEX[axis])
    with open_stack(stacks / name) as stack:
        plane = read_plane(stack, axis, INDEX[axis], max_pixels=64, draft=True)
    step_r, step_c = plane.step
    assert plane.draft
    assert np.array_equal(plane.image, expected[::step_r, ::step_c])
    assert plane.region[1] == plane.image.shape[0] * step_r >= expected.shape[0]


@pytest.mark.parametrize("axis", "zyx")
@pytest.mark.parametrize("name", ["stack.zarr", "stack.h5"])
def test_overviews_of_a_pyramid_show_the_same_place(tmp_path, name, axis, monkeypatch):
    z, y, x = np.mgrid[:40, :600, :560]
    smooth = (z * 100 + y * 10 + x * 5).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", smooth, photometric="minisblack")
    convert_stack([tmp_path / "a.tif"], tmp_path / name, voxel_size_nm=(4.0, 4.0, 4.0))
    # Nothing but the pyramid may be decoded.
    monkeypatch.setattr(planes_module, "DECODED_VOXELS", 1)
    with open_stack(tmp_path / name) as stack:
        assert len(stack.part_levels) > 1
        plane = read_plane(stack, axis, 20)
    fz, fy, fx = plane.factors
    assert fy > 1
    assert plane.thickness == plane.factors["zyx".index(axis)]
    block = bin_mean(smooth, (fz, fy, fx))
    expected = CUT[axis](block, 20 // plane.thickness)
    # Levels are made from one another, each rounded.
    assert np.abs(plane.image - expected).max() <= 2
    rows, columns = plane_shape(smooth.shape, axis)
    assert plane.region == (0, rows, 0, columns)


def test_physical_edges_put_the_centre_of_voxel_0_at_0(stacks):
    with open_stack(stacks / "stack.mrc") as stack:
        plane = read_plane(stack, "y", 5)
        assert plane.extent_nm(stack.voxel_size_nm) == (-2, 269.5 * 4, -4, 20.5 * 8)


@pytest.mark.parametrize(
    "arguments",
    [("q", 0), ("z", 21), ("z", -1), ("x", 0, (5, 5, 0, 9)), ("x", 0, (400, 500, 0, 9))],
)
def test_what_is_not_in_the_stack_is_told(stacks, arguments):
    with open_stack(stacks / "stack.mrc") as stack, pytest.raises(ParameterError):
        read_plane(stack, *arguments)


@pytest.mark.parametrize("name", FORMATS)
def test_reading_stops_between_bands(stacks, name, monkeypatch):
    monkeypatch.setattr(planes_module, "BAND_BYTES", 4096)
    answers = iter([False, True])
    with open_stack(stacks / name) as stack, pytest.raises(RunError):
        read_plane(stack, "z", 3, stop=lambda: next(answers))


def test_planes_are_kept_within_the_memory_that_is_given(stacks):
    reader = PlaneReader(open_stack(stacks / "stack.mrc"), cache_bytes=400_000)
    first = reader.read("z", 0)
    assert reader.read("z", 0) is first
    assert reader.read("z", 0, draft=True) is first, "a kept image is better than a draft"
    for k in range(1, 5):
        reader.read("z", k)
        assert 0 < reader.kept_bytes <= 400_000
    assert reader.read("z", 0) is not first
    reader.close()
    assert reader.kept_bytes == 0


def test_only_what_is_needed_is_read_from_a_mapped_file(stacks, monkeypatch):
    """Whole slices are asked for by no plane."""
    with open_stack(stacks / "stack.mrc") as stack:
        monkeypatch.setattr(type(stack), "__getitem__", None)
        for axis in "zyx":
            assert read_plane(stack, axis, 2).image.size
