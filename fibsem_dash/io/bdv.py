"""BigDataViewer HDF5 with its XML: a writer for many processes, and a reader.

The chunks are not compressed and get their places when the file is made. So every process writes
chunks at their places without the HDF5 library, as it writes slices into an MRC file, and the file
is valid HDF5 at all times.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fibsem_dash.errors import AccessError, FibsemDashError, FormatError, ParameterError
from fibsem_dash.io.atomic import access_error, reading
from fibsem_dash.io.bdv_xml import read_bdv_voxel_size
from fibsem_dash.io.pyramid import (
    Level,
    Triple,
    block_starts,
    check_slices,
    pyramid_levels,
    slab_depth,
)
from fibsem_dash.io.slabs import SlabCache
from fibsem_dash.io.stack import held_bytes, slice_index

BDV_TYPES = ("uint8", "int16", "uint16")
"""Types of a voxel that BigDataViewer's 16 bit can hold without loss."""
DEEPEST_SLAB = 16
CHUNK_YX, BLOCK_YX = 128, 1024
LARGEST_SLICE_BYTES = 2**34
_OFFSET, _TYPE, _VOXEL = "fibsem_dash_offset", "fibsem_dash_dtype", "fibsem_dash_voxel_size_nm"


@dataclass(frozen=True)
class BdvStackWriter:
    """Writes a BigDataViewer HDF5 file slab by slab, from any process.

    BigDataViewer reads 16 bit without sign, stored under the name of the signed type. uint16 keeps
    its values, uint8 is widened, and int16 is raised by 32768 so that the order of grey levels
    stays; attributes let `BdvStack` give back the values and type that were written.

    Parameters
    ----------
    path : pathlib.Path
        The HDF5 file.
    shape : (int, int, int)
        (z, y, x).
    dtype : numpy.dtype
        Type of a voxel: uint8, int16 or uint16.
    voxel_size_nm : (float, float, float)
        (z, y, x), nm.
    """

    path: Path
    shape: Triple
    dtype: np.dtype[Any]
    voxel_size_nm: tuple[float, float, float]

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        shape_zyx: Triple,
        dtype: DTypeLike,
        voxel_size_nm: float | tuple[float, float, float],
        labels: Sequence[str] = (),
    ) -> BdvStackWriter:
        """Make a file of full size with places for all chunks; voxels not written stay zero.

        Parameters
        ----------
        path : path-like
            The file, made or replaced under exactly this name: give a temporary one and rename it
            after `finish`. The XML belongs to the final name: see `write_bdv_xml`.
        shape_zyx : (int, int, int)
            (z, y, x).
        dtype : dtype
            uint8, int16 or uint16.
        voxel_size_nm : float or tuple of float
            One edge, or (z, y, x), in nm; NaN where it is not known.
        labels : sequence of str
            Not used: the format has no place for them.

        Raises
        ------
        ParameterError
            A shape or type that BigDataViewer cannot hold.
        AccessError
            The file cannot be written.
        """
        import h5py

        kind = np.dtype(dtype).newbyteorder("=")
        check_bdv_type(kind)
        z, y, x = (float(v) for v in np.broadcast_to(np.asarray(voxel_size_nm, float), 3))
        shape = (int(shape_zyx[0]), int(shape_zyx[1]), int(shape_zyx[2]))
        if min(shape) < 1:
            raise ParameterError("The stack needs three positive sizes", found=shape)
        writer = cls(Path(path), shape, kind, (z, y, x))
        with reading(writer.path), h5py.File(path, "w", libver="earliest", locking=False) as file:
            for number, level in enumerate(writer.levels):
                group = file.create_group(f"t00000/s00/{number}")
                _reserve(group, level.shape, writer.chunk(number))
            setup = file.create_group("s00")
            # BigDataViewer counts x, y, z.
            factors = [level.factors[::-1] for level in writer.levels]
            chunks = [writer.chunk(n)[::-1] for n in range(len(writer.levels))]
            setup.create_dataset("resolutions", data=np.array(factors, "<f8"), track_times=False)
            setup.create_dataset("subdivisions", data=np.array(chunks, "<i4"), track_times=False)
            setup.attrs[_OFFSET] = np.int64(writer.offset)
            setup.attrs[_TYPE] = np.bytes_(kind.name.encode())
            setup.attrs[_VOXEL] = np.array((z, y, x), "<f8")
        return writer

    @property
    def offset(self) -> int:
        """What is added to a value before it is stored without sign."""
        return 32768 if self.dtype == np.int16 else 0

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """Levels of the pyramid, level 0 first."""
        return pyramid_levels(self.shape, self.voxel_size_nm)

    @property
    def depth(self) -> int:
        """Slices that are written at once."""
        return slab_depth(self.shape, 2, DEEPEST_SLAB)

    def chunk(self, level: int) -> Triple:
        """Shape (z, y, x) of the chunks of a level."""
        z, y, x = self.levels[level].shape
        # HDF5 before version 2 wants chunks no larger than the volume.
        return min(slab_depth((z, 1, 1), 1, self.depth), z), min(CHUNK_YX, y), min(CHUNK_YX, x)

    def block_shape(self, level: int) -> Triple:
        """Shape (z, y, x) of the blocks that are written at once."""
        depth, height, width = self.chunk(level)
        return depth, max(BLOCK_YX // height, 1) * height, max(BLOCK_YX // width, 1) * width

    @property
    def expected_bytes(self) -> int:
        """Size of the file, nearly: chunks at the borders are stored whole."""
        total = 0
        for number, level in enumerate(self.levels):
            chunk = self.chunk(number)
            total += math.prod(-(-n // c) * c for n, c in zip(level.shape, chunk, strict=True))
        return 2 * total

    def written_bytes(self) -> int:
        """Space that is taken already."""
        return held_bytes(self.path)

    def write_slices(self, first: int, images: NDArray[Any]) -> None:
        """Write one slab into level 0.

        Parameters
        ----------
        first : int
            Number of its first slice, a multiple of `depth`.
        images : array (z, y, x)
            `depth` slices, or those that are left at the end.

        Raises
        ------
        ParameterError
            Another shape or type, or not at the start of a slab.
        AccessError
            The file has gone or the disk is full.
        """
        check_slices(images, first, self.shape, self.dtype, self.depth, self.path)
        self.write_block(0, (first, 0, 0), images)

    def write_block(self, level: int, start: Triple, block: NDArray[Any]) -> None:
        """Write whole chunks; `start` is a multiple of the chunk's shape."""
        chunk = self.chunk(level)
        corners = list(block_starts(_shape3(block), chunk))
        places = self._places(level, start, corners)
        cell = np.zeros(chunk, "<u2")
        with reading(self.path), self.path.open("r+b", buffering=0) as file:
            for place, (z, y, x) in zip(places, corners, strict=True):
                part = block[z : z + chunk[0], y : y + chunk[1], x : x + chunk[2]]
                if part.shape != chunk:
                    cell[...] = 0
                inside = cell[: part.shape[0], : part.shape[1], : part.shape[2]]
                if self.offset:
                    np.add(part, self.offset, out=inside, casting="unsafe", dtype=np.int32)
                else:
                    inside[...] = part
                file.seek(place)
                view = memoryview(cell.data).cast("B")
                while view:
                    view = view[file.write(view) :]

    def _places(self, level: int, start: Triple, corners: Sequence[Triple]) -> list[int]:
        import h5py

        with reading(self.path), h5py.File(self.path, "r", locking=False) as file:
            cells = file[_cells(level)].id
            return [
                int(cells.get_chunk_info_by_coord(_add(start, corner)).byte_offset)
                for corner in corners
            ]

    def read_block(self, level: int, start: Triple, stop: Triple) -> NDArray[Any]:
        """Read voxels (z, y, x) that were written."""
        import h5py

        region = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        with reading(self.path), h5py.File(self.path, "r", locking=False) as file:
            return restore(file[_cells(level)][region], self.dtype, self.offset)

    def finish(self, minimum: float, maximum: float, mean: float, rms: float) -> None:
        """Force the file to disk; the format has no place for statistics."""
        with reading(self.path), self.path.open("r+b") as file:
            os.fsync(file.fileno())


def check_bdv_type(dtype: np.dtype[Any]) -> None:
    """Raise ``ParameterError`` for a type that BigDataViewer cannot hold."""
    if dtype.name not in BDV_TYPES:
        raise ParameterError(
            "BigDataViewer HDF5 cannot hold this type",
            expected=", ".join(BDV_TYPES),
            found=dtype,
            remedy="Choose one of these types, or the format zarr",
        )


def _reserve(group: Any, shape: Triple, chunk: Triple) -> None:
    from h5py import h5d, h5p, h5s, h5t

    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_chunk(chunk)
    plist.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    plist.set_fill_time(h5d.FILL_TIME_NEVER)
    plist.set_obj_track_times(False)
    h5d.create(group.id, b"cells", h5t.STD_I16LE, h5s.create_simple(shape), plist)


def restore(stored: NDArray[Any], dtype: np.dtype[Any], offset: int) -> NDArray[Any]:
    """Turn 16-bit patterns into the values that were written."""
    if stored.dtype.kind == "i" and stored.dtype.itemsize == 2:
        stored = stored.view(np.uint16)
    if offset:
        return (stored.astype(np.int32) - offset).astype(dtype)
    return stored.astype(dtype, copy=False)


def _cells(level: int) -> str:
    return f"t00000/s00/{level}/cells"


def _add(a: Triple, b: Triple) -> Triple:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _shape3(block: NDArray[Any]) -> Triple:
    return block.shape[0], block.shape[1], block.shape[2]


@contextlib.contextmanager
def _hdf5_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except FibsemDashError:
        raise
    except (PermissionError, FileNotFoundError, IsADirectoryError) as error:
        raise access_error(error, path) from error
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError,
            OverflowError, MemoryError) as error:  # fmt: skip
        text = str(error).strip().splitlines()
        raise FormatError(
            "The HDF5 file cannot be read",
            path=path,
            found=f"{type(error).__name__}: {text[0][:200] if text else ''}",
            remedy="Check that this is a BigDataViewer file and that it was copied completely",
        ) from error


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
            # No cache of chunks: slices of the same chunks are read at once.
            self._file = h5py.File(self.path, "r", locking=False, rdcc_nbytes=0)
        try:
            with _hdf5_errors(self.path):
                self._read_layout()
        except BaseException:
            self._file.close()
            raise

    def _read_layout(self) -> None:
        cells = self._file.get(_cells(0))
        if cells is None or getattr(cells, "ndim", 0) != 3:
            raise FormatError(
                "The HDF5 file holds no BigDataViewer image",
                path=self.path,
                expected=_cells(0),
                found=", ".join(itertools.islice(self._file, 4)) or "nothing",
                remedy="Choose the .h5 file that BigDataViewer's XML names",
            )
        self._cells = cells
        z, y, x = (int(n) for n in cells.shape)
        self.shape: Triple = (z, y, x)
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
        self.offset = int(attributes.get(_OFFSET, 0))
        is_16_bit = stored.kind == "i" and stored.itemsize == 2
        default = np.dtype(np.uint16) if is_16_bit else stored.newbyteorder("=")
        name = attributes.get(_TYPE)
        written = default if name is None else np.dtype(bytes(name).decode("ascii"))
        if name is not None and written.name not in BDV_TYPES:
            raise FormatError("The HDF5 file names a foreign type", path=self.path, found=written)
        self.dtype: np.dtype[Any] = written
        self.chunk_shape: Triple = (int(chunk[0]), int(chunk[1]), int(chunk[2]))
        self.factors = self._factors()
        self.voxel_size_nm = self._voxel_size(attributes.get(_VOXEL))
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
