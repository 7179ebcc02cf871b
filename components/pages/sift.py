"""SIFT: settings tuned live on one pair of frames, and compared on several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import panel as pn
import panel_material_ui as pmui

from components.locked import when_locked
from components.pages.base import Page, empty_state
from components.pages.sift_blocks import BlocksView
from components.pages.sift_controls import WHOLE, SiftControls
from components.pages.sift_laboratory import Laboratory
from components.pages.sift_pictures import PairPicture
from components.pages.sift_results import STYLE, results_html
from components.pages.sift_settings import TunedSettings
from components.plots.residuals import ResidualHistograms, VectorMap
from components.session import Session
from components.widgets.elapsed import Elapsed
from components.widgets.state_view import StateView
from components.widgets.tabs import Tabs
from components.work import LatestWork
from fibsem_dash.errors import RunError
from fibsem_dash.registration.frames import FrameInfo
from fibsem_dash.registration.trial import try_pair
from fibsem_dash.registration.trial_result import PairTrial
from fibsem_dash.settings import RunSettings

BLOCKS = 2
"""Tab of the blocks."""


@dataclass(frozen=True)
class PairRequest:
    """What one trial needs, complete, so that nothing can change under it."""

    first: FrameInfo
    second: FrameInfo
    settings: RunSettings
    max_side: int


@dataclass(frozen=True, eq=False)
class PairOutcome:
    """A trial with the request that it answers."""

    request: PairRequest
    trial: PairTrial


def run_trial(
    request: PairRequest, is_wanted: Callable[[PairRequest], bool] = lambda _request: True
) -> PairOutcome:
    """Try a pair, as long as it is wanted.

    Raises
    ------
    RunError
        When a frame of the pair cannot be used, or the trial is not wanted any more.
    """
    for frame in (request.first, request.second):
        if not frame.usable:
            raise RunError(
                f"frame {frame.index} cannot be used",
                found=frame.reason,
                remedy="Choose another pair.",
            )
    trial = try_pair(
        request.first.path,
        request.second.path,
        request.settings,
        max_side=request.max_side,
        stop=lambda: not is_wanted(request),
    )
    return PairOutcome(request, trial)


class SiftPage(Page):
    """Key points, matches and transform of a pair, live."""

    title: ClassVar[str] = "SIFT"
    hint: ClassVar[str] = (
        "Change a setting and watch the matches; Laboratory tries many settings at once."
    )
    help_text: ClassVar[str] = """
Key points of two frames are found, matched, and a transform is fitted to the matches.

* Every field acts at once; while a result is made, the last one stays.
* **Pictures**: both frames side by side, or the second laid over the first as red-cyan overlay,
  difference or flicker (space). Green lines are matches that fit the transform (inliers), grey
  dashed ones do not (outliers). Click a line for its numbers; large frames are tried in their
  middle until *Try whole frames*. **f** fits the pictures, **c** stretches their contrast.
* **Residuals**: how far the transform misses each match, as arrows over the frame and as
  histograms with their full width at half maximum (FWHM).
* Settings are tried on a copy. **Use for the run** hands them over to the registration.
* **Laboratory** compares models and solvers on pairs spread over the stack.
* **Blocks**: the displacements that the estimator *blocks* measures, and what the transform leaves
  of them.
