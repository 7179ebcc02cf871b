"""A stack in another format, cropped, binned and in another type, in one pass."""

from __future__ import annotations

import math
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.compute.executor import Executor, InProcessExecutor, batch_size, batches_of
from fibsem_dash.compute.progress import Monitor, SilentMonitor
from fibsem_dash.errors import AccessError, ParameterError, RunError
from fibsem_dash.io import JoinedStack, open_stack
from fibsem_dash.io.pyramid import Triple, bin_mean, cast_rounded
from fibsem_dash.io.stack import Stack, StackWriter
from fibsem_dash.io.stack_files import (
    create_stack,
    publish_stack,
    remove_stack,
    suffix_of,
    write_companions,
)
from fibsem_dash.io.tif import write_tif
from fibsem_dash.registration.pyramid_stage import build_pyramids
from fibsem_dash.registration.run_store import check_space
from fibsem_dash.registration.stack import SliceResult, overall_statistics, slice_statistics

STAGE = "convert"


@dataclass(frozen=True)
class StackChange:
    """What happens to the voxels on the way, in this order: crop, bin, scale, type.

    Attributes
    ----------
    crop : (int, int, int, int, int, int), optional
        z0, z1, y0, y1, x0, x1 in voxels of the source, counted from 0, ends not included.
    bins : (int, int, int)
        Voxels of the source per mean along (z, y, x). What does not fill a mean at the far end is
        left out.
    scale : (float, float), optional
        Grey levels that become the lowest and the highest of the new type; what lies outside is
        set to these. Floating-point types become 0 to 1.
    dtype : str, optional
        New type; that of the source by default.
    """

    crop: tuple[int, int, int, int, int, int] | None = None
    bins: Triple = (1, 1, 1)
    scale: tuple[float, float] | None = None
    dtype: str | None = None


@dataclass(frozen=True)
class ConvertedStack:
    """What was written.

    Attributes
    ----------
    path : pathlib.Path
        File or folder.
    shape : (int, int, int)
        (z, y, x).
    dtype : str
        Type of a voxel.
    voxel_size_nm : (float, float, float)
        (z, y, x), nm.
    n_clipped : int
        Voxels that lay outside of what the type holds (or of `scale`) and were set to its limit.
    """

    path: Path
    shape: Triple
    dtype: str
    voxel_size_nm: tuple[float, float, float]
    n_clipped: int


class TifSliceWriter:
    """Writes a folder with one TIFF per slice.

    Parameters
    ----------
    path : pathlib.Path
        The folder.
    shape : (int, int, int)
        (z, y, x).
    dtype : numpy.dtype
        Type of a pixel.
    voxel_size_nm : (float, float, float)
        (z, y, x); only x is written.
    """

    depth = 1

    def __init__(
        self,
        path: Path,
        shape: Triple,
        dtype: np.dtype[Any],
        voxel_size_nm: tuple[float, float, float],
    ) -> None:
        self.path, self.shape, self.dtype = path, shape, dtype
        self._pixel = voxel_size_nm[2] if math.isfinite(voxel_size_nm[2]) else None
        self._digits = max(len(str(shape[0] - 1)), 4)

    @property
    def expected_bytes(self) -> int:
        """Space that all files take, nearly."""
        return math.prod(self.shape) * self.dtype.itemsize

    def written_bytes(self) -> int:
        """Nothing is taken over from an earlier time."""
        return 0

    def write_slices(self, first: int, images: NDArray[Any]) -> None:
        """Write slices as slice0000.tif and so on."""
        for number, image in enumerate(images, start=first):
            name = f"slice{number:0{self._digits}d}.tif"
            write_tif(self.path / name, image, pixel_size_nm=self._pixel)

    def finish(self, minimum: float, maximum: float, mean: float, rms: float) -> None:
        """Every file is complete already."""


@dataclass(frozen=True)
class ConversionBatch:
    """Some slices of the new stack.

    Attributes
    ----------
    source : Stack
        Where voxels come from; reopened where the batch is worked on.
    writer : StackWriter
        Where they go.
    first, stop : int
        Slices of the new stack; whole slabs of the writer.
    change : StackChange
        With `crop` filled in.
    """

    source: Stack
    writer: StackWriter
    first: int
    stop: int
    change: StackChange


