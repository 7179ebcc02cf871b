"""What a run will take, told before it starts: time, memory, disk."""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from fibsem_dash.registration import data_range, keypoints, pairs
from fibsem_dash.registration.canvas import Canvas
from fibsem_dash.registration.frames import FrameInfo
from fibsem_dash.registration.warp import RenderSettings, SourceFrame, output_dtype, render_slice
from fibsem_dash.settings import RunSettings

CANVAS_MARGIN = 1.1
"""Assumed growth of a slice by padding; the true size is known only after the chain."""

FORMAT_SHARES = {"mrc": 1.0, "tif": 1.0, "zarr": 8 / 7, "h5": 8 / 7}
"""Size of each format beside that of the voxels: levels of a pyramid add a seventh. Zarr is
compressed, by how much nobody knows before; h5 holds 16 bit always."""


@dataclass(frozen=True)
class Forecast:
    """What a run will take.

    Attributes
    ----------
    n_frames : int
        Frames that can be used.
    seconds : float
        Wall-clock time on the given workers, from one pair that was timed.
    worker_bytes : int
        Peak memory of one worker.
    stack_bytes, cache_bytes : int
        Disk space of the output in all formats and of the kept intermediate results.
    """

    n_frames: int
    seconds: float
    worker_bytes: int
    stack_bytes: int
    cache_bytes: int


def forecast(frames: Sequence[FrameInfo], settings: RunSettings, n_workers: int) -> Forecast:
    """Time one pair from the middle of the stack and extrapolate.

    Parameters
    ----------
    frames : sequence of FrameInfo
        Frames that can be used.
    settings : RunSettings
        All settings.
    n_workers : int
        Workers that the run will have.
    """
    middle = len(frames) // 2
    sample = tuple(frames[max(middle - 1, 0) : middle + 1])
    # A fresh process, so that its peak memory is that of a worker.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        seconds, peak, cache_bytes = pool.submit(_try_pair, sample, settings).result()
    dtype, _ = output_dtype(settings.output.dtype, np.dtype(frames[0].dtype))
    height, width = frames[0].shape
    n_slices = -(-len(frames) // settings.output.z_bin)
    copies = sum(FORMAT_SHARES[name] for name in settings.output.formats)
    if "h5" in settings.output.formats and dtype.itemsize == 1:
        copies += FORMAT_SHARES["h5"]
    margin = CANVAS_MARGIN if settings.output.pad else 1.0
    return Forecast(
        n_frames=len(frames),
        seconds=seconds * len(frames) / max(n_workers, 1),
        worker_bytes=peak,
        stack_bytes=int(n_slices * height * width * dtype.itemsize * margin * copies),
        cache_bytes=cache_bytes * len(frames),
    )


def _try_pair(sample: tuple[FrameInfo, ...], settings: RunSettings) -> tuple[float, int, int]:
    """Process two frames; return seconds and cache bytes per frame, and peak memory in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        detector = settings.input.detector
        ranges = data_range.measure_batch(
            data_range.RangeBatch(sample, detector, settings.data_range, folder)
        )
        jobs = tuple(
            keypoints.keypoint_job(f, r.minimum, r.maximum, detector, settings.sift)
            for f, r in zip(sample, ranges, strict=True)
        )
        keypoints.extract_batch(keypoints.KeyPointBatch(jobs, detector, settings.sift, folder))
        per_frame = (time.perf_counter() - started) / len(sample)
        started = time.perf_counter()
        first, second = jobs[0], jobs[-1]
        job = pairs.pair_job((0, first.key), (1, second.key), settings.matching, settings.solver)
        pairs.estimate_batch(pairs.PairBatch((job,), settings.matching, settings.solver, folder))
        dtype, _ = output_dtype(settings.output.dtype, np.dtype(sample[0].dtype))
        render = RenderSettings(
            Canvas(sample[0].shape), str(dtype), detector, order=settings.output.order
        )
        render_slice((SourceFrame(sample[0].path, np.eye(3)),), render)
        per_frame += time.perf_counter() - started
        stored = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return per_frame, peak_memory(), stored // len(sample)


def peak_memory() -> int:
    """Return the peak resident memory of this process, bytes."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
