"""Before a run: its name, where it runs, what it writes, all settings, what it will take."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui
import psutil

from components.jobs import job_registry
from components.pages.base import CONTROL_WIDTH, card
from components.pages.sift_settings import settings_from_yaml, settings_yaml
from components.run_estimate import TIMING, estimate
from components.run_plan import (
    RunPlan,
    check_plan,
    check_space,
    command_line,
    python_code,
    suggest_name,
)
from components.run_presets import ESTIMATOR_WORDS, PRESETS, STAGES, USED_BY
from components.session import Session
from components.widgets.elapsed import Elapsed
from components.widgets.facts import Facts, PlainText
from components.widgets.figure_tools import CopyAsCode
from components.widgets.plain import plain
from components.widgets.settings_form import WIDTH, field
from components.widgets.stage_card import StageCard
from components.work import LatestWork
from fibsem_dash.compute.executor import describe_error, usable_cores
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.registration.run_store import RunStore
from fibsem_dash.settings import RunSettings, from_dict, update
from fibsem_dash.units import format_bytes, format_duration

HERE, ELSEWHERE = "This machine", "Scheduler"


class RunForm:
    """The form of a registration.

    Parameters
    ----------
    session : Session
        Holds frames and settings.
    on_start : callable
        Takes the plan when the user starts it.
    """

    def __init__(self, session: Session, on_start: Callable[[RunPlan], None]) -> None:
        self.session = session
        self._on_start = on_start
        self.work = LatestWork(estimate, TIMING)
        self._asked: RunPlan | None = None
        self._named = ""
        self.active = False
        self._build_where()
        self._build_estimate()
        self._build_settings()
        self._watch()

    def _build_where(self) -> None:
        self.stack_text = PlainText("", width=WIDTH, sizing_mode="fixed", margin=(2, 8))
        self.name = pmui.TextInput(
            label="Name of the run", width=WIDTH, margin=(8, 8, 2, 8), max_length=100,
            description="Name of the run folder; that of an earlier run goes on with it",
        )  # fmt: skip
        self.name_note = PlainText(
            "", muted=True, width=WIDTH, sizing_mode="fixed", margin=(0, 8, 4, 8)
        )
        scheduler = self.session.config.scheduler
        self.place = pmui.RadioButtonGroup(
            options=[HERE, ELSEWHERE], value=ELSEWHERE if scheduler else HERE, size="small",
            width=WIDTH, margin=(8, 8),
        )  # fmt: skip
        self.workers = pmui.IntInput(
            label="Workers", value=usable_cores(), start=1, end=256, width=WIDTH, margin=(4, 8),
            description="Processes on this machine; more than its cores only takes memory",
        )  # fmt: skip
        self.address = pmui.TextInput(
            label="Address of the scheduler", value=scheduler, placeholder="tcp://host:8786",
            width=WIDTH, margin=(4, 8), max_length=300,
            description="Of a running Dask scheduler whose workers see the same folders",
        )  # fmt: skip
        self.place_note = PlainText(
            "", muted=True, width=WIDTH, sizing_mode="fixed", margin=(0, 8, 4, 8)
        )

    def _build_estimate(self) -> None:
        self.facts = Facts(width=WIDTH, sizing_mode="fixed", margin=(0, 8))
        self.again = pmui.Button(
            label="Estimate", icon="calculate", variant="outlined", size="small", margin=(4, 8),
            description="Time one pair of frames with these settings",
        )  # fmt: skip
        self.again.on_click(lambda _event: self.ask())
        self.problem = pmui.Alert(
            "", severity="error", visible=False, width=CONTROL_WIDTH - 28, margin=(0, 6, 8, 6)
        )
        self.note = pmui.Alert("", severity="info", visible=False, width=WIDTH, margin=(4, 8))
        self.start = pmui.Button(
            label="Start", icon="play_arrow", color="primary", width=CONTROL_WIDTH - 28,
            margin=(8, 6),
        )  # fmt: skip
        self.start.on_click(lambda _event: self.begin())
        self.code = CopyAsCode(lambda: python_code(self.plan()), lambda: command_line(self.plan()))

    def _build_settings(self) -> None:
        groups = self.session.settings.groups
        hidden = {"output": ("formats",), "input": ("exclude",), "estimation": ("estimator",)}
        self.take_box = pmui.Button(
            label="Use the drawn box", icon="crop", size="small", variant="outlined", visible=False,
            margin=(6, 8), description="Evaluate the box that was drawn on another page",
        )  # fmt: skip
        self.take_box.on_click(lambda _event: self.use_box())
        actions = {"quality": self.take_box}
        self.cards = {
            name: StageCard(title, text, groups[name], hidden.get(name, ()), actions.get(name))
            for name, title, text in STAGES
        }
        self.estimator = pmui.RadioButtonGroup.from_param(
            groups["estimation"].param.estimator, size="small", margin=(14, 8)
        )
        self.estimator_words = pmui.Typography(
            "", variant="body2", sx={"opacity": 0.75}, margin=(44, 4, 4, 4)
        )
        self.preset = pmui.Select(
            label="Preset", options=["", *PRESETS], value="", width=300,
            margin=(10, 6, 6, 6), description="Replaces all settings but the excluded frames",
        )  # fmt: skip
        self.preset.param.watch(self._on_preset, "value")
        self.save = pmui.FileDownload(
            callback=lambda: io.StringIO(settings_yaml(self.session.settings.to_settings())),
            filename="fibsem-dash-settings.yaml", label="Save YAML", icon="download",
            margin=(18, 6),
        )  # fmt: skip
        # As an argument it is mixed up with the old name of the parameter.
        self.save.variant = "outlined"
        self.load = pmui.FileInput(
            accept=".yaml,.yml", label="Load YAML", variant="outlined", margin=(18, 6)
        )
        self.load.param.watch(self._on_load, "value")
        self.load_note = pmui.Alert("", visible=False, sizing_mode="stretch_width", margin=(4, 6))

    def _watch(self) -> None:
        session = self.session
        session.param.watch(lambda *_e: self.on_stack(), ["frames", "folder"])
        session.param.watch(lambda *_e: self._offer_box(), "box")
        session.settings.quality.param.watch(lambda *_e: self._offer_box(), ["box", "sliding"])
        session.settings.estimation.param.watch(lambda *_e: self._show_estimator(), "estimator")
        self._show_estimator()
        self._offer_box()
        for group in session.settings.groups.values():
            names = [name for name in group.param if name != "name"]
            group.param.watch(lambda *_e: self._on_change(), names)
        for widget in (self.name, self.workers, self.address, self.place):
            widget.param.watch(lambda *_e: self._on_change(), "value")
        self.work.param.watch(lambda *_e: self._show_estimate(), ["done_count", "error", "busy"])

    def _show_estimator(self) -> None:
        """Show the groups that the estimator uses."""
        chosen = self.session.settings.estimation.estimator
        self.estimator_words.object = ESTIMATOR_WORDS[chosen]
        for name, estimators in USED_BY.items():
            self.cards[name].card.visible = chosen in estimators

    def _offer_box(self) -> None:
        """Offer the box of the other pages where the run would evaluate another one."""
        box = tuple(self.session.box)
        quality = self.session.settings.quality
        self.take_box.visible = any(box) and (quality.sliding or tuple(quality.box) != box)
        self.take_box.label = f"Use the drawn box {', '.join(map(str, box))} px"

    def use_box(self) -> None:
        """Let the run evaluate the box that was drawn on another page."""
        self.session.settings.quality.param.update(box=tuple(self.session.box), sliding=False)

    def side(self) -> list[Any]:
        """Return the cards of the control column."""
        run = card(
            "Run",
            pn.Column(
                self.stack_text, self.name, self.name_note,
                field(self.session.settings.output, "formats"),
                self.place, self.workers, self.address, self.place_note,
            ),
        )  # fmt: skip
        takes = card(
            "What it will take",
            pn.Column(
                self.facts, pn.Row(self.again, Elapsed(self.work), margin=0), self.note,
                self.code,
            ),
        )  # fmt: skip
        return [self.start, self.problem, run, takes]

    def main(self) -> Any:
        """Return the settings of all stages."""
        tools = pn.Row(self.preset, self.load, self.save, sizing_mode="stretch_width", margin=0)
        way = pn.Row(self.estimator, self.estimator_words, sizing_mode="stretch_width", margin=0)
        return pn.Column(
            tools, self.load_note, way, *(c.card for c in self.cards.values()),
            sizing_mode="stretch_both", scroll="y-auto", margin=0,
        )  # fmt: skip

    def plan(self) -> RunPlan:
        """Return the run as the form describes it."""
        session = self.session
        elsewhere = self.place.value == ELSEWHERE
        return RunPlan(
            folder=session.folder,
            pattern=session.pattern,
            frames=tuple(session.frames),
            config=session.config,
            name=(self.name.value or "").strip(),
            settings=session.settings.to_settings(),
            workers=int(self.workers.value or 1),
            scheduler=(self.address.value or "").strip() if elsewhere else "",
        )

    def on_stack(self) -> None:
        """Take another stack: a new name, and another estimate."""
        session = self.session
        if session.folder and session.folder != self._named:
            self._named = session.folder
            self.propose()
        self._on_change()
        if self.active and session.frames and not self.work.busy:
            self.ask()

    def propose(self) -> None:
        """Propose the name of a new run folder."""
        taken = [record.folder for record in job_registry().jobs()]
        root = self.session.config.run_root
        self.name.value = suggest_name(root, self.session.folder, taken)

    def enter(self) -> None:
        """Bring the form up to date; the first estimate of a stack comes by itself."""
        known = self._asked is not None
        self.active = True
        if self.session.folder and not self.name.value:
            self.on_stack()
        elif self.session.frames and not known:
            self.ask()
        self._on_change()

    def leave(self) -> None:
        """Estimate no longer by itself."""
        self.active = False

    def ask(self) -> None:
        """Ask for an estimate of the present plan."""
        self._asked = self.plan()
        self.work.request(self._asked)

    def begin(self) -> None:
        """Start the run, or say why it cannot be."""
        plan = self.plan()
        try:
            check_plan(plan)
            if self.work.result is not None and self._asked == plan and not plan.resumes:
                check_space(self.work.result.told)
            self._on_start(plan)
        except (FibsemDashError, OSError) as error:
            self.problem.param.update(object=plain(describe_error(error)), visible=True)

    def _on_change(self) -> None:
        plan = self.plan()
        n, n_used = len(plan.frames), len(plan.used)
        left_out = sorted(f.name for f in plan.frames if f.name in self.session.excluded)
        text = f"{n_used} of {n} frames" if n else "No stack is open: choose one on the Data page."
        if left_out:
            more = f" and {len(left_out) - 3} more" if len(left_out) > 3 else ""
            text += f"; excluded: {', '.join(left_out[:3])}{more}"
        self.stack_text.text = text
        elsewhere = self.place.value == ELSEWHERE
        self.address.visible, self.workers.visible = elsewhere, not elsewhere
        memory = format_bytes(psutil.virtual_memory().total)
        self.place_note.text = (
            "Its workers must see the folders of frames and runs under the same paths."
            if elsewhere
            else f"{usable_cores()} cores, {memory} memory"
        )
        where = f"{plan.run_folder}"
        self.name_note.text = f"Goes on with the run in {where}" if plan.resumes else where
        self.start.label = "Go on" if plan.resumes else "Start"
        self.start.disabled = not n
        self.again.disabled = not n
        self._show_estimate()

    def _show_estimate(self) -> None:
        plan, result = self.plan(), self.work.result
        fresh = self._asked == plan and not self.work.busy
        self.again.label = "Estimate again" if result is not None and not fresh else "Estimate"
        try:
            if plan.frames:
                check_plan(plan)
            if fresh and result is not None and not plan.resumes:
                check_space(result.told)
            text = self.work.error if fresh else ""
        except FibsemDashError as error:
            text = describe_error(error)
        self.problem.param.update(object=plain(text), visible=bool(text))
        if result is None:
            waiting = "timing a pair ..." if self.work.busy else "not estimated yet"
            self.facts.show([("Time", waiting), ("Memory per worker", "–"), ("Disk", "–")])
            return
        told = result.told
        notes = [] if fresh or self.work.busy else ["Made with other settings"]
        self.facts.show(
            [
                ("Time, about", format_duration(told.seconds)),
                ("Memory per worker", format_bytes(told.worker_bytes)),
                ("Stack on disk", format_bytes(told.stack_bytes)),
                ("Kept intermediate results", format_bytes(told.cache_bytes)),
                ("Free on that disk", format_bytes(told.free_bytes or 0)),
            ],
            notes,
        )
        self.note.param.update(object=plain(result.note), visible=bool(result.note))

    def take(self, settings: RunSettings) -> None:
        """Replace all settings; excluded frames stay as they are on the Data page."""
        for name, model in self.session.settings.groups.items():
            values = type(model)._accepted(getattr(settings, name))
            if name == "input":
                values.pop("exclude")
            model.param.update(**values)
        self.session.param.trigger("settings_changed")

    def adopt(self, folder: str) -> bool:
        """Take name and settings of a run below the run root; tell whether that could be."""
        path = Path(folder)
        if path.parent != self.session.config.run_root:
            return False
        try:
            settings = from_dict(RunStore(path).read().get("settings") or {})
        except FibsemDashError as error:
            self.session.error = describe_error(error)
            return False
        self.take(settings)
        self.session.exclude(settings.input.exclude)
        self.name.value = path.name
        return True

    def _on_preset(self, event: Any) -> None:
        if event.new:
            self.take(update(RunSettings(), PRESETS[event.new]))
            text = f"Preset: {event.new}. Changed settings carry an orange edge."
            self.load_note.param.update(object=plain(text), severity="success", visible=True)
            self.preset.value = ""

    def _on_load(self, event: Any) -> None:
        if not event.new:
            return
        try:
            settings, groups = settings_from_yaml(event.new)
        except FibsemDashError as error:
            text, severity = describe_error(error), "error"
        else:
            self.take(settings)
            if settings.input.exclude:
                self.session.exclude(settings.input.exclude)
            text, severity = f"Loaded: {', '.join(groups)}.", "success"
        self.load_note.param.update(object=plain(text), severity=severity, visible=True)
