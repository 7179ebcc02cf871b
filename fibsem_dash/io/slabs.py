"""Slices of chunked stacks, which are decoded a few at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

SLAB_BYTES = 2**29
"""Most memory that decoded slices may take."""


class SlabCache:
    """Keeps the slices that lie in the same chunks, so that each chunk is decoded once.

    Parameters
    ----------
    read : callable
        read(first, stop) gives slices (z, y, x).
    shape : (int, int, int)
        (z, y, x) of the stack.
    itemsize : int
        Bytes of a voxel.
    depth : int
        Slices per chunk.
    """

    def __init__(
        self,
        read: Callable[[int, int], NDArray[Any]],
        shape: tuple[int, int, int],
        itemsize: int,
        depth: int,
    ) -> None:
        self._read = read
        self._length = shape[0]
        fitting = SLAB_BYTES // max(shape[1] * shape[2] * itemsize, 1)
        self.depth = max(min(depth, fitting), 1)
        self._first = -1
        self._slab: NDArray[Any] | None = None

    def __getitem__(self, index: int) -> NDArray[Any]:
        first = index - index % self.depth
        if self._slab is None or first != self._first:
            # The old slab goes first, or both would be in memory.
            self._slab = None
            self._slab = self._read(first, min(first + self.depth, self._length))
            self._first = first
        return np.array(self._slab[index - first], order="C")

    def clear(self) -> None:
        """Free the memory."""
        self._slab = None
