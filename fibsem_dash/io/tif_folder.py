"""Stacks that lie in several files: one TIFF per slice, or stacks one after another."""

from __future__ import annotations

import bisect
import os
import re
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.errors import FormatError, ParameterError
from fibsem_dash.io.atomic import reading
from fibsem_dash.io.stack import PartLevel, Stack, slice_index
from fibsem_dash.io.tif_stack import TifStack

_SUFFIXES = (".tif", ".tiff")


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """Key that sorts slice2 before slice10."""
    parts = re.split(r"(\d+)", name)
    return [(0, int(p), p) if p.isdigit() else (1, 0, p.lower()) for p in parts]


class _Sequence:
    """What both stacks of several files share; can be pickled without opening all files again."""

    path: Path
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    voxel_size_nm: tuple[float, float, float]

    def __init__(self) -> None:
        self._closed = False

    def __len__(self) -> int:
        return self.shape[0]

    def close(self) -> None:
        """Let go of the files; may be called more than once."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _compare(self, stack: Stack, path: Path) -> None:
        if tuple(stack.shape[1:]) != tuple(self.shape[1:]) or stack.dtype != self.dtype:
            raise FormatError(
                "The images differ in size or type",
                path=path,
                expected=f"{tuple(self.shape[1:])} {self.dtype}, as in the first file",
                found=f"{tuple(stack.shape[1:])} {stack.dtype}",
                remedy="Take out what does not belong to the stack",
            )


class TifFolder(_Sequence):
    """A folder of TIFF files with one slice each, opened when a slice is asked for.

    Parameters
    ----------
    path : path-like
        The folder; files are in natural order of their names (slice2 before slice10).

    Attributes
    ----------
    shape, dtype, voxel_size_nm
        As in `Stack`; from the first file, the distance of slices is not known.

    Raises
    ------
    FormatError
        No TIFF files, or the first is a stack itself.
    AccessError
        The folder is missing or may not be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        self.path = Path(path)
        with reading(self.path):
            names = [n for n in os.listdir(self.path) if Path(n).suffix.lower() in _SUFFIXES]
        self.names = sorted((n for n in names if not n.startswith(".")), key=natural_order)
        if not self.names:
            raise FormatError(
                "The folder holds no stack",
                path=self.path,
                expected="TIFF files with one slice each, or zarr.json",
                remedy="Choose another folder",
            )
        with TifStack(self.path / self.names[0]) as first:
            self._check_single(first)
            self.shape = (len(self.names), *first.shape[1:])
            self.dtype = first.dtype
            self.voxel_size_nm = first.voxel_size_nm

    def _check_single(self, stack: TifStack) -> None:
        if len(stack) != 1:
            raise FormatError(
                "The folder holds TIFF files with several slices each",
                path=stack.path,
                found=f"{len(stack)} slices",
                remedy="Name the files one by one to join them",
            )

    def __getitem__(self, index: int) -> NDArray[Any]:
        """Image of a slice, (y, x), a contiguous copy in native byte order."""
        number = slice_index(index, len(self))
        if self._closed:
            raise ValueError("the stack is closed")
        with TifStack(self.path / self.names[number]) as stack:
            self._check_single(stack)
            self._compare(stack, stack.path)
            return stack[0]

    @property
    def part_levels(self) -> tuple[PartLevel, ...]:
        """The only level: shape, factors, and no chunk."""
        return ((self.shape, (1, 1, 1), None),)

    def read_part(self, z: slice, y: slice, x: slice, level: int = 0) -> NDArray[Any]:
        """Voxels (z, y, x) of a part; of plain files only these are read."""
        if self._closed:
            raise ValueError("the stack is closed")
        images = []
        for name in self.names[z]:
            with TifStack(self.path / name) as stack:
                self._check_single(stack)
                self._compare(stack, stack.path)
                images.append(stack.read_part(slice(0, 1), y, x)[0])
        return np.stack(images)


class JoinedStack(_Sequence):
    """Several stacks of one size and type, one after another.

    Parameters
    ----------
    paths : sequence of path-like
        Files or folders that `fibsem_dash.io.open_stack` opens, in order.

    Raises
    ------
    FormatError
        When their sizes or types differ.
    ParameterError
        When none is given.
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str]]) -> None:
        super().__init__()
        self.paths = tuple(Path(p) for p in paths)
        if not self.paths:
            raise ParameterError("No stack to join", remedy="Name at least one file")
        self.path = self.paths[0]
        counts = []
        for n, path in enumerate(self.paths):
            with _open(path) as stack:
                if n == 0:
                    self.shape, self.dtype = stack.shape, stack.dtype
                    self.voxel_size_nm = stack.voxel_size_nm
                self._compare(stack, path)
                counts.append(len(stack))
        self._ends = list(accumulate(counts))
        self.shape = (self._ends[-1], *self.shape[1:])
        self._open: tuple[int, Stack] | None = None

    def __getitem__(self, index: int) -> NDArray[Any]:
        """Image of a slice, (y, x), a contiguous copy in native byte order."""
        number = slice_index(index, len(self))
        if self._closed:
            raise ValueError("the stack is closed")
        part = bisect.bisect_right(self._ends, number)
        if self._open is None or self._open[0] != part:
            self._let_go()
            self._open = (part, _open(self.paths[part]))
        stack = self._open[1]
        first = self._ends[part] - len(stack)
        self._compare(stack, self.paths[part])
        return stack[number - first]

    def _let_go(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def close(self) -> None:
        """Close the files; may be called more than once."""
        self._let_go()
        super().close()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": None}


def _open(path: Path) -> Stack:
    # The dispatch by suffix lies above this module.
    from fibsem_dash.io import open_stack

    return open_stack(path)
