"""Quality: how well neighbouring slices fit, several registrations compared."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import panel as pn
import panel_material_ui as pmui
import param

from components.jobs import job_registry
from components.locked import when_locked
from components.pages.base import CONTROL_WIDTH, Page, card, empty_state
from components.pages.quality_panels import DifferencesPanel, LowerPanel, StatisticsPanel
from components.pages.quality_save import QualitySave
from components.quality.pictures import pair_requests
from components.quality.reading import ReadTable, Source, TableReader, running_evaluation, source_of
from components.quality.runs import MOST_RUNS, QualityRuns
from components.session import Session
from components.timers import poll_every
from components.widgets.external_stack import ExternalStack
from components.widgets.pair_gallery import PairGallery
from components.widgets.plain import one_line
from components.widgets.quality_add import QualityAdd
from components.widgets.quality_curves_view import QualityCurvesView
from components.widgets.quality_list import QualityList
from fibsem_dash.compute.executor import describe_error
from fibsem_dash.errors import FibsemDashError

POLL_MS = 500
"""How often a job that evaluates a stack is looked at."""

WIDTH = CONTROL_WIDTH - 60
"""Width of what is inside the cards, px."""

PAIR, STATISTICS, DIFFERENCES = "Pair", "Statistics", "Differences"


class QualityPage(Page):
    """Curves, statistics and pictures of several registrations."""

    title: ClassVar[str] = "Quality"
    hint: ClassVar[str] = (
        "Add two runs, click a peak in a curve, and press space: where do they differ?"
    )
    help_text: ClassVar[str] = """
This page compares registrations by how well each slice fits the one before.

* **Add runs**: upload *RegistrationQuality* files (CSV or XLSX, older forms too), pick runs of this
  server, or type the path of a file or run folder.
* In the list, change **colour** and **label**, hide a run, move it, or make it the **baseline**
  that the others are compared with. **Offset** is added to the frame numbers of a run whose stack
  begins at another slice.
* **Curves**: one row per measure, the frames are shared. Drag to move; the wheel with **ctrl**
  zooms; a click on the legend mutes a run in all rows. Outliers are left out of the y limits;
  a **double click** shows the full range of a row, another one leaves them out again.
* **NSAD** and **error**: lower is better. **NCC**, **NMI**, **FSC**, **SNR**, **npts** (key points
  that fit): higher is better. Values depend on the evaluation box: compare equal regions only.
* **Click a frame** to see that pair of slices of every run whose stack is known: flicker
  (**space**), difference, or red-cyan overlay.
* **Statistics** marks the best in bold. **Differences** has the difference of every run to the
  baseline with a 95 % interval; a verdict needs an interval without 0.
* **Add another tool's stack**: type its path, *Find the region* looks for the evaluation box of a
  run in it (grey levels may be inverted), *Evaluate and add* measures it as a job.

