"""Means over blocks of voxels, and the smaller and smaller copies that viewers browse."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.errors import ParameterError

SMALLEST_LEVEL = 256
"""A pyramid ends with the level whose longest edge is at most this, voxels."""

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Level:
    """One level of a pyramid.

    Attributes
    ----------
    shape : (int, int, int)
        (z, y, x), voxels.
    factors : (int, int, int)
        Voxels of level 0 per voxel of this one, (z, y, x).
    """

    shape: Triple
    factors: Triple


def pyramid_levels(
    shape: Triple,
    voxel_size_nm: tuple[float, float, float],
    smallest: int = SMALLEST_LEVEL,
) -> tuple[Level, ...]:
    """Plan the levels of a pyramid: each halves the axes whose voxels are not the longest yet.

    An axis is halved only while its voxels are less than twice as long as the shortest, so thick
    slices stay as they are until the voxels have become about as wide.

    Parameters
    ----------
    shape : (int, int, int)
        (z, y, x) of level 0.
    voxel_size_nm : (float, float, float)
        (z, y, x), nm; cubes are assumed where one is not known.
    smallest : int, default 256
        Longest edge of the last level, at most.

    Returns
    -------
    tuple of Level
        Level 0 first. A border that does not fill a voxel is kept as a smaller one's mean.
    """
    voxel = np.array(voxel_size_nm, dtype=float)
    if not np.isfinite(voxel).all() or (voxel <= 0).any():
        voxel = np.ones(3)
    levels = [Level(shape, (1, 1, 1))]
    while max(levels[-1].shape) > smallest:
        last = levels[-1]
        edges = voxel * last.factors
        # An axis that cannot shrink any more must not hold the others up.
        open_axes = [n for n in range(3) if last.shape[n] > 1]
        shortest = min(edges[n] for n in open_axes)
        steps = [2 if n in open_axes and edges[n] < 2 * shortest else 1 for n in range(3)]
        z, y, x = (f * s for f, s in zip(last.factors, steps, strict=True))
        a, b, c = (-(-n // f) for n, f in zip(shape, (z, y, x), strict=True))
        levels.append(Level((a, b, c), (z, y, x)))
    return tuple(levels)


def bin_mean(block: NDArray[Any], factors: Triple) -> NDArray[Any]:
    """Average blocks of voxels.

    Parameters
    ----------
    block : array (z, y, x)
        Real numbers of any type.
    factors : (int, int, int)
        Voxels per mean along (z, y, x).

    Returns
    -------
    array (ceil(z / fz), ceil(y / fy), ceil(x / fx)), float64
        Means, not rounded; at the far borders over the voxels that are there.
    """
    whole = block.dtype.kind in "iu" and block.dtype.itemsize <= 2
    # 2^31 / 2^16 voxels of 16 bit can be summed in 32 bit, which is faster than doubles.
    small = whole and math.prod(factors) < 2**15
    kind = np.dtype(np.int32 if small else np.float64)
    sums = block
    for axis, factor in enumerate(factors):
        sums = _sum_axis(sums, axis, factor, kind)
    if not any(n % f for n, f in zip(block.shape, factors, strict=True)):
        return np.asarray(sums / float(math.prod(factors)))
    counts = [_counts(n, f) for n, f in zip(block.shape, factors, strict=True)]
    # One product of doubles: the mean of whole numbers is rounded once.
    return np.asarray(sums / (counts[0][:, None, None] * (counts[1][:, None] * counts[2])))


def _sum_axis(values: NDArray[Any], axis: int, factor: int, kind: np.dtype[Any]) -> NDArray[Any]:
    if factor == 1:
        return values
    n = values.shape[axis]

    def part(start: int, step: int, stop: int | None = None) -> tuple[slice, ...]:
        index = [slice(None)] * values.ndim
        index[axis] = slice(start, stop, step)
        return tuple(index)

    total = values[part(0, factor)].astype(kind)
    for k in range(1, min(factor, n)):
        piece = values[part(k, factor)]
        total[part(0, 1, piece.shape[axis])] += piece
    return total


def _counts(n: int, factor: int) -> NDArray[np.float64]:
    counts = np.full(-(-n // factor), float(factor))
    if n % factor:
        counts[-1] = n % factor
    return counts


def cast_rounded(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Convert to a type: rounded to the nearest whole number (half to even), never wrapped.

    Parameters
    ----------
    values : array
        Real numbers.
    dtype : numpy.dtype
        Wanted type. Values outside its range become its lowest or highest.
    """
    if dtype.kind not in "iu":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    if values.dtype.kind not in "iu":
        values = np.rint(values)
    if np.can_cast(values.dtype, dtype):
        return values.astype(dtype)
    low, high = limits.min, limits.max
    if values.dtype.kind in "iu":
        own = np.iinfo(values.dtype)
        low, high = max(low, own.min), min(high, own.max)
    return np.asarray(np.clip(np.nan_to_num(values, nan=0.0), low, high).astype(dtype))


