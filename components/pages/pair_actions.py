"""What is decided about the pairs of a run: buttons, their undo, and words that say what is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy.typing as npt
import panel as pn
import panel_material_ui as pmui

from components.locked import when_locked
from components.pages.base import card
from components.pages.pairs_table import decision_words
from components.widgets.plain import plain
from fibsem_dash.compute.executor import describe_error
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.registration.edit_history import EditHistory
from fibsem_dash.registration.edits import PairEdit, RunEdits

BUTTONS = {
    "exclude": ("Exclude frame", "block",
                "Leave the second frame out; its neighbours become a pair"),
    "include": ("Include frame", "add_circle_outline", "Take the second frame back in"),
    "accept": ("Accept", "check", "Take the pair as it is; it no longer counts as a problem"),
    "reset": ("Reset pair", "restart_alt", "Forget what was decided about this pair"),
    "hand": ("Use placing", "pan_tool", "Use the place that was set by hand for this pair"),
    "retry": ("Use settings", "tune", "Use the settings below for this pair, as they are tried"),
    "undo": ("Undo", "undo", "ctrl-z"),
    "redo": ("Redo", "redo", "ctrl-y"),
}  # fmt: skip
"""Label, icon and description of each button."""


class PairActions:
    """Decisions about pairs, made for the pair that is looked at.

    Parameters
    ----------
    settings : callable
        Returns the settings that the pair shall have of its own, by ``group.setting``.
    matrix : callable
        Returns the (3, 3) float64 transform that was set by hand, first to second frame, px.
    on_change : callable
        Is called after every decision.
    on_reset : callable
        Is called when the decisions about a pair were forgotten.
    on_problem : callable
        Takes the reason why a decision is refused; may hold Markdown of files.

    Attributes
    ----------
    history : EditHistory
        Its current value is what is decided.
    pair : tuple of str or None
        Names of the frames that are looked at, as edits call them.
    """

    def __init__(
        self,
        settings: Callable[[], dict[str, Any]],
        matrix: Callable[[], npt.ArrayLike],
        on_change: Callable[[], None],
        on_reset: Callable[[], None],
        on_problem: Callable[[str], None],
    ) -> None:
        self._settings, self._matrix = settings, matrix
        self._on_change, self._on_reset, self._on_problem = on_change, on_reset, on_problem
        self.history = EditHistory()
        self.pair: tuple[str, str] | None = None
        acts = {
            "exclude": self.exclude, "include": self.include, "accept": self.accept,
            "reset": self.reset, "hand": self.set_by_hand, "retry": self.retry,
            "undo": self.undo, "redo": self.redo,
        }  # fmt: skip
        self.buttons = {name: _button(name, act) for name, act in acts.items()}
        self.words = pmui.Typography("", variant="body2", margin=(2, 10))
        self.decided = pmui.Typography("", variant="body2", margin=(2, 10), width=290)

    def cards(self, *more: Any) -> list[Any]:
        """Return the cards of the pair and of all decisions; `more` stands below these."""

        def row(*names: str) -> Any:
            return pn.Row(*(self.buttons[name] for name in names), margin=0)

        rows = row("exclude", "include"), row("accept", "reset"), row("hand", "retry")
        return [
            card("Pair", self.words, *rows),
            card("Decisions", self.decided, row("undo", "redo"), *more),
        ]

    @property
    def edits(self) -> RunEdits:
        """What is decided."""
        return self.history.current

    @property
    def edit(self) -> PairEdit | None:
        """What is decided about the pair that is looked at."""
        return self.edits.find(*self.pair) if self.pair else None

    def start(self, edits: RunEdits) -> None:
        """Begin with what was decided before; nothing can be undone."""
        self.history = EditHistory(edits)

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
        """Forget what was decided about the pair."""
        self._push(lambda edits, first, second: edits.reset(first, second))
        self._on_reset()

    def retry(self) -> None:
        """Use the settings that are tried for this pair."""
        changes = self._settings()
        self._push(lambda edits, first, second: edits.retry(first, second, changes))

    def set_by_hand(self) -> None:
        """Use the place that was set by hand for this pair."""
        matrix = self._matrix()
        self._push(lambda edits, first, second: edits.set_matrix(first, second, matrix))

    def undo(self) -> None:
        """Go back one decision."""
        self.history.undo()
        self._on_change()

    def redo(self) -> None:
        """Take back the last undo."""
        self.history.redo()
        self._on_change()

    def _push(self, change: Callable[[RunEdits, str, str], RunEdits]) -> None:
        if self.pair is None:
            return
        try:
            self.history.push(change(self.edits, *self.pair))
        except FibsemDashError as error:
            self._on_problem(describe_error(error))
            return
        self._on_change()

    def update(
        self, numbers: tuple[int, int] | None, can_retry: bool, can_place: bool, applied: bool
    ) -> None:
        """Bring buttons and words up to date.

        Parameters
        ----------
        numbers : tuple of int or None
            Frames of the pair in the input list.
        can_retry, can_place : bool
            Whether there are other settings, or a placing, to be used.
        applied : bool
            Whether the run on disk was made with these decisions.
        """
        known = self.pair is not None
        out = self.pair is not None and self.pair[1] in self.edits.excluded
        states = {
            "exclude": known and not out,
            "include": out,
            "accept": known,
            "reset": self.edit is not None,
            "retry": known and can_retry,
            "hand": known and can_place,
            "undo": self.history.can_undo,
            "redo": self.history.can_redo,
        }
        for name, enabled in states.items():
            self.buttons[name].disabled = not enabled
        words = "Choose a pair in the table."
        if numbers is not None and known:
            decision = "frame excluded" if out else decision_words(self.edit)
            words = f"Frames {numbers[0]} and {numbers[1]}" + (f": {decision}" if decision else "")
        self.words.object = plain(words)
        n_out, n_pairs = len(self.edits.excluded), len(self.edits.pairs)
        self.decided.object = (
            f"{n_out} frame{'s' * (n_out != 1)} excluded, {n_pairs} pair{'s' * (n_pairs != 1)} "
            f"decided{'' if applied else '; not applied yet'}."
        )


def _button(name: str, act: Callable[[], None]) -> pmui.Button:
    label, icon, description = BUTTONS[name]
    button = pmui.Button(
        label=label, icon=icon, size="small", width=146, margin=(3, 3), variant="outlined",
        description=description,
    )  # fmt: skip
    button.on_click(lambda _event: when_locked(act))
    return button