← → move the frame (shift: 10), **space** flickers, **f** shows all frames again.
"""

    frame = param.Integer(0, bounds=(0, None), doc="Frame under the cursor, as it is compared")

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(session, **values)
        self.active = False
        self.runs = QualityRuns()
        self.reader = TableReader(session.config, self._on_read)
        self.curves = QualityCurvesView(self.runs, self.show_frame)
        self.gallery = PairGallery()
        self.statistics = StatisticsPanel(self.runs)
        self.differences = DifferencesPanel(self.runs)
        self.save = QualitySave(self.runs, WIDTH)
        self._offered: set[str] = set()
        self._pending: dict[str, Source] = {}
        self._poll: Any = None
        self._asked = False
        self.frame = session.frame
        self._watch()

    def _watch(self) -> None:
        self.runs.param.watch(lambda *_e: self.refresh(), ["entries", "baseline"])
        self.session.param.watch(lambda event: self._follow(event.new), "frame")
        self.session.param.watch(lambda _event: self._offer_run(), "run_folder")
        self.session.param.watch(lambda _event: self._read_compared(), "compared")
        self.gallery.whole.param.watch(lambda _event: self._read_pair(), "value")
        self.param.watch(lambda _event: when_locked(self._on_frame), "frame")

    def controls(self) -> list[Any]:
        """Return the cards of the control column."""
        self.list = QualityList(self.runs, WIDTH)
        self.add = QualityAdd(self.session, self.reader.read, WIDTH)
        self.external = ExternalStack(self.session, self.runs, self.submit, WIDTH)
        self.messages = pn.Column(margin=0)
        return [
            card("Runs", pn.Column(self.list, self.messages, margin=0)),
            card("Add runs", self.add),
            card("Add another tool's stack", self.external, collapsed=True),
            card("Save", self.save, collapsed=True),
        ]

    def main(self) -> Any:
        """Return the curves with the panel below them."""
        self.lower = LowerPanel(
            {PAIR: self.gallery, STATISTICS: self.statistics, DIFFERENCES: self.differences},
            self._on_lower,
            {PAIR: self.gallery.head},
        )
        self.cursor_words = pmui.Typography("", variant="body2", margin=(6, 8))
        head = pn.Row(self.curves.choice, self.cursor_words, sizing_mode="stretch_width", margin=0)
        self.pictures = pn.Column(
            head,
            pn.Column(self.curves, sizing_mode="stretch_both", margin=0, min_height=200,
                      styles={"flex": "5 1 0"}),
            pn.Column(self.lower, sizing_mode="stretch_both", margin=0, min_height=200,
                      styles={"flex": "4 1 0"}),
            sizing_mode="stretch_both", visible=False,
        )  # fmt: skip
        pick = pmui.Button(label="Add the newest run", icon="add")
        pick.on_click(lambda _event: self.add_newest())
        self.pick = pick
        self.nothing = empty_state(
            "Nothing to compare yet. Upload quality tables, or pick runs on the left.", pick
        )
        self.refresh()
        return pn.Column(self.nothing, self.pictures, sizing_mode="stretch_both")

    def on_enter(self) -> None:
        """Bring the page up to date when it is shown."""
        self.active = True
        self.add.refresh()
        self._read_compared()
        self._offer_run()
        self._follow(self.session.frame)

    def on_leave(self) -> None:
        """Compute nothing while the page is not seen."""
        self.active = False

    def on_key(self, key: str) -> None:
        """Flicker, and fit the view."""
        if key == " ":
            self.lower.choice.value = PAIR
            self.gallery.flick()
        elif key == "f":
            when_locked(self.curves.fit)
            when_locked(self.gallery.fit)

    def add_newest(self) -> None:
        """Add the run that was begun last and is done."""
        done = [offer for offer in self.add.offers if offer.state == "done"]
        if done:
            self.reader.read(done[0].source)
        else:
            self.say("There is no finished run yet: start one, or upload tables.")

    def _offer_run(self) -> None:
        """Put the open run in the list when it is met first; once taken off, it stays off."""
        folder = self.session.run_folder
        if self.active and folder and folder not in self._offered:
            self._offered.add(folder)
            if not self.runs.has_path(folder):
                self.reader.read(Source(folder))

    def _read_compared(self) -> None:
        """Add the runs that an address asks for."""
        known = {*self.runs.paths, *self._awaited}
        missing = [path for path in self.session.compared if path not in known]
        if self.active and missing:
            # An address that lists runs says all that is wanted.
            self._offered |= {*missing, self.session.run_folder}
            registry = job_registry()
            ready = []
            for path in missing:
                source = source_of(path, self.session.config, registry)
                if job := running_evaluation(path, registry):
                    self._await(job, source)
                else:
                    ready.append(source)
            if ready:
                self.reader.read(*ready)

    @property
    def _awaited(self) -> list[str]:
        """Tables that jobs write at present."""
        return [source.name for source in self._pending.values()]

    def _show_address(self) -> None:
        if self.active:
            self.session.compared = [*self.runs.paths, *self._awaited]

    def _on_read(self, items: list[ReadTable]) -> None:
        when_locked(lambda: self._take_all(items))

    def _take_all(self, items: list[ReadTable]) -> None:
        # Watchers are called once: figures that change before the browser has them are lost to it.
        with param.parameterized.batch_call_watchers(self.runs):
            for item in items:
                self._take(item)

    def _take(self, item: ReadTable) -> None:
        if item.table is None:
            self.say(item.error)
        elif len(self.runs.entries) >= MOST_RUNS:
            self.say(f"No more than {MOST_RUNS} runs are compared at once.")
        elif self.runs.has_path(item.path):
            self.say(f"{item.table.label} is in the list already.")
        else:
            self.runs.add(
                item.table, item.stack, inverted=item.source.inverted,
                offset=item.source.offset, path=item.path,
            )  # fmt: skip

    def say(self, text: str) -> None:
        """Show a message below the list; it can be closed."""
        if not hasattr(self, "messages"):
            return
        alert = pmui.Alert(
            object=one_line(text), severity="warning", closeable=True, width=WIDTH, margin=(4, 4)
        )
        self.messages[:] = [*self.messages[-4:], alert]

    def refresh(self) -> None:
        """Bring everything up to date with the list of runs."""
        if not hasattr(self, "pictures"):
            return
        has_runs = bool(self.runs.entries)
        self._show_address()
        self.pictures.visible, self.nothing.visible = has_runs, not has_runs
        self.curves.refresh()
        self.statistics.refresh()
        self.differences.refresh()
        self.save.refresh()
        self._read_pair()

    def _on_lower(self, label: str) -> None:
        self.differences.active = label == DIFFERENCES
        self.differences.refresh()
        self._read_pair()

    def show_frame(self, frame: int) -> None:
        """Move the cursor; a click also brings the pictures of the pair."""
        self._asked = True
        self.frame = int(np.clip(frame, 0, max(self.runs.last_frame, 0)))
        self._read_pair()

    @property
    def n_frames(self) -> int:
        """How many frames the keys Home and End go over."""
        return self.runs.last_frame + 1

    def step_frame(self, step: int) -> None:
        """Move the cursor by some frames, staying inside the longest run."""
        if self.runs.entries:
            self.show_frame(self.frame + step)

    def _follow(self, frame: int) -> None:
        if self.frame != frame:
            self.frame = frame

    def _on_frame(self) -> None:
        self.curves.set_frame(self.frame)
        n = len(self.session.frames)
        if self.frame != self.session.frame and (not n or self.frame < n):
            self.session.frame = self.frame
        self._read_pair()

    def _read_pair(self) -> None:
        if not hasattr(self, "lower"):
            return
        self.cursor_words.object = f"Frame {self.frame}" if self.runs.entries else ""
        if self.active and self.lower.choice.value == PAIR:
            wanted = pair_requests(self.runs.visible, self.frame, self.gallery.whole.value)
            self.gallery.request(wanted if self._asked or self.frame > 0 else [])

    def submit(self, arguments: list[str], title: str, source: Source) -> None:
        """Start the job that measures a stack; its table joins the list when it is done."""
        try:
            job = job_registry().submit("evaluate", arguments, title=title)
        except FibsemDashError as error:
            self.say(describe_error(error))
            return
        self._await(job, source)
        # So that a reload waits for it, too.
        self._show_address()

    def _await(self, job: str, source: Source) -> None:
        self._pending[job] = source
        document = pn.state.curdoc
        if self._poll is None and document is not None and document.session_context is not None:
            self._poll = poll_every(self.look_at_jobs, POLL_MS)

    def look_at_jobs(self) -> None:
        """Read the tables of jobs that are done; say why others ended."""
        registry = job_registry()
        for job, source in list(self._pending.items()):
            try:
                record = registry.get(job)
            except FibsemDashError:
                del self._pending[job]
                continue
            if record.active:
                stage = record.stage
                done = f" {stage.percent:.0f} %" if stage is not None else ""
                self.external.tell_job(f"{record.title}: {record.state}{done}", "info")
                continue
            del self._pending[job]
            if record.state == "done":
                self.external.tell_job(f"{record.title}: done, added to the list", "success")
                self.reader.read(source)
            else:
                self.external.tell_job(f"{record.title}: {record.state}. {record.error}", "error")
                self._show_address()
        if not self._pending and self._poll is not None:
            self._poll.stop()
            self._poll = None
