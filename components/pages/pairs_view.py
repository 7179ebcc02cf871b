"""Pairs: all pairs of a run, problems first; each can be looked at, tried again, set by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui

from components.locked import when_locked
from components.pages.base import CONTROL_WIDTH, card
from components.pages.pair_settings import PairSettings
from components.pages.pairs_table import (
    COLUMNS,
    ORDERS,
    STATUSES,
    chosen_rows,
    decision_words,
    pairs_frame,
    pairs_widget,
)
from components.pages.sift import PairOutcome, PairRequest, run_trial
from components.pages.sift_pictures import PairPicture
from components.pages.sift_results import STYLE, results_html
from components.rerun import plan_rerun
from components.run_data import RunData, load_run, stamp_of
from components.session import Session
from components.shell import when_loaded
from components.widgets.busy_line import BusyLine
from components.widgets.elapsed import Elapsed
from components.widgets.figure_tools import table_download
from components.widgets.hand_align import HandAlign
from components.widgets.plain import plain
from components.widgets.rerun_bar import RerunBar
from components.widgets.state_view import StateView
from components.work import LatestWork
from fibsem_dash.compute.executor import describe_error
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.registration.edit_history import EditHistory
from fibsem_dash.registration.edits import PairEdit, RunEdits, frame_names

BY_HAND = 1
"""Place of the tab for setting a pair by hand."""


class PairsView(pn.viewable.Viewer):  # type: ignore[misc]
    """The table of pairs, the pair that was chosen, and what was decided.

    Parameters
    ----------
    session : Session
        Its run folder is shown.
    """

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(**values)
        self.session = session
        self.active = False
        self.loaded: RunData | None = None
        self.names: list[str] = []
        self.history = EditHistory()
        self.rows = pd.DataFrame()
        self.pair: tuple[int, int] | None = None
        self._asked: tuple[object, ...] = ()
        self._wanted: PairRequest | None = None
        self._asked_of_loaded: tuple[object, ...] = ()
        self._to_open: tuple[int, int] | None = None
        self.load = LatestWork(lambda folder: load_run(session.config, folder))
        self.work = LatestWork(lambda request: run_trial(request, self._is_wanted))
        self.picture = PairPicture()
        self.hand = HandAlign()
        self.settings = PairSettings(self._try)
        self.numbers = pn.pane.HTML("", stylesheets=[STYLE], sizing_mode="stretch_width")
        self.words = pmui.Typography("", variant="body2", margin=(2, 10))
        # Its place is kept, so that the pictures do not move.
        self.failure = pmui.Typography(
            "", variant="body2", height=22, sizing_mode="stretch_width", margin=(0, 10)
        )
        self.status = pmui.Select(
            label="Show", options=list(STATUSES), value="all", size="small", width=150
        )
        self.order = pmui.Select(
            label="Order", options=list(ORDERS), value="problems first", size="small", width=190
        )
        self.apply = RerunBar("Apply", plan_rerun, self._plan_arguments)
        self._build_actions()
        self._build()
        self._watch()

    def _watch(self) -> None:
        self.session.param.watch(lambda *_e: self.refresh(), "run_folder")
        self.load.param.watch(lambda *_e: self._on_loaded(), "done_count")
        self.work.param.watch(lambda *_e: self._on_trial(), "done_count")
        self.work.param.watch(lambda *_e: self._tell(self.work.error), "error")
        self.status.param.watch(lambda *_e: self.fill(), "value")
        self.order.param.watch(lambda *_e: self.fill(), "value")
        self.apply.param.watch(lambda *_e: self.refresh(), "finished")

    def _build_actions(self) -> None:
        def button(label: str, icon: str, act: Callable[[], None], tip: str) -> pmui.Button:
            made = pmui.Button(
                label=label, icon=icon, size="small", width=146, margin=(3, 3), description=tip,
                variant="outlined",
            )  # fmt: skip
            made.on_click(lambda _event: when_locked(act))
            return made

        self.buttons = {
            "exclude": button("Exclude frame", "block", self.exclude,
                              "Leave the second frame out; its neighbours become a pair"),
            "include": button("Include frame", "add_circle_outline", self.include,
                              "Take the second frame back in"),
            "accept": button("Accept", "check", self.accept,
                             "Take the pair as it is; it no longer counts as a problem"),
            "retry": button("Use settings", "tune", self.retry,
                            "Use the settings below for this pair, as they are tried"),
            "hand": button("Use placing", "pan_tool", self.set_by_hand,
                           "Use the place that was set by hand for this pair"),
            "reset": button("Reset pair", "restart_alt", self.reset,
                            "Forget what was decided about this pair"),
            "undo": button("Undo", "undo", self.undo, "ctrl-z"),
            "redo": button("Redo", "redo", self.redo, "ctrl-y"),
        }  # fmt: skip
        self.decided = pmui.Typography("", variant="body2", margin=(2, 10), width=290)

    def _build(self) -> None:
        b = self.buttons
        self.table = pairs_widget(empty_rows(), self.open_row, 6)
        cards = pn.Column(
            card(
                "Pair",
                self.words,
                pn.Row(b["exclude"], b["include"], margin=0),
                pn.Row(b["accept"], b["reset"], margin=0),
                pn.Row(b["hand"], b["retry"], margin=0),
            ),
            card("Decisions", self.decided, pn.Row(b["undo"], b["redo"], margin=0), self.apply),
            card("Other settings for this pair", self.settings),
            width=CONTROL_WIDTH, scroll="y-auto", sizing_mode="stretch_height",
        )  # fmt: skip
        save = table_download(lambda: f"{self._name} pairs", self.saved_table, "Table")
        head = pn.Row(self.status, self.order, save, sizing_mode="stretch_width", margin=0)
        numbers = pn.Column(self.numbers, width=245, scroll="y-auto", sizing_mode="stretch_height")
        matches = pn.Row(self.picture, numbers, sizing_mode="stretch_both", min_height=300)
        self.tabs = pmui.Tabs(
            ("Matches", matches), ("By hand", self.hand), sizing_mode="stretch_both",
            styles={"flex": "1 1 0"}, min_height=420,
        )  # fmt: skip
        self.tabs.param.watch(lambda *_e: self._on_tab(), "active")
        pictures = pn.Column(
            head, self.table, BusyLine(self.work), self.failure, self.tabs,
            sizing_mode="stretch_both", scroll="y-auto",
        )  # fmt: skip
        self.state = StateView(
            pn.Row(cards, pictures, sizing_mode="stretch_both"),
            self.load,
            "Open a run: its pairs appear here once the grey levels of its frames are measured.",
        )
        self._layout = pn.Column(Elapsed(self.load), self.state, sizing_mode="stretch_both")
        self._update()

    # Shown and hidden

    def on_enter(self) -> None:
        """Read the run, unless it is shown as it is on disk."""
        self.active = True
        when_loaded(self._enter)

    def _enter(self) -> None:
        self.refresh()
        self._on_tab()
        if self.session.run_folder:
            self.apply.adopt(self.session.run_folder)
        self.apply.follow()

    def on_leave(self) -> None:
        """Stop what nobody looks at, and give the arrow keys back."""
        self.active = False
        self.hand.active = False
        self.apply.pause()

    def on_key(self, key: str) -> None:
        """Flicker, undo, redo, fit, contrast."""
        by_hand = self.tabs.active == BY_HAND
        acts: dict[str, Callable[[], Any]] = {
            " ": self.hand.flick if by_hand else self.picture.flick,
            "ctrl-z": self.undo,
            "ctrl-y": self.redo,
            "f": (self.hand if by_hand else self.picture).view.fit,
            "c": self.picture.stretch,
        }
        if key in acts:
            when_locked(acts[key])

    def _on_tab(self) -> None:
        self.hand.active = self.active and self.tabs.active == BY_HAND

    def refresh(self) -> None:
        """Read the run of the session again if it is another one, or has changed."""
        folder = self.session.run_folder
        if not folder:
            self.loaded, self._asked, self.pair = None, (), None
            self.state.has_content = False
            return
        stamp = stamp_of(folder)
        if self.active and stamp != self._asked:
            self._asked = stamp
            self.load.request(folder)

    # The table

    @property
    def _name(self) -> str:
        return Path(self.session.run_folder).name or "run"

    def _on_loaded(self) -> None:
        found: RunData = self.load.result
        before = self.loaded
        other = before is None or before.run.store.folder != found.run.store.folder
        self.loaded = found
        self._asked_of_loaded = self._asked
        self.names = frame_names(found.run.paths)
        if other or found.run.edits != self.saved_edits(before):
            self.history = EditHistory(found.run.edits)
        if other:
            self.pair = None
        self.fill()
        self.apply.forget()
        if self._to_open is not None:
            self.show_pair(*self._to_open)
        elif self.pair is None and len(self.rows):
            self.open_row(0)
        elif self.pair is not None:
            self.open_pair(*self.pair)

    @staticmethod
    def saved_edits(loaded: RunData | None) -> RunEdits | None:
        """Return the edits that a run had on disk when it was read."""
        return loaded.run.edits if loaded is not None else None

    def fill(self) -> None:
        """Show the rows that are wanted."""
        if self.loaded is None:
            return
        table = pairs_frame(self.loaded, self.history.current)
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
        folder = self.session.run_folder
        if self.loaded is None or self._asked != self._asked_of_loaded or not folder:
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
        edit = self.edit
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

    @property
    def edit(self) -> PairEdit | None:
        """What is decided about the pair."""
        names = self.pair_names
        return self.history.current.find(*names) if names else None

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
        edit = self.edit
        by_hand = edit is not None and edit.matrix is not None
        start = edit.whole_matrix() if edit is not None and by_hand else trial.matrix
        self.hand.start(trial, start)
        self._update()

    def _tell(self, text: str) -> None:
        self.failure.object = f"⚠ {plain(text)}" if text else ""

    # Decisions

    def _push(self, change: Callable[[RunEdits, str, str], RunEdits]) -> None:
        names = self.pair_names
        if names is None:
            return
        try:
            self.history.push(change(self.history.current, *names))
        except FibsemDashError as error:
            self._tell(describe_error(error))
            return
        self._decided()

    def _decided(self) -> None:
        self.apply.forget()
        self.fill()

    def exclude(self) -> None:
        """Leave the second frame of the pair out."""
        self._push(lambda edits, _first, second: edits.exclude(second))

    def include(self) -> None:
        """Take the second frame of the pair back in."""
        self._push(lambda edits, _first, second: edits.include(second))

    def accept(self) -> None:
        """Take the pair as it is."""
        self._push(lambda edits, first, second: edits.accept(first, second))

    def reset(self) -> None:
        """Forget what was decided about the pair, and show it as the run has it."""
        self._push(lambda edits, first, second: edits.reset(first, second))
        if self.pair is not None:
            self.open_pair(*self.pair)

    def retry(self) -> None:
        """Use the settings that are tried for this pair."""
        changes = self.settings.changes
        self._push(lambda edits, first, second: edits.retry(first, second, changes))

    def set_by_hand(self) -> None:
        """Use the place that was set by hand for this pair."""
        matrix = np.array(self.hand.matrix)
        self._push(lambda edits, first, second: edits.set_matrix(first, second, matrix))

    def undo(self) -> None:
        """Go back one decision."""
        self.history.undo()
        self._decided()

    def redo(self) -> None:
        """Take back the last undo."""
        self.history.redo()
        self._decided()

    def _update(self) -> None:
        edits, names = self.history.current, self.pair_names
        out = names is not None and names[1] in edits.excluded
        busy = self.work.busy
        states = {
            "exclude": names is not None and not out,
            "include": out,
            "accept": names is not None,
            "reset": self.edit is not None,
            "retry": names is not None and bool(self.settings.changes) and not busy,
            "hand": names is not None and self.hand.trial is not None,
            "undo": self.history.can_undo,
            "redo": self.history.can_redo,
        }
        for name, enabled in states.items():
            self.buttons[name].disabled = not enabled
        words = "Choose a pair in the table."
        if self.pair is not None and names is not None:
            decision = "frame excluded" if out else decision_words(self.edit)
            words = f"Frames {self.pair[0]} and {self.pair[1]}" + (
                f": {decision}" if decision else ""
            )
        self.words.object = plain(words)
        changed = self.loaded is not None and edits != self.loaded.run.edits
        n_out, n_pairs = len(edits.excluded), len(edits.pairs)
        self.decided.object = (
            f"{n_out} frame{'s' * (n_out != 1)} excluded, {n_pairs} pair{'s' * (n_pairs != 1)} "
            f"decided{'; not applied yet' if changed else ''}."
        )

    def _plan_arguments(self) -> tuple[Any, ...] | None:
        if self.loaded is None:
            return None
        run = self.loaded.run
        return run, run.settings, self.history.current

    def __panel__(self) -> Any:
        return self._layout


def empty_rows() -> pd.DataFrame:
    """Return the table of no pairs, with columns of the right kinds."""
    text = dict.fromkeys(("Pair", "Status", "Decision"), pd.Series(dtype=object))
    numbers = dict.fromkeys(("Error (px)", "Inliers", "Matches"), pd.Series(dtype=float))
    more = dict.fromkeys(("File", "Reason"), pd.Series(dtype=object))
    places = dict.fromkeys(("first", "second", "rank"), pd.Series(dtype="int64"))
    return pd.DataFrame(text | numbers | more | places)
