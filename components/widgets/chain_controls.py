"""Controls of the chain's fits: they act while they are dragged, and can be undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui

from components.history import ValueHistory
from components.pages.base import card
from components.widgets.settings_form import WIDTH, field
from fibsem_dash.params import ChainParams
from fibsem_dash.settings import ChainSettings

WAIT_MS = 5
"""So long a change of a control waits for others; Panel's own 50 ms would delay every redraw."""

LABELS = {
    "preserve_scales": "Preserve scales",
    "fit_method": "Fit method",
    "fit_window": "Window (frames)",
    "fit_order": "Order",
    "subtract_linear_x": "Line out of x",
    "subtract_linear_y": "Line out of y",
    "subtract_fov_trend_x": "Keep FOV moves in x",
    "subtract_fov_trend_y": "Keep FOV moves in y",
    "shift_refit": "Shifts after a change of scales",
}
"""Settings in their order, with what they are called here."""


class ChainControls(pn.viewable.Viewer):  # type: ignore[misc]
    """The settings of the chain with a history.

    Parameters
    ----------
    on_change : callable
        Told the settings after every change.
    """

    def __init__(self, on_change: Callable[[ChainSettings], None], **values: Any) -> None:
        super().__init__(**values)
        self._on_change = on_change
        self._quiet = False
        self.of_run = ChainSettings()
        self.history = ValueHistory(self.of_run)
        self.model = ChainParams()
        self.model.param.watch(self._changed, list(LABELS))
        self.window = pmui.IntSlider.from_param(
            self.model.param.fit_window, label=LABELS["fit_window"], start=3, end=1001, step=2,
            width=WIDTH, margin=(4, 12),
        )  # fmt: skip
        self.order = pmui.IntSlider.from_param(
            self.model.param.fit_order, label=LABELS["fit_order"], start=0, end=9, step=1,
            width=WIDTH, margin=(4, 12),
        )  # fmt: skip
        self.method = pmui.RadioButtonGroup.from_param(
            self.model.param.fit_method, size="small", width=WIDTH, margin=(4, 8)
        )
        for live in (self.window, self.order, self.method):
            live._debounce = WAIT_MS
        self.undo_button = self._button("Undo", "undo", self.undo, "ctrl-z")
        self.redo_button = self._button("Redo", "redo", self.redo, "ctrl-y")
        self.reset_button = self._button(
            "Reset", "restart_alt", self.reset, "Back to the settings of the run"
        )
        self._update()

    @staticmethod
    def _button(label: str, icon: str, act: Callable[[], None], tip: str) -> pmui.Button:
        button = pmui.Button(
            label=label, icon=icon, size="small", width=94, margin=2, description=tip
        )
        button.variant = "text"
        button.on_click(lambda _event: act())
        return button

    @property
    def settings(self) -> ChainSettings:
        """The settings that hold now."""
        settings: ChainSettings = self.model.to_settings()
        return settings

    def start(self, settings: ChainSettings, n_frames: int) -> None:
        """Begin with the settings of a run; the history starts anew."""
        self.of_run = settings
        self.history = ValueHistory(settings)
        self.window.end = max(2 * n_frames + 1, settings.fit_window, 21)
        self._take(settings)

    def _take(self, settings: ChainSettings) -> None:
        self._quiet = True
        try:
            self.model.param.update(**type(self.model)._accepted(settings))
        finally:
            self._quiet = False
        self._update()

    def _changed(self, *events: Any) -> None:
        if self._quiet:
            return
        self.history.push(self.settings, ",".join(event.name for event in events))
        self._update()
        self._on_change(self.settings)

    def _update(self) -> None:
        self.undo_button.disabled = not self.history.can_undo
        self.redo_button.disabled = not self.history.can_redo
        self.reset_button.disabled = self.settings == self.of_run
        smooth = self.model.fit_method == "SG"
        self.window.disabled = not (smooth and self.model.preserve_scales)
        self.order.disabled = self.model.fit_method == "LF" or not self.model.preserve_scales

    def undo(self) -> None:
        """Go back one change."""
        self._show(self.history.undo())

    def redo(self) -> None:
        """Take back the last undo."""
        self._show(self.history.redo())

    def reset(self) -> None:
        """Return to the settings of the run, as a change that can be undone."""
        self.history.push(self.of_run)
        self._show(self.of_run)

    def _show(self, settings: ChainSettings) -> None:
        self._take(settings)
        self._on_change(settings)

    def __panel__(self) -> Any:
        def one(name: str) -> Any:
            widget = field(self.model, name)
            widget.label = LABELS[name]
            widget._debounce = WAIT_MS
            return widget

        rest = ["shift_refit", "subtract_fov_trend_x", "subtract_fov_trend_y"]
        return pn.Column(
            card(
                "Fits",
                pn.Row(self.undo_button, self.redo_button, self.reset_button, margin=0),
                one("preserve_scales"),
                self.method,
                self.window,
                self.order,
                one("subtract_linear_x"),
                one("subtract_linear_y"),
            ),
            card("Fits, more", *[one(name) for name in rest], collapsed=True),
            margin=0,
        )