def convert_batch(batch: ConversionBatch) -> list[tuple[SliceResult, int]]:
    """Read, change and write slices; return statistics and clipped voxels of each."""
    results = []
    writer = batch.writer
    for first in range(batch.first, batch.stop, writer.depth):
        stop = min(first + writer.depth, batch.stop)
        slab = np.empty((stop - first, *writer.shape[1:]), writer.dtype)
        for n in range(stop - first):
            slab[n], clipped = _make_slice(batch, first + n)
            found = SliceResult(
                index=first + n, measures={}, written=True, **slice_statistics(slab[n])
            )
            results.append((found, clipped))
        writer.write_slices(first, slab)
    return results


def _make_slice(batch: ConversionBatch, index: int) -> tuple[NDArray[Any], int]:
    change, dtype = batch.change, batch.writer.dtype
    assert change.crop is not None
    z0, _, y0, y1, x0, x1 = change.crop
    bz, by, bx = change.bins
    height, width = batch.writer.shape[1:]
    rows = slice(y0, min(y1, y0 + height * by))
    columns = slice(x0, min(x1, x0 + width * bx))
    if bz == by == bx == 1:
        image: NDArray[Any] = batch.source[z0 + index][rows, columns]
    else:
        # One slice after another: sums of whole numbers below 2^53 are exact in doubles.
        total = np.zeros((height, width))
        for k in range(bz):
            part = batch.source[z0 + index * bz + k][rows, columns]
            total += bin_mean(part[None], (1, by, bx))[0] * (by * bx)
        image = total / (bz * by * bx)
    if change.scale is not None:
        low, high = change.scale
        limits = np.iinfo(dtype) if dtype.kind in "iu" else None
        bottom, top = (limits.min, limits.max) if limits else (0, 1)
        image = (image.astype(np.float64) - low) / (high - low)
        outside = int(((image < 0) | (image > 1)).sum())
        image = np.clip(image, 0, 1) * (top - bottom) + bottom
        return cast_rounded(image, dtype), outside
    return cast_rounded(image, dtype), _count_outside(image, dtype)


def _count_outside(image: NDArray[Any], dtype: np.dtype[Any]) -> int:
    if dtype.kind not in "iu" or np.can_cast(image.dtype, dtype):
        return 0
    limits = np.iinfo(dtype)
    rounded = image if image.dtype.kind in "iu" else np.rint(image)
    return int((~((rounded >= limits.min) & (rounded <= limits.max))).sum())


def convert_stack(
    sources: Sequence[str | os.PathLike[str]],
    target: str | os.PathLike[str],
    change: StackChange | None = None,
    *,
    voxel_size_nm: tuple[float, float, float] | None = None,
    overwrite: bool = False,
    executor: Executor | None = None,
    monitor: Monitor | None = None,
) -> ConvertedStack:
    """Write a stack in another format; memory holds a few slices per worker.

    Parameters
    ----------
    sources : sequence of path-like
        What `fibsem_dash.io.open_stack` opens; several are joined in order.
    target : path-like
        .mrc, .zarr, .h5 (BigDataViewer, with an .xml beside it) or .tif; a name without suffix
        becomes a folder with one TIFF per slice.
    change : StackChange, optional
        Crop, binning, grey levels and type.
    voxel_size_nm : (float, float, float), optional
        (z, y, x) of the source in nm; by default what it says.
    overwrite : bool
        Whether a stack that is there already may be replaced.
    executor : Executor, optional
        Where work runs; this process by default.
    monitor : Monitor, optional
        What hears of progress and may cancel.

    Returns
    -------
    ConvertedStack

    Raises
    ------
    ParameterError
        For a crop or bins that the source does not have, a type that the format cannot hold, or a
        voxel size that is needed and not known.
    FormatError, AccessError
        When the source cannot be read or the target not be written. Nothing is left behind.
    RunError
        When the target exists.
    """
    executor, monitor = executor or InProcessExecutor(), monitor or SilentMonitor()
    final = Path(os.path.abspath(target))
    suffix = suffix_of(final) if final.suffix else ""
    _check_target(final, sources, overwrite)
    partial = final.with_name(f".{final.stem[:40]}-{uuid.uuid4().hex[:12]}.partial")
    paths = [os.path.abspath(p) for p in sources]
    with JoinedStack(paths) if len(paths) != 1 else open_stack(paths[0]) as source:
        wanted = _settle(change or StackChange(), source)
        shape = output_shape(wanted)
        dtype = np.dtype(wanted.dtype)
        edges = voxel_size_nm or source.voxel_size_nm
        voxel = _times(edges, wanted.bins)
        if suffix == ".mrc" and not all(math.isfinite(v) and v > 0 for v in voxel):
            raise ParameterError(
                "MRC needs a voxel size, and the source does not say all of it",
                path=paths[0],
                found=f"{voxel} nm (z, y, x)",
                remedy="Give the voxel size (z, y, x) in nm.",
                argument="voxel",
            )
        try:
            writer = _create(suffix, partial, shape, dtype, voxel)
            check_space(final.parent, writer.expected_bytes - writer.written_bytes())
            results = _convert_all(source, writer, wanted, executor, monitor)
            build_pyramids([(writer, "")], executor, monitor)
            writer.finish(*overall_statistics([r for r, _ in results], shape))
            if suffix:
                write_companions(suffix, final, shape, voxel)
            publish_stack(partial, final)
        except BaseException:
            remove_stack(partial)
            raise
    return ConvertedStack(final, shape, str(dtype), voxel, sum(n for _, n in results))


