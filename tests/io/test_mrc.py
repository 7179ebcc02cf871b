"""MRC stacks, checked with mrcfile."""

from __future__ import annotations

import io
import os
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from fibsem_dash.errors import AccessError, FormatError, ParameterError
from fibsem_dash.io import open_stack
from fibsem_dash.io.mrc import MrcStack, MrcStackWriter

MODES = {"uint8": 0, "int8": 0, "int16": 1, "uint16": 6, "float32": 2, "float16": 12}


def random_stack(dtype: str) -> np.ndarray:
    rng = np.random.default_rng(8)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return rng.normal(3, 2, (4, 5, 7)).astype(kind)
    info = np.iinfo(kind)
    return rng.integers(info.min, info.max, (4, 5, 7), endpoint=True).astype(kind)


def write_stack(path: Path, pixels: np.ndarray, order: tuple[int, ...] = (2, 0, 3, 1)) -> None:
    labels = ("fibsem-dash test",)
    writer = MrcStackWriter.create(path, pixels.shape, pixels.dtype, (16, 4, 8), labels)
    for index in order:
        pickle.loads(pickle.dumps(writer)).write_slice(index, pixels[index])
    wide = pixels.astype(np.float64)
    writer.finish(wide.min(), wide.max(), wide.mean(), wide.std())


@pytest.mark.parametrize("dtype", MODES)
def test_written_stack_is_valid_and_read_by_mrcfile(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "x.mrc"
    pixels = random_stack(dtype)
    write_stack(path, pixels)
    report = io.StringIO()
    assert mrcfile.validate(path, print_file=report), report.getvalue()
    with mrcfile.open(path) as file:
        assert int(file.header.mode) == MODES[dtype]
        assert file.voxel_size.tolist() == (80, 40, 160)
        np.testing.assert_array_equal(file.data.view(dtype), pixels)
        labels = [bytes(label) for label in file.header.label]
        assert labels[0] == b"fibsem-dash test"
        if dtype != "uint8":
            assert file.header.dmin == pixels.min()
            assert file.header.dmax == pixels.max()
            assert float(file.header.dmean) == pytest.approx(pixels.astype(float).mean(), rel=1e-6)
            assert float(file.header.rms) == pytest.approx(pixels.astype(float).std(), rel=1e-6)


@pytest.mark.parametrize("dtype", MODES)
def test_written_stack_reads_back(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "x.MRC"
    pixels = random_stack(dtype)
    write_stack(path, pixels)
    with open_stack(path) as stack:
        assert isinstance(stack, MrcStack)
        assert stack.dtype == dtype
        assert stack.shape == pixels.shape
        assert stack.voxel_size_nm == pytest.approx((16, 4, 8))
        np.testing.assert_array_equal(stack[-1], pixels[-1])
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(stack)).array, pixels)
        assert stack.statistics is not None
        assert stack.statistics.maximum == pixels.max()
        assert stack.statistics.rms == pytest.approx(pixels.astype(float).std(), rel=1e-6)
        assert not stack.array.flags.writeable
        with pytest.raises(IndexError):
            stack[len(pixels)]
        with pytest.raises(TypeError):
            stack["0"]  # type: ignore[index]


def test_statistics_of_dark_bytes_stand_in_the_header(tmp_path: Path) -> None:
    pixels = random_stack("uint8") // 4
    write_stack(tmp_path / "x.mrc", pixels)
    assert mrcfile.validate(tmp_path / "x.mrc", print_file=io.StringIO())
    with mrcfile.open(tmp_path / "x.mrc") as file:
        assert (file.header.dmin, file.header.dmax) == (pixels.min(), pixels.max())


def test_bytes_depend_neither_on_order_nor_on_time(tmp_path: Path) -> None:
    pixels = random_stack("uint8")
    write_stack(tmp_path / "a.mrc", pixels)
    write_stack(tmp_path / "b.mrc", pixels, (0, 1, 2, 3))
    assert (tmp_path / "a.mrc").read_bytes() == (tmp_path / "b.mrc").read_bytes()


def test_finishing_twice_changes_nothing(tmp_path: Path) -> None:
    write_stack(tmp_path / "a.mrc", random_stack("uint8"))
    before = (tmp_path / "a.mrc").read_bytes()
    stack = MrcStack(tmp_path / "a.mrc")
    again = MrcStackWriter.attach(tmp_path / "a.mrc")
    assert stack.statistics is not None
    again.finish(**vars(stack.statistics))
    assert (tmp_path / "a.mrc").read_bytes() == before


def test_unfinished_stack_has_full_size_and_no_statistics(tmp_path: Path) -> None:
    path = tmp_path / "x.mrc"
    writer = MrcStackWriter.create(path, (3, 4, 5), np.int16, 8.0)
    assert path.stat().st_size == 1024 + 3 * 4 * 5 * 2
    assert mrcfile.validate(path, print_file=io.StringIO())
    writer.write_slice(1, np.ones((4, 5), np.int16))
    stack = MrcStack(path)
    assert stack.statistics is None
    assert stack.array.sum(axis=(1, 2)).tolist() == [0, 20, 0]


def write_one(writer: MrcStackWriter, index: int) -> None:
    writer.write_slice(index, np.full((40, 50), index, np.uint16))


def test_several_processes_write_one_stack(tmp_path: Path) -> None:
    writer = MrcStackWriter.create(tmp_path / "x.mrc", (12, 40, 50), np.uint16, 8.0)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(write_one, [writer] * 12, range(12)))
    assert MrcStack(tmp_path / "x.mrc").array[:, 3, 4].tolist() == list(range(12))


