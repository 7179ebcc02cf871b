"""Quality tables from uploads, run folders, files and finished evaluations."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from components.config import ServerConfig
from components.stream import StreamWork
from fibsem_dash.compute.executor import describe_error
from fibsem_dash.errors import AccessError, FibsemDashError
from fibsem_dash.io.atomic import write_json
from fibsem_dash.jobs import JobRegistry
from fibsem_dash.quality import QualityTable, find_run_stack, read_quality_table
from fibsem_dash.registration.run_list import RunInfo, list_runs

NOTED = {"label": str, "stack": str, "inverted": bool, "offset": int}
"""What is noted of an evaluated stack, and its kind."""

LARGEST_NOTE = 100_000
"""Bytes; a note has a few hundred."""


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
    found = []
    for record in registry.jobs() if registry is not None else ():
        source = evaluation_source(record.arguments) if record.kind == "evaluate" else None
        if source is None or not confined_stack(source.name, config):
            continue
        date = time.strftime("%Y-%m-%d %H:%M", time.gmtime(record.created))
        found.append(Offer(record.title, record.state, date, with_note(source)))
    return found


def source_of(path: str, config: ServerConfig, registry: JobRegistry | None) -> Source:
    """Return how a path of an address is read: with its stack if a job evaluated one."""
    known = (offer.source for offer in evaluation_offers(config, registry))
    found = next((source for source in known if source.name == path), None)
    if found is None:
        found = Source(path)
        if path.lower().endswith(".csv") and confined_stack(path, config):
            found = with_note(found)
    return found


def running_evaluation(path: str, registry: JobRegistry) -> str:
    """Return the id of the job that will write a table; empty when none runs or waits."""
    for record in registry.jobs():
        if record.kind == "evaluate" and record.active:
            source = evaluation_source(record.arguments)
            if source is not None and source.name == path:
                return str(record.id)
    return ""


def note_path(table: str) -> Path:
    """Return the file beside the table of an evaluated stack that says how it is compared."""
    return Path(table).with_suffix(".json")


def write_note(source: Source) -> None:
    """Write down beside its table how an evaluated stack is compared.

    Raises
    ------
    AccessError
        When it cannot be written.
    """
    note = {name: getattr(source, name) for name in NOTED}
    write_json(note_path(source.name), note)


def with_note(source: Source) -> Source:
    """Return a source with what is noted beside its table; as it is without a note."""
    path = note_path(source.name)
    try:
        if path.stat().st_size > LARGEST_NOTE:
            return source
        note = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return source
    if not isinstance(note, dict):
        return source
    # A value of another kind is not one of ours.
    return replace(
        source, **{name: note[name] for name, kind in NOTED.items() if type(note.get(name)) is kind}
    )


def evaluation_source(arguments: tuple[str, ...]) -> Source | None:
    """Return the table that `fibsem-dash evaluate` writes when it is called with these."""
    if "--out" not in arguments[:-1]:
        return None
    out = arguments[arguments.index("--out") + 1]
    label = Path(arguments[0]).stem
    return Source(out, label=label, stack=arguments[0], inverted="--invert" in arguments)
