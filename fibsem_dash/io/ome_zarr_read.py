"""OME-Zarr 0.4 and 0.5: the reader."""

from __future__ import annotations

import json
import math
import os
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.errors import AccessError, FormatError
from fibsem_dash.io.atomic import decoding
from fibsem_dash.io.ome_metadata import Description, read_description
from fibsem_dash.io.ome_zarr import open_array
from fibsem_dash.io.pyramid import Triple
from fibsem_dash.io.slabs import SlabCache
from fibsem_dash.io.stack import PartLevel, slice_index, triple

LARGEST_CHUNK_BYTES = 2**32
LARGEST_SLICE_BYTES = 2**34
MOST_CHUNKS = 2**17
"""Chunks of one slice: more of them take minutes to look for, even where there are none."""
_LARGEST_METADATA = 2**24


def zarr_errors(path: Path) -> AbstractContextManager[None]:
    """Report whatever goes wrong in reading a Zarr folder as ``FormatError`` or ``AccessError``."""
    return decoding(path, "The Zarr folder cannot be read", access=PermissionError)


class OmeZarrStack:
    """The full-size image of an OME-Zarr folder, read slab by slab. Can be pickled.

    Parameters
    ----------
    path : path-like
        The folder: OME-Zarr 0.4 or 0.5, one image of axes z, y, x, perhaps with t and c of length
        1 before them.

    Attributes
    ----------
    path : pathlib.Path
        The folder.
    shape : (int, int, int)
        (z, y, x).
    dtype : numpy.dtype
        Native type of a voxel.
    voxel_size_nm : (float, float, float)
        (z, y, x) in nm, NaN where the metadata do not say.
    levels : tuple of str
        Paths of the pyramid's levels inside the folder, the largest first.
    chunk_shape, shard_shape : tuple of int
        Of the largest level, as stored.

    Raises
    ------
    FormatError
        Not OME-Zarr, more than three axes in use, or sizes that make no sense.
    AccessError
        The folder is missing or may not be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.exists():
            raise AccessError(
                "The file or its folder does not exist", path=self.path, remedy="Check the path"
            )
        with zarr_errors(self.path):
            described = read_description(self.path, _attributes(self.path))
            self._array = open_array(self.path / described.levels[0], "r")
            self._check(described)
        self.levels = described.levels
        self.version = described.version
        self.voxel_size_nm = described.voxel_size_nm
        self._extra = len(self._array.shape) - 3
        self.shape: Triple = triple(self._array.shape[-3:])
        self.dtype: np.dtype[Any] = np.dtype(self._array.dtype).newbyteorder("=")
        self.chunk_shape = tuple(int(n) for n in self._array.chunks)
        self.shard_shape = tuple(int(n) for n in self._array.shards or self._array.chunks)
        depth = self.chunk_shape[-3]
        self._slabs = SlabCache(self._read, self.shape, self.dtype.itemsize, depth)
        self._closed = False

    def _check(self, described: Description) -> None:
        shape, dtype, chunks = self._array.shape, self._array.dtype, self._array.chunks
        stored = *chunks, *(self._array.shards or ())
        problem = ""
        if len(shape) != len(described.axes) or len(shape) < 3:
            problem = f"shape {shape} with axes {', '.join(described.axes)}"
        elif any(n != 1 for n in shape[:-3]) or described.axes[-3:] != ("z", "y", "x"):
            problem = f"axes {', '.join(described.axes)} of {shape}"
        elif min(*shape, *stored) < 1 or np.dtype(dtype).kind not in "iuf":
            problem = f"shape {shape} of {dtype} in chunks of {chunks}"
        elif (
            math.prod(shape[-2:]) * dtype.itemsize > LARGEST_SLICE_BYTES
            or math.prod(chunks) * dtype.itemsize > LARGEST_CHUNK_BYTES
            or math.prod(-(-n // c) for n, c in zip(shape[-2:], chunks[-2:], strict=True))
            > MOST_CHUNKS
            or max(shape) >= 2**31
        ):
            problem = f"sizes of {shape} in chunks of {chunks}"
        if problem:
            raise FormatError(
                "The Zarr folder is not one stack that can be read",
                path=self.path,
                expected="axes z, y, x",
                found=problem,
                remedy="Save one channel and one time point as real numbers",
            )

    def _read(self, first: int, stop: int) -> NDArray[Any]:
        with zarr_errors(self.path):
            self._check_files(first, stop)
            lead = (0,) * self._extra
            return np.asarray(self._array[(*lead, slice(first, stop))], dtype=self.dtype)

    def _check_files(self, first: int, stop: int) -> None:
        # The library takes an empty file for one that is not there, which stands for zeros.
        folder = self.path.joinpath(self.levels[0], "c", *["0"] * self._extra)
        depth = self.shard_shape[-3]
        for number in range(first // depth, (stop - 1) // depth + 1):
            for file in (folder / str(number)).glob("*/*"):
                if file.stat().st_size == 0:
                    raise FormatError(
                        "A part of the Zarr folder is empty", path=file, remedy="Copy it again"
                    )

    @cached_property
    def _arrays(self) -> tuple[Any, ...]:
        """Arrays of the pyramid's levels, those that fit to the first."""
        arrays = [self._array]
        for name in self.levels[1:]:
            with zarr_errors(self.path):
                array = open_array(self.path / name, "r")
            same = len(array.shape) == len(self._array.shape) and array.dtype == self._array.dtype
            if not same or min(array.shape) < 1 or array.shape[-3:] == arrays[-1].shape[-3:]:
                break
            arrays.append(array)
        return tuple(arrays)

    @cached_property
    def part_levels(self) -> tuple[PartLevel, ...]:
        """Shape, factors and chunk (z, y, x) of each level."""
        levels: list[PartLevel] = []
        for array in self._arrays:
            shape = triple(array.shape[-3:])
            factors = triple(max(round(a / b), 1) for a, b in zip(self.shape, shape, strict=True))
            levels.append((shape, factors, triple(array.chunks[-3:])))
        return tuple(levels)

    def read_part(self, z: slice, y: slice, x: slice, level: int = 0) -> NDArray[Any]:
        """Voxels (z, y, x) of a part of a level, without steps."""
        if self._closed:
            raise ValueError("the stack is closed")
        with zarr_errors(self.path):
            if level == 0:
                self._check_files(z.start, z.stop)
            lead = (0,) * self._extra
            return np.asarray(self._arrays[level][(*lead, z, y, x)], dtype=self.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> NDArray[Any]:
        """Image of a slice, (y, x), a contiguous copy in native byte order."""
        number = slice_index(index, len(self))
        if self._closed:
            raise ValueError("the stack is closed")
        return self._slabs[number]

    def close(self) -> None:
        """Free the memory; may be called more than once."""
        self._closed = True
        self._slabs.clear()

    def __enter__(self) -> OmeZarrStack:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[object, ...]:
        return OmeZarrStack, (self.path,)


def _attributes(path: Path) -> dict[str, Any]:
    # Read without the library, which takes minutes over hostile metadata of gigabytes.
    for name in ("zarr.json", ".zattrs"):
        file = path / name
        if file.is_file():
            if file.stat().st_size > _LARGEST_METADATA:
                raise FormatError("The metadata are too long", path=file)
            data = json.loads(file.read_text(encoding="utf-8"))
            found = data.get("attributes", {}) if name == "zarr.json" else data
            return found if isinstance(found, dict) else {}
    raise FormatError(
        "The folder is not OME-Zarr",
        path=path,
        expected="zarr.json",
        remedy="Choose the folder that holds zarr.json, and check that it was copied completely",
    )