"""

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(session, **values)
        self.tuned = TunedSettings(session)
        self.work = LatestWork(lambda request: run_trial(request, self._is_wanted))
        self.picture = PairPicture()
        self.vectors = VectorMap()
        self.histograms = ResidualHistograms()
        self.blocks = BlocksView()
        self.side = SiftControls(self.tuned)
        self.laboratory = Laboratory(
            self.tuned.settings,
            lambda: self.session.frames,
            self.load_variant,
            lambda: {
                "step": int(self.side.step.value or 1),
                "max_side": int(self.side.side.value),
                "frame": self.session.frame,
            },
        )
        self.active = False
        self._asked: PairRequest | None = None
        self._build_texts()
        self._watch()

    def _build_texts(self) -> None:
        self.numbers = pn.pane.HTML("", stylesheets=[STYLE], sizing_mode="stretch_width")
        self.failure = pmui.Alert(
            "", severity="warning", visible=False, sizing_mode="stretch_width"
        )
        self.note = pmui.Typography(
            "", variant="caption", sx={"opacity": 0.8}, sizing_mode="stretch_width"
        )
        self.whole = pmui.Button(
            label="Try whole frames", variant="text", size="small", icon="crop_free", width=170
        )
        self.whole.on_click(lambda _event: self.side.side.param.update(value=WHOLE))
        self.note_row = pn.Row(
            self.note, self.whole, sizing_mode="stretch_width", visible=False, margin=0
        )

    def _watch(self) -> None:
        session = self.session
        session.param.watch(lambda *_e: self.refresh(), ["frames", "frame"])
        session.param.watch(lambda *_e: self.picture.set_box(session.box), "box")
        session.settings.input.param.watch(lambda *_e: self.refresh(), ["detector"])
        for widget in (self.side.step, self.side.side):
            widget.param.watch(lambda *_e: self.refresh(), "value")
        for group in self.tuned.groups:
            group.param.watch(lambda *_e: self.refresh(), self.side.names_of(group))
        self.work.param.watch(self._on_result, "done_count")
        self.work.param.watch(lambda event: self.blocks.tell(event.new), "error")

    def controls(self) -> list[Any]:
        """Return the cards of the control column."""
        return self.side.cards()

    def main(self) -> Any:
        """Return the tabs with the pair and the laboratory."""
        to_data = pmui.Button(label="Go to Data", icon="folder_open")
        to_data.on_click(lambda _event: self.session.param.update(page="data"))
        self.no_stack = empty_state("Open a stack on the Data page first.", to_data)
        self.one_frame = empty_state(
            "A pair needs two frames, and this stack has one. Open another folder on the page Data."
        )
        histograms = pn.Column(
            *(
                pn.pane.Bokeh(plot, sizing_mode="stretch_both", min_height=100)
                for plot in self.histograms.figures.values()
            ),
            sizing_mode="stretch_both",
        )
        vectors = pn.pane.Bokeh(self.vectors.figure, sizing_mode="stretch_both", min_height=200)
        numbers = pn.Column(self.numbers, width=245, scroll="y-auto", sizing_mode="stretch_height")
        left = pn.Column(
            pn.Column(self.picture, sizing_mode="stretch_both", styles={"flex": "3 1 0"}),
            pn.Row(vectors, histograms, sizing_mode="stretch_both", styles={"flex": "2 1 0"}),
            sizing_mode="stretch_both",
        )
        pictures = pn.Row(left, numbers, sizing_mode="stretch_both")
        self.state = StateView(pictures, self.work, "Trying the pair ...")
        pair = pn.Column(
            Elapsed(self.work), self.failure, self.note_row, self.state, sizing_mode="stretch_both"
        )
        self.tabs = Tabs(
            ("Pair", pair), ("Laboratory", self.laboratory), ("Blocks", self.blocks),
            sizing_mode="stretch_both",
        )  # fmt: skip
        self.tabs.param.watch(lambda *_e: when_locked(self._follow_blocks), "active")
        self._show_empty()
        return pn.Column(self.no_stack, self.one_frame, self.tabs, sizing_mode="stretch_both")

    def _follow_blocks(self) -> None:
        self.blocks.enter(self.active and self.tabs.active == BLOCKS)

    def _show_empty(self) -> None:
        if hasattr(self, "tabs"):
            self.tabs.visible = len(self.session.frames) > 1
            self.no_stack.visible = not self.session.frames
            self.one_frame.visible = len(self.session.frames) == 1

    def on_enter(self) -> None:
        """Bring the page up to date when it is shown."""
        self.active = True
        self.picture.set_box(self.session.box)
        self.side.update_note()
        if self.session.settings.estimation.estimator == "blocks" and not self._asked:
            # What the run will use comes first.
            self.tabs.active = BLOCKS
        self._follow_blocks()
        self.refresh()

    def on_leave(self) -> None:
        """Make requests stale that nobody looks at."""
        self.active = False
        self.blocks.enter(False)
        if self.work.busy:
            self.work.cancel()
            self._asked = None

    def on_key(self, key: str) -> None:
        """Flicker between the aligned frames, fit the view, stretch the contrast."""
        act = {" ": self.picture.flick, "f": self.fit_view, "c": self.picture.stretch}.get(key)
        if act is not None:
            act()

    def fit_view(self) -> None:
        """Show whole pictures."""
        when_locked(self.picture.view.fit)

    def request(self) -> PairRequest | None:
        """Return what is to be tried, or None while no stack is open."""
        frames = self.session.frames
        if len(frames) < 2:
            return None
        step = min(max(int(self.side.step.value or 1), 1), len(frames) - 1)
        first = min(self.session.frame, len(frames) - 1 - step)
        return PairRequest(
            frames[first],
            frames[first + step],
            self.tuned.settings(),
            int(self.side.side.value),
        )

    def refresh(self) -> None:
        """Try the pair, unless its result is shown already."""
        self._show_empty()
        wanted = self.request()
        if self.active and wanted is not None and wanted != self._asked:
            self._asked = wanted
            self.work.request(wanted)

    def _is_wanted(self, request: PairRequest) -> bool:
        return request is self._asked

    def _on_result(self, _event: Any) -> None:
        outcome: PairOutcome = self.work.result
        trial, request = outcome.trial, outcome.request
        self.picture.show(
            trial,
            (request.first.index, request.second.index),
            request.settings.matching.lowe_ratio,
        )
        self.vectors.show(trial)
        self.blocks.show(trial, request.settings)
        self.histograms.show(trial)
        self.numbers.object = results_html(trial)
        reason = "" if trial else f"No transform: {trial.estimate.reason}."
        self.failure.param.update(object=reason, visible=bool(reason))
        self.note.object = trial.note
        self.note_row.visible = bool(trial.note)

    def load_variant(self, changes: dict[str, Any]) -> None:
        """Take the settings of a row of the laboratory, by ``group.setting``."""
        for name, group in self.tuned.params.groups.items():
            own = {
                key.split(".")[1]: value
                for key, value in changes.items()
                if key.startswith(f"{name}.")
            }
            if own:
                group.param.update(**own)
