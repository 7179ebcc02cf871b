"""Stacks in all formats: what is written comes back."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fibsem_dash.errors import FibsemDashError, FormatError, ParameterError
from fibsem_dash.io import JoinedStack, open_stack
from fibsem_dash.io.describe import describe
from fibsem_dash.io.stack_files import create_stack
from tests.io.stack_cases import TYPES, VOXEL, everything, volume, write

CASES = [(suffix, dtype) for suffix, types in TYPES.items() for dtype in types]


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


def test_stacks_are_joined_in_the_order_given(tmp_path: Path) -> None:
    voxels = volume((12, 9, 8), "uint16")
    for name, part in (("b.tif", slice(0, 5)), ("a.zarr", slice(5, 6)), ("c.mrc", slice(6, 12))):
        write(tmp_path / name, voxels[part])
    with JoinedStack([tmp_path / n for n in ("b.tif", "a.zarr", "c.mrc")]) as stack:
        np.testing.assert_array_equal(everything(pickle.loads(pickle.dumps(stack))), voxels)
    write(tmp_path / "d.mrc", volume((1, 9, 8), "uint8"))
    with pytest.raises(FormatError, match="differ in size or type"):
        JoinedStack([tmp_path / "c.mrc", tmp_path / "d.mrc"])


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
