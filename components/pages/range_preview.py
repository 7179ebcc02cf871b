"""The raw image of a frame and the 8-bit one that SIFT will see, with clipped pixels marked."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from components.locked import when_locked
from components.pages.range_model import Pixels
from components.plots.paint import clipped, grey
from components.widgets.layer_view import Layer, LayerView
from components.widgets.state_view import StateView
from components.work import LatestWork
from fibsem_dash.registration.frame_levels import FrameLevels, read_levels
from fibsem_dash.registration.frames import FrameInfo
from fibsem_dash.registration.mixture import open_mixture


class RangePreview(pn.viewable.Viewer):  # type: ignore[misc]
    """Raw and 8-bit image beside each other, or in turns at the same place.

    Attributes
    ----------
    work : LatestWork
        Makes the `FrameLevels` of the frame that is shown.
    """

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.work = LatestWork(self._load)
        self.view = LayerView()
        self.low, self.high = 0.0, 0.0
        self.image: Any = None
        self.shows_8bit = True
        self.stretched = False
        self.frame = 0
        self.mode = pmui.RadioButtonGroup(
            options=["beside", "flicker"], value="beside", size="small"
        )
        self.mode.param.watch(lambda *_e: self.draw(), "value")
        self.words = pmui.Typography("", variant="caption", sizing_mode="stretch_width")
        self.state = StateView(self.view, self.work, "The frame comes here.")
        self.work.param.watch(lambda *_e: self.draw(), "done_count")

    def _load(self, info: FrameInfo, pixels: Pixels) -> FrameLevels:
        found = read_levels(info.path, pixels.detector, pixels.fraction_b)
        # Pixels stay in the file: what is visible is read when it is drawn.
        self.image = open_mixture(info.path, pixels.detector, pixels.fraction_b)
        self.frame = info.index
        return found

    def show_frame(self, info: FrameInfo, pixels: Pixels) -> None:
        """Show another frame."""
        self.work.request(info, pixels)

    def set_limits(self, low: float, high: float) -> None:
        """Show the 8-bit image for other limits."""
        if (low, high) != (self.low, self.high):
            self.low, self.high = low, high
            self.draw()

    def stretch(self) -> None:
        """Stretch the contrast of the raw image, or show all its grey levels."""
        self.stretched = not self.stretched
        self.draw()

    def raw_levels(self) -> tuple[float, float]:
        """Return the grey levels that are black and white in the raw image."""
        levels: FrameLevels = self.work.result
        ends = levels.levels[[0, -1]]
        if self.stretched:
            share = np.cumsum(levels.counts) / max(int(levels.counts.sum()), 1)
            ends = levels.levels[[np.searchsorted(share, 0.005), np.searchsorted(share, 0.995)]]
        return float(ends[0]), float(ends[1])

    def flick(self) -> None:
        """Show the other image at the same place."""
        self.shows_8bit = not self.shows_8bit
        if self.mode.value == "flicker":
            self.draw()
        else:
            self.mode.value = "flicker"

    def layers(self) -> list[Layer]:
        """Return what is shown now."""
        levels: FrameLevels = self.work.result
        raw = Layer(levels.shape, grey(self.image, *self.raw_levels()))
        gap = max(levels.shape[1] // 40, 2)
        x = float(levels.shape[1] + gap) if self.mode.value == "beside" else 0.0
        if levels.dtype == "uint8":
            converted = Layer(levels.shape, grey(self.image), x)
        else:
            converted = Layer(levels.shape, clipped(self.image, self.low, self.high), x)
        if self.mode.value == "beside":
            return [raw, converted]
        return [converted if self.shows_8bit else raw]

    def draw(self) -> None:
        """Draw what is shown now."""
        when_locked(self._draw)

    def _draw(self) -> None:
        if self.work.result is None or self.high <= self.low:
            return
        self.view.set_layers(*self.layers())
        self.words.object = self.describe()

    def describe(self) -> str:
        """Return in words what is shown."""
        levels: FrameLevels = self.work.result
        which = "left raw, right 8 bit"
        if self.mode.value == "flicker":
            which = "8 bit" if self.shows_8bit else "raw"
            which += " (space shows the other)"
        if self.stretched:
            which += ", raw contrast stretched (c)"
        if levels.dtype == "uint8":
            return f"Frame {self.frame}: 8 bits already, nothing needs to be scaled."
        below, above = levels.outside(self.low, self.high)
        return (
            f"Frame {self.frame}, {which}. {self.low:.0f} to {self.high:.0f} counts become 0 to "
            f"255; clipped: {100 * below:.3g} % below (blue), {100 * above:.3g} % above (red)."
        )

    def __panel__(self) -> Any:
        return pn.Column(self.mode, self.words, self.state, sizing_mode="stretch_both")
