"""Pairs: all pairs of a run, problems first; each can be looked at, tried again, set by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui

from components.locked import when_locked
from components.pages.base import CONTROL_WIDTH, card
from components.pages.pair_actions import PairActions
from components.pages.pair_settings import PairSettings
from components.pages.pairs_table import (
    COLUMNS,
    ORDERS,
    STATUSES,
    chosen_rows,
    empty_rows,
    pairs_frame,
    pairs_widget,
)
from components.pages.run_tab import RunTab
from components.pages.sift import PairOutcome, PairRequest, run_trial
from components.pages.sift_pictures import PairPicture
from components.pages.sift_results import STYLE, results_html
from components.rerun import plan_rerun
from components.run_data import RunData, load_run
from components.session import Session
from components.widgets.busy_line import BusyLine
from components.widgets.figure_tools import table_download
from components.widgets.hand_align import HandAlign
from components.widgets.plain import plain
from components.widgets.rerun_bar import RerunBar
from components.work import LatestWork
from fibsem_dash.registration.edits import frame_names

BY_HAND = 1
"""Place of the tab for setting a pair by hand."""


class PairsView(RunTab):
    """The table of pairs, the pair that was chosen, and what was decided.

    Parameters
    ----------
    session : Session
        Its run folder is shown.
    """

    empty: ClassVar[str] = (
        "Open a run: its pairs appear here once the grey levels of its frames are measured."
    )
    loaded: RunData | None
    rerun: RerunBar

    def __init__(self, session: Session, **values: Any) -> None:
        rerun = RerunBar("Apply", plan_rerun, self._plan_arguments)
        super().__init__(session, rerun, **values)
        self.names: list[str] = []
        self.rows = pd.DataFrame()
        self.pair: tuple[int, int] | None = None
        self._wanted: PairRequest | None = None
        self._to_open: tuple[int, int] | None = None
        self.work = LatestWork(lambda request: run_trial(request, self._is_wanted))
        self.picture = PairPicture()
        self.hand = HandAlign()
        self.settings = PairSettings(self._try)
        self.actions = PairActions(
            lambda: self.settings.changes, lambda: np.array(self.hand.matrix),
            self._decided, self._show_again, self._tell,
        )  # fmt: skip
        self.numbers = pn.pane.HTML("", stylesheets=[STYLE], sizing_mode="stretch_width")
        # Its place is kept, so that the pictures do not move.
        self.failure = pmui.Typography(
            "", variant="body2", height=22, sizing_mode="stretch_width", margin=(0, 10),
            sx={"& p": {"whiteSpace": "nowrap", "overflow": "hidden", "textOverflow": "ellipsis"}},
        )  # fmt: skip
        self.status = pmui.Select(
            label="Show",
            options=list(STATUSES),
            value="all",
            size="small",
            width=106,
            margin=(10, 4),
        )
        self.order = pmui.Select(
            label="Order",
            options=list(ORDERS),
            value="problems first",
            size="small",
            width=166,
            margin=(10, 4),
        )
        self.assemble(self._content(rerun))
        self._watch()
        self._update()

    def _watch(self) -> None:
        self.work.param.watch(lambda *_e: self._on_trial(), "done_count")
        self.work.param.watch(lambda *_e: self._tell(self.work.error), "error")
        self.status.param.watch(lambda *_e: self.fill(), "value")
        self.order.param.watch(lambda *_e: self.fill(), "value")

    def _content(self, rerun: RerunBar) -> Any:
        self.table = pairs_widget(empty_rows(), self.open_row, 6)
        save = table_download(lambda: f"{self.run_name} pairs", self.saved_table, "Table")
        # It comes into the page with its first rows: Panel's script fails on other rows before it
        # has drawn a table.
        self.place = pn.Column(min_height=230, sizing_mode="stretch_width", margin=0)
        # Room for the labels, which stand above their fields.
        choices = pn.Row(self.status, self.order, margin=(6, 0, 0, 0))
        # The table stands beside the pictures: above them, it left them a strip on small screens.
        cards = pn.Column(
            pn.Column(choices, self.place, width=CONTROL_WIDTH - 16, margin=6),
            *self.actions.cards(rerun),
            card("Numbers", self.numbers, save),
            card("Other settings for this pair", self.settings),
            width=CONTROL_WIDTH, scroll="y-auto", sizing_mode="stretch_height",
        )  # fmt: skip
        self.tabs = pmui.Tabs(
            ("Matches", self.picture), ("By hand", self.hand), sizing_mode="stretch_both",
            styles={"flex": "1 1 0"}, min_height=420,
        )  # fmt: skip
        self.tabs.param.watch(lambda *_e: self._on_tab(), "active")
        pictures = pn.Column(
            BusyLine(self.work), self.failure, self.tabs,
            sizing_mode="stretch_both", scroll="y-auto",
        )  # fmt: skip
        return pn.Row(cards, pictures, sizing_mode="stretch_both")

    def on_enter(self) -> None:
        """Read the run, and take the arrow keys if they are needed."""
        super().on_enter()
        self._on_tab()

    def on_leave(self) -> None:
        """Stop what nobody looks at, and give the arrow keys back."""
        super().on_leave()
        self.hand.active = False

    def on_key(self, key: str) -> None:
        """Flicker, undo, redo, fit, contrast."""
        by_hand = self.tabs.active == BY_HAND
        acts: dict[str, Callable[[], Any]] = {
            " ": self.hand.flick if by_hand else self.picture.flick,
            "ctrl-z": self.actions.undo,
            "ctrl-y": self.actions.redo,
            "f": (self.hand if by_hand else self.picture).view.fit,
            "c": self.picture.stretch,
        }
        if key in acts:
            when_locked(acts[key])

    def _on_tab(self) -> None:
        self.hand.active = self.active and self.tabs.active == BY_HAND

    def read(self, folder: str) -> RunData:
        """Read the run."""
        return load_run(self.session.config, folder)

    def forget(self) -> None:
        """Drop the run and its pair."""
        super().forget()
        self.pair = None

    # The table

    def show(self, found: RunData) -> None:
        """Show the pairs; decisions that are not applied stay, unless the run has other ones."""
        before, self.loaded = self.loaded, found
        self.names = frame_names(found.run.paths)
        if before is None or found.run.edits != before.run.edits:
            self.actions.start(found.run.edits)
        self.fill()
        if not len(self.place):
            self.place.append(self.table)
        self.rerun.forget()
        if self._to_open is not None:
            self.show_pair(*self._to_open)
        elif self.pair is None:
            self.open_row(0)
        else:
            self._show_again()

    def fill(self) -> None:
        """Show the rows that are wanted."""
        if self.loaded is None:
            return
        table = pairs_frame(self.loaded, self.actions.edits)
        self.rows = chosen_rows(table, self.status.value, self.order.value)
        self.table.value = self.rows
        self._update()

    def saved_table(self) -> pd.DataFrame:
        """Return the rows as they are shown, for saving."""
        return self.rows[list(COLUMNS)] if len(self.rows) else pd.DataFrame()

    def open_row(self, place: int) -> None:
        """Show the pair of a row."""
        if 0 <= place < len(self.rows):
            first, second = (int(self.rows[name].iloc[place]) for name in ("first", "second"))
            self.open_pair(first, second)

    def show_pair(self, first: int, second: int) -> None:
        """Show a pair of the session's run and mark its row, as soon as the run is read.

        Parameters
        ----------
        first, second : int
            As `open_pair` takes them.
        """
        self._to_open = first, second
        if not self.up_to_date:
            # The run is read as soon as the view is shown, and then this pair is opened.
            return
        self._to_open = None
        if self.status.value not in ("all", "problems"):
            self.status.value = "all"
        self.open_pair(first, second)
        rows = self.rows
        found = np.flatnonzero((rows["first"] == first) & (rows["second"] == second))
        if len(found):
            place = int(found[0])
            self.table.param.update(selection=[place], page=1 + place // self.table.page_size)

    def open_pair(self, first: int, second: int) -> None:
        """Show a pair of frames.

        Parameters
        ----------
        first : int
            Frame of the input list; -1 takes the last used one before the second.
        second : int
            Frame of the input list.
        """
        if self.loaded is None:
            return
        if first < 0:
            used = self.loaded.data.frames
            before = used[used < second]
            first = int(before[-1]) if len(before) else second + 1
            if not len(before):
                first, second = second, first
        self.pair = first, second
        if second < len(self.session.frames):
            self.session.frame = second
        self.actions.pair = self.pair_names
        edit = self.actions.edit
        self.settings.start(self.loaded.run.settings, dict(edit.settings) if edit else {})
        self._wanted = None
        self._try()
        self._update()

    # The pair

    @property
    def pair_names(self) -> tuple[str, str] | None:
        """Names of the pair's frames, as edits call them."""
        if self.pair is None or not self.names or max(self.pair) >= len(self.names):
            return None
        return self.names[self.pair[0]], self.names[self.pair[1]]

    def _try(self) -> None:
        if self.loaded is None or self.pair_names is None or self.pair is None:
            return
        first, second = (self.loaded.run.frames[k] for k in self.pair)
        wanted = PairRequest(first, second, self.settings.settings, 0)
        if wanted != self._wanted:
            self._wanted = wanted
            self.work.request(wanted)
        self._update()

    def _is_wanted(self, request: PairRequest) -> bool:
        return request is self._wanted

    def _on_trial(self) -> None:
        outcome: PairOutcome = self.work.result
        trial, request = outcome.trial, outcome.request
        numbers = request.first.index, request.second.index
        self.picture.show(trial, numbers, request.settings.matching.lowe_ratio)
        self.numbers.object = results_html(trial)
        self._tell("" if trial else f"No transform: {trial.estimate.reason}.")
        edit = self.actions.edit
        by_hand = edit is not None and edit.matrix is not None
        start = edit.whole_matrix() if edit is not None and by_hand else trial.matrix
        self.hand.start(trial, start)
        self._update()

    def _tell(self, text: str) -> None:
        self.failure.object = f"⚠ {plain(text)}" if text else ""

    # Decisions

    def _show_again(self) -> None:
        if self.pair is not None:
            self.open_pair(*self.pair)

    def _decided(self) -> None:
        self.rerun.forget()
        self.fill()

    def _update(self) -> None:
        can_retry = bool(self.settings.changes) and not self.work.busy
        applied = self.loaded is None or self.actions.edits == self.loaded.run.edits
        can_place = self.hand.trial is not None
        self.actions.update(self.pair, can_retry, can_place, applied)

    def _plan_arguments(self) -> tuple[Any, ...] | None:
        if self.loaded is None:
            return None
        run = self.loaded.run
        return run, run.settings, self.actions.edits
