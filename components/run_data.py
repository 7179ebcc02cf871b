"""A run folder as the Trend and Pairs views need it: read once, again when it has changed."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from components.config import ServerConfig
from fibsem_dash.errors import AccessError
from fibsem_dash.registration.stored_run import StoredRun, read_run
from fibsem_dash.registration.trend import TrendData, trend_of

FILES = ("run.json", "frames.csv", "pairs.csv", "edits.json")
"""Files of a run folder that change what is shown."""

KEPT = 3
"""Runs kept in memory, for all tabs together."""

_kept: OrderedDict[tuple[object, ...], RunData] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class RunData:
    """A run with what its chain rests on.

    Attributes
    ----------
    run : StoredRun
        The folder.
    data : TrendData
        Pairs of the frames that are used.
    stamp : tuple
        Sizes and times of the files that it was read from.
    """

    run: StoredRun
    data: TrendData
    stamp: tuple[object, ...]

    @property
    def excluded(self) -> npt.NDArray[np.int64]:
        """Frames of the input list that are not used."""
        used = np.zeros(len(self.run.frames), bool)
        used[self.data.frames] = True
        return np.flatnonzero(~used)


def stamp_of(folder: str | os.PathLike[str], files: Sequence[str] = FILES) -> tuple[object, ...]:
    """Return what changes when some files of a run folder do; the folder comes first."""
    marks: list[object] = [str(folder)]
    for name in files:
        try:
            found = os.stat(os.path.join(folder, name))
        except OSError:
            marks.append(None)
        else:
            marks.append((found.st_size, found.st_mtime_ns))
    return tuple(marks)


def load_run(config: ServerConfig, folder: str) -> RunData:
    """Read a run folder below an allowed folder, unless it is in memory as it is on disk.

    Takes seconds for 10 000 frames: not for the event loop.

    Raises
    ------
    AccessError
        When the folder or its frames lie elsewhere.
    RunError, FormatError
        As `read_run` raises them.
    """
    resolved = config.confine(folder)
    stamp = stamp_of(resolved)
    with _lock:
        if stamp in _kept:
            _kept.move_to_end(stamp)
            return _kept[stamp]
    run = read_run(resolved)
    confine_frames(config, run.paths)
    found = RunData(run, trend_of(run), stamp)
    with _lock:
        _kept[stamp] = found
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return found


def confine_frames(config: ServerConfig, paths: list[str]) -> None:
    """Refuse a record that names frames outside the allowed folders, also through links."""
    allowed: set[str] = set()
    for path in paths:
        parent = os.path.dirname(os.path.realpath(path))
        if parent in allowed:
            continue
        if Path(parent).is_dir():
            config.confine(parent)
        elif not any(Path(parent).is_relative_to(root) for root in config.open_folders):
            raise AccessError(
                "the frames of this run lie outside the folders that may be shown", path=path
            )
        allowed.add(parent)
