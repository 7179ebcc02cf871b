"""Pyramids: exact means, right rounding, factors that make voxels cubes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem_dash.io.pyramid import (
    bin_mean,
    cast_rounded,
    pyramid_levels,
    slab_depth,
)
from tests.io.stack_cases import volume


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
