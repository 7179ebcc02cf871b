"""A plane across the result that is not written yet: coarse at once, then whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import panel as pn
import panel_material_ui as pmui
from bokeh.events import Tap
from bokeh.models import (
    BoxZoomTool,
    ColumnDataSource,
    DataRange1d,
    HoverTool,
    LinearColorMapper,
    MetricLength,
    ScaleBar,
    Span,
)
from bokeh.palettes import Greys256
from bokeh.plotting import figure

from components.plots.colours import CURSOR
from components.plots.export import add_export
from components.stream import StreamWork
from components.widgets.busy_line import BusyLine
from components.widgets.image_view import SMALL_BAR
from components.widgets.plain import plain
from fibsem_dash.registration.preview import PlaneRequest, Previewer, PreviewPlane
from fibsem_dash.transforms.matrices import Array

Axis = Literal["xz", "yz"]

MAX_WIDTH = 1024
"""Points along x or y: about what a screen shows of a plane."""

FLATTEST, LONGEST = 0.2, 2.0
"""Depth over width of planes that are drawn with equal lengths along both axes."""

MAX_SLICES = 600
"""Slices of a plane; of longer stacks every second, third, ... one is made."""


STRETCHES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Factors by which the depth of a plane is stretched or shrunk."""


def depth_scale(across: float, depth: float) -> float:
    """Return how much longer a length in depth is drawn than the same length across.

    Parameters
    ----------
    across, depth : float
        Extent of a plane, in the same unit, > 0.

    Returns
    -------
    float
        1 unless the plane would be a line: then 2, 5, 10, ... for a flat one, or 1 divided by one
        of these for a long one.
    """
    ratio = depth / across
    if ratio < FLATTEST:
        return float(max(s for s in STRETCHES if ratio * s <= 2 * FLATTEST))
    if ratio > LONGEST:
        return 1.0 / min((s for s in STRETCHES if ratio / s <= LONGEST / 2), default=STRETCHES[-1])
    return 1.0


