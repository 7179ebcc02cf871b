"""BigDataViewer HDF5: the reader."""

from __future__ import annotations

import itertools
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
from fibsem_dash.io.bdv import BDV_TYPES, OFFSET, TYPE, VOXEL, cells_path, restore
from fibsem_dash.io.bdv_xml import read_bdv_voxel_size
from fibsem_dash.io.pyramid import Triple
from fibsem_dash.io.slabs import SlabCache
from fibsem_dash.io.stack import PartLevel, slice_index, triple

LARGEST_SLICE_BYTES = 2**34


def _hdf5_errors(path: Path) -> AbstractContextManager[None]:
    return decoding(
        path,
        "The HDF5 file cannot be read",
        "Check that this is a BigDataViewer file and that it was copied completely",
        access=(PermissionError, FileNotFoundError, IsADirectoryError),
    )


class BdvStack:
    """The full-size image of the first setup in a BigDataViewer HDF5 file. Can be pickled.

    Parameters
    ----------
    path : path-like
        The HDF5 file; the voxel size comes from the XML beside it where the file does not know it.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    shape : (int, int, int)
        (z, y, x).
    dtype : numpy.dtype
        Native type of a voxel. 16 bit is without sign, as BigDataViewer reads it, unless this
        program wrote the file from other values, which then come back.
    voxel_size_nm : (float, float, float)
        (z, y, x) in nm, NaN where it is not known.
    factors : tuple of (int, int, int)
        Reduction (z, y, x) of each level.
    chunk_shape : (int, int, int)
        (z, y, x) of level 0.

    Raises
    ------
    FormatError
        Not such a file, cut off, or sizes that make no sense.
    AccessError
        The file is missing or may not be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        import h5py

        self.path = Path(path)
        if not self.path.exists():
            raise AccessError(
                "The file or its folder does not exist", path=self.path, remedy="Check the path"
            )
        with _hdf5_errors(self.path):
            # Slices of the same chunks are read at once, so the cache needs to hold few chunks.
            self._file = h5py.File(self.path, "r", locking=False, rdcc_nbytes=2**24)
        try:
            with _hdf5_errors(self.path):
                self._read_layout()
        except BaseException:
            self._file.close()
            raise

    def _read_layout(self) -> None:
        cells = self._file.get(cells_path(0))
        if cells is None or getattr(cells, "ndim", 0) != 3:
            raise FormatError(
                "The HDF5 file holds no BigDataViewer image",
                path=self.path,
                expected=cells_path(0),
                found=", ".join(itertools.islice(self._file, 4)) or "nothing",
                remedy="Choose the .h5 file that BigDataViewer's XML names",
            )
        self._cells = cells
        self.shape: Triple = triple(cells.shape)
        _, y, x = self.shape
        stored = np.dtype(cells.dtype)
        chunk = cells.chunks or (1, y, x)
        if (
            min(self.shape) < 1
            or stored.kind not in "iuf"
            or math.prod((y, x)) * stored.itemsize > LARGEST_SLICE_BYTES
            or math.prod(chunk) * stored.itemsize > LARGEST_SLICE_BYTES
        ):
            raise FormatError(
                "The HDF5 file is not a stack that can be read",
                path=self.path,
                found=f"{self.shape} of {stored} in chunks of {chunk}",
            )
        setup = self._file.get("s00")
        attributes = setup.attrs if setup is not None else {}
        self.offset = int(attributes.get(OFFSET, 0))
        is_16_bit = stored.kind == "i" and stored.itemsize == 2
        default = np.dtype(np.uint16) if is_16_bit else stored.newbyteorder("=")
        name = attributes.get(TYPE)
        written = default if name is None else np.dtype(bytes(name).decode("ascii"))
        if name is not None and written.name not in BDV_TYPES:
            raise FormatError("The HDF5 file names a foreign type", path=self.path, found=written)
        self.dtype: np.dtype[Any] = written
        self.chunk_shape: Triple = (int(chunk[0]), int(chunk[1]), int(chunk[2]))
        self.factors = self._factors()
        self.voxel_size_nm = self._voxel_size(attributes.get(VOXEL))
        self._slabs = SlabCache(self._read, self.shape, stored.itemsize, self.chunk_shape[0])

    def _factors(self) -> tuple[Triple, ...]:
        table = self._file.get("s00/resolutions")
        if table is None or table.ndim != 2 or table.shape[1] != 3 or table.shape[0] > 100:
            return ((1, 1, 1),)
        return tuple((int(r[2]), int(r[1]), int(r[0])) for r in np.asarray(table[()]))

    def _voxel_size(self, stored: Any) -> tuple[float, float, float]:
        if stored is not None and np.shape(stored) == (3,):
            z, y, x = (float(v) if float(v) > 0 else math.nan for v in stored)
            return z, y, x
        return read_bdv_voxel_size(self.path.with_suffix(".xml"))

    def _read(self, first: int, stop: int) -> NDArray[Any]:
        with _hdf5_errors(self.path):
            return restore(self._cells[first:stop], self.dtype, self.offset)

    @cached_property
    def part_levels(self) -> tuple[PartLevel, ...]:
        """Shape, factors and chunk (z, y, x) of each level."""
        levels: list[PartLevel] = []
        with _hdf5_errors(self.path):
            for number, factors in enumerate(self.factors):
                cells = self._file.get(cells_path(number))
                if cells is None or getattr(cells, "ndim", 0) != 3 or min(cells.shape) < 1:
                    break
                levels.append((triple(cells.shape), factors, triple(cells.chunks or cells.shape)))
        return tuple(levels) or ((self.shape, (1, 1, 1), self.chunk_shape),)

    def read_part(self, z: slice, y: slice, x: slice, level: int = 0) -> NDArray[Any]:
        """Voxels (z, y, x) of a part of a level, without steps."""
        if not self._file:
            raise ValueError("the stack is closed")
        with _hdf5_errors(self.path):
            cells = self._file[cells_path(level)]
            return restore(cells[z, y, x], self.dtype, self.offset)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> NDArray[Any]:
        """Image of a slice, (y, x), a contiguous copy in native byte order."""
        number = slice_index(index, len(self))
        if not self._file:
            raise ValueError("the stack is closed")
        return self._slabs[number]

    def close(self) -> None:
        """Close the file; may be called more than once."""
        self._file.close()
        slabs = getattr(self, "_slabs", None)
        if slabs is not None:
            slabs.clear()

    def __enter__(self) -> BdvStack:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[object, ...]:
        return BdvStack, (self.path,)
