"""BigDataViewer HDF5: a writer for many processes.

The chunks are not compressed and get their places when the file is made. So every process writes
chunks at their places without the HDF5 library, as it writes slices into an MRC file, and the file
is valid HDF5 at all times.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fibsem_dash.errors import ParameterError
from fibsem_dash.io.atomic import reading
from fibsem_dash.io.pyramid import (
    Level,
    Triple,
    block_starts,
    check_slices,
    pyramid_levels,
    slab_depth,
)
from fibsem_dash.io.stack import held_bytes, stack_geometry, triple

BDV_TYPES = ("uint8", "int16", "uint16")
"""Types of a voxel that BigDataViewer's 16 bit can hold without loss."""
DEEPEST_SLAB = 16
CHUNK_YX, BLOCK_YX = 128, 1024
OFFSET, TYPE, VOXEL = "fibsem_dash_offset", "fibsem_dash_dtype", "fibsem_dash_voxel_size_nm"
"""Attributes that tell what the stored values were."""


@dataclass(frozen=True)
class BdvStackWriter:
    """Writes a BigDataViewer HDF5 file slab by slab, from any process.

    BigDataViewer reads 16 bit without sign, stored under the name of the signed type. uint16 keeps
    its values, uint8 is widened, and int16 is raised by 32768 so that the order of grey levels
    stays; attributes let the reader give back the values and type that were written.

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
        shape, voxel = stack_geometry(shape_zyx, voxel_size_nm)
        writer = cls(Path(path), shape, kind, voxel)
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
            setup.attrs[OFFSET] = np.int64(writer.offset)
            setup.attrs[TYPE] = np.bytes_(kind.name.encode())
            setup.attrs[VOXEL] = np.array(voxel, "<f8")
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
        corners = list(block_starts(triple(block.shape), chunk))
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
            cells = file[cells_path(level)].id
            return [
                int(cells.get_chunk_info_by_coord(_add(start, corner)).byte_offset)
                for corner in corners
            ]

    def read_block(self, level: int, start: Triple, stop: Triple) -> NDArray[Any]:
        """Read voxels (z, y, x) that were written."""
        import h5py

        region = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        with reading(self.path), h5py.File(self.path, "r", locking=False) as file:
            return restore(file[cells_path(level)][region], self.dtype, self.offset)

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


def cells_path(level: int) -> str:
    """Name of the voxels of a level in the file."""
    return f"t00000/s00/{level}/cells"


def _add(a: Triple, b: Triple) -> Triple:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]
