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
from fibsem_dash.registration.run_store import RunStore

if TYPE_CHECKING:
    import dask.array as da
    import xarray as xr

DEPTH = 8
"""Slices per chunk."""
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

        read = delayed(read_slices, pure=True)
        parts = []
        for first in range(0, self.shape[0], depth):
            stop = min(first + depth, self.shape[0])
            shape = (stop - first, *self.shape[1:])
            parts.append(da.from_delayed(read(str(self.path), first, stop), shape, self.dtype))
        return da.concatenate(parts, axis=0)

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
