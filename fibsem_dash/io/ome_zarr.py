"""OME-Zarr 0.5 (Zarr version 3): a writer for many processes."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fibsem_dash._version import __version__
from fibsem_dash.errors import ParameterError
from fibsem_dash.io.atomic import reading, write_json
from fibsem_dash.io.ome_metadata import (
    display_window,
    ome_attributes,
)
from fibsem_dash.io.pyramid import (
    Level,
    Triple,
    block_starts,
    check_slices,
    pyramid_levels,
    slab_depth,
)
from fibsem_dash.io.stack import stack_geometry

ZARR_TYPES = ("uint8", "int8", "uint16", "int16", "float16", "float32")
"""Types of a voxel that are written."""
DEEPEST_SLAB = 32
CHUNK_YX, SHARD_YX = 128, 1024


@dataclass(frozen=True)
class OmeZarrStackWriter:
    """Writes an OME-Zarr stack slab by slab, from any process.

    A slab is as many slices as a shard is deep. Each worker writes whole shards, so that no two
    touch one file. The same slices give the same bytes.

    Parameters
    ----------
    path : pathlib.Path
        The folder.
    shape : (int, int, int)
        (z, y, x).
    dtype : numpy.dtype
        Type of a voxel.
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
    ) -> OmeZarrStackWriter:
        """Make the folder with all metadata; voxels not written stay zero.

        Parameters
        ----------
        path : path-like
            The folder, which must not exist: give a temporary name and rename it after `finish`.
        shape_zyx : (int, int, int)
            (z, y, x).
        dtype : dtype
            uint8, int8, uint16, int16, float16 or float32.
        voxel_size_nm : float or tuple of float
            One edge, or (z, y, x), in nm; NaN where it is not known.
        labels : sequence of str
            The first becomes the name of the image.

        Raises
        ------
        ParameterError
            A shape or type that is not written.
        AccessError
            The folder cannot be made.
        """
        import zarr
        from zarr.codecs import BloscCodec

        kind = np.dtype(dtype).newbyteorder("=")
        if kind.name not in ZARR_TYPES:
            raise ParameterError(
                "Zarr stacks are not written in this type",
                expected=", ".join(ZARR_TYPES),
                found=kind,
                remedy="Convert the images first",
            )
        shape, voxel = stack_geometry(shape_zyx, voxel_size_nm)
        writer = cls(Path(path), shape, kind, voxel)
        name = labels[0] if labels else "fibsem-dash"
        attributes = ome_attributes(name, writer.levels, writer.voxel_size_nm, __version__)
        with reading(writer.path):
            group = zarr.create_group(os.fspath(path), zarr_format=3, attributes=attributes)
            for number, level in enumerate(writer.levels):
                group.create_array(
                    str(number),
                    shape=level.shape,
                    dtype=kind,
                    chunks=writer._chunk(number),
                    shards=writer.block_shape(number),
                    compressors=BloscCodec(
                        cname="zstd", clevel=1, shuffle=_shuffle(kind), typesize=kind.itemsize
                    ),
                    fill_value=0,
                    dimension_names=("z", "y", "x"),
                )
        return writer

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """Levels of the pyramid, level 0 first."""
        return pyramid_levels(self.shape, self.voxel_size_nm)

    @property
    def depth(self) -> int:
        """Slices that are written at once."""
        return slab_depth(self.shape, self.dtype.itemsize, DEEPEST_SLAB)

    def _chunk(self, level: int) -> Triple:
        shape = self.levels[level].shape
        depth = slab_depth((shape[0], 1, 1), 1, self.depth)
        return depth, min(CHUNK_YX, _power_above(shape[1])), min(CHUNK_YX, _power_above(shape[2]))

    def block_shape(self, level: int) -> Triple:
        """Shape (z, y, x) of a shard."""
        shape, chunk = self.levels[level].shape, self._chunk(level)
        y, x = (min(SHARD_YX, -(-n // c) * c) for n, c in zip(shape[1:], chunk[1:], strict=True))
        return chunk[0], y, x

    @property
    def expected_bytes(self) -> int:
        """Size without compression: no more than this is needed."""
        return sum(math.prod(level.shape) for level in self.levels) * self.dtype.itemsize

    def written_bytes(self) -> int:
        """Space that is taken already."""
        return folder_identity(self.path)[1]

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
            The folder has gone or the disk is full.
        """
        check_slices(images, first, self.shape, self.dtype, self.depth, self.path)
        _, height, width = self.block_shape(0)
        for _, y, x in block_starts((1, *self.shape[1:]), (1, height, width)):
            self.write_block(0, (first, y, x), images[:, y : y + height, x : x + width])

    def write_block(self, level: int, start: Triple, block: NDArray[Any]) -> None:
        """Write one shard; `start` is a multiple of `block_shape`."""
        z, y, x = start
        depth, height, width = block.shape
        with reading(self.path):
            array = open_array(self.path / str(level), "r+")
            array[z : z + depth, y : y + height, x : x + width] = block

    def read_block(self, level: int, start: Triple, stop: Triple) -> NDArray[Any]:
        """Read voxels (z, y, x) that were written."""
        with reading(self.path):
            array = open_array(self.path / str(level), "r")
            region = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
            return np.asarray(array[region])

    def finish(self, minimum: float, maximum: float, mean: float, rms: float) -> None:
        """Note the contrast that viewers start with and force everything to disk.

        Parameters
        ----------
        minimum, maximum, mean, rms : float
            Statistics over the whole stack; `rms` is the standard deviation.
        """
        with reading(self.path):
            for leftover in self.path.rglob("*.partial"):
                leftover.unlink()
            metadata = json.loads((self.path / "zarr.json").read_text(encoding="utf-8"))
        window = display_window(minimum, maximum, mean, rms)
        metadata["attributes"]["ome"]["omero"]["channels"][0]["window"] = window
        write_json(self.path / "zarr.json", metadata)
        if hasattr(os, "sync"):
            # One call for thousands of files.
            os.sync()


def _shuffle(dtype: np.dtype[Any]) -> Literal["bitshuffle", "noshuffle"]:
    return "bitshuffle" if dtype.itemsize > 1 else "noshuffle"


def _power_above(n: int) -> int:
    return 1 << max(int(n) - 1, 0).bit_length()


def folder_identity(path: Path) -> tuple[int, int, int]:
    """Return (number of files, their bytes, latest modification time in ns) of a folder."""
    files = size = latest = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                status = os.stat(os.path.join(folder, name))
                files, size = files + 1, size + status.st_size
                latest = max(latest, status.st_mtime_ns)
    return files, size, latest


def open_array(path: Path, mode: str) -> Any:
    """Open one array of a Zarr folder."""
    import zarr

    return zarr.open_array(os.fspath(path), mode=mode)
