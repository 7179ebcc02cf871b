"""The Registration page: what will run, what runs, what came out."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import panel as pn
import panel_material_ui as pmui

from components.demo_run import visible_jobs
from components.jobs import job_registry
from components.locked import when_locked
from components.pages.base import CONTROL_WIDTH, Page, card
from components.pages.run_form import RunForm
from components.pages.run_result_view import RunResultView
from components.pages.run_view import RunView
from components.run_plan import RunPlan, newest_job, start_run
from components.session import Session
from components.timers import poll_every
from components.widgets.job_list import JobList
from components.widgets.plain import plain, plain_text
from fibsem_dash.compute.executor import describe_error
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.jobs import JobRecord
from fibsem_dash.registration.run_list import list_runs

POLL_MS = 400
"""How often a page that is shown looks at the jobs."""

MORE_TABS = (
    ("Trend", "components.pages.trend_view", "TrendView"),
    ("Pairs", "components.pages.pairs_view", "PairsView"),
    ("Reports", "components.pages.reports_view", "ReportsView"),
)
"""Tabs beside the run: title, module and class, made when they are first opened."""


@runtime_checkable
class Follows(Protocol):
    """A view that follows a run while it goes on."""

    def poll(self) -> None:
        """Look whether there is more."""


class RegistrationPage(Page):
    """Form, progress and result of registrations."""

    title: ClassVar[str] = "Registration"
    hint: ClassVar[str] = (
        "Look through the stages, then press Start; the run goes on when the page is closed."
    )
    help_text: ClassVar[str] = """
A registration runs on the server. It goes on when the page is closed; a reload, a second tab and
a restarted server show it again.

* **Before**: every stage has a row with its settings. An orange edge marks what differs from the
  default. A preset or a YAML file replaces all settings. *What it will take* times one pair of
  frames. **Ctrl-Enter** starts.
* A name that exists goes on with that run: what does not depend on changed settings is kept.
* **During**: items, rate and time left of every stage. *Stop* asks once; *Resume* goes on.
* **Jobs**: runs start one after the other; the arrow moves one forward in the queue.
* Frames that are left out are chosen on the Data page.
* **After**: a click on a pair that failed, or on a frame that was left out, opens it in *Pairs*.
* *Trend*: the fits, live. *Pairs*: every pair with its matches. *Reports*: milling, scan, field of
  view, grey levels and transformations.
