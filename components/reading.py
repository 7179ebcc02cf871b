"""Headers of a folder, read in the background with progress, Stop and a memory of what was read."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import panel as pn
import param

from components.activity import ACTIVITIES, Activity
from components.config import ServerConfig
from components.locked import event_loop
from fibsem_dash.compute.executor import batches_of, describe_error
from fibsem_dash.errors import AccessError
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.cache import file_identity
from fibsem_dash.registration.frames import FrameInfo, inspect_batch
from fibsem_dash.registration.listing import FolderSummary, list_frames, summarize

log = logging.getLogger(__name__)

BATCH = 50
"""Headers read between two looks at Stop."""

REMEMBERED = 50_000
"""Headers kept in memory, so that a reload of the page is quick."""

READERS = ThreadPoolExecutor(8, thread_name_prefix="headers")
"""Threads that read headers: many, because a network drive makes each of them wait."""

READINGS = ThreadPoolExecutor(4, thread_name_prefix="reading")
"""Threads of which each sees to one folder."""

DEMO = {"frames": 24, "size": 256, "blank": (8,), "jump": (17, 20.0)}
"""The demo: a small phantom with a blank frame and a jump."""

_demo_lock = threading.Lock()


@dataclass(frozen=True)
class Request:
    """What a reader is asked for.

    Attributes
    ----------
    folder : str
        As the user gave it.
    pattern : str
        Of the file names; empty takes ``*.dat``, else ``*.tif``.
    order : str
        "name", "number" or "time"; see `fibsem_dash.registration.listing.list_frames`.
    recursive : bool
        Look into the folders below, too.
    keep_frame : bool
        The cursor stays where it is, as the address says; else it goes to the first frame.
    files : tuple of str
        The frames themselves, in their order, where a run folder lists them.
    """

    folder: str = ""
    pattern: str = ""
    order: str = "name"
    recursive: bool = False
    keep_frame: bool = False
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """What was read of a folder.

    Attributes
    ----------
    folder : str
        Resolved folder.
    frames : tuple of FrameInfo
        From the first frame on; not all when the user stopped.
    summary : FolderSummary
        Of these frames.
    n_found : int
        Files that were found.
    n_left_out : int
        Files that are links to places that are not open to the dashboard.
    request : Request
        What was asked for.
    """

    folder: str
    frames: tuple[FrameInfo, ...]
    summary: FolderSummary
    n_found: int
    n_left_out: int = 0
    request: Request = Request()


class HeaderMemory:
    """Headers that were read before, for files that are still the same."""

    def __init__(self, size: int = REMEMBERED) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[tuple[str, int, int], FrameInfo]] = OrderedDict()

    def read(self, batch: Sequence[tuple[int, str]]) -> list[FrameInfo]:
        """Return the headers of a batch, reading the unknown ones."""
        found = {}
        for index, path in batch:
            entry = self._known.get(path)
            if entry is not None and entry[0] == _identity(path):
                found[index] = replace(entry[1], index=index)
        fresh = inspect_batch([item for item in batch if item[0] not in found])
        with self._lock:
            for frame in fresh:
                # What could not be read may be on its way: it is tried again.
                if frame.usable:
                    self._known[frame.path] = (frame.identity, frame)
            while len(self._known) > self._size:
                self._known.popitem(last=False)
        found |= {frame.index: frame for frame in fresh}
        return [found[index] for index, _ in batch]


def _identity(path: str) -> tuple[str, int, int] | None:
    try:
        return file_identity(path)
    except OSError:
        return None


MEMORY = HeaderMemory()


def allowed_files(config: ServerConfig, paths: Sequence[Path]) -> list[Path]:
    """Return the files that lie below the allowed folders, also behind links."""
    open_folders: dict[Path, bool] = {}

    def is_open(path: Path) -> bool:
        try:
            config.confine(path)
        except AccessError:
            return False
        return True

    allowed = []
    for path in paths:
        if path.parent not in open_folders:
            open_folders[path.parent] = is_open(path.parent)
        if open_folders[path.parent] and (not path.is_symlink() or is_open(path)):
            allowed.append(path)
    return allowed


def read_headers(paths: Sequence[Path], activity: Activity) -> list[FrameInfo]:
    """Read headers on several threads, in order, until the end or until the activity is stopped."""
    frames: list[FrameInfo] = []
    waiting: deque[Future[list[FrameInfo]]] = deque()
    batches = iter(batches_of([(i, str(path)) for i, path in enumerate(paths)], BATCH))
    for batch in batches:
        if activity.stop.is_set():
            break
        waiting.append(READERS.submit(MEMORY.read, batch))
        if len(waiting) >= 16:
            frames += _collect(waiting, activity)
    while waiting:
        frames += _collect(waiting, activity)
    return frames


def _collect(waiting: deque[Future[list[FrameInfo]]], activity: Activity) -> list[FrameInfo]:
    batch = waiting.popleft().result()
    ACTIVITIES.advance(activity, len(batch))
    return batch


def demo_folder(config: ServerConfig) -> Path:
    """Return where the demo lies, or will lie."""
    return config.demo_folder


def make_demo(config: ServerConfig, activity: Activity) -> Path:
    """Draw the demo if it is not there, and return its folder."""
    folder = demo_folder(config)
    with _demo_lock:
        if not (folder / "truth.json").is_file():
            ACTIVITIES.begin(activity, "Drawing the demo", int(str(DEMO["frames"])))
            write_phantom(
                folder,
                overwrite=True,
                progress=lambda _done, _total: ACTIVITIES.advance(activity),
                **DEMO,  # type: ignore[arg-type]
            )
    return folder


class HeaderReader(param.Parameterized):
    """Reads one folder at a time for one tab; a newer request stops the older.

    Without an event loop (tests, notebooks) the work is done at once.
    """

    busy = param.Boolean(False, doc="Work is under way")
    error = param.String("", doc="Why the newest request failed; empty when it did not")
    found = param.Parameter((), doc="(folder, paths) as soon as the files are known")
    result = param.Parameter(None, doc="The newest Reading")
    ticks = param.Integer(0, doc="Grows while work is under way, for what shows its progress")

    def __init__(self, config: ServerConfig, **values: Any) -> None:
        super().__init__(**values)
        self.config = config
        self.activity: Activity | None = None
        self._generation = 0
        self._paths: tuple[str, list[Path]] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def read(self, request: Request) -> None:
        """Read the headers of a folder, or of the files that a run lists."""
        self._start(partial(self._read, request))

    def read_demo(self, keep_frame: bool = False) -> None:
        """Read the demo, which is drawn first if it is not there."""

        def work(activity: Activity) -> Reading:
            folder = str(make_demo(self.config, activity))
            return self._read(Request(folder, keep_frame=keep_frame), activity)

        self._start(work)

    def stop(self) -> None:
        """End the reading; what is read so far becomes the result."""
        if self.activity is not None:
            self.activity.stop.set()

    def _start(self, work: Callable[[Activity], Reading]) -> None:
        self.stop()
        self._generation += 1
        self._paths = None
        self.param.update(busy=True, error="")
        job = partial(self._work, self._generation, work)
        if event_loop() is None:
            self._finish(self._generation, job())
            return
        begin = partial(self._begin, self._generation, job, pn.state.curdoc)
        if pn.state.curdoc is None or pn.state.loaded:
            begin()
        else:
            # The address names a folder: what changes before the page is drawn may be lost.
            pn.state.onload(begin)

    def _begin(self, generation: int, job: Callable[[], Any], document: Any) -> None:
        task = asyncio.get_running_loop().create_task(self._follow(generation, job, document))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _work(self, generation: int, work: Callable[[Activity], Reading]) -> Any:
        with ACTIVITIES.running("Looking for frames") as activity:
            if generation == self._generation:
                self.activity = activity
            try:
                return work(activity)
            except Exception as error:  # noqa: BLE001 - the page must stay alive
                return error

    def _read(self, request: Request, activity: Activity) -> Reading:
        resolved = self.config.confine(request.folder)
        paths = [Path(name) for name in request.files] or list_frames(
            resolved, request.pattern, request.order, request.recursive
        )
        allowed = allowed_files(self.config, paths)
        if not allowed:
            raise AccessError(
                "the frames of this folder are links to places that are not open to the dashboard",
                path=request.folder,
                remedy="Start the server with the folder that they lie in.",
            )
        if activity is self.activity:
            self._paths = (str(resolved), allowed)
        ACTIVITIES.begin(activity, "Reading headers", len(allowed))
        frames = read_headers(allowed, activity)
        return Reading(
            folder=str(resolved),
            frames=tuple(frames),
            summary=summarize(frames),
            n_found=len(allowed),
            n_left_out=len(paths) - len(allowed),
            request=request,
        )

    async def _follow(self, generation: int, job: Callable[[], Any], document: Any) -> None:
        future = asyncio.get_running_loop().run_in_executor(READINGS, job)
        while not future.done():
            await asyncio.wait([future], timeout=0.25)
            _on_document(document, partial(self._tick, generation))
        outcome = future.result()
        _on_document(document, partial(self._finish, generation, outcome))

    def _tick(self, generation: int) -> None:
        if generation != self._generation:
            return
        if self._paths is not None and self.found != self._paths and self.busy:
            self.found = self._paths
        self.ticks += 1

    def _finish(self, generation: int, outcome: Any) -> None:
        if generation != self._generation:
            return
        if isinstance(outcome, Reading):
            self.result = outcome
        else:
            log.info("a folder could not be read", exc_info=outcome)
            self.error = describe_error(outcome)
        self.param.update(busy=False, ticks=self.ticks + 1)


def _on_document(document: Any, callback: Callable[[], None]) -> None:
    """Call back with the document locked, as its models demand; never on a closed tab."""
    if document is None or document.session_context is None:
        callback()
    elif not document.session_context.destroyed:
        document.add_next_tick_callback(callback)


def subfolders(config: ServerConfig, folder: Path, limit: int = 500) -> list[str]:
    """Return names of the folders inside a folder that may be opened, in natural order."""
    from fibsem_dash.registration.frames import natural_key

    try:
        with os.scandir(folder) as entries:
            names = [
                e.name for e in entries if not e.name.startswith(".") and _is_open_dir(config, e)
            ]
    except OSError:
        return []
    return sorted(names, key=natural_key)[:limit]


def _is_open_dir(config: ServerConfig, entry: os.DirEntry[str]) -> bool:
    try:
        if not entry.is_dir():
            return False
        if entry.is_symlink():
            config.confine(entry.path)
    except (AccessError, OSError):
        return False
    return True
