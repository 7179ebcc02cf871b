"""The streaming pass: every output slice made, written and measured once, by any worker."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fibsem_dash.backend import to_host
from fibsem_dash.compare import compare_images
from fibsem_dash.errors import RunError
from fibsem_dash.io.stack_files import publish_stack, stack_identity, write_companions
from fibsem_dash.registration.cache import ResultCache, as_float, content_key
from fibsem_dash.registration.frames import require_unchanged
from fibsem_dash.registration.stack_target import STACK_READERS, STACKS, StackTarget
from fibsem_dash.registration.warp import RenderSettings, SourceFrame, render_slice
from fibsem_dash.settings import QualitySettings

SLICES, MEASURES = "slices", "measures"
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
    """Consecutive slices, with the one before the first.

    Attributes
    ----------
    jobs : tuple of SliceJob
        The slices; the first is a multiple of every target's depth, and only the stack's last
        batch may end elsewhere.
    previous : SliceJob, optional
        The slice before them.
    render : RenderSettings
        How slices are made.
    quality : QualitySettings
        How they are measured.
    targets : tuple of StackTarget
        Where they are written.
    cache_folder : str
        Where results are kept.
    """

    jobs: tuple[SliceJob, ...]
    previous: SliceJob | None
    render: RenderSettings
    quality: QualitySettings
    targets: tuple[StackTarget, ...]
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
        written = images.write(job)
        measures = _measure(previous, job, images, cache)
        results.append(
            SliceResult(
                index=job.index, measures=measures, written=written, **images.statistics[job.index]
            )
        )
        images.forget_done(job)
        previous = job
    return results


class _SliceImages:
    """Slices of one batch: rendered, or read where they are written already."""

    def __init__(self, batch: StackBatch, cache: ResultCache) -> None:
        self.batch = batch
        self.cache = cache
        self.statistics: dict[int, dict[str, float]] = {}
        self._images: dict[int, npt.NDArray[Any]] = {}
        self._jobs = {job.index: job for job in (batch.previous, *batch.jobs) if job}
        # Slabs that are still to be written, by target and first slice.
        self._missing: set[tuple[int, int]] = set()
        for n, target in enumerate(batch.targets):
            for first in range(batch.jobs[0].index, batch.jobs[-1].index + 1, target.writer.depth):
                if not self._find(target, first):
                    self._missing.add((n, first))

    def _find(self, target: StackTarget, first: int) -> bool:
        """Tell whether a slab is written; if so, take its statistics over."""
        record = self.cache.load_record(SLICES, slab_key(target, first, self._jobs)) or {}
        slices = record.get("slices")
        numbers = slab_of(target, first)
        if not isinstance(slices, list) or len(slices) != len(numbers):
            return False
        found = [{name: as_float(value) for name, value in item.items()} for item in slices]
        self.statistics.update(zip(numbers, found, strict=True))
        return True

    def write(self, job: SliceJob) -> bool:
        """Write the slabs that a slice completes; tell whether the slice was missing in any."""
        missing = False
        for n, target in enumerate(self.batch.targets):
            first = job.index - job.index % target.writer.depth
            if (n, first) not in self._missing:
                continue
            missing = True
            # Made in any case, so that no image is held longer than its slab takes.
            self._note(job.index, to_host(self.get(job)))
            numbers = slab_of(target, first)
            if job.index == numbers[-1]:
                images = [to_host(self._images[k]) for k in numbers]
                slab = images[0][None] if len(images) == 1 else np.stack(images)
                target.writer.write_slices(first, slab)
                record = {"slices": [self.statistics[k] for k in numbers]}
                self.cache.save_record(SLICES, slab_key(target, first, self._jobs), record)
                self._missing.discard((n, first))
        return missing

    def _note(self, index: int, image: npt.NDArray[Any]) -> None:
        if index not in self.statistics:
            self.statistics[index] = slice_statistics(image)

    def get(self, job: SliceJob) -> npt.NDArray[Any]:
        """Return the voxels of a slice."""
        if job.index not in self._images:
            self._images[job.index] = self._read(job)
        return self._images[job.index]

    def _read(self, job: SliceJob) -> npt.NDArray[Any]:
        # Formats with deep blocks would decode many slices for one; making one is faster.
        for target in self.batch.targets:
            if target.writer.depth == 1 and self._find(target, job.index):
                with STACK_READERS[target.suffix](target.writer.path) as stack:
                    return stack[job.index]
        image = render_slice(job.sources, self.batch.render)
        for source in job.sources:
            require_unchanged(source.path, source.size_and_time)
        return image

    def forget_done(self, job: SliceJob) -> None:
        """Free the memory of slices that neither a slab nor the next comparison needs."""
        needed = {job.index}
        for n, first in self._missing:
            needed.update(slab_of(self.batch.targets[n], first))
        for index in [k for k in self._images if k not in needed]:
            del self._images[index]


def slice_statistics(image: npt.NDArray[Any]) -> dict[str, float]:
    """Return minimum, maximum, total and sum of squares of an image (y, x) by name."""
    low, high = cv2.minMaxLoc(image)[:2] if image.dtype.kind != "f" else (image.min(), image.max())
    return {
        "minimum": float(low),
        "maximum": float(high),
        "total": float(cv2.sumElems(image)[0]),
        "squares": float(cv2.norm(image, cv2.NORM_L2SQR)),
    }


def slab_of(target: StackTarget, first: int) -> range:
    """Return the numbers of the slices that are written together with a slab's first one."""
    return range(first, min(first + target.writer.depth, target.writer.shape[0]))


