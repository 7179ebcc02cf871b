"""The three linked planes of the Stack page with their position and contrast."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from components.pages.stack_volume import Volume
from components.widgets.facts import PlainText
from components.widgets.histogram import HistogramView
from components.widgets.plain import plain
from components.widgets.stack_plane_view import AXIS_COLOURS, TITLES, StackPlaneView
from fibsem_dash.io.planes import PLANE_AXES, Axis

AXES: tuple[Axis, ...] = ("z", "y", "x")
ALL = "All"

Position = tuple[int, int, int]


SLIDERS_PX = 170
"""Height of the three sliders, which a preview below the planes must leave."""


class AxisSlider(pn.viewable.Viewer):  # type: ignore[misc]
    """Position along one axis: slider, voxel and micrometres."""

    value = param.Integer(0, bounds=(0, None), doc="Voxel")

    def __init__(self, axis: Axis, **values: Any) -> None:
        super().__init__(**values)
        self.axis = axis
        self.edge, self.unit, self.length = 1.0, "µm", 1
        self.slider = pmui.IntSlider(
            label="", start=0, end=1, show_value=False, sizing_mode="stretch_width",
            margin=(0, 10), size="small",
        )  # fmt: skip
        self.number = pmui.IntInput(label=axis, start=0, width=124, size="small", margin=(5, 2))
        colour = AXIS_COLOURS[axis]
        # The colour is that of the line in the other planes.
        mark = pn.Spacer(width=5, height=26, margin=(10, 4, 0, 2), styles={"background": colour})
        self.slider.param.watch(self._on_input, "value")
        self.number.param.watch(self._on_input, "value")
        self.param.watch(lambda _event: self.update(), "value")
        self._layout = pn.Row(
            mark, self.number, pn.Column(self.slider, margin=(8, 4), sizing_mode="stretch_width"),
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip

    def set_axis(self, length: int, edge: float, unit: str, value: int) -> None:
        """Take over the length of an axis and its voxel edge."""
        self.length, self.edge, self.unit = length, edge, unit
        self.slider.param.update(end=max(length - 1, 1), value=value, disabled=length < 2)
        self.number.param.update(end=length - 1, value=value, disabled=length < 2)
        self.value = value
        self.update()

    def update(self) -> None:
        """Show the value."""
        self.slider.value = self.number.value = self.value
        place = f" ({self.value * self.edge:.3f} µm)" if self.unit == "µm" else " (voxel)"
        self.number.label = self.axis + place

    def _on_input(self, event: Any) -> None:
        if event.new is not None:
            self.value = min(max(int(event.new), 0), self.length - 1)

    def __panel__(self) -> Any:
        return self._layout


class StackPlanes(pn.viewable.Viewer):  # type: ignore[misc]
    """XY, XZ and YZ of a stack, moved by each other's cross-hairs."""

    position = param.Tuple((0, 0, 0), doc="Where the planes cross, voxels (z, y, x)")
    shown = param.Selector(
        default=ALL, objects=[ALL, *TITLES.values()], label="Planes", doc="Planes that are shown"
    )
    shared = param.Boolean(
        True, label="One contrast for all planes", doc="Otherwise each plane has its own"
    )
    inverted = param.Boolean(False, label="Inverted", doc="Show high grey levels dark")
    plane = param.Selector(
        default="XY", objects=list(TITLES.values()), label="Histogram of",
        doc="Plane whose grey levels are shown and set",
    )  # fmt: skip

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.volume: Volume | None = None
        self.edges, self.unit = (1.0, 1.0, 1.0), "µm"
        self.views: dict[Axis, StackPlaneView] = {axis: StackPlaneView(axis) for axis in AXES}
        self.sliders = {axis: AxisSlider(axis) for axis in AXES}
        self.histogram = HistogramView(width=284, height=160)
        self.word = PlainText("", muted=True, margin=(2, 6))
        self._automatic: set[Axis] = set()
        self._moving = self._setting = False
        for axis, view in self.views.items():
            view.param.watch(lambda *_e, axis=axis: self._on_cursor(axis), "cursor")
            view.work.param.watch(lambda *_e, axis=axis: self._on_image(axis), "done_count")
            view.work.param.watch(lambda *_e: self._say(), ["error", "busy"])
            self.sliders[axis].param.watch(lambda *_e: self._on_sliders(), "value")
        self.histogram.param.watch(self._on_levels, ["low", "high"])
        self.param.watch(lambda *_e: self._move(), "position")
        self.param.watch(lambda *_e: self._arrange(), "shown")
        self.param.watch(self._on_contrast_kind, ["shared", "plane"])
        self.param.watch(lambda *_e: self._invert(), "inverted")
        self._build()

    def _build(self) -> None:
        panes = {}
        for axis, view in self.views.items():
            panes[axis] = pn.Column(view, sizing_mode="stretch_both", margin=0, min_height=90)
        self.corner = pn.Column(
            *self.sliders.values(), self.word, sizing_mode="stretch_both", margin=(4, 6),
            min_width=230,
        )  # fmt: skip
        self.top = pn.Row(panes["z"], panes["x"], sizing_mode="stretch_both", margin=0)
        self.bottom = pn.Row(panes["y"], self.corner, sizing_mode="stretch_both", margin=0)
        self.panes = panes
        self.alert = pmui.Alert("", severity="error", visible=False, sizing_mode="stretch_width")
        self._layout = pn.Column(
            self.alert, self.top, self.bottom, sizing_mode="stretch_both", margin=0
        )

    # A stack and the position in it

    def set_volume(
        self,
        volume: Volume | None,
        edges: tuple[float, float, float] = (1.0, 1.0, 1.0),
        unit: str = "µm",
        position: Position | None = None,
    ) -> None:
        """Show another stack; the planes cross at a position, voxels (z, y, x), or its middle."""
        fresh = volume is not self.volume
        self.volume, self.edges, self.unit = volume, edges, unit
        shape = volume.shape if volume else (1, 1, 1)
        z, y, x = position or (n // 2 for n in shape)
        place = (min(max(z, 0), shape[0] - 1), min(max(y, 0), shape[1] - 1),
                 min(max(x, 0), shape[2] - 1))  # fmt: skip
        self._moving = True
        try:
            self.position = place
            for index, axis in enumerate(AXES):
                self.sliders[axis].set_axis(shape[index], edges[index], unit, place[index])
        finally:
            self._moving = False
        if fresh:
            self._automatic = set(AXES)
        self._arrange()
        for view in self.views.values():
            view.set_volume(volume.reader if volume else None, edges, unit, place)

    def step(self, n: int) -> None:
        """Move along z by some slices, staying inside."""
        if self.volume is not None:
            z, y, x = self.position
            self.position = min(max(z + n, 0), self.volume.shape[0] - 1), y, x

    def _move(self) -> None:
        if self._moving:
            return
        self._moving = True
        try:
            for index, axis in enumerate(AXES):
                self.sliders[axis].value = self.position[index]
                self.views[axis].set_position(self.position)
        finally:
            self._moving = False

    def _on_cursor(self, axis: Axis) -> None:
        if self._moving:
            return
        index = dict(zip(AXES, self.position, strict=True))
        index |= dict(zip(PLANE_AXES[axis], self.views[axis].cursor, strict=True))
        self.position = index["z"], index["y"], index["x"]

    def _on_sliders(self) -> None:
        if not self._moving:
            z, y, x = (self.sliders[axis].value for axis in AXES)
            self.position = z, y, x

    # Contrast

    @property
    def axis(self) -> Axis:
        """Axis across the plane whose histogram is shown."""
        return next(axis for axis, title in TITLES.items() if title == self.plane)

    def _on_image(self, axis: Axis) -> None:
        shown = self.views[axis].work.result
        if shown.histogram is None:
            return
        leads = axis == ("z" if self.shared and "z" in self._automatic else self.axis)
        if axis in self._automatic and (leads or not self.shared):
            self._automatic.discard(axis)
            if self.shared:
                self._automatic.clear()
            self._set_levels(axis, *shown.levels)
        if axis == self.axis:
            self._setting = True
            try:
                self.histogram.set_histogram(shown.histogram)
            finally:
                self._setting = False
        self._say()

    def _set_levels(self, axis: Axis, low: float, high: float) -> None:
        for name, view in self.views.items():
            if self.shared or name == axis:
                view.set_contrast(low, high)
        if self.shared or axis == self.axis:
            self._setting = True
            try:
                self.histogram.param.update(low=float(low), high=float(high))
                self.histogram.show_levels()
            finally:
                self._setting = False

    def _on_levels(self, *_events: Any) -> None:
        if not self._setting and self.histogram.low is not None and self.histogram.high is not None:
            self._set_levels(self.axis, self.histogram.low, self.histogram.high)

    def _on_contrast_kind(self, *_events: Any) -> None:
        view = self.views[self.axis]
        if view.work.result is not None and view.work.result.histogram is not None:
            self._setting = True
            try:
                self.histogram.set_histogram(view.work.result.histogram)
            finally:
                self._setting = False
        self._set_levels(self.axis, view.low, view.high)

    def auto_contrast(self) -> None:
        """Fit the contrast to what is visible: the chosen plane, or each where not shared."""
        for axis, view in self.views.items():
            shown = view.work.result
            if shown is None or shown.levels is None or (self.shared and axis != self.axis):
                continue
            self._set_levels(axis, *shown.levels)

    def _invert(self) -> None:
        for view in self.views.values():
            view.inverted = self.inverted

    # Layout

    def fit(self) -> None:
        """Show whole planes."""
        for view in self.views.values():
            view.fit()

    def _arrange(self) -> None:
        """Give the planes room by their physical size, none less than a quarter."""
        for axis, pane in self.panes.items():
            pane.visible = self.shown in (ALL, TITLES[axis])
        self.top.visible = self.shown != "XZ"
        shape = self.volume.shape if self.volume else (1, 1, 1)
        z, y, x = (n * edge for n, edge in zip(shape, self.edges, strict=True))
        right = min(max(z / (x + z), 0.3), 0.5) if self.shown == ALL else 0.3
        below = min(max(z / (y + z), 0.27), 0.5) if self.shown == ALL else 0.2
        if self.shown == ALL:
            sizes = f"{1 - below:.2f} 1 0", f"{below:.2f} 1 0"
        elif self.shown == "XZ":
            sizes = "1 1 0", "1 1 0"
        else:
            sizes = "1 1 0", f"0 0 {SLIDERS_PX}px"
        for row, size in zip((self.top, self.bottom), sizes, strict=True):
            row.styles = {"flex": size}
        self.bottom.styles |= {"min-height": f"{SLIDERS_PX}px"}
        for wide, narrow in ((self.panes["z"], self.panes["x"]), (self.panes["y"], self.corner)):
            wide.styles = {"flex": f"{1 - right:.2f} 1 0", "min-width": "0"}
            narrow.styles = {"flex": f"{right:.2f} 1 0", "min-width": "0"}

    def _say(self) -> None:
        errors = [view.work.error for view in self.views.values() if view.work.error]
        self.alert.param.update(object=plain(errors[0]) if errors else "", visible=bool(errors))
        busy = [TITLES[axis] for axis, view in self.views.items() if view.work.busy]
        words = [f"Reading {', '.join(busy)}"] if busy else []
        for axis, view in self.views.items():
            shown = view.work.result
            if not busy and shown is not None and shown.plane.thickness > 1:
                words.append(f"{TITLES[axis]}: overview, mean of {shown.plane.thickness} slices")
        self.word.text = "; ".join(words)

    def __panel__(self) -> Any:
        return self._layout
