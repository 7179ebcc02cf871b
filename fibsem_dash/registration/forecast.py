"""What a run will take, told before it starts: time, memory, disk."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import psutil

from fibsem_dash.compare import compare_images
from fibsem_dash.compute.executor import run_single_threaded, usable_cores
from fibsem_dash.compute.template import FORKED, WARM_MODULES
from fibsem_dash.io.atomic import reading
from fibsem_dash.registration import block_pairs, data_range, keypoints, pairs
from fibsem_dash.registration.block_pairs import BlockFrameJob
from fibsem_dash.registration.canvas import Canvas
from fibsem_dash.registration.frames import FrameInfo
from fibsem_dash.registration.warp import RenderSettings, SourceFrame, output_dtype, render_slice
from fibsem_dash.settings import RunSettings

CANVAS_MARGIN = 1.1
"""Assumed growth of a slice by padding; the true size is known only after the chain."""

FORMAT_SHARES = {"mrc": 1.0, "tif": 1.0, "zarr": 8 / 7, "h5": 8 / 7}
"""Size of each format beside that of the voxels: levels of a pyramid add a seventh. Zarr is
compressed, by how much nobody knows before; h5 holds 16 bit always."""

MOST_PROCESSES = 8
"""Most processes that try the pair: beyond, a cluster of other machines is more likely."""

WORKER_START = 0.6 if FORKED else 3.0
"""Start of a run's workers over that of the same number of bare processes with the same
modules (`benchmarks/bench_forecast.py` prints it): copies of one process that has imported them,
or a Dask cluster where processes cannot be copied."""


@dataclass(frozen=True)
class Forecast:
    """What a run will take.

    Attributes
    ----------
    n_frames : int
        Frames that can be used.
    seconds : float
        Wall-clock time on the given workers, `start_seconds` included.
    start_seconds : float
        Part of it until the workers are ready.
    worker_bytes : int
        Peak memory of one worker.
    stack_bytes, cache_bytes : int
        Disk space of the output in all formats and of the kept intermediate results.
    free_bytes : int or None
        Free space where the run folder is or will be; None where no folder was given.
    """

    n_frames: int
    seconds: float
    worker_bytes: int
    stack_bytes: int
    cache_bytes: int
    start_seconds: float = 0.0
    free_bytes: int | None = None

    @property
    def fits(self) -> bool:
        """Whether the disk has room for stack and cache; True where that is not known."""
        return self.free_bytes is None or self.stack_bytes + self.cache_bytes <= self.free_bytes


@dataclass(frozen=True)
class PairTiming:
    """What a pair took when all workers tried it at once.

    Attributes
    ----------
    per_frame : float
        Wall-clock time of one frame on one worker, s.
    process_seconds : float
        Start of the processes, s.
    at_work : int
        Processes that tried it.
    worker_bytes : int
        Peak memory of one of them.
    cache_bytes : int
        Disk space of the kept intermediate results of one frame.
    """

    per_frame: float
    process_seconds: float
    at_work: int
    worker_bytes: int
    cache_bytes: int


def sample_pair(frames: Sequence[FrameInfo]) -> tuple[FrameInfo, ...]:
    """Return the two frames in the middle of a stack, which stand for all."""
    middle = len(frames) // 2
    return tuple(frames[max(middle - 1, 0) : middle + 1])


def time_pair(frames: Sequence[FrameInfo], settings: RunSettings, n_workers: int) -> PairTiming:
    """Time the pair in the middle of the stack on all workers at once.

    Workers share memory bandwidth, caches and the clock of the processor, so as many processes as
    the run will have at work do the same pair at the same time.

    Parameters
    ----------
    frames : sequence of FrameInfo
        Frames that can be used.
    settings : RunSettings
        All settings.
    n_workers : int
        Workers that the run will have; 0 for a run in the calling process.
    """
    sample = sample_pair(frames)
    at_work = min(max(n_workers, 1), usable_cores(), MOST_PROCESSES)
    started = time.perf_counter()
    # Fresh processes, so that their peak memory is that of a worker.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(at_work, mp_context=context) as pool:
        barrier = [pool.submit(_get_ready) for _ in range(at_work)]
        for ready in barrier:
            ready.result()
        process_seconds = time.perf_counter() - started
        trials = [pool.submit(_try_pair, sample, settings) for _ in range(at_work)]
        found = [trial.result() for trial in trials]
    return PairTiming(
        per_frame=max(trial[0] for trial in found),
        process_seconds=process_seconds,
        at_work=at_work,
        worker_bytes=max(trial[1] for trial in found),
        cache_bytes=found[0][2],
    )


def forecast(
    frames: Sequence[FrameInfo],
    settings: RunSettings,
    n_workers: int,
    folder: str | os.PathLike[str] | None = None,
    timing: PairTiming | None = None,
) -> Forecast:
    """Extrapolate from a pair in the middle of the stack to the run.

    Parameters
    ----------
    frames : sequence of FrameInfo
        Frames that can be used.
    settings : RunSettings
        All settings.
    n_workers : int
        Workers that the run will have; 0 for a run in the calling process.
    folder : path-like, optional
        The run folder, to tell the free space of its disk.
    timing : PairTiming, optional
        What `time_pair` measured for these frames, settings and workers; measured here by default.
    """
    timing = timing or time_pair(frames, settings, n_workers)
    # What was not tried at once, since there are no more cores here, runs on other machines.
    share = max(n_workers, 1) if n_workers > MOST_PROCESSES else timing.at_work
    start_seconds = WORKER_START * timing.process_seconds if n_workers else 0.0
    dtype, _ = output_dtype(settings.output.dtype, np.dtype(frames[0].dtype))
    height, width = frames[0].shape
    n_slices = -(-len(frames) // settings.output.z_bin)
    copies = sum(FORMAT_SHARES[name] for name in settings.output.formats)
    if "h5" in settings.output.formats and dtype.itemsize == 1:
        copies += FORMAT_SHARES["h5"]
    margin = CANVAS_MARGIN if settings.output.pad else 1.0
    return Forecast(
        n_frames=len(frames),
        seconds=start_seconds + timing.per_frame * len(frames) / share,
        worker_bytes=timing.worker_bytes,
        stack_bytes=int(n_slices * height * width * dtype.itemsize * margin * copies),
        cache_bytes=timing.cache_bytes * len(frames),
        start_seconds=start_seconds,
        free_bytes=None if folder is None else free_space(folder),
    )


def free_space(folder: str | os.PathLike[str]) -> int:
    """Return the free bytes of the disk that holds a folder, which need not exist yet.

    Raises
    ------
    AccessError
        When that cannot be told.
    """
    path = Path(folder).absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    with reading(path):
        return shutil.disk_usage(path).free


def _get_ready() -> None:
    for name in WARM_MODULES:
        import_module(name)
    # Long enough that no process takes the turn of another.
    time.sleep(0.1)


def _try_pair(sample: tuple[FrameInfo, ...], settings: RunSettings) -> tuple[float, int, int]:
    """Process two frames; return seconds and cache bytes per frame, and peak memory in bytes."""
    import cv2

    # As in a worker.
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        per_frame = run_single_threaded(_timed_pair, (sample, settings, folder))
        stored = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return per_frame, peak_memory(), stored // len(sample)


def _timed_pair(work: tuple[tuple[FrameInfo, ...], RunSettings, str]) -> float:
    sample, settings, folder = work
    started = time.perf_counter()
    detector = settings.input.detector
    ranges = data_range.measure_batch(
        data_range.RangeBatch(sample, detector, settings.data_range, folder)
    )
    estimated = _time_estimation(sample, [(r.minimum, r.maximum) for r in ranges], settings, folder)
    started += estimated.seconds
    dtype, _ = output_dtype(settings.output.dtype, np.dtype(sample[0].dtype))
    render = RenderSettings(
        Canvas(sample[0].shape), str(dtype), detector, order=settings.output.order
    )
    images = [render_slice((SourceFrame(f.path, np.eye(3)),), render) for f in sample]
    for k, image in enumerate(images):
        np.save(Path(folder) / f"{k}.npy", image)
    for k in range(len(images)):
        (Path(folder) / f"{k}.npy").unlink()
    per_frame = (time.perf_counter() - started) / len(sample)
    started = time.perf_counter()
    quality = settings.quality
    if quality.metrics:
        compare_images(
            images[0],
            images[-1],
            quality.metrics,
            nmi_bins=quality.nmi_bins,
            fsc_threshold=quality.fsc_threshold,
            reference=quality.reference,
        )
    return per_frame + estimated.per_frame + time.perf_counter() - started


@dataclass(frozen=True)
class _Estimation:
    """Time of the transforms of a sample, and what it is for each frame of a stack, s."""

    seconds: float
    per_frame: float


def _time_estimation(
    sample: tuple[FrameInfo, ...],
    levels: Sequence[tuple[float, float]],
    settings: RunSettings,
    folder: str,
) -> _Estimation:
    """Find the transform of a pair as the run will.

    With 'auto', the pair stands for the stack: key points count where blocks do not find it.
    """
    started = time.perf_counter()
    per_frame, found = 0.0, False
    if settings.estimation.estimator != "sift":
        per_frame, found = _time_blocks(sample, levels, settings, folder)
    if settings.estimation.estimator == "sift" or (
        settings.estimation.estimator == "auto" and not found
    ):
        per_frame += _time_keypoints(sample, levels, settings, folder)
    return _Estimation(time.perf_counter() - started, per_frame)


def _time_blocks(
    sample: tuple[FrameInfo, ...],
    levels: Sequence[tuple[float, float]],
    settings: RunSettings,
    folder: str,
) -> tuple[float, bool]:
    """Return seconds per frame by blocks, and whether they found the transform."""
    frames = [BlockFrameJob(f, *bounds) for f, bounds in zip(sample, levels, strict=True)]
    first, second = frames[0], frames[-1]
    reach = settings.estimation.neighbours
    started = time.perf_counter()
    (batch,) = block_pairs.batches_for([(first, second)], 1, settings, folder)
    (result,) = block_pairs.estimate_batch(batch)
    both = time.perf_counter() - started
    # In a stack, neighbouring pairs share the spectra of a frame: each is made once, and what more
    # neighbours add is the correlation alone.
    images = [block_pairs.prepare(frame, batch) for frame in frames]
    spectra = (time.perf_counter() - started - both) / len(images)
    del images
    correlation = max(both - len(frames) * spectra, 0.0)
    return spectra + reach * correlation, bool(result)


def _time_keypoints(
    sample: tuple[FrameInfo, ...],
    levels: Sequence[tuple[float, float]],
    settings: RunSettings,
    folder: str,
) -> float:
    detector = settings.input.detector
    started = time.perf_counter()
    jobs = tuple(
        keypoints.keypoint_job(frame, *bounds, detector, settings.sift)
        for frame, bounds in zip(sample, levels, strict=True)
    )
    keypoints.extract_batch(keypoints.KeyPointBatch(jobs, detector, settings.sift, folder))
    extracted = (time.perf_counter() - started) / len(sample)
    started = time.perf_counter()
    first, second = jobs[0], jobs[-1]
    job = pairs.pair_job((0, first.key), (1, second.key), settings.matching, settings.solver)
    pairs.estimate_batch(pairs.PairBatch((job,), settings.matching, settings.solver, folder))
    return extracted + time.perf_counter() - started


def peak_memory() -> int:
    """Return the peak resident memory of this process, bytes."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