@pytest.mark.parametrize(
    ("unsigned", "expected"), [(None, "int8"), (True, "uint8"), (False, "int8")]
)
def test_bytes_without_the_imod_stamp_are_signed_unless_forced(
    tmp_path: Path, unsigned: bool | None, expected: str
) -> None:
    with mrcfile.new(tmp_path / "x.mrc") as file:
        file.set_data(np.full((2, 3, 4), -1, np.int8))
    stack = MrcStack(tmp_path / "x.mrc", unsigned)
    assert stack.dtype == expected
    assert int(stack[0][0, 0]) == (255 if expected == "uint8" else -1)
    assert pickle.loads(pickle.dumps(stack)).dtype == expected


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32", "complex64", "uint16", "float16"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_stack_of_mrcfile_is_read(tmp_path: Path, dtype: str, order: str) -> None:
    pixels = (np.arange(24).reshape(2, 3, 4) - 5 * (dtype[0] != "u")).astype(dtype)
    with mrcfile.new(tmp_path / "x.mrc") as file:
        file.set_data(pixels.astype(np.dtype(dtype).newbyteorder(order)))
        file.voxel_size = (40, 40, 80)
    stack = MrcStack(tmp_path / "x.mrc")
    np.testing.assert_array_equal(stack[1], pixels[1])
    assert stack[1].dtype.isnative
    assert stack.voxel_size_nm == pytest.approx((8, 4, 4))


def test_extended_header_and_single_image_are_read(tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "x.mrc") as file:
        file.set_data(np.arange(12, dtype=np.int16).reshape(3, 4))
        file.set_extended_header(np.zeros(160, "V1"))
    stack = MrcStack(tmp_path / "x.mrc")
    assert stack.shape == (1, 3, 4)
    assert stack[0][2, 3] == 11
    assert np.isnan(stack.voxel_size_nm).all()


@pytest.mark.parametrize("keep", [0, 100, 1023, 1024, 1100])
def test_cut_off_stack_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "x.mrc"
    write_stack(path, random_stack("int16"))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FormatError) as caught:
        MrcStack(path)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("offset", "content", "match"),
    [
        (208, b"XXX ", "not an MRC file"),
        (212, bytes(4), "byte order"),
        (12, b"\x65\0\0\0", "mode"),
        (12, b"\x03\0\0\0", "mode"),
        (0, bytes(4), "make no sense"),
        (8, b"\xff\xff\xff\xff", "make no sense"),
        (92, b"\xff\xff\xff\xff", "make no sense"),
        (0, b"\xff\xff\xff\x7f" * 3, "ends before"),
    ],
)
def test_degenerate_header_is_refused(
    tmp_path: Path, offset: int, content: bytes, match: str
) -> None:
    path = tmp_path / "x.mrc"
    write_stack(path, random_stack("int16"))
    data = bytearray(path.read_bytes())
    data[offset : offset + len(content)] = content
    path.write_bytes(data)
    with pytest.raises(FormatError, match=match):
        MrcStack(path)


def test_missing_stack_is_an_access_error(tmp_path: Path) -> None:
    with pytest.raises(AccessError):
        MrcStack(tmp_path / "none.mrc")
    with pytest.raises(AccessError):
        MrcStackWriter.create(tmp_path / "none" / "x.mrc", (1, 2, 3), np.uint8, 8)


@pytest.mark.parametrize(
    ("index", "image"),
    [
        (0, np.zeros((5, 4), np.int16)),
        (0, np.zeros((4, 5), np.uint16)),
        (3, np.zeros((4, 5), np.int16)),
        (-1, np.zeros((4, 5), np.int16)),
    ],
)
def test_slice_that_does_not_belong_is_refused(
    tmp_path: Path, index: int, image: np.ndarray
) -> None:
    writer = MrcStackWriter.create(tmp_path / "x.mrc", (3, 4, 5), np.int16, 8)
    with pytest.raises(ParameterError, match="does not belong"):
        writer.write_slice(index, image)


def test_slice_for_a_removed_file_is_an_access_error(tmp_path: Path) -> None:
    writer = MrcStackWriter.create(tmp_path / "x.mrc", (3, 4, 5), np.int16, 8)
    os.remove(tmp_path / "x.mrc")
    with pytest.raises(AccessError):
        writer.write_slice(0, np.zeros((4, 5), np.int16))


@pytest.mark.parametrize(
    ("shape", "dtype", "voxel", "labels"),
    [
        ((0, 4, 5), np.int16, 8, ()),
        ((4, 5), np.int16, 8, ()),
        ((3, 4, 5), np.float64, 8, ()),
        ((3, 4, 5), np.int16, 0, ()),
        ((3, 4, 5), np.int16, (8, np.nan, 8), ()),
        ((3, 4, 5), np.int16, 8, ("x" * 81,)),
        ((3, 4, 5), np.int16, 8, ("x",) * 10),
        ((3, 4, 5), np.int16, 8, ("",)),
    ],
)
def test_stack_that_mrc_cannot_hold_is_refused(
    tmp_path: Path, shape: tuple[int, ...], dtype: type, voxel: object, labels: tuple[str, ...]
) -> None:
    with pytest.raises(ParameterError):
        MrcStackWriter.create(tmp_path / "x.mrc", shape, dtype, voxel, labels)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_closed_stack_says_so(tmp_path: Path) -> None:
    write_stack(tmp_path / "x.mrc", random_stack("int16"))
    stack = MrcStack(tmp_path / "x.mrc")
    stack.close()
    stack.close()
    with pytest.raises(ValueError, match="closed"):
        stack[0]
