"""What stack readers have in common."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fibsem_dash.errors import ParameterError

Triple = tuple[int, int, int]
PartLevel = tuple[Triple, Triple, Triple | None]
"""Shape, factors and chunk (z, y, x) of a level."""


@runtime_checkable
class Stack(Protocol):
    """A stack of images of one shape and type.

    Attributes
    ----------
    shape : tuple of int
        (z, y, x).
    dtype : numpy.dtype
        Native type of a pixel.
    voxel_size_nm : tuple of float
        (z, y, x) in nm, NaN where the file does not say.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    voxel_size_nm: tuple[float, float, float]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> NDArray[Any]: ...

    def close(self) -> None:
        """Close the file."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


@runtime_checkable
class PartReader(Protocol):
    """A stack that reads parts of slices without the rest of them.

    Attributes
    ----------
    part_levels : tuple of (shape, factors, chunk)
        For each level of its pyramid, level 0 first: shape (z, y, x), voxels of level 0 per voxel
        (z, y, x), and voxels (z, y, x) that are decoded together, None where there is no need to.
    """

    @property
    def part_levels(self) -> tuple[PartLevel, ...]:
        """Levels of the pyramid, the largest first."""

    def read_part(self, z: slice, y: slice, x: slice, level: int = 0) -> NDArray[Any]:
        """Voxels (z, y, x) of a part, native byte order; steps are 1 in chunked stacks."""


def triple(values: Iterable[Any]) -> Triple:
    """Three whole numbers of any kind as Python's own, for example (z, y, x)."""
    z, y, x = (int(n) for n in values)
    return z, y, x


def stack_geometry(
    shape_zyx: Sequence[int], voxel_size_nm: ArrayLike
) -> tuple[Triple, tuple[float, float, float]]:
    """Bring shape and voxel size of a stack that is to be written into one form.

    Parameters
    ----------
    shape_zyx : sequence of int
        (z, y, x).
    voxel_size_nm : float or sequence of float
        One edge, or (z, y, x), in nm; NaN where it is not known.

    Returns
    -------
    shape : (int, int, int)
        (z, y, x).
    voxel_size_nm : (float, float, float)
        (z, y, x), nm.

    Raises
    ------
    ParameterError
        Not three positive sizes.
    """
    shape = tuple(int(n) for n in shape_zyx)
    if len(shape) != 3 or min(shape) < 1:
        raise ParameterError(
            "The stack needs three positive sizes",
            expected="(z, y, x)",
            found=shape,
            remedy="Correct the shape",
        )
    z, y, x = (float(v) for v in np.broadcast_to(np.asarray(voxel_size_nm, float), 3))
    return triple(shape), (z, y, x)


def slice_index(index: int, length: int) -> int:
    """Position of a slice, counted from the end where negative.

    Raises
    ------
    IndexError
        Outside of the stack.
    TypeError
        Not a whole number.
    """
    number = operator.index(index)
    if not -length <= number < length:
        raise IndexError(f"slice {number} of a stack of {length}")
    return number % length


class StackWriter(Protocol):
    """A writer of a stack that several processes may use at once; can be pickled.

    Attributes
    ----------
    path : pathlib.Path
        Where it writes.
    shape : tuple of int
        (z, y, x).
    dtype : numpy.dtype
        Type of a pixel.
    depth : int
        Slices that are written at once, from a multiple of this number on.
    expected_bytes : int
        Space that the finished stack takes at most.
    """

    @property
    def path(self) -> Path:
        """Where it writes."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(z, y, x)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel."""

    @property
    def depth(self) -> int:
        """Slices that are written at once."""

    @property
    def expected_bytes(self) -> int:
        """Space that the finished stack takes at most."""

    def written_bytes(self) -> int:
        """Space that is taken already."""

    def write_slices(self, first: int, images: NDArray[Any]) -> None:
        """Write `depth` slices (z, y, x), or those that are left at the end."""

    def finish(self, minimum: float, maximum: float, mean: float, rms: float) -> None:
        """Note the statistics of all pixels and force everything to disk."""


def held_bytes(path: Path) -> int:
    """Space that a file takes on disk, which is less than its size while it has holes."""
    try:
        status = path.stat()
    except OSError:
        return 0
    # A file system that does not tell what it holds of a sparse file is taken at its word.
    return min(int(getattr(status, "st_blocks", 0)) * 512, status.st_size)
