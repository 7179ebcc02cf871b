"""Planes through a stack at the resolution of a screen: XY, XZ and YZ, of any format.

A plane is named by the axis that it is perpendicular to. Its rows and columns are (y, x) for "z",
(z, x) for "y" and (y, z) for "x", so that the three fit beside and below each other.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.errors import ParameterError, RunError
from fibsem_dash.io.pyramid import Triple, bin_mean, cast_rounded
from fibsem_dash.io.stack import PartReader, Stack

Axis = Literal["z", "y", "x"]
Region = tuple[int, int, int, int]
"""Rows and columns (r0, r1, c0, c1) of a plane in voxels, half open."""

PLANE_AXES: dict[Axis, tuple[Axis, Axis]] = {"z": ("y", "x"), "y": ("z", "x"), "x": ("y", "z")}
"""Axes along the rows and the columns of each plane."""

SCREEN_PIXELS = 1100
"""Pixels per side: about what a screen shows of a picture."""

DRAFT_PIXELS = 256
"""Pixels per side of the draft that comes before the final image."""

AVERAGED_VOXELS = 16_000_000
"""Parts up to so many voxels are averaged down; of larger ones every n-th voxel is read."""

DECODED_VOXELS = 2**28
"""Most voxels that are decoded for one plane of a chunked stack, as long as its pyramid has a
smaller level: 1 to 2 s of work."""

BAND_BYTES = 2**26
"""What is read at once; between bands the work can be stopped."""

CACHE_BYTES = 2**28
"""Planes of one stack that are kept, bytes."""


@dataclass(frozen=True, eq=False)
class Plane:
    """A part of a plane.

    Attributes
    ----------
    axis : {"z", "y", "x"}
        What it is perpendicular to.
    position : int
        Voxel along that axis.
    image : ndarray (rows, columns)
        In the type of the stack, native byte order, contiguous.
    region : (float, float, float, float)
        Rows and columns (r0, r1, c0, c1) that the image covers, voxels; voxel k reaches from k to
        k + 1.
    factors : (int, int, int)
        Voxels (z, y, x) per voxel of the pyramid's level that was read: where the first axis of the
        plane is not 1, the image is a mean over so many voxels across the plane too.
    step : (int, int)
        Voxels of that level per pixel along rows and columns.
    averaged : bool
        Whether pixels are means; otherwise every n-th voxel.
    draft : bool
        A better one will follow.
    """

    axis: Axis
    position: int
    image: NDArray[Any]
    region: tuple[float, float, float, float]
    factors: Triple
    step: tuple[int, int]
    averaged: bool
    draft: bool

    @property
    def thickness(self) -> int:
        """Voxels across the plane that each pixel is a mean of; 1 where it is the plane itself."""
        return self.factors["zyx".index(self.axis)]

    def extent_nm(
        self, voxel_size_nm: tuple[float, float, float]
    ) -> tuple[float, float, float, float]:
        """Edges (left, right, top, bottom), nm; the centre of voxel k lies at k voxel edges."""
        rows, columns = PLANE_AXES[self.axis]
        dy, dx = voxel_size_nm["zyx".index(rows)], voxel_size_nm["zyx".index(columns)]
        r0, r1, c0, c1 = (edge - 0.5 for edge in self.region)
        return c0 * dx, c1 * dx, r0 * dy, r1 * dy


def plane_shape(shape: Triple, axis: Axis) -> tuple[int, int]:
    """Rows and columns of the planes across an axis, voxels."""
    rows, columns = PLANE_AXES[axis]
    return shape["zyx".index(rows)], shape["zyx".index(columns)]


def read_plane(
    stack: Stack,
    axis: Axis,
    position: int,
    region: Region | None = None,
    max_pixels: int = SCREEN_PIXELS,
    stop: Callable[[], bool] | None = None,
    *,
    draft: bool = False,
) -> Plane:
    """Read a plane, or a part of it, at the resolution of a screen.

    Mapped stacks (MRC, plain TIFF) are read row by row or voxel by voxel, never whole slices.
    Chunked stacks (OME-Zarr, BigDataViewer) are read from level 0 where that decodes at most
    `DECODED_VOXELS`, else from the most detailed level of their pyramid that does. Compressed TIFF
    pages have to be decoded whole.

    Parameters
    ----------
    stack : Stack
        Open.
    axis : {"z", "y", "x"}
        What the plane is perpendicular to.
    position : int
        Voxel along that axis, from 0.
    region : (int, int, int, int), optional
        Rows and columns (r0, r1, c0, c1), voxels, half open, clipped to the plane; all by default.
    max_pixels : int, default 1100
        Most pixels per side.
    stop : callable, optional
        Asked between bands; the work ends when it returns true.
    draft : bool
        Read little of the file: every n-th voxel, or a small level.

    Returns
    -------
    Plane

    Raises
    ------
    ParameterError
        For an unknown axis, a position outside of the stack or a region without a voxel.
    RunError
        When it was stopped.
    FormatError, AccessError
        When the file cannot be read.
    """
    region = _check(stack, axis, position, region, max_pixels)
    levels = _levels(stack)
    level, wanted = _choose_level(levels, axis, region, max_pixels, draft)
    factors = levels[level][1]
    place = min(position // factors["zyx".index(axis)], levels[level][0]["zyx".index(axis)] - 1)
    part = _scale_region(region, factors, axis, plane_shape(levels[level][0], axis))
    steps = (
        max(1, -(-(part[1] - part[0]) // wanted)),
        max(1, -(-(part[3] - part[2]) // wanted)),
    )
    n_voxels = (part[1] - part[0]) * (part[3] - part[2])
    averaged = steps != (1, 1) and n_voxels <= AVERAGED_VOXELS and not draft
    job = _Reading(stack, level, axis, place, part, steps, averaged, levels[level][2], stop)
    image = job.read()
    row_factor, column_factor = _plane_factors(factors, axis)
    rows, columns = plane_shape(stack.shape, axis)
    r1, c1 = part[1], part[3]
    if not averaged:
        # A sample stands for its whole step, also where the last one reaches beyond the plane.
        r1, c1 = part[0] + image.shape[0] * steps[0], part[2] + image.shape[1] * steps[1]
    covered = (part[0] * row_factor, r1 * row_factor, part[2] * column_factor, c1 * column_factor)
    if averaged or steps == (1, 1):
        covered = (covered[0], min(covered[1], rows), covered[2], min(covered[3], columns))
    is_draft = draft and (level > 0 or steps != (1, 1))
    return Plane(axis, position, image, covered, factors, steps, averaged, is_draft)


def _check(
    stack: Stack, axis: Axis, position: int, region: Region | None, max_pixels: int
) -> Region:
    if axis not in PLANE_AXES:
        raise ParameterError("axis", expected="z, y or x", found=axis)
    length = stack.shape["zyx".index(axis)]
    if not 0 <= position < length:
        raise ParameterError(
            f"position along {axis}", expected=f"0 to {length - 1}", found=position
        )
    if max_pixels < 1:
        raise ParameterError("max_pixels", expected="at least 1", found=max_pixels)
    rows, columns = plane_shape(stack.shape, axis)
    r0, r1, c0, c1 = region or (0, rows, 0, columns)
    clipped = (max(r0, 0), min(r1, rows), max(c0, 0), min(c1, columns))
    if clipped[0] >= clipped[1] or clipped[2] >= clipped[3]:
        raise ParameterError(
            "region (r0, r1, c0, c1)",
            expected=f"a part of {rows} rows and {columns} columns",
            found=region,
        )
    return clipped


def _levels(stack: Stack) -> tuple[tuple[Triple, Triple, Triple | None], ...]:
    """Shape, factors and chunk of each level; no chunk where voxels can be read one by one."""
    if isinstance(stack, PartReader):
        return stack.part_levels
    return ((stack.shape, (1, 1, 1), None),)


def _choose_level(
    levels: tuple[tuple[Triple, Triple, Triple | None], ...],
    axis: Axis,
    region: Region,
    max_pixels: int,
    draft: bool,
) -> tuple[int, int]:
    wanted = min(max_pixels, DRAFT_PIXELS) if draft else max_pixels
    if len(levels) == 1:
        return 0, wanted
    for number, (shape, factors, chunk) in enumerate(levels):
        r0, r1, c0, c1 = _scale_region(region, factors, axis, plane_shape(shape, axis))
        side = max(r1 - r0, c1 - c0)
        if draft:
            if side <= 2 * wanted:
                return number, wanted
            continue
        depth = chunk["zyx".index(axis)] if chunk else 1
        if (r1 - r0) * (c1 - c0) * depth <= DECODED_VOXELS:
            return number, wanted
    return len(levels) - 1, wanted


def _plane_factors(factors: Triple, axis: Axis) -> tuple[int, int]:
    rows, columns = PLANE_AXES[axis]
    return factors["zyx".index(rows)], factors["zyx".index(columns)]


def _scale_region(region: Region, factors: Triple, axis: Axis, shape: tuple[int, int]) -> Region:
    fr, fc = _plane_factors(factors, axis)
    r0, c0 = min(region[0] // fr, shape[0] - 1), min(region[2] // fc, shape[1] - 1)
    r1, c1 = min(-(-region[1] // fr), shape[0]), min(-(-region[3] // fc), shape[1])
    return r0, max(r1, r0 + 1), c0, max(c1, c0 + 1)


@dataclass(frozen=True)
class _Reading:
    """One plane of one level, read band by band along its slow axis."""

    stack: Stack
    level: int
    axis: Axis
    place: int
    part: Region
    steps: tuple[int, int]
    averaged: bool
    chunk: Triple | None
    stop: Callable[[], bool] | None

    def read(self) -> NDArray[Any]:
        r0, r1, c0, c1 = self.part
        slow, fast = (c0, c1), (r0, r1)
        step_slow, step_fast = self.steps[1], self.steps[0]
        # z changes slowest in every format; in the plane across x it runs along the columns.
        if self.axis != "x":
            slow, fast, step_slow, step_fast = fast, slow, step_fast, step_slow
        bands = [
            self._band(start, min(start + size, slow[1]), fast, step_slow, step_fast)
            for start, size in self._starts(slow, fast, step_slow)
        ]
        image = np.concatenate(bands)
        return np.ascontiguousarray(image.T if self.axis == "x" else image)

    def _starts(
        self, slow: tuple[int, int], fast: tuple[int, int], step: int
    ) -> list[tuple[int, int]]:
        length = (fast[1] - fast[0]) * self.stack.dtype.itemsize
        unit = 1
        if self.chunk is not None:
            unit = self.chunk["zyx".index("y" if self.axis == "z" else "z")]
            length *= self.chunk["zyx".index(self.axis)]
        elif self.axis == "x":
            # Each voxel lies on another page of the file.
            length *= 4096 // self.stack.dtype.itemsize
        size = max(BAND_BYTES // max(length, 1), 1)
        size = max(size // math.lcm(unit, step), 1) * math.lcm(unit, step)
        first = slow[0]
        return [(start, size) for start in range(first, slow[1], size)]

    def _band(
        self, start: int, end: int, fast: tuple[int, int], step_slow: int, step_fast: int
    ) -> NDArray[Any]:
        if self.stop is not None and self.stop():
            raise RunError("the plane is not wanted any more")
        sampled = not self.averaged and self.chunk is None
        first = slice(start, end, step_slow if sampled else 1)
        second = slice(fast[0], fast[1], step_fast if sampled else 1)
        across = slice(self.place, self.place + 1)
        z, y, x = {"z": (across, first, second), "y": (first, across, second)}.get(
            self.axis, (first, second, across)
        )
        block = _read_part(self.stack, z, y, x, self.level)
        band = block.reshape([n for n, s in zip(block.shape, (z, y, x), strict=True)
                              if s is not across])  # fmt: skip
        if self.averaged:
            means = bin_mean(band[None], (1, step_slow, step_fast))[0]
            return cast_rounded(means, self.stack.dtype)
        return band if sampled else band[::step_slow, ::step_fast]


def _read_part(stack: Stack, z: slice, y: slice, x: slice, level: int) -> NDArray[Any]:
    if isinstance(stack, PartReader):
        return stack.read_part(z, y, x, level)
    return np.stack([stack[k][y, x] for k in range(*z.indices(len(stack)))])


class PlaneReader:
    """Reads planes of one stack and keeps the last ones; may be used from several threads.

    Parameters
    ----------
    stack : Stack
        Open.
    cache_bytes : int, default 256 MiB
        Most memory for planes that are kept.
    """

    def __init__(self, stack: Stack, cache_bytes: int = CACHE_BYTES) -> None:
        self.stack = stack
        self._limit = cache_bytes
        self._kept: OrderedDict[tuple[Any, ...], Plane] = OrderedDict()
        self._lock = threading.Lock()
        # Files of some formats are read at one place at a time.
        self._file_lock = threading.Lock()

    @property
    def kept_bytes(self) -> int:
        """Memory that the kept planes take."""
        with self._lock:
            return sum(plane.image.nbytes for plane in self._kept.values())

    def read(
        self,
        axis: Axis,
        position: int,
        region: Region | None = None,
        max_pixels: int = SCREEN_PIXELS,
        stop: Callable[[], bool] | None = None,
        *,
        draft: bool = False,
    ) -> Plane:
        """Return a plane as `read_plane` does; a draft may come back final when it is kept."""
        key = (axis, int(position), region, int(max_pixels))
        with self._lock:
            for wanted in ((*key, False), (*key, True)) if draft else ((*key, False),):
                if wanted in self._kept:
                    self._kept.move_to_end(wanted)
                    return self._kept[wanted]
        with self._file_lock:
            if stop is not None and stop():
                raise RunError("the plane is not wanted any more")
            plane = read_plane(self.stack, axis, position, region, max_pixels, stop, draft=draft)
        with self._lock:
            self._kept[(*key, plane.draft)] = plane
            used = sum(kept.image.nbytes for kept in self._kept.values())
            while used > self._limit and self._kept:
                used -= self._kept.popitem(last=False)[1].image.nbytes
        return plane

    def close(self) -> None:
        """Let go of the file and of what is kept."""
        with self._file_lock, self._lock:
            self._kept.clear()
            cast(Any, self.stack).close()