"""

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(session, **values)
        self.registry = job_registry()
        self.form = RunForm(session, self.start)
        self.view = RunView(session, self.registry, self._on_state, self.open_pair)
        self.jobs = JobList(self.open_job, self.move_up, self.remove, CONTROL_WIDTH - 40)
        self.active = False
        self._version = -1
        self._timer: Any = None
        self._more: dict[int, Any] = {}
        self.new_run = pmui.Button(
            label="New run", icon="add", width=CONTROL_WIDTH - 28, margin=(8, 6), visible=False
        )
        self.new_run.on_click(lambda _event: self.show_form())
        session.param.watch(lambda *_e: self._on_run_folder(), "run_folder")

    def controls(self) -> list[Any]:
        """Return the cards of the control column."""
        self.form_cards = pn.Column(*self.form.side(), margin=0)
        return [self.new_run, self.form_cards, card("Jobs", self.jobs)]

    def main(self) -> Any:
        """Return the tabs."""
        self.form_main = self.form.main()
        self.result = RunResultView(self.session, self.open_pair)
        self.result_title = plain_text(
            "", {"font-size": "17px", "font-weight": "500"}, margin=(8, 8), max_width=420
        )
        self.result_main = pn.Column(
            self.result_title, self.result, sizing_mode="stretch_both", margin=0
        )
        self.body = pn.Column(self.form_main, sizing_mode="stretch_both", margin=0)
        self.more = [
            (title, module, name)
            for title, module, name in MORE_TABS
            if find_spec(module) is not None
        ]
        if not self.more:
            return self.body
        places = [pn.Column(sizing_mode="stretch_both", margin=0) for _ in self.more]
        self.places = places
        self.tabs = pmui.Tabs(
            ("Run", self.body),
            *((title, place) for (title, _m, _n), place in zip(self.more, places, strict=True)),
            sizing_mode="stretch_both",
        )
        self.tabs.param.watch(lambda event: when_locked(lambda: self._on_tab(event.new)), "active")
        return self.tabs

    def _on_tab(self, index: int) -> None:
        """Make the view of a tab when it is first opened; the run's controls belong to the run."""
        self._column.visible = index == 0
        self._leave_tabs(index)
        if not index:
            return
        if index not in self._more:
            _title, module, name = self.more[index - 1]
            self._more[index] = getattr(import_module(module), name)(self.session)
            self.places[index - 1].append(self._more[index])
        if self.active and not self._more[index].active:
            self._more[index].on_enter()

    def _leave_tabs(self, shown: int = 0) -> None:
        for index, view in self._more.items():
            if index != shown and view.active:
                view.on_leave()

    @property
    def shown_view(self) -> Any:
        """The view of the open tab; None while the run itself is shown."""
        return self._more.get(self.tabs.active) if self.more else None

    def open_pair(self, first: int, second: int) -> None:
        """Show a pair of the open run in the tab Pairs.

        Parameters
        ----------
        first, second : int
            Frames of the input list; -1 as the first takes the one that is used before the second.
        """
        titles = [title for title, _module, _name in self.more]
        if "Pairs" not in titles:
            return
        index = 1 + titles.index("Pairs")

        def show() -> None:
            self._on_tab(index)
            self._more[index].show_pair(first, second)
            self.tabs.active = index

        when_locked(show)

    def records(self) -> list[JobRecord]:
        """Return the jobs that may be shown here."""
        return visible_jobs(self.session.config, self.registry.jobs())

    @property
    def shows_form(self) -> bool:
        """Whether the form is shown, rather than a job."""
        return not self.view.job

    def on_enter(self) -> None:
        """Show the job of the open run, else the newest that runs, else the form."""
        self.active = True
        self._version = -1
        self._stop_timer()
        records = self.records()
        wanted = newest_job(records, self.session.run_folder) if self.session.run_folder else None
        if wanted is None and not self.session.run_folder and not self.view.job:
            running = [r for r in records if r.active and r.kind == "register"]
            wanted = next((r for r in running if r.state == "running"), None) or next(
                iter(running), None
            )
        if wanted is not None:
            self._show_job(wanted.id)
        elif self.view.record is None:
            self._show_run_folder()
        self.tick()
        if self.more and self.tabs.active:
            self._on_tab(self.tabs.active)
        document = pn.state.curdoc
        if document is not None and document.session_context is not None:
            self._timer = poll_every(self.tick, POLL_MS)

    def on_leave(self) -> None:
        """Look no longer."""
        self.active = False
        self.form.leave()
        self.view.leave()
        self._leave_tabs()
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def on_key(self, key: str) -> None:
        """Start the run, or do what the key means in the open tab."""
        if self.shown_view is not None:
            self.shown_view.on_key(key)
        elif key == "ctrl-Enter" and self.shows_form and not self.form.start.disabled:
            self.form.begin()

    def tick(self) -> None:
        """Bring jobs and progress up to date."""
        if isinstance(self.shown_view, Follows):
            self.shown_view.poll()
        if self._version != self.registry.version:
            self._version = self.registry.version
            self.jobs.show(self.records(), self.view.job)
        if self.view.job:
            if self.view.record is None:
                self.show_form()
            else:
                self.view.poll()

    def start(self, plan: RunPlan) -> None:
        """Start a run and show it."""
        job = start_run(plan, self.registry)
        self.session.run_folder = str(plan.run_folder)
        self._show_job(job)

    def open_job(self, job: str) -> None:
        """Show a job from the list, and make its run the open one."""
        try:
            record = self.registry.get(job)
        except FibsemDashError as error:
            self.session.error = describe_error(error)
            return
        self._show_job(job)
        if record.kind == "register" and record.folder:
            self.session.open_run(record.folder)

    def move_up(self, job: str) -> None:
        """Let a job start before the one in front of it."""
        self._act(lambda: self.registry.move_up(job))

    def remove(self, job: str) -> None:
        """Take a job from the queue, or one that has ended from the list."""

        def act() -> None:
            if self.registry.get(job).active:
                self.registry.cancel(job)
            else:
                self.registry.remove(job)

        self._act(act)

    def _act(self, action: Any) -> None:
        try:
            action()
        except FibsemDashError as error:
            self.session.error = describe_error(error)
        self._version = -1
        self.tick()

    def _show_job(self, job: str) -> None:
        self.view.open(job)
        self._arrange(self.view)

    def show_form(self) -> None:
        """Show the form of a new run."""
        self.view.job = ""
        self._arrange(self.form_main)
        if self.session.folder and self.form.plan().resumes:
            self.form.propose()
        self.form.enter()

    def _show_run_folder(self) -> None:
        """Show a run that no job of this server made: its result, or the form to go on with it."""
        folder = self.session.run_folder
        run = next((r for r in list_runs(folder) if r.folder == folder), None) if folder else None
        if run is not None and run.state == "done":
            self.view.job = ""
            self.result.open(folder)
            self.result_title.object = Path(folder).name
            self._arrange(self.result_main)
            return
        self.show_form()
        if run is not None and self.form.adopt(folder):
            text = f"The run {Path(folder).name} is {run.state}. Go on continues it."
            self.form.load_note.param.update(object=plain(text), severity="info", visible=True)

    def _arrange(self, wanted: Any) -> None:
        self._version = -1
        form = wanted is self.form_main
        if len(self.body) != 1 or self.body[0] is not wanted:
            self.body[:] = [wanted]
        if not form:
            self.form.leave()
        self.form_cards.visible = form
        self.new_run.visible = not form
        self.jobs.show(self.records(), self.view.job)

    def _on_run_folder(self) -> None:
        if not self.active:
            return
        job = newest_job(self.records(), self.session.run_folder)
        if job is None and self.session.run_folder:
            self._show_run_folder()
        elif job is not None and job.id != self.view.job:
            self._show_job(job.id)

    def _on_state(self, record: JobRecord) -> None:
        """React to a job that begins, ends or is resumed."""
