"""Pairs of slices of several runs beside each other: flicker, difference, red-cyan overlay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure

from components.locked import when_locked
from components.plots.export import add_export, name_export
from components.plots.paint import difference, grey, overlay
from components.quality.pictures import PairRequest, PairResult, read_pairs
from components.widgets.plain import one_line, plain
from components.widgets.state_view import StateView
from components.work import LatestWork
from fibsem_dash.quality import PairView

MODES = ("flicker", "difference", "red-cyan")

JITTER_PX = 16
"""Changes of the size on the screen that are below this are not followed."""

EMPTY_IMAGE: dict[str, list[Any]] = {"image": [], "dw": [], "dh": []}


def painted(view: PairView, mode: str, current: bool) -> Any:
    """Return a pair as RGBA pixels, (y, x) uint32."""
    first, second = view.previous, view.current
    paint = {
        "difference": lambda: difference(first, second),
        "red-cyan": lambda: overlay(first, second),
        "flicker": lambda: grey(second if current else first),
    }[mode]()
    height, width = first.shape
    colours = paint(slice(0, height), slice(0, width), 1)
    return np.ascontiguousarray(colours).view(np.uint32)[..., 0]


class PairPane(pn.viewable.Viewer):  # type: ignore[misc]
    """The picture of one run, px from the corner of its box."""

    def __init__(self, x_range: Range1d, y_range: Range1d, **values: Any) -> None:
        super().__init__(**values)
        self.source = ColumnDataSource(dict(EMPTY_IMAGE))
        self.figure = figure(
            x_range=x_range, y_range=y_range, sizing_mode="stretch_both",
            tools="pan,wheel_zoom,reset,save", active_scroll="wheel_zoom", output_backend="canvas",
            x_axis_label="x in the box (px)", y_axis_label="y in the box (px)",
            toolbar_location="right", min_border=2,
        )  # fmt: skip
        self.figure.toolbar.logo = None
        self.figure.toolbar.autohide = True
        self.figure.grid.visible = False
        self.figure.title.text_font_size = "12px"
        self.figure.image_rgba("image", 0, 0, "dw", "dh", source=self.source, origin="top_left")
        add_export(self.figure, "pair", data=False)
        self.words = pmui.Alert("", severity="warning", visible=False, margin=6)
        self.pane = pn.pane.Bokeh(self.figure, sizing_mode="stretch_both", margin=2)
        self._layout = pn.Column(self.words, self.pane, sizing_mode="stretch_both", margin=0)

    def show(self, result: PairResult, mode: str, current: bool) -> None:
        """Show a pair, or why it cannot be shown."""
        request, view = result.request, result.view
        self.words.param.update(object=plain(result.error), visible=bool(result.error))
        self.pane.visible = view is not None
        label = one_line(request.label).replace("$$", "$ $")
        self.figure.title.text = f"{label}: {frame_words(request.frame, mode, current)}"
        self.figure.title.text_color = request.colour
        name_export(self.figure, f"{request.label} frame {request.frame} {mode}")
        if view is None:
            self.source.data = dict(EMPTY_IMAGE)
            return
        height, width = (size * view.step for size in view.previous.shape)
        self.source.data = {
            "image": [painted(view, mode, current)], "dw": [width], "dh": [height]
        }  # fmt: skip

    def __panel__(self) -> Any:
        return self._layout


def frame_words(frame: int, mode: str, current: bool) -> str:
    """Return which slices a picture shows."""
    if mode == "flicker":
        return f"slice {frame if current else frame - 1}"
    if mode == "difference":
        return f"slice {frame} − {frame - 1}"
    return f"slice {frame - 1} red, {frame} cyan"


class PairGallery(pn.viewable.Viewer):  # type: ignore[misc]
    """Reads and shows the pair at a frame of every run that has a stack.

    Attributes
    ----------
    work : LatestWork
        Reads the pairs; its result is a list of PairResult.
    """

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.work = LatestWork(read_pairs)
        self.current = True
        self.x_range, self.y_range = Range1d(0, 1), Range1d(1, 0)
        self.panes: dict[str, PairPane] = {}
        self._order: list[str] = []
        self._extent = (0, 0)
        self._screen = (0, 0)
        self._requests: list[PairRequest] = []
        self.mode = pmui.RadioButtonGroup(
            options=list(MODES), value=MODES[0], size="small", margin=(2, 6),
            sx={"& .MuiToggleButton-root": {
                "padding": "2px 10px", "textTransform": "none", "whiteSpace": "nowrap"}},
        )  # fmt: skip
        self.whole = pmui.Switch(
            label="whole", value=False, margin=(2, 8),
            description="Whole slices instead of the evaluation box of each run",
        )  # fmt: skip
        self.words = pmui.Typography(
            "", variant="caption", margin=(8, 8), sizing_mode="stretch_width",
            sx={"whiteSpace": "nowrap", "overflow": "hidden", "textOverflow": "ellipsis"},
        )  # fmt: skip
        self.grid = pn.Row(sizing_mode="stretch_both", margin=0)
        self.view = StateView(
            self.grid,
            self.work,
            "Click a frame in a curve: the pair of slices is shown for every run whose stack is "
            "known. Runs of a run folder have one; uploaded tables do not.",
        )
        self.mode.param.watch(lambda _event: self.draw(), "value")
        self.work.param.watch(lambda _event: self.draw(), "done_count")
        self.head = pn.Row(self.mode, self.whole, self.words, sizing_mode="stretch_width", margin=0)

    def request(self, requests: Sequence[PairRequest]) -> None:
        """Read these pairs, unless they are shown already."""
        wanted = list(requests)
        if not wanted:
            self._requests = []
            self.work.cancel()
            self.view.has_content = False
            return
        if wanted != self._requests:
            self._requests = wanted
            self.work.request(wanted)

    def flick(self) -> None:
        """Show the other slice of each pair."""
        self.current = not self.current
        if self.mode.value == "flicker":
            self.draw()
        else:
            self.mode.value = "flicker"

    def fit(self) -> None:
        """Show the whole pictures, their pixels square."""
        width, height = self._extent
        across, down = self._screen
        x, y = max(width, 1) / 2, max(height, 1) / 2
        if min(across, down) > 1:
            scale = max(width / across, height / down)
            reach_x, reach_y = scale * across / 2, scale * down / 2
        else:
            reach_x, reach_y = x, y
        for axis, start, end in (
            (self.x_range, x - reach_x, x + reach_x), (self.y_range, y + reach_y, y - reach_y),
        ):  # fmt: skip
            axis.update(start=start, end=end, reset_start=start, reset_end=end)

    def _on_resized(self, name: str, _old: Any, new: Any) -> None:
        # All pictures have the same size, and so the same scale.
        across, down = self._screen
        now = (new or 0, down) if name == "inner_width" else (across, new or 0)
        if abs(now[0] - across) + abs(now[1] - down) >= JITTER_PX:
            self._screen = now
            self.fit()

    def draw(self) -> None:
        """Draw what was read, in the chosen way."""
        when_locked(self._draw)

    def _draw(self) -> None:
        results: list[PairResult] = self.work.result or []
        if not results:
            return
        order = [result.request.key for result in results]
        self.panes = {key: pane for key, pane in self.panes.items() if key in order}
        with pn.io.hold():
            for result in results:
                key = result.request.key
                if key not in self.panes:
                    self.panes[key] = self._make()
                self.panes[key].show(result, self.mode.value, self.current)
            self._set_extent([result.view for result in results if result.view is not None])
        if order != self._order:
            self._order = order
            self.grid[:] = [self.panes[key] for key in order]
        self.words.object = {
            "flicker": "Space: the other slice of the pair",
            "difference": "Blue: darker than the slice before, red: brighter",
            "red-cyan": "Grey where the two slices agree",
        }[self.mode.value]

    def _make(self) -> PairPane:
        pane = PairPane(self.x_range, self.y_range)
        for side in ("inner_width", "inner_height"):
            pane.figure.on_change(side, self._on_resized)
        return pane

    def _set_extent(self, views: Sequence[PairView]) -> None:
        width = max((v.previous.shape[1] * v.step for v in views), default=1)
        height = max((v.previous.shape[0] * v.step for v in views), default=1)
        if (width, height) != self._extent:
            self._extent = (width, height)
            self.fit()

    def __panel__(self) -> Any:
        return self.view
