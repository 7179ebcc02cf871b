"""The streaming pass: every output slice made, written and measured once, by any worker."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.compare import compare_images
from fibsem_dash.errors import RunError
from fibsem_dash.io.atomic import access_error
from fibsem_dash.io.mrc import MrcStack, MrcStackWriter
from fibsem_dash.registration.cache import ResultCache, as_float, content_key
from fibsem_dash.registration.warp import RenderSettings, SourceFrame, render_slice
from fibsem_dash.settings import QualitySettings

STACKS, SLICES, MEASURES = "stacks", "slices", "measures"
"""Kinds of results in the cache."""


@dataclass(frozen=True)
class SliceJob:
    """One output slice and where it is compared with the one before.

    Attributes
    ----------
    index : int
        Number of the slice.
    sources : tuple of SourceFrame
        Frames that it is made of.
    key : str
        Key of everything that its voxels depend on.
    bounds : (int, int, int, int), optional
        (xi, xa, yi, ya) of the comparison; None for the first slice.
    """

    index: int
    sources: tuple[SourceFrame, ...]
    key: str
    bounds: tuple[int, int, int, int] | None


@dataclass(frozen=True)
class StackBatch:
    """Consecutive slices, with the one before the first."""

    jobs: tuple[SliceJob, ...]
    previous: SliceJob | None
    render: RenderSettings
    quality: QualitySettings
    writer: MrcStackWriter
    token: str
    cache_folder: str


@dataclass(frozen=True)
class SliceResult:
    """Statistics of a written slice and its measures against the one before."""

    index: int
    minimum: float
    maximum: float
    total: float
    squares: float
    measures: dict[str, float]
    written: bool


def write_batch(batch: StackBatch) -> list[SliceResult]:
    """Make, write and measure slices; what is on disk already is not made again."""
    cache = ResultCache(batch.cache_folder)
    images = _SliceImages(batch, cache)
    results = []
    previous = batch.previous
    for job in batch.jobs:
        statistics = images.statistics(job)
        written = statistics is None
        if statistics is None:
            statistics = images.write(job)
        measures = _measure(previous, job, images, cache)
        results.append(
            SliceResult(index=job.index, measures=measures, written=written, **statistics)
        )
        images.forget(previous)
        previous = job
    return results


class _SliceImages:
    """Slices of one batch: rendered, or read where they are written already."""

    def __init__(self, batch: StackBatch, cache: ResultCache) -> None:
        self.batch = batch
        self.cache = cache
        self._images: dict[int, npt.NDArray[Any]] = {}

    def _key(self, job: SliceJob) -> str:
        return _written_key(self.batch.token, job)

    def statistics(self, job: SliceJob) -> dict[str, float] | None:
        """Return the statistics of a slice that is written, else None."""
        record = self.cache.load_record(SLICES, self._key(job))
        return None if record is None else {k: as_float(v) for k, v in record.items()}

    def write(self, job: SliceJob) -> dict[str, float]:
        """Render and write a slice, and note that it is written."""
        image = self.get(job)
        self.batch.writer.write_slice(job.index, image)
        statistics = {
            "minimum": float(image.min()),
            "maximum": float(image.max()),
            "total": float(image.sum(dtype=np.float64)),
            "squares": _sum_of_squares(image),
        }
        self.cache.save_record(SLICES, self._key(job), statistics)
        return statistics

    def get(self, job: SliceJob) -> npt.NDArray[Any]:
        """Return the voxels of a slice."""
        if job.index not in self._images:
            if self.statistics(job) is not None:
                with MrcStack(self.batch.writer.path) as stack:
                    self._images[job.index] = stack[job.index]
            else:
                self._images[job.index] = render_slice(job.sources, self.batch.render)
        return self._images[job.index]

    def forget(self, job: SliceJob | None) -> None:
        """Free the memory of a slice."""
        if job is not None:
            self._images.pop(job.index, None)


def _written_key(token: str, job: SliceJob) -> str:
    return content_key(SLICES, token, job.index, job.key)


def missing_slices(cache: ResultCache, final: Path, key: str, jobs: Sequence[SliceJob]) -> int:
    """Count the slices that would be written: `open_target` and `write_batch` without writing.

    Parameters
    ----------
    cache : ResultCache
        Of the run folder.
    final : pathlib.Path
        Name of the finished stack.
    key : str
        Key of everything that the stack's bytes depend on.
    jobs : sequence of SliceJob
        All slices.
    """
    record = cache.load_record(STACKS, key) or {}
    token = str(record.get("token", ""))
    finished = final.with_name(str(record.get("file") or final.name))
    whole = bool(record.get("identity")) and _identity(finished) == record["identity"]
    if not token or not (whole or (cache.folder / STACKS / f"{key}.partial").exists()):
        return len(jobs)
    paths = (cache.path(SLICES, _written_key(token, job), ".json") for job in jobs)
    return sum(not path.exists() for path in paths)


def _sum_of_squares(image: npt.NDArray[Any]) -> float:
    # Row by row: doubles of a whole slice would take several times its memory.
    return float(sum(np.dot(row, row) for row in (r.astype(np.float64) for r in image)))


def _measure(
    previous: SliceJob | None, job: SliceJob, images: _SliceImages, cache: ResultCache
) -> dict[str, float]:
    quality = images.batch.quality
    if previous is None or job.bounds is None or not quality.metrics:
        return {}
    xi, xa, yi, ya = job.bounds
    if xa - xi < 2 or ya - yi < 2:
        return dict.fromkeys(quality.metrics, float("nan"))
    key = content_key(
        MEASURES,
        previous.key,
        job.key,
        job.bounds,
        quality.metrics,
        quality.nmi_bins,
        (quality.fsc_threshold, quality.reference) if "FSC" in quality.metrics else None,
    )
    record = cache.load_record(MEASURES, key)
    if record is None:
        before, after = (images.get(j)[yi:ya, xi:xa] for j in (previous, job))
        record = dict(
            compare_images(
                before,
                after,
                quality.metrics,
                nmi_bins=quality.nmi_bins,
                fsc_threshold=quality.fsc_threshold,
                reference=quality.reference,
            )
        )
        cache.save_record(MEASURES, key, record)
    return {name: as_float(record[name]) for name in quality.metrics}


@dataclass(frozen=True)
class StackTarget:
    """The file that is being written, and the token that its finished slices carry.

    Attributes
    ----------
    writer : MrcStackWriter
        Of the file under its temporary or, when complete, its final name.
    token : str
        A new file gets a new token, so no slice of a lost file counts as written.
    final : pathlib.Path
        Name of the finished stack.
    key : str
        Key of everything that the stack's bytes depend on.
    """

    writer: MrcStackWriter
    token: str
    final: Path
    key: str

    @property
    def complete(self) -> bool:
        """Whether the file has its final name already."""
        return self.writer.path == self.final

    @property
    def missing_bytes(self) -> int:
        """Space that the file still needs: what is written of it needs no more."""
        if self.complete:
            return 0
        status = self.writer.path.stat()
        # A file system that does not tell what it holds of a sparse file is taken at its word.
        held = getattr(status, "st_blocks", 0) * 512
        return max(status.st_size - held, 0)


def open_target(
    cache: ResultCache,
    final: Path,
    key: str,
    shape: tuple[int, int, int],
    dtype: np.dtype[Any],
    voxel_size_nm: tuple[float, float, float],
    labels: Sequence[str],
) -> StackTarget:
    """Find the stack that an earlier run finished or began, or begin a new one.

    Parameters
    ----------
    cache : ResultCache
        Of the run folder.
    final : pathlib.Path
        Name of the finished stack.
    key : str
        Key of everything that the stack's bytes depend on.
    shape : (int, int, int)
        (z, y, x).
    dtype : numpy.dtype
        Type of a voxel.
    voxel_size_nm : (float, float, float)
        (z, y, x), nm.
    labels : sequence of str
        Lines for the file's header.

    Raises
    ------
    AccessError
        When the file cannot be made, for instance on a full disk.
    """
    folder = cache.folder / STACKS
    partial = folder / f"{key}.partial"
    record = cache.load_record(STACKS, key) or {}
    token = str(record.get("token", ""))
    finished = final.with_name(str(record.get("file") or final.name))
    if token and record.get("identity") and _identity(finished) == record["identity"]:
        if finished != final:
            os.replace(finished, final)
            cache.save_record(STACKS, key, record | {"file": final.name})
        return StackTarget(MrcStackWriter(final, shape, dtype), token, final, key)
    if token and partial.exists():
        return StackTarget(MrcStackWriter(partial, shape, dtype), token, final, key)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob("*.partial"):
            stale.unlink()
    except OSError as error:
        raise access_error(error, folder) from error
    writer = MrcStackWriter.create(partial, shape, dtype, voxel_size_nm, labels)
    token = uuid.uuid4().hex
    cache.save_record(STACKS, key, {"token": token})
    return StackTarget(writer, token, final, key)


def _identity(path: Path) -> list[int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def finish_target(cache: ResultCache, target: StackTarget, results: Sequence[SliceResult]) -> None:
    """Write the statistics into the header and give the file its final name.

    Parameters
    ----------
    cache : ResultCache
        Of the run folder.
    target : StackTarget
        The stack; nothing happens when it is complete.
    results : sequence of SliceResult
        All slices, in order.
    """
    if target.complete:
        return
    if [r.index for r in results] != list(range(target.writer.shape[0])):
        raise RunError("slices are missing", path=target.final, found=f"{len(results)} slices")
    n_voxels = float(np.prod(target.writer.shape, dtype=np.float64))
    mean = sum(r.total for r in results) / n_voxels
    variance = max(sum(r.squares for r in results) / n_voxels - mean**2, 0.0)
    target.writer.finish(
        min(r.minimum for r in results),
        max(r.maximum for r in results),
        mean,
        float(np.sqrt(variance)),
    )
    path = target.writer.path
    # The note precedes the rename: whichever of the two a crash spares, the next run understands.
    record = {"token": target.token, "file": target.final.name, "identity": _identity(path)}
    cache.save_record(STACKS, target.key, record)
    try:
        os.replace(path, target.final)
    except OSError as error:
        raise access_error(error, target.final) from error


def slice_key(
    sources: Sequence[SourceFrame], identity: Callable[[str], Any], render_key: str
) -> str:
    """Return the key of a slice's voxels: its files, their places and how they are rendered."""
    frames = [(identity(s.path), s.matrix.tolist(), s.scale, s.offset) for s in sources]
    return content_key(SLICES, frames, render_key)