def slab_key(target: StackTarget, first: int, jobs: Mapping[int, SliceJob]) -> str:
    """Return the key of the record that tells that a slab is written."""
    keys = [jobs[k].key for k in slab_of(target, first)]
    return content_key(SLICES, target.token, first, *keys)


def missing_slices(
    cache: ResultCache, targets: Sequence[StackTarget | None], jobs: Sequence[SliceJob]
) -> int:
    """Count the slices that `write_batch` would write in any format.

    Parameters
    ----------
    cache : ResultCache
        Of the run folder.
    targets : sequence of StackTarget
        What `find_target` found; None for a format that is not begun.
    jobs : sequence of SliceJob
        All slices in order.
    """
    numbered = dict(enumerate(jobs))
    missing: set[int] = set()
    for target in targets:
        if target is None:
            return len(jobs)
        for first in range(0, len(jobs), target.writer.depth):
            if not cache.path(SLICES, slab_key(target, first, numbered), ".json").exists():
                missing.update(slab_of(target, first))
    return len(missing)


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


def finish_target(
    cache: ResultCache,
    target: StackTarget,
    results: Sequence[SliceResult],
    voxel_size_nm: tuple[float, float, float] = (math.nan,) * 3,
) -> None:
    """Write the statistics into the header and give the stack its final name.

    Parameters
    ----------
    cache : ResultCache
        Of the run folder.
    target : StackTarget
        The stack; nothing happens when it is complete.
    results : sequence of SliceResult
        All slices, in order.
    voxel_size_nm : (float, float, float)
        (z, y, x), nm, for the files that go with the stack.
    """
    if target.complete:
        return
    if [r.index for r in results] != list(range(target.writer.shape[0])):
        raise RunError("slices are missing", path=target.final, found=f"{len(results)} slices")
    target.writer.finish(*overall_statistics(results, target.writer.shape))
    path = target.writer.path
    # The note precedes the rename: whichever of the two a crash spares, the next run understands.
    record = {
        "token": target.token,
        "file": target.final.name,
        "identity": stack_identity(path),
    }
    cache.save_record(STACKS, target.key, record)
    write_companions(target.suffix, target.final, target.writer.shape, voxel_size_nm)
    publish_stack(path, target.final)


def overall_statistics(
    results: Sequence[SliceResult], shape: tuple[int, int, int]
) -> tuple[float, float, float, float]:
    """Return minimum, maximum, mean and standard deviation of a stack from those of its slices."""
    n_voxels = float(np.prod(shape, dtype=np.float64))
    mean = sum(r.total for r in results) / n_voxels
    variance = max(sum(r.squares for r in results) / n_voxels - mean**2, 0.0)
    return (
        min(r.minimum for r in results),
        max(r.maximum for r in results),
        mean,
        float(np.sqrt(variance)),
    )


def slice_key(
    sources: Sequence[SourceFrame], identity: Callable[[str], Any], render_key: str
) -> str:
    """Return the key of a slice's voxels: its files, their places and how they are rendered."""
    frames = [(identity(s.path), s.matrix.tolist(), s.scale, s.offset) for s in sources]
    return content_key(SLICES, frames, render_key)
