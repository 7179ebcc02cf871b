"""What stack readers have in common."""

from __future__ import annotations

import operator
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray


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
