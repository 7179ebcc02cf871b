"""Quality tables from uploads, run folders, files and finished evaluations."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.config import ServerConfig
from components.stream import StreamWork
from fibsem_dash.compute.executor import describe_error
from fibsem_dash.errors import AccessError, FibsemDashError
from fibsem_dash.jobs import JobRegistry
from fibsem_dash.quality import QualityTable, find_run_stack, read_quality_table
from fibsem_dash.registration.run_list import RunInfo, list_runs


@dataclass(frozen=True)
class Source:
    """A table that is to be read.

    Attributes
    ----------
    name : str
        Path, or name of an uploaded file.
    content : bytes or None
        Content of an upload.
    label : str
        Name for people; that of the run or the file when it is empty.
    stack : str
        The stack that was measured, where it is known; that of the run folder otherwise.
    inverted : bool
        Whether grey levels of the stack count the other way.
    offset : int
        Added to the frame numbers.
    """

    name: str
    content: bytes | None = None
    label: str = ""
    stack: str = ""
    inverted: bool = False
    offset: int = 0


@dataclass(frozen=True)
class ReadTable:
    """What became of a source: a table with its stack and path, or a message."""

    source: Source
    table: QualityTable | None
    stack: str = ""
    error: str = ""
    path: str = ""


def read_source(source: Source, config: ServerConfig) -> ReadTable:
    """Read a table; files are confined to the folders that the server may show."""
    try:
        path: Any = source.name if source.content is not None else config.confine(source.name)
        table = read_quality_table(path, label=source.label, content=source.content)
        if not len(table):
            return ReadTable(source, None, error=f"{Path(source.name).name}: there are no pairs")
    except FibsemDashError as error:
        return ReadTable(source, None, error=describe_error(error))
    stack = source.stack
    if not stack and table.run_folder:
        stack = str(find_run_stack(table.run_folder) or "")
    place = "" if source.content is not None else table.run_folder or str(path)
    return ReadTable(source, table, confined_stack(stack, config), path=place)


def confined_stack(stack: str, config: ServerConfig) -> str:
    """Return the path of a stack if it may be opened; empty otherwise."""
    if not stack:
        return ""
    try:
        return str(config.confine(stack))
    except AccessError:
        return ""


class TableReader:
    """Reads tables in the background, one after the other; none is lost when more are added.

    Parameters
    ----------
    config : ServerConfig
        What may be opened.
    on_read : callable
        Told all that was read, a list of `ReadTable` in the order in which they were asked for,
        once nothing waits: the page is drawn once for all of them.
    """

    def __init__(self, config: ServerConfig, on_read: Callable[[list[ReadTable]], None]) -> None:
        self.config = config
        self.on_read = on_read
        self.work = StreamWork()
        self._waiting: deque[Source] = deque()
        self._found: list[ReadTable] = []
        self.work.param.watch(lambda *_e: self._found.extend(self.work.new_items), "done_count")
        self.work.param.watch(lambda *_e: self._go_on(), "busy")

    def read(self, *sources: Source) -> None:
        """Read these tables after those that wait."""
        self._waiting.extend(sources)
        self._go_on()

    def _go_on(self) -> None:
        if self.work.busy:
            return
        if self._waiting:
            self.work.start(self._make, len(self._waiting))
        elif self._found:
            found, self._found = self._found, []
            self.on_read(found)

    def _make(self, stop: Callable[[], bool]) -> Iterator[ReadTable]:
        while self._waiting and not stop():
            yield read_source(self._waiting.popleft(), self.config)


@dataclass(frozen=True)
class Offer:
    """A run or an evaluation below the run root that can be added."""

    name: str
    state: str
    date: str
    source: Source


def offers(config: ServerConfig, registry: JobRegistry | None) -> list[Offer]:
    """List the runs and the evaluated stacks below the run root, the newest first."""
    found = [_run_offer(run, config) for run in list_runs(config.run_root) if _is_open(run, config)]
    return sorted(
        [*found, *evaluation_offers(config, registry)], key=lambda o: o.date, reverse=True
    )


def _is_open(run: RunInfo, config: ServerConfig) -> bool:
    try:
        config.confine(run.folder)
    except AccessError:
        return False
    return True


def _run_offer(run: RunInfo, config: ServerConfig) -> Offer:
    name = Path(run.folder).relative_to(config.run_root).as_posix()
    return Offer(name, run.state, run.created[:16].replace("T", " "), Source(run.folder))


def evaluation_offers(config: ServerConfig, registry: JobRegistry | None) -> list[Offer]:
    """List the stacks that were evaluated by jobs."""
    import time

    found = []
    for record in registry.jobs() if registry is not None else ():
        source = evaluation_source(record.arguments) if record.kind == "evaluate" else None
        if source is None or not confined_stack(source.name, config):
            continue
        date = time.strftime("%Y-%m-%d %H:%M", time.gmtime(record.created))
        found.append(Offer(record.title, record.state, date, source))
    return found


def source_of(path: str, config: ServerConfig, registry: JobRegistry | None) -> Source:
    """Return how a path of an address is read: with its stack if a job evaluated one."""
    known = (offer.source for offer in evaluation_offers(config, registry))
    return next((source for source in known if source.name == path), Source(path))


def evaluation_source(arguments: tuple[str, ...]) -> Source | None:
    """Return the table that `fibsem-dash evaluate` writes when it is called with these."""
    if "--out" not in arguments[:-1]:
        return None
    out = arguments[arguments.index("--out") + 1]
    label = Path(arguments[0]).stem
    return Source(out, label=label, stack=arguments[0], inverted="--invert" in arguments)
