"""Writes a phantom as real files, on one process or on several."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fibsem_dash.errors import ParameterError, RunError
from fibsem_dash.io.atomic import access_error, write_json
from fibsem_dash.io.dat import write_dat
from fibsem_dash.io.tif import write_tif
from fibsem_dash.phantom.lattice import Points
from fibsem_dash.phantom.options import PhantomSettings
from fibsem_dash.phantom.render import FrameRenderer
from fibsem_dash.phantom.telemetry import dat_header

TRUTH_NAME = "truth.json"
# TIFF pixels are unsigned: this puts the most negative raw count at 0.
TIF_OFFSET = 32768

_renderer: FrameRenderer | None = None


@dataclass(frozen=True, eq=False)
class PhantomResult:
    """What was written.

    Parameters
    ----------
    folder : Path
        Holds everything.
    files : tuple of Path
        One per frame, in order.
    truth_file : Path
        JSON file with the known geometry.
    matrices : ndarray, float64, shape (frames, 3, 3)
        Matrix i maps frame-0 pixels (x, y, 1) to frame i.
    settings : PhantomSettings
        What it was made from.
    """

    folder: Path
    files: tuple[Path, ...]
    truth_file: Path
    matrices: Points
    settings: PhantomSettings


def write_phantom(
    out: str | os.PathLike[str],
    settings: PhantomSettings | None = None,
    *,
    workers: int = 1,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
    **changes: Any,
) -> PhantomResult:
    """Write a synthetic FIB-SEM stack of stained tissue whose drift is known.

    Parameters
    ----------
    out : path-like
        Folder to write to; made where missing.
    settings : PhantomSettings, optional
        What to draw; the defaults where not given.
    workers : int, default 1
        Number of processes. The files do not depend on it.
    overwrite : bool, default False
        Remove a phantom that is already in the folder. Other files are never touched.
    progress : callable, optional
        Called with (frames written, all frames) after each frame.
    **changes
        Fields of `PhantomSettings` that replace those of `settings`, such as ``frames=60``.

    Returns
    -------
    PhantomResult
        Files and true matrices. ``truth.json`` is written last: {"frames": n, "T": n matrices
        3 x 3 from frame 0 to frame i, "blank", "jump", "seed", "settings"}.

    Raises
    ------
    ParameterError
        A setting is unknown or out of bounds, or a phantom is already in the folder.
    AccessError
        The folder or a file cannot be written.
    RunError
        A worker process ended unexpectedly.

    Notes
    -----
    Stained structures have the higher counts, as a detector records them. The matrices are those
    that the tissue is drawn with, exact to float64. An estimate from the images differs from them
    even without noise, because tissue that runs at a slant moves sideways from slice to slice: by
    less than 0.1 px per slice on average over most frames, with a sign that depends on the seed.
    """
    settings = _changed(settings or PhantomSettings(), changes)
    if workers < 1:
        raise ParameterError(
            "At least one process is needed",
            expected="1 or more",
            found=workers,
            remedy="Give a larger number of workers",
        )
    folder = Path(out)
    _prepare(folder, overwrite)
    files = []
    for path in _write_frames(folder, settings, min(workers, settings.frames)):
        files.append(path)
        if progress is not None:
            progress(len(files), settings.frames)
    matrices = FrameRenderer(settings).matrices
    truth = folder / TRUTH_NAME
    write_json(truth, _truth(settings, matrices))
    return PhantomResult(folder, tuple(files), truth, matrices, settings)


def frame_name(settings: PhantomSettings, index: int) -> str:
    """File name of one frame; names sort in the order of the frames."""
    suffix = "tif" if settings.format == "tif" else "dat"
    return f"Phantom_22-01-01_{index:06d}_0-0-0.{suffix}"


def _changed(settings: PhantomSettings, changes: dict[str, Any]) -> PhantomSettings:
    known = {field.name for field in dataclasses.fields(PhantomSettings)}
    unknown = sorted(set(changes) - known)
    if unknown:
        raise ParameterError(
            f"A phantom has no setting {unknown[0]!r}",
            expected=", ".join(sorted(known)),
            remedy="Correct the name",
        )
    return dataclasses.replace(settings, **changes)


def _prepare(folder: Path, overwrite: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        old = [*folder.glob("Phantom_*.dat"), *folder.glob("Phantom_*.tif")]
        old += [path for path in (folder / TRUTH_NAME,) if path.exists()]
        if old and not overwrite:
            raise ParameterError(
                "The folder already holds a phantom",
                path=folder,
                found=f"{len(old)} files of it",
                remedy="Choose another folder or allow it to be overwritten",
            )
        # The truth goes first, so that half-removed frames never look like a whole phantom.
        for path in reversed(old):
            path.unlink()
    except OSError as error:
        raise access_error(error, folder) from error


def _truth(settings: PhantomSettings, matrices: Points) -> dict[str, object]:
    return {
        "frames": settings.frames,
        "T": matrices,
        "blank": settings.blank,
        "jump": settings.jump,
        "seed": settings.seed,
        "settings": dataclasses.asdict(settings),
    }


def _write_frames(folder: Path, settings: PhantomSettings, workers: int) -> Iterator[Path]:
    if workers == 1:
        renderer = FrameRenderer(settings)
        for index in range(settings.frames):
            yield _write_frame(renderer, folder, index)
        return
    # A forked process may inherit locks of other threads; a spawned one is the same everywhere.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(settings,))
    try:
        # A short queue keeps the memory independent of the number of frames.
        waiting: deque[Future[Path]] = deque()
        for index in range(settings.frames):
            waiting.append(pool.submit(_work, folder, index))
            if len(waiting) >= 4 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise RunError(
            "A process that draws the phantom ended unexpectedly",
            path=folder,
            remedy="Use fewer workers or smaller frames if memory is short, and start again",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker(settings: PhantomSettings) -> None:
    global _renderer
    # One thread each: the processes already share the cores.
    cv2.setNumThreads(1)
    _renderer = FrameRenderer(settings)


def _work(folder: Path, index: int) -> Path:
    if _renderer is None:
        raise RuntimeError("the worker was not started by _start_worker")
    return _write_frame(_renderer, folder, index)


def _write_frame(renderer: FrameRenderer, folder: Path, index: int) -> Path:
    settings = renderer.settings
    path = folder / frame_name(settings, index)
    images = renderer.frame(index)
    if settings.format == "tif":
        image = (images["A"].astype(np.int32) + TIF_OFFSET).astype(np.uint16)
        write_tif(path, image, pixel_size_nm=settings.pixel_size_nm, description="FIB-SEM phantom")
    else:
        header = dat_header(settings, index, renderer.matrices[index])
        write_dat(path, images, header, version=9 if settings.format == "dat9" else 8)
    return path
