"""What is below the curves of the Quality page: pair, statistics, differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import panel as pn
import panel_material_ui as pmui

from components.quality.runs import QualityRuns
from components.quality.statistics import (
    DifferenceKey,
    compute_differences,
    summarise_all,
    wanted_differences,
)
from components.stream import StreamWork
from components.widgets.elapsed import Elapsed
from components.widgets.quality_tables import HtmlTable, differences_html, statistics_html
from components.widgets.state_view import StateView
from components.work import LatestWork
from fibsem_dash.quality import Difference

CacheKey = tuple[DifferenceKey, int]
"""What was compared, and by how many frames the runs were moved against each other."""


class StatisticsPanel(pn.viewable.Viewer):  # type: ignore[misc]
    """Mean, median, std, spread of every measure of the visible runs."""

    def __init__(self, runs: QualityRuns, **values: Any) -> None:
        super().__init__(**values)
        self.runs = runs
        self.work = LatestWork(summarise_all)
        self.table = HtmlTable()
        self.view = StateView(self.table, self.work, "Add runs to see their statistics.")
        self.work.param.watch(lambda _event: self.draw(), "done_count")

    def refresh(self) -> None:
        """Compute the statistics of the runs as they are now."""
        if self.runs.visible:
            self.work.request(self.runs.tables())
        else:
            self.work.cancel()
            self.view.has_content = False

    def draw(self) -> None:
        """Show the statistics that were computed last."""
        summary = self.work.result
        colours = {entry.label: entry.colour for entry in self.runs.visible}
        if summary is not None:
            used = [colours.get(table.label, "#888888") for table in summary.tables]
            self.table.show(statistics_html(summary, used))

    def __panel__(self) -> Any:
        return self.view


class DifferencesPanel(pn.viewable.Viewer):  # type: ignore[misc]
    """Differences of the visible runs to the baseline; each is computed once.

    Attributes
    ----------
    active : bool
        Whether it is seen: nothing is computed before.
    """

    def __init__(self, runs: QualityRuns, **values: Any) -> None:
        super().__init__(**values)
        self.runs = runs
        self.active = False
        self.known: dict[CacheKey, Difference] = {}
        self.work = StreamWork()
        self.table = HtmlTable()
        self.view = StateView(
            self.table,
            self.work,  # type: ignore[arg-type]
            "Add a second run: it is compared with the baseline, measure by measure.",
        )
        self.work.param.watch(lambda *_e: self._collect(), "done_count")

    def _wanted(self) -> dict[DifferenceKey, CacheKey]:
        base = self.runs.baseline_entry
        if base is None:
            return {}
        others = [(entry.key, entry.shifted) for entry in self.runs.visible]
        offsets = {entry.key: entry.offset for entry in self.runs.visible}
        return {
            key: (key, offsets[key[1]] - base.offset)
            for key in wanted_differences((base.key, base.shifted), others)
        }

    def refresh(self) -> None:
        """Compute what the list asks for and is not known yet."""
        if not self.active:
            return
        wanted = self._wanted()
        missing = [key for key, cached in wanted.items() if cached not in self.known]
        self.draw()
        if not missing:
            self.work.stop()
            return
        tables = {entry.key: entry.shifted for entry in self.runs.visible}

        def make(stop: Callable[[], bool]) -> Iterator[tuple[CacheKey, Difference]]:
            for key, found in compute_differences(missing, tables, stop):
                yield wanted[key], found

        self.work.start(make, len(missing))

    def _collect(self) -> None:
        self.known.update(self.work.new_items)
        self.draw()

    def found(self) -> list[Difference]:
        """Return what is known of the present list, under the present labels."""
        labels = {entry.key: entry.label for entry in self.runs.visible}
        return [
            replace(self.known[cached], first=labels[key[0]], second=labels[key[1]])
            for key, cached in self._wanted().items()
            if cached in self.known
        ]

    def draw(self) -> None:
        """Show what is known."""
        found, base = self.found(), self.runs.baseline_entry
        self.view.has_content = bool(found)
        if found and base is not None:
            colours = {entry.label: entry.colour for entry in self.runs.visible}
            self.table.show(differences_html(found, colours, base.label))

    def __panel__(self) -> Any:
        return pn.Column(Elapsed(self.work), self.view, sizing_mode="stretch_both", margin=0)


class LowerPanel(pn.viewable.Viewer):  # type: ignore[misc]
    """One of several views, chosen by buttons.

    Parameters
    ----------
    views : dict of str to viewable
        By the label of their button.
    on_choose : callable
        Told the label that was chosen.
    heads : dict of str to viewable
        Controls of some of the views, shown beside the buttons.
    """

    def __init__(
        self, views: dict[str, Any], on_choose: Callable[[str], None],
        heads: dict[str, Any], **values: Any,
    ) -> None:  # fmt: skip
        super().__init__(**values)
        self.views = views
        self.choice = pmui.RadioButtonGroup(
            options=list(views), value=next(iter(views)), size="small", margin=(2, 6),
            sx={"& .MuiToggleButton-root": {"padding": "2px 10px", "textTransform": "none"}},
        )  # fmt: skip
        first = [heads[self.choice.value]] if self.choice.value in heads else []
        self.head = pn.Row(*first, sizing_mode="stretch_width", margin=0)
        self.content = pn.Column(views[self.choice.value], sizing_mode="stretch_both", margin=0)

        def choose(event: Any) -> None:
            self.content[:] = [views[event.new]]
            self.head[:] = [heads[event.new]] if event.new in heads else []
            on_choose(event.new)

        self.choice.param.watch(choose, "value")
        self._layout = pn.Column(
            pn.Row(self.choice, self.head, sizing_mode="stretch_width", margin=0),
            self.content, sizing_mode="stretch_both", margin=0,
        )  # fmt: skip

    def __panel__(self) -> Any:
        return self._layout
