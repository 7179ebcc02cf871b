"""What the live tabs of the Header page have in common."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import panel as pn
import param
from param.parameterized import ParameterizedABC

from components.pages.header_analysis import Scope
from components.plots.export import name_figures
from components.widgets.facts import Facts, PlainText
from components.widgets.figure_tools import CopyAsCode
from components.widgets.state_view import StateView
from components.work import LatestWork

FIELD = {"margin": (4, 6), "size": "small"}
"""Options of the fields above a plot."""


@dataclass(frozen=True)
class Outcome:
    """A result with the pixels that it was made from."""

    result: Any
    scope: Scope


class AnalysisTab(pn.viewable.Viewer, ParameterizedABC):  # type: ignore[misc]
    """One analysis: computed only while its tab is shown, in the background.

    Subclasses say what to compute and how to draw it.
    """

    title: ClassVar[str] = ""
    help_text: ClassVar[str] = ""

    active = param.Boolean(False, doc="The tab is shown")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.scope: Scope | None = None
        self.computed: Any = None
        self.work = LatestWork(self._compute)
        self.pane = pn.pane.Bokeh(None, sizing_mode="stretch_width", margin=0)
        self.facts = Facts()
        self.caption = PlainText("", muted=True, margin=(2, 8))
        self.copy_code = CopyAsCode(lambda: self._shown_code()[0], lambda: self._shown_code()[1])
        content = pn.Column(
            self.pane, self.facts, self.copy_code, sizing_mode="stretch_width", margin=0
        )
        self.state = StateView(content, self.work, "The result appears here once a frame is open.")
        self.work.param.watch(self._show, "done_count")
        self.param.watch(self.update, ["active", *self.settings()])

    def settings(self) -> tuple[str, ...]:
        """Return the names of the parameters that change the result."""
        return ()

    def fields(self) -> list[Any]:
        """Return the fields above the plot."""
        return []

    @abstractmethod
    def compute(self, scope: Scope, **settings: Any) -> Any:
        """Compute the result; runs in the background."""

    @abstractmethod
    def draw(self, outcome: Outcome) -> Any:
        """Return the figure of a result."""

    @abstractmethod
    def summary(self, outcome: Outcome) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
        """Return the numbers below the figure, and sentences about them."""

    @abstractmethod
    def code(self, scope: Scope, **settings: Any) -> tuple[str, str]:
        """Return the Python lines and the command line that give the same result."""

    def _shown_code(self) -> tuple[str, str]:
        settings = {name: getattr(self, name) for name in self.settings()}
        return self.code(self.scope, **settings) if self.scope is not None else ("", "")

    def look_at(self, scope: Scope | None) -> None:
        """Analyse other pixels, now or when the tab is shown."""
        self.scope = scope
        if scope is None:
            self.work.cancel()
            self.work.error = ""
            self.state.has_content = False
            self.computed = None
        self.update()

    def update(self, *_events: Any) -> None:
        """Ask for the result if the tab is shown and something changed."""
        if not self.active or self.scope is None:
            return
        settings = {name: getattr(self, name) for name in self.settings()}
        wanted = (self._identity(self.scope), tuple(settings.items()))
        if wanted != self.computed:
            self.computed = wanted
            self.work.request(self.scope, settings)

    @staticmethod
    def _identity(scope: Scope) -> tuple[Any, ...]:
        return scope.frame.path, scope.detector, scope.box, scope.next_path

    def _compute(self, scope: Scope, settings: dict[str, Any]) -> Outcome:
        return Outcome(self.compute(scope, **settings), scope)

    def _show(self, _event: Any) -> None:
        outcome = self.work.result
        figure = self.draw(outcome)
        name_figures(figure, f"{outcome.scope.frame.path.stem} {outcome.scope.detector}")
        self.pane.object = figure
        self.facts.show(*self.summary(outcome))
        self.caption.text = self.describe(outcome.scope)

    def describe(self, scope: Scope) -> str:
        """Say which pixels the result is about."""
        return scope.describe()

    def __panel__(self) -> Any:
        return pn.Column(
            pn.FlexBox(*self.fields(), margin=(10, 0, 0, 0))
            if self.fields()
            else pn.Spacer(height=0),
            self.caption,
            self.state,
            sizing_mode="stretch_both",
            scroll="y-auto",
            margin=0,
        )
