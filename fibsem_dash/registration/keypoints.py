"""Key points of every frame, kept on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from fibsem_dash.compute.executor import batches_of, describe_error
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.features import KeyPoints, extract_keypoints
from fibsem_dash.image.contrast import to_8bit
from fibsem_dash.io import open_frame
from fibsem_dash.registration.cache import ResultCache, content_key
from fibsem_dash.registration.frames import FrameInfo, require_unchanged
from fibsem_dash.settings import RunSettings, SiftSettings

KIND = "keypoints"


@dataclass(frozen=True)
class KeyPointJob:
    """A frame, the grey levels of its 8-bit image (counts) and the key of its key points."""

    frame: FrameInfo
    minimum: float
    maximum: float
    key: str


@dataclass(frozen=True)
class KeyPointBatch:
    """Some frames whose key points are wanted."""

    jobs: tuple[KeyPointJob, ...]
    detector: str
    settings: SiftSettings
    cache_folder: str


@dataclass(frozen=True)
class KeyPointCount:
    """Number of key points of a frame; -1 and a reason where it could not be read."""

    index: int
    n_keypoints: int
    reused: bool
    reason: str = ""


def keypoint_job(
    frame: FrameInfo, minimum: float, maximum: float, detector: str, settings: SiftSettings
) -> KeyPointJob:
    """Make the job of a frame, with the key that says what its key points depend on."""
    key = content_key(KIND, frame.identity, detector, minimum, maximum, settings, cv2.__version__)
    return KeyPointJob(frame, minimum, maximum, key)


def batches_for(
    jobs: Sequence[KeyPointJob],
    size: int,
    settings: RunSettings,
    cache_folder: str | os.PathLike[str],
) -> list[KeyPointBatch]:
    """Cut jobs into batches of at most `size` frames."""
    folder = os.fspath(cache_folder)
    return [
        KeyPointBatch(tuple(part), settings.input.detector, settings.sift, folder)
        for part in batches_of(jobs, size)
    ]


def extract_batch(batch: KeyPointBatch) -> list[KeyPointCount]:
    """Extract the key points of several frames, or find them on disk."""
    return [_extract(job, batch) for job in batch.jobs]


def _extract(job: KeyPointJob, batch: KeyPointBatch) -> KeyPointCount:
    cache = ResultCache(batch.cache_folder)
    index = job.frame.index
    stored = cache.load_arrays(KIND, job.key, "size")
    if stored is not None:
        return KeyPointCount(index, len(stored["size"]), True)
    try:
        image = open_frame(job.frame.path).raw(batch.detector)
        require_unchanged(job.frame.path, job.frame.identity[1:])
    except (FibsemDashError, OSError) as error:
        return KeyPointCount(index, -1, False, describe_error(error))
    if image.dtype != np.uint8:
        image = to_8bit(image, job.minimum, job.maximum)
    points = extract_keypoints(image, batch.settings)
    cache.save_arrays(KIND, job.key, **points.to_arrays())
    return KeyPointCount(index, len(points), False)


def load_keypoints(cache: ResultCache, key: str) -> KeyPoints | None:
    """Return stored key points, or None when they are not there and whole."""
    arrays = cache.load_arrays(KIND, key)
    try:
        return None if arrays is None else KeyPoints(**arrays)
    except TypeError:
        return None
