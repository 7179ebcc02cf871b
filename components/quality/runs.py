"""The runs that are compared: their tables, colours, labels, order, baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import param

from components.plots.colours import RUNS
from components.widgets.plain import one_line
from fibsem_dash.quality import QualityTable

MOST_RUNS = 50
"""As many as a report compares."""


@dataclass(frozen=True)
class RunEntry:
    """One run of the list.

    Attributes
    ----------
    key : str
        Tells it apart from the others, whatever they are called.
    table : QualityTable
        As it was read.
    label : str
        Name for people.
    colour : str
        Such as ``"#0072B2"``.
    visible : bool
        Whether it is drawn and compared.
    offset : int
        Added to its frame numbers, for stacks that begin at another slice.
    stack : str
        The stack whose slices were measured; empty where it is not known.
    inverted : bool
        Whether grey levels of the stack count the other way.
    path : str
        Run folder or file that it was read from; empty for an upload.
    """

    key: str
    table: QualityTable
    label: str
    colour: str
    visible: bool = True
    offset: int = 0
    stack: str = ""
    inverted: bool = False
    path: str = ""

    @property
    def shifted(self) -> QualityTable:
        """The table under its label, its frames as they are compared."""
        frames = self.table.frames + self.offset
        return replace(self.table, label=self.label, frames=frames)


class QualityRuns(param.Parameterized):
    """The list of runs of one page; it is only ever replaced, so that watchers see each change."""

    entries = param.List([], item_type=RunEntry, doc="Runs in their order")
    baseline = param.String("", doc="Key of the run that the others are compared with")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self._count = 0

    @property
    def visible(self) -> list[RunEntry]:
        """Runs that are drawn and compared."""
        return [entry for entry in self.entries if entry.visible]

    @property
    def baseline_entry(self) -> RunEntry | None:
        """What the others are compared with: the chosen run, else the first visible one."""
        visible = self.visible
        return next((e for e in visible if e.key == self.baseline), visible[0] if visible else None)

    @property
    def last_frame(self) -> int:
        """Highest frame of the visible runs; 0 without any."""
        ends = [int(e.table.frames[-1]) + e.offset for e in self.visible if len(e.table)]
        return max(ends, default=0)

    def get(self, key: str) -> RunEntry | None:
        """Return a run by its key."""
        return next((entry for entry in self.entries if entry.key == key), None)

    @property
    def paths(self) -> list[str]:
        """Run folders and files of the list, uploads left out."""
        return [entry.path for entry in self.entries if entry.path]

    def has_path(self, path: str) -> bool:
        """Tell whether a run folder or file is in the list."""
        return bool(path) and path in self.paths

    def add(self, table: QualityTable, stack: str = "", **values: Any) -> str:
        """Put a table at the end, under a label and in a colour of its own; return its key."""
        self._count += 1
        entry = RunEntry(
            key=f"run{self._count}",
            table=table,
            label=self.free_label(table.label),
            colour=self._free_colour(),
            stack=stack,
            **values,
        )
        self.entries = [*self.entries, entry]
        return entry.key

    def free_label(self, wanted: str, key: str = "") -> str:
        """Return a label like the wanted one that no other run has."""
        text = one_line(wanted)[:80] or "run"
        taken = {entry.label for entry in self.entries if entry.key != key}
        label, k = text, 2
        while label in taken:
            label, k = f"{text} ({k})", k + 1
        return label

    def _free_colour(self) -> str:
        taken = [entry.colour for entry in self.entries]
        # The colour that is used least often; of those, the first.
        return min(RUNS, key=lambda colour: (taken.count(colour), RUNS.index(colour)))

    def change(self, key: str, **values: Any) -> None:
        """Change what is said of a run; a label that is taken gets a number."""
        if "label" in values:
            values["label"] = self.free_label(values["label"], key)
        self.entries = [replace(e, **values) if e.key == key else e for e in self.entries]

    def remove(self, key: str) -> None:
        """Take a run off the list; its files stay."""
        self.entries = [entry for entry in self.entries if entry.key != key]

    def move(self, key: str, step: int) -> None:
        """Move a run up (negative) or down the list."""
        order = [entry.key for entry in self.entries]
        if key not in order:
            return
        entries = list(self.entries)
        place = order.index(key)
        entry = entries.pop(place)
        entries.insert(min(max(place + step, 0), len(entries)), entry)
        self.entries = entries

    def tables(self) -> Sequence[QualityTable]:
        """Return the visible tables as they are compared, in their order."""
        return [entry.shifted for entry in self.visible]