@runtime_checkable
class BlockWriter(Protocol):
    """A writer of a pyramid in blocks that different processes may write at once.

    Attributes
    ----------
    dtype : numpy.dtype
        Type of a voxel.
    levels : tuple of Level
        Level 0 first.
    """

    @property
    def path(self) -> Path:
        """Where the stack is written."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel."""

    @property
    def levels(self) -> tuple[Level, ...]:
        """Levels of the pyramid."""

    def block_shape(self, level: int) -> Triple:
        """Shape (z, y, x) of the blocks that can be written on their own."""

    def read_block(self, level: int, start: Triple, stop: Triple) -> NDArray[Any]:
        """Read voxels that were written."""

    def write_block(self, level: int, start: Triple, block: NDArray[Any]) -> None:
        """Write one block; `start` is a multiple of the block's shape."""


def block_starts(shape: Triple, block: Triple) -> Iterator[Triple]:
    """Yield the first corners of all blocks of a volume, (z, y, x)."""
    z, y, x = (range(0, n, step) for n, step in zip(shape, block, strict=True))
    yield from itertools.product(z, y, x)


def build_block(writer: BlockWriter, level: int, start: Triple) -> None:
    """Make one block of a level from the level before it, which must be complete.

    Parameters
    ----------
    writer : BlockWriter
        What is written and read.
    level : int
        1 or more.
    start : (int, int, int)
        First corner (z, y, x) of the block.
    """
    target, source = writer.levels[level], writer.levels[level - 1]
    stop = _stop(start, writer.block_shape(level), target.shape)
    steps = _divide(target.factors, source.factors)
    result = np.empty(_subtract(stop, start), writer.dtype)
    # Layer after layer of source blocks: the sums need several times the memory of the voxels.
    depth = max(writer.block_shape(level - 1)[0] // steps[0], 1)
    for z in range(start[0], stop[0], depth):
        last = min(z + depth, stop[0])
        first = (z * steps[0], start[1] * steps[1], start[2] * steps[2])
        end = _stop(
            (0, 0, 0), (last * steps[0], stop[1] * steps[1], stop[2] * steps[2]), source.shape
        )
        voxels = writer.read_block(level - 1, first, end)
        means = bin_mean(voxels, steps)
        result[z - start[0] : last - start[0]] = cast_rounded(means, writer.dtype)
    writer.write_block(level, start, result)


def _stop(start: Triple, size: Triple, limit: Triple) -> Triple:
    z, y, x = (min(a + b, n) for a, b, n in zip(start, size, limit, strict=True))
    return z, y, x


def _subtract(a: Triple, b: Triple) -> Triple:
    z, y, x = (p - q for p, q in zip(a, b, strict=True))
    return z, y, x


def _divide(a: Triple, b: Triple) -> Triple:
    z, y, x = (p // q for p, q in zip(a, b, strict=True))
    return z, y, x


def slab_depth(shape: Triple, itemsize: int, deepest: int, budget: int = 2**29) -> int:
    """Return how many slices to hold and write at once: a power of two.

    Parameters
    ----------
    shape : (int, int, int)
        (z, y, x) of the stack.
    itemsize : int
        Bytes of a voxel.
    deepest : int
        Upper limit, a power of two.
    budget : int, default 2**29
        Bytes that the slices should need at most; 8 slices are taken even where they need more,
        because thinner blocks would make a million small files.
    """
    depth = deepest
    while depth > 8 and depth * shape[1] * shape[2] * itemsize > budget:
        depth //= 2
    while depth > 1 and depth // 2 >= shape[0]:
        depth //= 2
    return depth


def check_slices(
    images: NDArray[Any],
    first: int,
    shape: Sequence[int],
    dtype: np.dtype[Any],
    depth: int,
    path: Path,
) -> None:
    """Raise ``ParameterError`` unless slices are one whole slab of the stack."""
    last = min(first + depth, shape[0])
    fits = 0 <= first < shape[0] and first % depth == 0
    wanted = (last - first, *shape[1:])
    if not fits or images.shape != wanted or images.dtype.newbyteorder("=") != dtype:
        raise ParameterError(
            "These slices do not belong into the stack",
            path=path,
            expected=f"{depth} slices of {tuple(shape[1:])}, {dtype}",
            found=f"slices from {first}, {images.shape}, {images.dtype}",
            remedy="Convert the images first",
        )