def _check_target(final: Path, sources: Sequence[str | os.PathLike[str]], overwrite: bool) -> None:
    if not final.parent.is_dir():
        raise AccessError(
            "The file or its folder does not exist", path=final.parent, remedy="Make the folder"
        )
    if any(final.resolve() == Path(s).resolve() for s in sources):
        raise ParameterError("A stack cannot be written over itself", path=final)
    if final.exists() and not overwrite:
        raise RunError(
            "there is something under this name already",
            path=final,
            remedy="Choose another name, or allow it to be replaced.",
            argument="overwrite",
        )
    if final.is_dir() and not (final / "zarr.json").is_file():
        raise RunError("a folder of this name is not a stack of ours", path=final)


def _create(
    suffix: str,
    partial: Path,
    shape: Triple,
    dtype: np.dtype[Any],
    voxel: tuple[float, float, float],
) -> StackWriter:
    if suffix:
        return create_stack(suffix, partial, shape, dtype, voxel)
    partial.mkdir()
    return TifSliceWriter(partial, shape, dtype, voxel)


def _convert_all(
    source: Stack, writer: StackWriter, change: StackChange, executor: Executor, monitor: Monitor
) -> list[tuple[SliceResult, int]]:
    n = writer.shape[0]
    size = -(-batch_size(n, executor.n_workers) // writer.depth) * writer.depth
    batches = [
        ConversionBatch(source, writer, part[0], part[-1] + 1, change)
        for part in batches_of(range(n), size)
    ]
    monitor.start(STAGE, n)
    results: list[tuple[SliceResult, int]] = []
    for done in executor.run(convert_batch, batches, monitor):
        results += done
        monitor.advance(STAGE, len(done))
    monitor.finish(STAGE)
    return sorted(results, key=lambda item: item[0].index)


def _settle(change: StackChange, source: Stack) -> StackChange:
    nz, ny, nx = source.shape
    crop = change.crop or (0, nz, 0, ny, 0, nx)
    for axis, n, low, high in zip("zyx", source.shape, crop[::2], crop[1::2], strict=True):
        if not 0 <= low < high <= n:
            raise ParameterError(
                "The crop lies outside of the stack",
                expected=f"0 <= {axis}0 < {axis}1 <= {n}",
                found=f"{low} and {high}",
                remedy="The order is z0 z1 y0 y1 x0 x1",
            )
    dtype = np.dtype(change.dtype or source.dtype)
    if dtype.kind not in "iuf" or source.dtype.kind not in "iuf":
        raise ParameterError("This type cannot be converted", found=f"{source.dtype} to {dtype}")
    if change.scale is not None and not change.scale[0] < change.scale[1]:
        raise ParameterError("scale", expected="LOW below HIGH", found=change.scale)
    settled = StackChange(crop, change.bins, change.scale, dtype.name)
    if min(change.bins) < 1 or min(output_shape(settled)) < 1:
        raise ParameterError(
            "The bins do not fit into the stack",
            expected="1 to the size of the crop, order z y x",
            found=change.bins,
        )
    return settled


def output_shape(change: StackChange) -> Triple:
    """Return the shape (z, y, x) of the new stack; `change.crop` must be given."""
    assert change.crop is not None
    z0, z1, y0, y1, x0, x1 = change.crop
    bz, by, bx = change.bins
    if min(change.bins) < 1:
        return (0, 0, 0)
    return (z1 - z0) // bz, (y1 - y0) // by, (x1 - x0) // bx


def _times(voxel: Sequence[float], bins: Triple) -> tuple[float, float, float]:
    z, y, x = (float(v) * b for v, b in zip(voxel, bins, strict=True))
    return z, y, x
