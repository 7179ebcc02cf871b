"""Add the aligned stack of another program: find the region, evaluate as a job."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui

from components.locked import when_locked
from components.quality.external import (
    MEASURES,
    STACKS,
    Evaluation,
    check_box,
    match_stack,
    match_words,
    table_path,
)
from components.quality.reading import Source, write_note
from components.quality.runs import QualityRuns, RunEntry
from components.session import Session
from components.widgets.elapsed import Elapsed
from components.widgets.file_path import FilePath
from components.widgets.plain import plain
from components.work import LatestWork
from fibsem_dash.compute.executor import describe_error
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.quality import RegionMatch

INVERSION = {"found out": None, "no": False, "yes": True}
EDGES = ("top", "height", "left", "width")


class ExternalStack(pn.viewable.Viewer):  # type: ignore[misc]
    """Path of a stack, its region by match or by hand, and the job that measures it.

    Parameters
    ----------
    session : Session
        Says what is open and where runs go.
    runs : QualityRuns
        The region is that of one of them.
    on_submit : callable
        Told the arguments and title of the job, and what to read when it is done.
    width : int
        Width of the fields, px.
    """

    def __init__(
        self, session: Session, runs: QualityRuns,
        on_submit: Callable[[list[str], str, Source], None], width: int, **values: Any,
    ) -> None:  # fmt: skip
        super().__init__(**values)
        self.session, self.runs, self.on_submit = session, runs, on_submit
        self.match: RegionMatch | None = None
        self._matched: tuple[str, str] = ("", "")
        self.work = LatestWork(self._match)
        self._build(width)
        self.work.param.watch(lambda _event: self._on_match(), "done_count")
        self.work.param.watch(lambda *_e: self._update(), ["busy", "error"])
        runs.param.watch(lambda *_e: self.refresh(), ["entries", "baseline"])
        self.refresh()

    def _build(self, width: int) -> None:
        half = width // 2 - 10
        self.file = FilePath(
            self.session.config, "Stack of another program", STACKS, lambda _p: self._update(),
            width,
        )  # fmt: skip
        self.run = pmui.Select(
            label="Same region as",
            options={},
            width=half,
            size="small",
            margin=(4, 4),
            description="The evaluation box of this run is looked for in the other stack",
        )
        self.inverted = pmui.Select(
            label="Inverted", options=list(INVERSION), value="found out", width=half,
            size="small", margin=(4, 4), description="Whether its grey levels count the other way",
        )  # fmt: skip
        self.find = pmui.Button(label="Find the region", icon="search", width=width, margin=(6, 4))
        self.find.on_click(lambda _event: self.look())
        self.words = pmui.Alert("", severity="info", visible=False, width=width, margin=(4, 4))
        self.box = {
            name: pmui.IntInput(
                label=name.capitalize(), value=0, start=0, width=half, size="small",
                margin=(4, 4), description=f"{name} of the box in the other stack, px",
            )
            for name in EDGES
        }  # fmt: skip
        self.metrics = pmui.MultiChoice(
            label="Measures", options=list(MEASURES), value=["NSAD", "NCC", "NMI"], width=width,
            margin=(4, 4), description="FSC takes about as long as all others together",
        )  # fmt: skip
        self.evaluate = pmui.Button(
            label="Evaluate and add", icon="play_arrow", width=width, margin=(6, 4), disabled=True
        )
        self.progress = pmui.Alert("", severity="info", visible=False, width=width, margin=(4, 4))
        self.evaluate.on_click(lambda _event: self.submit())
        self._layout = pn.Column(
            self.file, pn.Row(self.run, self.inverted, margin=0), self.find, Elapsed(self.work),
            self.words, pn.Row(self.box["top"], self.box["height"], margin=0),
            pn.Row(self.box["left"], self.box["width"], margin=0), self.metrics, self.evaluate,
            self.progress,
            margin=0,
        )  # fmt: skip

    def refresh(self) -> None:
        """Offer the runs that have a stack."""
        options = {entry.label: entry.key for entry in self.runs.entries if entry.stack}
        chosen = self.runs.baseline_entry
        keep = self.run.value if self.run.value in options.values() else None
        first = chosen.key if chosen is not None and chosen.stack else None
        self.run.param.update(
            options=options, value=keep or first or next(iter(options.values()), None)
        )
        self._update()

    def _update(self) -> None:
        has_file = bool(self.file.path)
        self.find.disabled = self.work.busy or not (has_file and self.run.value)
        self.evaluate.disabled = self.work.busy or not has_file
        if self.work.error:
            self.tell(self.work.error, "error")

    def tell(self, text: str, severity: str) -> None:
        """Show a line below the button."""
        self.words.param.update(object=plain(text), severity=severity, visible=bool(text))

    def tell_job(self, text: str, severity: str) -> None:
        """Show how far the job is; what was matched stays where it is."""
        self.progress.param.update(object=plain(text), severity=severity, visible=True)

    def look(self) -> None:
        """Look for the region of the chosen run in the stack."""
        entry = self.runs.get(str(self.run.value or ""))
        if entry is None or not self.file.path:
            return
        self.words.visible = False
        self._matched = (self.file.path, entry.label)
        self.work.request(entry, self.file.path, INVERSION[self.inverted.value])

    def _match(self, entry: RunEntry, path: str, inverted: bool | None) -> RegionMatch:
        return match_stack(entry, str(self.session.config.confine(path)), inverted)

    def _on_match(self) -> None:
        match: RegionMatch = self.work.result
        self.match = match
        for name, value in zip(EDGES, match.evaluation_box, strict=True):
            self.box[name].value = value
        self.inverted.value = "yes" if match.inverted else "no"
        self.tell(match_words(match, self._matched[1]), "success" if match.reliable else "warning")

    def submit(self) -> None:
        """Measure the stack in a job; without a match, in the box as it was typed."""
        box = tuple(int(self.box[name].value or 0) for name in EDGES)
        try:
            path = str(self.session.config.confine(self.file.path))
            if not any(box):
                self.tell("Find the region first, or type the box.", "warning")
                return
            check_box(path, box)  # type: ignore[arg-type]
            if not self.metrics.value:
                self.tell("Choose at least one measure.", "warning")
                return
            inverted = bool(INVERSION[self.inverted.value])
            metrics = tuple(name for name in MEASURES if name in self.metrics.value)
            wanted = Evaluation(path, box, inverted, metrics)  # type: ignore[arg-type]
            out = table_path(self.session.config.run_root, path)
            title = f"Evaluate {Path(path).name}"
            source = Source(str(out), None, Path(path).stem, path, inverted, self._offset())
            # What the command line of the job does not say, for whoever adds the table later.
            write_note(source)
            when_locked(partial(self.on_submit, wanted.arguments(out), title, source))
        except FibsemDashError as error:
            self.tell(describe_error(error), "error")
            return
        self.tell_job(f"{title}: queued; the stack joins the list when it is done", "info")

    def _offset(self) -> int:
        """Return what brings the frames of the stack to those of the run that was matched."""
        if self.match is None or self._matched[0] != self.file.path:
            return 0
        entry = self.runs.get(str(self.run.value or ""))
        return (entry.offset if entry is not None else 0) - self.match.z_offset

    def __panel__(self) -> Any:
        return self._layout