class PlaneView(pn.viewable.Viewer):  # type: ignore[misc]
    """Shows one plane, with equal lengths along both axes unless it would be a line then.

    Parameters
    ----------
    axis : {"xz", "yz"}
        Which one.
    on_slice : callable, optional
        Told the number of the slice that was clicked.
    """

    def __init__(
        self, axis: Axis, on_slice: Callable[[int], None] | None = None, **values: Any
    ) -> None:
        super().__init__(**values)
        self.axis: Axis = axis
        self.shown: PreviewPlane | None = None
        self._on_slice = on_slice
        self._marked = 0
        self.work = StreamWork()
        self.work.param.watch(lambda *_e: self._show(), "done_count")
        self.work.param.watch(lambda *_e: self._tell(), "error")
        self.source = ColumnDataSource({"image": [], "x": [], "y": [], "dw": [], "dh": []})
        self.extent = ColumnDataSource({"left": [], "right": [], "top": [], "bottom": []})
        self.cursor = Span(location=0, dimension="width", line_color=CURSOR, line_width=1)
        self.figure = self._build()
        self.busy = BusyLine(self.work)
        self.alert = pmui.Alert("", severity="error", visible=False, sizing_mode="stretch_width")
        # Bokeh complains of ranges without data: the figure is made known with its first image.
        self.pane = pn.pane.Bokeh(None, sizing_mode="stretch_both", min_height=200, margin=0)

    def _build(self) -> Any:
        across = self.axis[0]
        plot = figure(
            title=f"{self.axis.upper()} plane",
            x_range=DataRange1d(range_padding=0),
            y_range=DataRange1d(range_padding=0, flipped=True),
            tools="pan,wheel_zoom,reset,save",
            active_scroll="wheel_zoom",
            match_aspect=True,
            sizing_mode="stretch_both",
            x_axis_label=f"{across} (µm)",
            y_axis_label="z (µm)",
            output_backend="canvas",
            toolbar_location="above",
            min_border_left=56,
        )
        plot.add_tools(BoxZoomTool(match_aspect=True))
        plot.toolbar.logo = None
        plot.toolbar.autohide = True
        plot.title.text_font_size = "12px"
        plot.grid.visible = False
        plot.background_fill_color = "#7f7f7f"
        glyph = plot.image(
            "image", "x", "y", "dw", "dh", source=self.source, origin="top_left",
            color_mapper=LinearColorMapper(palette=Greys256, low=0, high=255),
        )  # fmt: skip
        frame = plot.quad(
            "left", "right", "top", "bottom", source=self.extent, fill_alpha=0, line_alpha=0
        )
        plot.x_range.renderers = plot.y_range.renderers = [frame]
        tips = [(f"{across}, z", "$x{0.000}, $y{0.000} µm"), ("grey level", "@image")]
        plot.add_tools(HoverTool(tooltips=tips, renderers=[glyph]))
        plot.add_layout(self.cursor)
        bar = ScaleBar(
            range=plot.x_range, unit="µm", dimensional=MetricLength(), location="bottom_left",
            **SMALL_BAR,
        )  # fmt: skip
        plot.add_layout(bar)
        plot.on_event(Tap, self._on_tap)
        return add_export(plot, f"{self.axis} plane", data=False)

    def request(
        self, viewer: Previewer, matrices: Array, position: int, before: bool = False
    ) -> None:
        """Make the plane anew; what runs is stopped and the last one stays until then.

        Parameters
        ----------
        viewer : Previewer
            Makes it.
        matrices : (n, 3, 3) array
            Place of each frame.
        position : int
            Row or column in the first frame, px.
        before : bool
            Frames as they lie.
        """
        n_slices = -(-len(viewer.frames) // viewer.settings.output.z_bin)
        wanted = PlaneRequest(
            self.axis, position, max(-(-n_slices // MAX_SLICES), 1), MAX_WIDTH, before
        )

        def make(stop: Callable[[], bool]) -> Iterator[PreviewPlane]:
            yield from viewer.planes(matrices, wanted, stop)

        self.work.start(make, 1)

    def _show(self) -> None:
        plane: PreviewPlane = self.work.new_items[-1]
        self.shown = plane
        (left, right), (top, bottom) = (
            tuple(v / 1e3 for v in ends) for ends in (plane.across_nm, plane.depth_nm)
        )
        extent = {"left": [left], "right": [right], "top": [top], "bottom": [bottom]}
        self.source.data = {
            "image": [plane.image], "x": [left], "y": [top],
            "dw": [right - left], "dh": [bottom - top],
        }  # fmt: skip
        # A coarse plane ends a little deeper; following that would make the picture jump.
        wanted = plane.final or not self.extent.data["left"]
        if wanted and extent != dict(self.extent.data):
            self._scale(right - left, bottom - top)
            self.extent.data = extent
        self.mark_slice(self._marked)
        # Last: what is changed in the same turn may reach the browser before the figure does.
        if self.pane.object is None:
            self.pane.object = self.figure

    def _scale(self, across: float, depth: float) -> None:
        scale = depth_scale(across, depth) if across > 0 and depth > 0 else 1.0
        words = "" if scale == 1 else f", z × {scale:g}" if scale > 1 else f", z ÷ {1 / scale:g}"
        self.figure.aspect_scale = 1 / scale
        self.figure.title.text = f"{self.axis.upper()} plane{words}"

    def _tell(self) -> None:
        self.alert.param.update(object=plain(self.work.error), visible=bool(self.work.error))

    def slice_depth_um(self, number: int) -> float:
        """Return the depth of the middle of a slice."""
        if self.shown is None or not len(self.shown.slices):
            return 0.0
        step = self._slice_um()
        return (number + 0.5) * step

    def _slice_um(self) -> float:
        assert self.shown is not None
        slices = self.shown.slices
        stride = int(slices[1] - slices[0]) if len(slices) > 1 else 1
        return self.shown.depth_nm[1] / 1e3 / (len(slices) * stride)

    def mark_slice(self, number: int) -> None:
        """Draw the line at a slice."""
        self._marked = number
        location = self.slice_depth_um(number)
        if self.cursor.location != location:
            self.cursor.location = location

    def _on_tap(self, event: Any) -> None:
        if self.shown is not None and self._on_slice is not None and event.y is not None:
            self._on_slice(int(event.y / self._slice_um()))

    def __panel__(self) -> Any:
        return pn.Column(self.busy, self.alert, self.pane, sizing_mode="stretch_both", margin=0)
