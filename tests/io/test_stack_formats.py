"""Stacks in all formats: what is written comes back, for us and for readers of other people."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import h5py
import numpy as np
import pytest
import tensorstore
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ome_zarr_models.v05 import Image as OmeImage
from PIL import Image

from fibsem_dash.errors import FibsemDashError, FormatError, ParameterError
from fibsem_dash.io import JoinedStack, Stack, TifFolder, open_stack
from fibsem_dash.io.bdv import BdvStackWriter
from fibsem_dash.io.bdv_read import BdvStack
from fibsem_dash.io.bdv_xml import read_bdv_voxel_size, write_bdv_xml
from fibsem_dash.io.describe import describe
from fibsem_dash.io.ome_zarr import OmeZarrStackWriter
from fibsem_dash.io.ome_zarr_read import OmeZarrStack
from fibsem_dash.io.pyramid import (
    BlockWriter,
    bin_mean,
    block_starts,
    build_block,
    cast_rounded,
    pyramid_levels,
    slab_depth,
)
from fibsem_dash.io.stack_files import attach_stack, create_stack
from fibsem_dash.io.tif_stack_write import TifStackWriter

VOXEL = (8.0, 4.0, 5.0)
TYPES = {
    ".mrc": ("uint8", "int8", "uint16", "int16", "float16", "float32"),
    ".zarr": ("uint8", "int8", "uint16", "int16", "float16", "float32"),
    ".h5": ("uint8", "uint16", "int16"),
    ".tif": ("uint8", "uint16", "int16", "float32"),
}
CASES = [(suffix, dtype) for suffix, types in TYPES.items() for dtype in types]


def volume(shape: tuple[int, int, int], dtype: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return rng.normal(0, 50, shape).astype(kind)
    limits = np.iinfo(kind)
    return rng.integers(limits.min, limits.max, shape, dtype=kind, endpoint=True)


def write(path: Path, voxels: np.ndarray, voxel: Any = VOXEL, backwards: bool = False) -> None:
    shape = (voxels.shape[0], voxels.shape[1], voxels.shape[2])
    create_stack(path.suffix, path, shape, voxels.dtype, voxel, ("a name",))
    writer = attach_stack(path.suffix, path, shape, voxels.dtype, voxel)
    writer = pickle.loads(pickle.dumps(writer))
    starts = range(0, shape[0], writer.depth)
    for z in reversed(starts) if backwards else starts:
        writer.write_slices(z, voxels[z : z + writer.depth])
    if isinstance(writer, BlockWriter):
        for level in range(1, len(writer.levels)):
            for start in block_starts(writer.levels[level].shape, writer.block_shape(level)):
                build_block(writer, level, start)
    values = voxels.astype(np.float64)
    writer.finish(*(float(f(values)) for f in (np.min, np.max, np.mean, np.std)))


def everything(stack: Stack) -> np.ndarray:
    return np.stack([stack[k] for k in range(len(stack))])


def digest(path: Path) -> dict[str, str]:
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return {str(p.relative_to(path)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.mark.parametrize(("suffix", "dtype"), CASES)
def test_what_is_written_comes_back(suffix: str, dtype: str, tmp_path: Path) -> None:
    voxels = volume((37, 70, 131), dtype)
    path = tmp_path / f"a{suffix}"
    write(path, voxels)
    with open_stack(path) as stack:
        assert stack.shape == voxels.shape
        assert stack.dtype == voxels.dtype
        expected = (8.0, 5.0, 5.0) if suffix == ".tif" else VOXEL
        assert stack.voxel_size_nm == pytest.approx(expected)
        again = pickle.loads(pickle.dumps(stack))
        for reader in (stack, again):
            np.testing.assert_array_equal(everything(reader), voxels)
        np.testing.assert_array_equal(stack[-1], voxels[-1])
        with pytest.raises(IndexError):
            stack[37]
        again.close()
    with pytest.raises(ValueError, match="closed"):
        again[0]


@pytest.mark.parametrize("suffix", [".zarr", ".h5", ".tif", ".mrc"])
@given(
    shape=st.tuples(st.integers(1, 70), st.integers(1, 150), st.integers(1, 150)),
    seed=st.integers(0, 9),
)
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_shape_comes_back(
    suffix: str, shape: tuple[int, int, int], seed: int, tmp_path_factory: Any
) -> None:
    path = tmp_path_factory.mktemp("shape") / f"a{suffix}"
    voxels = volume(shape, "int16", seed)
    if suffix == ".tif" and shape[2] == 1:
        with pytest.raises(ParameterError, match="at least 2 columns"):
            write(path, voxels)
        return
    write(path, voxels)
    with open_stack(path) as stack:
        np.testing.assert_array_equal(everything(stack), voxels)


@pytest.mark.parametrize("suffix", TYPES)
def test_the_same_slices_in_any_order_give_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    voxels = volume((40, 300, 290), "int16")
    for n, backwards in enumerate((False, True)):
        write(tmp_path / f"{n}{suffix}", voxels, backwards=backwards)
    first, second = (digest(tmp_path / f"{n}{suffix}") for n in range(2))
    assert first == second
    assert first


# -- OME-Zarr ------------------------------------------------------------------------------------


@pytest.fixture
def zarr_case(tmp_path: Path) -> tuple[Path, np.ndarray]:
    voxels = volume((37, 300, 520), "int16")
    path = tmp_path / "a.zarr"
    write(path, voxels)
    return path, voxels


def read_level(path: Path, level: int) -> np.ndarray:
    store = {"driver": "file", "path": f"{path / str(level)}/"}
    return tensorstore.open({"driver": "zarr3", "kvstore": store}).result().read().result()


def test_tensorstore_reads_every_level(zarr_case: tuple[Path, np.ndarray]) -> None:
    path, voxels = zarr_case
    np.testing.assert_array_equal(read_level(path, 0), voxels)
    # Voxels are 8 x 4 x 5 nm: z stays until y and x have caught up.
    one, two = read_level(path, 1), read_level(path, 2)
    assert one.shape == (37, 150, 260)
    assert two.shape == (19, 75, 130)
    expected = voxels.reshape(37, 150, 2, 260, 2).mean((2, 4))
    np.testing.assert_array_equal(one, np.rint(expected).astype(np.int16))
    np.testing.assert_array_equal(
        two[:18, :75], np.rint(one[:36].reshape(18, 2, 75, 2, 130, 2).mean((1, 3, 5)))
    )
    np.testing.assert_array_equal(two[18], np.rint(one[36].reshape(75, 2, 130, 2).mean((1, 3))))


def test_the_metadata_follow_ome_zarr_0_5(zarr_case: tuple[Path, np.ndarray]) -> None:
    path, voxels = zarr_case
    image = OmeImage.from_zarr(zarr.open_group(path, mode="r"))
    ome = image.ome_attributes
    assert ome.version == "0.5"
    (multiscale,) = ome.multiscales
    assert [(a.name, a.type, a.unit) for a in multiscale.axes] == [
        (name, "space", "nanometer") for name in "zyx"
    ]
    scale, shift = multiscale.datasets[2].coordinateTransformations
    assert list(scale.scale) == [16.0, 16.0, 20.0]
    # The centre of a mean over n voxels lies (n - 1) / 2 voxels after that of the first.
    assert list(shift.translation) == [4.0, 6.0, 7.5]
    raw = json.loads((path / "zarr.json").read_text())["attributes"]["ome"]
    window = raw["omero"]["channels"][0]["window"]
    assert window["min"] == voxels.min()
    assert window["min"] <= window["start"] < window["end"] <= window["max"]


def test_arrays_are_sharded_and_compressed(zarr_case: tuple[Path, np.ndarray]) -> None:
    path, _ = zarr_case
    metadata = json.loads((path / "0" / "zarr.json").read_text())
    (codec,) = metadata["codecs"]
    assert codec["name"] == "sharding_indexed"
    assert codec["configuration"]["chunk_shape"] == [32, 128, 128]
    assert [c["name"] for c in codec["configuration"]["codecs"]] == ["bytes", "blosc"]
    assert metadata["dimension_names"] == ["z", "y", "x"]
    # 37 slices in slabs of 32; everything else in one shard.
    assert len([p for p in (path / "0" / "c").rglob("*") if p.is_file()]) == 2


def test_a_voxel_size_that_is_not_known_gives_no_unit(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(path, volume((3, 4, 5), "uint8"), voxel=(math.nan,) * 3)
    assert OmeImage.from_zarr(zarr.open_group(path, mode="r")).ome_attributes
    with OmeZarrStack(path) as stack:
        assert all(map(math.isnan, stack.voxel_size_nm))


def test_ome_zarr_0_4_with_single_channel_and_time_is_read(tmp_path: Path) -> None:
    voxels = volume((6, 7, 8), "uint16")
    group = zarr.create_group(tmp_path / "old.zarr", zarr_format=2)
    group.create_array("s0", data=voxels[None, None], chunks=(1, 1, 4, 4, 4))
    names = "tczyx"
    scale = [1.0, 1.0, 0.008, 0.004, 0.004]
    group.attrs["multiscales"] = [
        {
            "version": "0.4",
            "axes": [{"name": n, **({"unit": "micrometer"} if n in "zyx" else {})} for n in names],
            "datasets": [
                {"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
            ],
        }
    ]
    with open_stack(tmp_path / "old.zarr") as stack:
        np.testing.assert_array_equal(everything(stack), voxels)
        assert stack.voxel_size_nm == pytest.approx((8.0, 4.0, 4.0))


# -- BigDataViewer -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", TYPES[".h5"])
def test_h5py_finds_what_bigdataviewer_reads(dtype: str, tmp_path: Path) -> None:
    voxels = volume((37, 300, 520), dtype)
    path = tmp_path / "a.h5"
    write(path, voxels)
    with h5py.File(path, "r") as file:
        cells = file["t00000/s00/0/cells"]
        assert cells.dtype == np.dtype("<i2")
        # BigDataViewer takes the bits as numbers without sign.
        seen = cells[()].view(np.uint16).astype(int)
        np.testing.assert_array_equal(seen, voxels.astype(int) + 32768 * (dtype == "int16"))
        np.testing.assert_array_equal(
            file["s00/resolutions"][()], [[1, 1, 1], [2, 2, 1], [4, 4, 2]]
        )
        divisions = file["s00/subdivisions"][()]
        for level, chunk in enumerate(divisions):
            data = file[f"t00000/s00/{level}/cells"]
            assert data.chunks == tuple(chunk[::-1])
        one = file["t00000/s00/1/cells"][()].view(np.uint16).astype(int)
        mean = np.rint(voxels.reshape(37, 150, 2, 260, 2).mean((2, 4)))
        np.testing.assert_array_equal(one, mean + 32768 * (dtype == "int16"))


def test_the_xml_names_file_size_and_calibration(tmp_path: Path) -> None:
    write_bdv_xml(tmp_path / "a b.xml", (3, 4, 5), VOXEL)
    root = ElementTree.parse(tmp_path / "a b.xml").getroot()
    sequence = root.find("SequenceDescription")
    assert sequence is not None
    loader = sequence.find("ImageLoader")
    assert loader is not None
    assert loader.get("format") == "bdv.hdf5"
    assert loader.findtext("hdf5") == "a b.h5"
    assert sequence.findtext("ViewSetups/ViewSetup/size") == "5 4 3"
    assert sequence.findtext("ViewSetups/ViewSetup/voxelSize/unit") == "nm"
    assert sequence.findtext("ViewSetups/ViewSetup/voxelSize/size") == "5 4 8"
    affine = root.findtext("ViewRegistrations/ViewRegistration/ViewTransform/affine")
    assert affine is not None
    matrix = np.array(affine.split(), float).reshape(3, 4)
    np.testing.assert_array_equal(matrix, np.c_[np.diag([5, 4, 8]), np.zeros(3)])
    assert read_bdv_voxel_size(tmp_path / "a b.xml") == VOXEL


def test_a_foreign_bdv_file_is_read_with_the_voxel_size_of_its_xml(tmp_path: Path) -> None:
    voxels = volume((6, 7, 8), "uint16")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset(
            "t00000/s00/0/cells", data=voxels.view(np.int16), chunks=(2, 4, 4), compression="gzip"
        )
    write_bdv_xml(tmp_path / "a.xml", voxels.shape, VOXEL)
    with open_stack(tmp_path / "a.h5") as stack:
        np.testing.assert_array_equal(everything(stack), voxels)
        assert stack.voxel_size_nm == VOXEL


def test_bigdataviewer_is_not_given_floats(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="cannot hold this type") as caught:
        BdvStackWriter.create(tmp_path / "a.h5", (3, 4, 5), "float32", VOXEL)
    assert "zarr" in caught.value.remedy
    assert not list(tmp_path.iterdir())


# -- TIFF ----------------------------------------------------------------------------------------


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


def test_stacks_are_joined_in_the_order_given(tmp_path: Path) -> None:
    voxels = volume((12, 9, 8), "uint16")
    for name, part in (("b.tif", slice(0, 5)), ("a.zarr", slice(5, 6)), ("c.mrc", slice(6, 12))):
        write(tmp_path / name, voxels[part])
    with JoinedStack([tmp_path / n for n in ("b.tif", "a.zarr", "c.mrc")]) as stack:
        np.testing.assert_array_equal(everything(pickle.loads(pickle.dumps(stack))), voxels)
    write(tmp_path / "d.mrc", volume((1, 9, 8), "uint8"))
    with pytest.raises(FormatError, match="differ in size or type"):
        JoinedStack([tmp_path / "c.mrc", tmp_path / "d.mrc"])


# -- pyramids ------------------------------------------------------------------------------------


@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    factors=st.tuples(*[st.integers(1, 4)] * 3),
    dtype=st.sampled_from(["uint8", "int8", "int16", "uint16", "int32", "float32"]),
)
def test_means_are_exact(
    shape: tuple[int, int, int], factors: tuple[int, int, int], dtype: str
) -> None:
    voxels = volume(shape, dtype)
    found = bin_mean(voxels, factors)
    for place in np.ndindex(*found.shape):
        block = tuple(slice(k * f, (k + 1) * f) for k, f in zip(place, factors, strict=True))
        part = voxels[block].astype(np.float64)
        assert found[place] == pytest.approx(part.sum() / part.size, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([0.5, 1.5, -0.5, -1.5, 254.6, 300, -3], "uint8", [0, 2, 0, 0, 255, 255, 0]),
        ([40000.0, -40000.0], "int16", [32767, -32768]),
        ([1e20, np.nan], "uint16", [65535, 0]),
    ],
)
def test_rounding_is_to_the_nearest_and_nothing_wraps(
    values: list[float], dtype: str, expected: list[int]
) -> None:
    assert cast_rounded(np.array(values), np.dtype(dtype)).tolist() == expected


def test_whole_numbers_do_not_wrap_either() -> None:
    wide = np.array([-5, 70000, 9], np.int32)
    assert cast_rounded(wide, np.dtype("uint16")).tolist() == [0, 65535, 9]
    assert cast_rounded(np.array([-5, 9], np.int16), np.dtype("uint8")).tolist() == [0, 9]


@pytest.mark.parametrize(
    ("voxel", "factors"),
    [
        ((8, 8, 8), [(1, 1, 1), (2, 2, 2), (4, 4, 4)]),
        ((8, 4, 4), [(1, 1, 1), (1, 2, 2), (2, 4, 4)]),
        ((20, 4, 4), [(1, 1, 1), (1, 2, 2), (1, 4, 4)]),
        ((4, 8, 8), [(1, 1, 1), (2, 1, 1), (4, 2, 2), (8, 4, 4)]),
        ((math.nan, 8, 8), [(1, 1, 1), (2, 2, 2), (4, 4, 4)]),
    ],
)
def test_thick_slices_are_not_averaged_before_voxels_are_cubes(
    voxel: tuple[float, float, float], factors: list[tuple[int, int, int]]
) -> None:
    assert [level.factors for level in pyramid_levels((200, 1000, 900), voxel)] == factors


@given(st.tuples(*[st.integers(1, 10**6)] * 3), st.tuples(*[st.floats(0.1, 1000)] * 3))
def test_every_pyramid_ends(shape: tuple[int, int, int], voxel: tuple[float, float, float]) -> None:
    levels = pyramid_levels(shape, voxel)
    assert max(levels[-1].shape) <= 256
    assert len(levels) < 40


def test_slabs_of_large_slices_stay_within_the_memory() -> None:
    assert slab_depth((10000, 1000, 1000), 2, 32) == 32
    assert slab_depth((10000, 5000, 5000), 2, 32) == 8
    assert slab_depth((3, 10, 10), 2, 32) == 4


# -- damaged and foreign files -------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".zarr", ".h5", ".tif"])
def test_slices_that_do_not_fit_are_refused(suffix: str, tmp_path: Path) -> None:
    writer = create_stack(suffix, tmp_path / "a", (40, 8, 9), np.dtype("int16"), VOXEL)
    for first, images in (
        (0, np.zeros((writer.depth, 9, 8), np.int16)),
        (0, np.zeros((writer.depth, 8, 9), np.uint16)),
        (40, np.zeros((writer.depth, 8, 9), np.int16)),
        (-1, np.zeros((1, 8, 9), np.int16)),
    ):
        with pytest.raises(ParameterError, match="do not belong"):
            writer.write_slices(first, images)


def read_all(path: Path) -> np.ndarray:
    with open_stack(path) as stack:
        return everything(stack)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.99])
def test_a_cut_hdf5_file_is_reported(share: float, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write(path, volume((20, 140, 150), "int16"))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FormatError):
        read_all(path)


@given(place=st.integers(0, 6000), value=st.integers(0, 255))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_damaged_hdf5_gives_voxels_or_our_error(
    place: int, value: int, tmp_path_factory: Any
) -> None:
    path = tmp_path_factory.mktemp("h5") / "a.h5"
    write(path, volume((3, 20, 20), "int16"))
    content = bytearray(path.read_bytes())
    content[place % len(content)] = value
    path.write_bytes(content)
    # Any other error, or a crash, fails the test.
    with contextlib.suppress(FibsemDashError):
        assert read_all(path).ndim == 3


def spoil(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


ZARR_DAMAGE: dict[str, Callable[[Path], Any]] = {
    "no group": lambda p: (p / "zarr.json").unlink(),
    "no array": lambda p: shutil.rmtree(p / "0"),
    "not json": lambda p: (p / "zarr.json").write_text("{"),
    "other json": lambda p: (p / "zarr.json").write_text("[1]"),
    "array not json": lambda p: (p / "0" / "zarr.json").write_bytes(b"\xff\x00"),
    "no multiscales": lambda p: spoil(
        p / "zarr.json", lambda d: d["attributes"]["ome"].pop("multiscales")
    ),
    "outside": lambda p: spoil(
        p / "zarr.json",
        lambda d: d["attributes"]["ome"]["multiscales"][0]["datasets"][0].update(path="../b"),
    ),
    "unknown codec": lambda p: spoil(
        p / "0" / "zarr.json", lambda d: d["codecs"].append({"name": "nonsense"})
    ),
    "huge": lambda p: spoil(p / "0" / "zarr.json", lambda d: d.update(shape=[10**9] * 3)),
    "negative": lambda p: spoil(p / "0" / "zarr.json", lambda d: d.update(shape=[-1, 5, 5])),
    "two axes": lambda p: spoil(p / "0" / "zarr.json", lambda d: d.update(shape=[10, 10])),
    "shards cut": lambda p: [
        f.write_bytes(f.read_bytes()[: f.stat().st_size // 2])
        for f in (p / "0" / "c").rglob("*")
        if f.is_file()
    ],
    "shards empty": lambda p: [
        f.write_bytes(b"") for f in (p / "0" / "c").rglob("*") if f.is_file()
    ],
}


@pytest.mark.parametrize("name", ZARR_DAMAGE)
def test_damaged_zarr_is_reported(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(path, volume((20, 140, 150), "int16"))
    ZARR_DAMAGE[name](path)
    with pytest.raises(FormatError) as caught:
        read_all(path)
    assert str(path) in str(caught.value)


def test_a_zarr_folder_without_shards_claims_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    OmeZarrStackWriter.create(path, (10**6, 20000, 20000), "uint8", VOXEL)
    with OmeZarrStack(path) as stack:
        assert stack.shape == (10**6, 20000, 20000)
        # 400 MB a slice: only one is decoded at a time.
        assert stack._slabs.depth == 1


def test_a_huge_claim_in_hdf5_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("t00000/s00/0/cells", (10, 10**6, 10**6), "i2", chunks=(1, 64, 64))
    with pytest.raises(FormatError, match="not a stack"):
        BdvStack(tmp_path / "a.h5")


@pytest.mark.parametrize(
    "content", [b"", b"no", struct.pack("<8s", b"\x89HDF\r\n\x1a\n") + b"\0" * 99]
)
def test_other_content_is_not_hdf5(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(FormatError, match="cannot be read"):
        BdvStack(tmp_path / "a.h5")


def test_hdf5_of_another_kind_says_what_is_missing(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["volume"] = np.zeros(3)
    with pytest.raises(FormatError, match=r"no BigDataViewer image.*found volume"):
        BdvStack(tmp_path / "a.h5")


@pytest.mark.parametrize("name", ["a.zarr", "a.h5", "folder"])
def test_what_is_not_there_is_said(name: str, tmp_path: Path) -> None:
    with pytest.raises(FibsemDashError):
        open_stack(tmp_path / name)


def test_info_describes_the_new_formats(tmp_path: Path) -> None:
    voxels = volume((5, 20, 30), "int16")
    for name, kind in (("a.zarr", "ome-zarr"), ("a.h5", "bdv hdf5")):
        write(tmp_path / name, voxels)
        found = describe(tmp_path / name)
        assert found["format"] == kind
        assert found["shape"] == [5, 20, 30]
        assert found["size_bytes"] > 0
        fields = {item["name"]: item["value"] for item in found["groups"][0]["fields"]}
        assert fields["Voxel size x"] == 5.0
        assert fields["Levels"] == 1
