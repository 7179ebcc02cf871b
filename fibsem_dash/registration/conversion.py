"""Raw frames as TIFF files for other programs, many at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fibsem_dash.compute.executor import (
    Executor,
    InProcessExecutor,
    batch_size,
    batches_of,
)
from fibsem_dash.compute.progress import Monitor, SilentMonitor
from fibsem_dash.errors import FibsemDashError, ParameterError
from fibsem_dash.frame_export import export_paths, export_tif
from fibsem_dash.io import TIFF_SUFFIXES, open_frame

STAGE = "convert"


@dataclass(frozen=True)
class ConversionBatch:
    """Some frames to convert.

    Attributes
    ----------
    paths : tuple of str
        The frames.
    folder : str
        Where the TIFF files go.
    detectors : tuple of str, optional
        Letters; all stored ones where None.
    """

    paths: tuple[str, ...]
    folder: str
    detectors: tuple[str, ...] | None


@dataclass(frozen=True)
class ConversionResult:
    """What became of the frames.

    Attributes
    ----------
    written, existing : tuple of str
        TIFF files that were made, and those that were there before, in the order of the frames.
    failed : dict of str to str
        Frames that could not be converted, with the reason.
    """

    written: tuple[str, ...]
    existing: tuple[str, ...]
    failed: dict[str, str]


def convert_batch(batch: ConversionBatch) -> list[tuple[str, list[str], list[str], str]]:
    """Convert some frames; return (frame, written files, existing files, reason of a failure)."""
    results = []
    for path in batch.paths:
        written: list[str] = []
        existing: list[str] = []
        reason = ""
        try:
            frame = open_frame(path)
            wanted = frame.detectors if batch.detectors is None else batch.detectors
            targets = export_paths(frame, batch.folder, ".tif", wanted)
            # A file has its final name only when it is whole, so one that is there is finished.
            missing = [letter for letter, target in targets.items() if not target.exists()]
            existing = [os.fspath(t) for k, t in targets.items() if k not in missing]
            if missing:
                written = [os.fspath(p) for p in export_tif(frame, batch.folder, missing)]
        except FibsemDashError as error:
            reason = f"{error.one_line()}. {error.remedy}".rstrip()
        results.append((path, written, existing, reason))
    return results


def convert_to_tif(
    paths: Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    detectors: Sequence[str] | None = None,
    *,
    executor: Executor | None = None,
    monitor: Monitor | None = None,
) -> ConversionResult:
    """Write the raw pixels of frames as TIFF, one file per frame and detector.

    Files that are there already are left alone, so a conversion that was stopped goes on.

    Parameters
    ----------
    paths : sequence of path-like
        The .dat frames.
    folder : path-like
        Where the files go; made where missing. See `fibsem_dash.frame_export.export_tif` for their
        names and tags.
    detectors : sequence of str, optional
        Letters; all stored ones by default.
    executor : Executor, optional
        Where work runs; this process by default.
    monitor : Monitor, optional
        What hears of progress and may cancel.

    Returns
    -------
    ConversionResult
        A frame that cannot be read does not stop the others.

    Raises
    ------
    ParameterError
        For frames that are TIFF files already, or two frames whose files would have one name.
    Cancelled
        When the monitor asked to stop; finished files stay.
    """
    files = [os.path.abspath(path) for path in paths]
    _check_names(files)
    executor, monitor = executor or InProcessExecutor(), monitor or SilentMonitor()
    letters = None if detectors is None else tuple(dict.fromkeys(detectors))
    size = batch_size(len(files), executor.n_workers)
    batches = [
        ConversionBatch(tuple(part), os.path.abspath(folder), letters)
        for part in batches_of(files, size)
    ]
    monitor.start(STAGE, len(files))
    done: dict[str, tuple[list[str], list[str], str]] = {}
    for part in executor.run(convert_batch, batches, monitor):
        done.update({path: (written, existing, why) for path, written, existing, why in part})
        monitor.advance(STAGE, len(part))
        monitor.tally(
            STAGE,
            reused=sum(not written and not why for _, written, _, why in part),
            failed=sum(bool(why) for *_, why in part),
        )
    monitor.finish(STAGE)
    return ConversionResult(
        written=tuple(name for path in files for name in done[path][0]),
        existing=tuple(name for path in files for name in done[path][1]),
        failed={path: done[path][2] for path in files if done[path][2]},
    )


def _check_names(files: Sequence[str]) -> None:
    stems: dict[str, str] = {}
    for name in files:
        path = Path(name)
        if path.suffix.lower() in TIFF_SUFFIXES:
            raise ParameterError("The frame is a TIFF file already", path=name)
        other = stems.setdefault(path.stem.casefold(), name)
        if other != name:
            raise ParameterError(
                "Two frames would be converted to one file",
                path=name,
                found=f"the same name as {other}",
                remedy="Convert them into different folders",
            )
