"""Setting the transform of a pair by hand: drag, keys, and the correlation meanwhile."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import panel as pn
import panel_material_ui as pmui
import param
from bokeh.events import Pan, PanStart
from bokeh.models import PanTool

from components.live import LiveWork
from components.locked import when_locked
from components.plots.paint import difference, grey, overlay
from components.widgets.arrow_keys import ArrowKeys
from components.widgets.layer_view import Layer, LayerView
from fibsem_dash.compare import ncc
from fibsem_dash.registration.by_hand import align_pair_preview, nudge, turn, turned_by
from fibsem_dash.registration.trial_result import PairTrial
from fibsem_dash.transforms.matrices import Array, apply, translation

LONGEST_SIDE = 1024
"""Side of the middle part that is looked at, px: larger ones could not be dragged fluidly."""

TURN = 0.02
"""Angle of a click on a button or of a key, degrees: 0.2 px at 500 px from the middle."""


def overlap_ncc(
    first: npt.NDArray[Any],
    second: npt.NDArray[Any],
    to_second: Array,
    second_shape: tuple[int, int],
) -> float:
    """Return the correlation of two aligned crops where both have pixels; NaN where they do not.

    Parameters
    ----------
    first, second : (y, x) array
        As `align_pair_preview` returns them.
    to_second : (3, 3) array
        The crop's coordinates to those of the second frame, px.
    second_shape : (int, int)
        Size (y, x) of the second frame.
    """
    height, width = second_shape
    corners = [[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]]
    placed = apply(np.linalg.inv(to_second), corners)
    xi = int(np.ceil(max(placed[[0, 2], 0].max(), 0)))
    yi = int(np.ceil(max(placed[[0, 1], 1].max(), 0)))
    xa, ya = int(placed[[1, 3], 0].min()) + 1, int(placed[[2, 3], 1].min()) + 1
    a, b = (image[yi : max(ya, yi), xi : max(xa, xi)] for image in (first, second))
    return ncc(a, b, backend="numpy") if min(a.shape) >= 4 else float("nan")


class HandAlign(pn.viewable.Viewer):  # type: ignore[misc]
    """Shows the second frame over the first and lets it be moved."""

    matrix = param.Parameter(np.eye(3), doc="First frame's coordinates to the second's, (3, 3)")
    active = param.Boolean(False, doc="The tool is shown, so arrow keys belong to it")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.trial: PairTrial | None = None
        self.second_on_top = False
        self._start: tuple[float, float, Array] | None = None
        self.view = LayerView()
        plot = self.view.figure
        # A drag moves the second frame, so the tool that moves the view has to go.
        plot.tools = [tool for tool in plot.tools if not isinstance(tool, PanTool)]
        plot.toolbar.active_drag = None
        plot.on_event(PanStart, self._on_start)
        plot.on_event(Pan, self._on_pan)
        self.keys = ArrowKeys()
        self.keys.param.watch(lambda e: self.move(*e.new[:3]), "pressed")
        self.turns = [
            self._button("rotate_left", "Turn to the left (q)", -TURN),
            self._button("rotate_right", "Turn to the right (e)", TURN),
        ]
        self.mode = pmui.RadioButtonGroup(
            options=["overlay", "difference", "flicker"], value="overlay", size="small"
        )
        self.mode.param.watch(lambda *_e: self.draw(), "value")
        self.words = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 10))
        self.words.stylesheets = [":host { color: inherit; font-size: 14px; }"]
        self.work = LiveWork(self._align)
        self.work.param.watch(lambda *_e: self._show(), "done_count")

    def _button(self, icon: str, tip: str, degrees: float) -> pmui.IconButton:
        button = pmui.IconButton(icon=icon, description=f"{tip}: {TURN}°")
        button.on_click(lambda _event: when_locked(lambda: self.move(0.0, 0.0, degrees)))
        return button

    @param.depends("active", watch=True)
    def _on_active(self) -> None:
        self.keys.active = self.active

    def start(self, trial: PairTrial, matrix: Array) -> None:
        """Begin with a pair and where its second frame lies."""
        self.trial = trial
        self.matrix = np.array(matrix if np.isfinite(matrix).all() else np.eye(3), np.float64)
        self.draw()

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The part of the tried region that is looked at, [top, height, left, width]."""
        if self.trial is None:
            return (0, 0, 0, 0)
        height, width = self.trial.first.image.shape
        rows, columns = min(height, LONGEST_SIDE), min(width, LONGEST_SIDE)
        return (height - rows) // 2, rows, (width - columns) // 2, columns

    @property
    def middle(self) -> tuple[float, float]:
        """Middle (x, y) of what is looked at, px of the first frame: turns leave it in place."""
        if self.trial is None:
            return 0.0, 0.0
        (top, height, left, width), region = self.box, self.trial.first.region
        return region[2] + left + (width - 1) / 2, region[0] + top + (height - 1) / 2

    def move(self, dx: float, dy: float, degrees: float = 0.0) -> None:
        """Move the second frame on the screen, px, and turn it clockwise about the middle."""
        if self.trial is not None:
            self.matrix = turn(nudge(self.matrix, dx, dy), degrees, self.middle)
            self.draw()

    def draw(self) -> None:
        """Lay the second frame where it is now, and measure."""
        if self.trial is not None:
            self.work.request(self.trial, self.matrix, self.box)

    def flick(self) -> None:
        """Show the other frame."""
        self.second_on_top = not self.second_on_top
        if self.mode.value == "flicker":
            when_locked(self._show)
        else:
            self.mode.value = "flicker"

    @staticmethod
    def _align(trial: PairTrial, matrix: Array, box: tuple[int, int, int, int]) -> Any:
        yi, _, xi, _ = trial.first.region
        # Both images are the same region of their frames.
        local = translation(-xi, -yi) @ matrix @ translation(xi, yi)
        first, second = align_pair_preview(trial.first.image, trial.second.image, local, box)
        to_second = local @ translation(box[2], box[0])
        value = overlap_ncc(first, second, to_second, trial.second.image.shape)
        return first, second, value, matrix

    def _show(self) -> None:
        if self.trial is None or self.work.result is None:
            return
        first, second, value, matrix = self.work.result
        top, height, left, width = self.box
        x, y = left + self.trial.first.region[2], top + self.trial.first.region[0]
        paint = {
            "overlay": overlay(first, second),
            "difference": difference(first, second),
            "flicker": grey(second if self.second_on_top else first),
        }[self.mode.value]
        self.view.set_layers(Layer((height, width), paint, float(x), float(y)))
        dx, dy = self.middle - apply(matrix, [self.middle])[0]
        found = f"{value:.4f}" if np.isfinite(value) else "–"
        self.words.object = (
            f"<b>NCC {found}</b> · second frame moved by {dx:.1f}, {dy:.1f} px (x, y), turned by "
            f"{turned_by(matrix):.2f}°. Drag it; arrow keys 0.1 px, q and e {TURN}°; shift × 10."
        )

    def _on_start(self, event: Any) -> None:
        if event.x is not None and event.y is not None:
            self._start = float(event.x), float(event.y), self.matrix

    def _on_pan(self, event: Any) -> None:
        if self._start is not None and event.x is not None and event.y is not None:
            x, y, matrix = self._start
            self.matrix = nudge(matrix, float(event.x) - x, float(event.y) - y)
            self.draw()

    def __panel__(self) -> Any:
        return pn.Column(
            pn.Row(self.mode, *self.turns, self.keys),
            self.words,
            self.view,
            sizing_mode="stretch_both",
        )  # fmt: skip
