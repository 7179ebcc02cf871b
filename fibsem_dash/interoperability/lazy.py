"""Stacks as arrays of Dask and xarray, whatever file they lie in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fibsem_dash import io
from fibsem_dash.errors import ParameterError, RunError
from fibsem_dash.facts import facts_html
from fibsem_dash.io.stack import PartLevel, PartReader, Triple
from fibsem_dash.io.stack_files import stack_identity
from fibsem_dash.registration.run_store import RunStore

if TYPE_CHECKING:
    import dask.array as da
    import xarray as xr

DEPTH = 8
"""Slices per chunk."""
BLOCK_YX = 1024
"""Rows and columns of a block of a chunked stack: about the part of it that a screen shows."""
_STACKS = (".zarr", ".mrc", ".tif", ".h5")


@dataclass(frozen=True)
class LazyStack:
    """A stack whose slices are read when they are asked for.

    Attributes
    ----------
    path : pathlib.Path
        The file, or the folder of a Zarr image or of TIFF slices.
    shape : (int, int, int)
        (z, y, x).
    dtype : numpy.dtype
    voxel_size_nm : (float, float, float)
        (z, y, x), nm; NaN where the file does not say.
    """

    path: Path
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    voxel_size_nm: tuple[float, float, float]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        """Index as an array of Dask."""
        return self.to_dask()[key]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.asarray(self.to_dask().compute(), dtype=dtype)

    def to_dask(self, depth: int = DEPTH) -> da.Array:
        """Return an array of Dask, chunks of `depth` whole slices; the file opens in each task."""
        import dask.array as da
        from dask.delayed import delayed

        read = delayed(read_slices)
        token = self._token()
        parts = []
        for first in range(0, self.shape[0], depth):
            stop = min(first + depth, self.shape[0])
            shape = (stop - first, *self.shape[1:])
            name = f"slices-{first}-{stop}-{token}"
            slices = read(str(self.path), first, stop, dask_key_name=name)
            parts.append(da.from_delayed(slices, shape, self.dtype))
        return da.concatenate(parts, axis=0)

    def to_pyramid(self) -> list[da.Array]:
        """Return the levels of the pyramid as arrays of Dask, (z, y, x), the largest first.

        Chunks are blocks of what the file decodes together; whole slices, one by one, where it
        can be read at any place. One level where the file has no more.
        """
        import dask.array as da

        with io.open_stack(self.path) as stack:
            whole: PartLevel = (stack.shape, (1, 1, 1), None)
            levels = stack.part_levels if isinstance(stack, PartReader) else (whole,)
        token = self._token()
        return [
            da.map_blocks(
                read_block,
                path=str(self.path),
                level=level,
                chunks=da.core.normalize_chunks(_block_shape(shape, chunk), shape),
                dtype=self.dtype,
                meta=np.empty((0, 0, 0), self.dtype),
                name=f"level-{level}-{token}",
            )
            for level, (shape, _, chunk) in enumerate(levels)
        ]

    def _token(self) -> str:
        """Name the content: what was cached of an older file under this path is not it."""
        from dask.base import tokenize

        return str(tokenize(str(self.path), stack_identity(self.path)))

    def to_xarray(self, depth: int = DEPTH) -> xr.DataArray:
        """Return a lazy DataArray with the centres of the voxels in nm as coordinates.

        Where the file does not tell the size of a voxel, the coordinates are numbers of voxels,
        and the attribute ``units`` says "voxel".

        Raises
        ------
        ParameterError
            Where xarray is not installed.
        """
        try:
            import xarray as xr
        except ImportError as error:
            raise ParameterError(
                "xarray is not installed", remedy="pip install 'fibsem-dash[xarray]'"
            ) from error
        known = all(np.isfinite(size) and size > 0 for size in self.voxel_size_nm)
        sizes = self.voxel_size_nm if known else (1.0, 1.0, 1.0)
        unit = "nm" if known else "voxel"
        coordinates = {
            axis: (axis, np.arange(n) * size, {"units": unit})
            for axis, n, size in zip("zyx", self.shape, sizes, strict=True)
        }
        return xr.DataArray(
            self.to_dask(depth),
            dims=("z", "y", "x"),
            coords=coordinates,
            name=self.path.stem,
            attrs={"units": "grey level (counts)", "source": self.path.name},
        )

    def _repr_html_(self) -> str:
        z, y, x = self.voxel_size_nm
        rows = [
            ("Slices, rows, columns", " × ".join(map(str, self.shape))),
            ("Type", self.dtype),
            ("Voxel z, y, x (nm)", f"{z:g}, {y:g}, {x:g}"),
        ]
        return facts_html(self.path.name, rows)


def _block_shape(shape: Triple, chunk: Triple | None) -> Triple:
    """Shape (z, y, x) of the blocks that a level of a stack is read in."""
    if chunk is None:
        return 1, shape[1], shape[2]
    y, x = (min(max(BLOCK_YX // c, 1) * c, n) for c, n in zip(chunk[1:], shape[1:], strict=True))
    return min(chunk[0], shape[0]), y, x


def read_block(path: str, level: int, block_info: Any = None) -> npt.NDArray[Any]:
    """Read a block of a level, (z, y, x); Dask tells in `block_info` where it lies."""
    z, y, x = (slice(first, stop) for first, stop in block_info[None]["array-location"])
    with io.open_stack(path) as stack:
        if isinstance(stack, PartReader):
            return stack.read_part(z, y, x, level)
        return np.stack([stack[k][y, x] for k in range(z.start, z.stop)])


def read_slices(path: str, first: int, stop: int) -> npt.NDArray[Any]:
    """Read some slices of a stack, (z, y, x)."""
    with io.open_stack(path) as stack:
        return np.stack([stack[k] for k in range(first, stop)])


def open_stack(path: str | os.PathLike[str]) -> LazyStack:
    """Open a stack, or the stack of a run folder, without reading its pixels.

    Parameters
    ----------
    path : path-like
        What `fibsem_dash.io.open_stack` opens, or a run folder.

    Raises
    ------
    RunError
        For a run folder whose stack is not written yet.
    FormatError, AccessError
        For what is not a stack, or cannot be read.
    """
    found = run_stack(path) if (Path(path) / "run.json").is_file() else Path(path)
    with io.open_stack(found) as stack:
        return LazyStack(
            Path(os.path.abspath(found)), stack.shape, stack.dtype, stack.voxel_size_nm
        )


def run_stack(folder: str | os.PathLike[str]) -> Path:
    """Return the registered stack of a run folder, in the format that is read fastest.

    Raises
    ------
    RunError
        Where it is not there yet.
    """
    store = RunStore(folder)
    names = [Path(str(name)).name for name in store.read().get("outputs", [])]
    for suffix in _STACKS:
        for name in names:
            if name.endswith(suffix) and store.file(name).exists():
                return store.file(name)
    raise RunError("the run has no stack yet", path=folder, remedy="Wait until it is finished.")
