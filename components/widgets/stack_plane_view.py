"""One plane through a stack: physical aspect, cross-hair, zoom that reads the visible part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import param
from bokeh.events import Tap
from bokeh.models import ColumnDataSource, CustomJSHover, HoverTool, Span

from components.plots.colours import X, Y
from components.plots.export import name_export
from components.widgets.image_view import ImageView
from fibsem_dash.image.padding import SHARES, content
from fibsem_dash.image.thresholds import (
    HistogramCdf,
    IntensityRange,
    histogram_and_cdf,
    intensity_range,
)
from fibsem_dash.io.planes import PLANE_AXES, Axis, Plane, PlaneReader, Region, plane_shape

TITLES: dict[Axis, str] = {"z": "XY", "y": "XZ", "x": "YZ"}
"""Usual names of the planes by the axis across them."""

AXIS_COLOURS: dict[Axis, str] = {"z": "#009E73", "y": Y, "x": X}
"""Lines that show where a coordinate lies."""

POSITION = (
    "return value.toFixed(3) + ' ' + voxel.data.unit[0] + ', voxel ' + Math.round(value / EDGE)"
)
"""Text under the mouse: the coordinate, and the voxel that it lies in."""


@dataclass(frozen=True)
class Wanted:
    """What a view is to show; two are equal only when they are the same request."""

    reader: PlaneReader
    position: int
    region: Region


@dataclass(frozen=True, eq=False)
class Shown:
    """A plane with its grey levels."""

    wanted: Wanted
    plane: Plane
    histogram: HistogramCdf | None
    levels: IntensityRange | None


class StackPlaneView(ImageView):
    """A plane across one axis, drawn in µm with voxel k centred at k voxel edges.

    Parameters
    ----------
    axis : {"z", "y", "x"}
        What the plane is perpendicular to.
    """

    position = param.Integer(0, bounds=(0, None), doc="Voxel along the axis across the plane")
    cursor = param.Tuple((0, 0), doc="Row and column of the cross-hair, voxels")

    def __init__(self, axis: Axis, **values: Any) -> None:
        self.axis: Axis = axis
        self.reader: PlaneReader | None = None
        self.edges = (1.0, 1.0)
        self.unit = "µm"
        self._wanted: Wanted | None = None
        self._bounds: tuple[float, float, float, float] | None = None
        self._moving_cursor = False
        self._voxel = ColumnDataSource({"row": [1.0], "column": [1.0], "unit": ["µm"]})
        super().__init__(TITLES[axis], **values)
        self._add_cross_hair()
        name_export(self.figure, TITLES[axis])
        self.param.watch(lambda _event: self.refresh(), "position")
        self.param.watch(lambda _event: self._place_cursor(), "cursor")

    def _build_figure(self, title: str) -> Any:
        plot = super()._build_figure(title)
        rows, columns = PLANE_AXES[self.axis]
        plot.tools = [tool for tool in plot.tools if not isinstance(tool, HoverTool)]
        formatters = {
            f"${name}": CustomJSHover(
                args={"voxel": self._voxel},
                code=POSITION.replace("EDGE", f"voxel.data.{side}[0]"),
            )
            for name, side in (("x", "column"), ("y", "row"))
        }
        plot.add_tools(
            HoverTool(
                tooltips=[
                    (columns, "$x{custom}"), (rows, "$y{custom}"), ("value", "@image{0.[000]}"),
                ],
                formatters=formatters,
                renderers=[plot.renderers[0]],
            )
        )  # fmt: skip
        plot.toolbar.logo = None
        plot.toolbar.autohide = True
        plot.title.text_font_size = "12px"
        plot.update(min_border_left=48, min_border_right=8, min_border_bottom=36, min_border_top=4)
        for axis in (*plot.xaxis, *plot.yaxis):
            axis.axis_label_text_font_size = "11px"
            axis.major_label_text_font_size = "10px"
            axis.axis_label_standoff = 2
            # XZ may be low and YZ narrow: more labels would lie on each other.
            axis.ticker.desired_num_ticks = 4
        plot.on_event(Tap, self._on_tap)
        return plot

    def _add_cross_hair(self) -> None:
        rows, columns = PLANE_AXES[self.axis]
        options = {"line_width": 1, "line_alpha": 0.9, "editable": True, "visible": False}
        self.across = Span(dimension="width", line_color=AXIS_COLOURS[rows], **options)
        self.down = Span(dimension="height", line_color=AXIS_COLOURS[columns], **options)
        for line in (self.across, self.down):
            self.figure.add_layout(line)
            line.on_change("location", self._on_line_moved)

    # What is shown

    def set_volume(
        self,
        reader: PlaneReader | None,
        edges: tuple[float, float, float],
        unit: str,
        position: tuple[int, int, int],
    ) -> None:
        """Show another stack, or none.

        Parameters
        ----------
        reader : PlaneReader or None
            Of the stack.
        edges : (float, float, float)
            Voxel edges (z, y, x) in the unit.
        unit : str
            "µm" or "voxels".
        position : (int, int, int)
            Where the planes cross, voxels (z, y, x).
        """
        self.reader, self._wanted = None, None
        rows, columns = PLANE_AXES[self.axis]
        self.edges = edges["zyx".index(rows)], edges["zyx".index(columns)]
        self.unit = unit
        self._voxel.data = {"row": [self.edges[0]], "column": [self.edges[1]], "unit": [unit]}
        self.figure.xaxis.axis_label = f"{columns} ({unit})"
        self.figure.yaxis.axis_label = f"{rows} ({unit})"
        self._set_scale_bar(1000.0 if unit == "µm" and reader is not None else 0.0)
        for line in (self.across, self.down):
            line.visible = reader is not None
        self.source.data = {"image": [], "x": [], "y": [], "dw": [], "dh": []}
        if reader is None:
            self.work.cancel()
            return
        self.shape = plane_shape(reader.stack.shape, self.axis)
        self.set_position(position)
        self.reader = reader
        self._place_cursor()
        self.fit()

    def set_position(self, position: tuple[int, int, int]) -> None:
        """Move plane and cross-hair to the voxel (z, y, x)."""
        rows, columns = PLANE_AXES[self.axis]
        index = dict(zip("zyx", position, strict=True))
        self.param.update(position=index[self.axis], cursor=(index[rows], index[columns]))

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Edges (left, right, top, bottom) of the plane in its unit."""
        (rows, columns), (dy, dx) = self.shape, self.edges
        return -0.5 * dx, (columns - 0.5) * dx, -0.5 * dy, (rows - 0.5) * dy

    def fit(self) -> None:
        """Show the whole plane."""
        left, right, top, bottom = self.extent
        self._fitted = True
        self._set_ranges((left + right) / 2, (top + bottom) / 2, self._px_per_screen_px())
        self._request((left, right, top, bottom))

    def _px_per_screen_px(self) -> float:
        across, down = self._screen
        if across < 1 or down < 1:
            return 0.0
        left, right, top, bottom = self.extent
        return max((right - left) / across, (bottom - top) / down)

    def _set_ranges(self, x_centre: float, y_centre: float, scale: float) -> None:
        if not scale:
            left, right, top, bottom = self.extent
            scale = max(right - left, bottom - top) / 400
        screen, self._screen = (
            self._screen,
            (self._screen if min(self._screen) >= 1 else (400, 400)),
        )
        super()._set_ranges(x_centre, y_centre, scale)
        self._screen = screen

    def _request(self, bounds: tuple[float, float, float, float]) -> None:
        if self.reader is None or not all(np.isfinite(bounds)):
            return
        self._bounds = bounds
        (dy, dx), (rows, columns) = self.edges, self.shape
        c0, c1 = (int(np.clip(v, 0, columns)) for v in
                  (np.floor(bounds[0] / dx + 0.5), np.ceil(bounds[1] / dx + 0.5)))  # fmt: skip
        r0, r1 = (int(np.clip(v, 0, rows)) for v in
                  (np.floor(bounds[2] / dy + 0.5), np.ceil(bounds[3] / dy + 0.5)))  # fmt: skip
        if c1 > c0 and r1 > r0:
            self._wanted = Wanted(self.reader, self.position, (r0, r1, c0, c1))
            self.work.request(self._wanted, True)

    def refresh(self) -> None:
        """Read the visible part again."""
        if self.reader is not None:
            super().refresh()

    def _load(self, wanted: Wanted, draft: bool, *_rest: Any) -> Any:
        # One slice of a stack that is not chunked comes at once.
        stack = wanted.reader.stack
        single = self.axis == "z" and getattr(stack, "part_levels", ((0, 0, None),))[0][2] is None
        plane = wanted.reader.read(
            self.axis,
            wanted.position,
            wanted.region,
            stop=lambda: wanted is not self._wanted,
            draft=draft and not single,
        )
        pixels = content(plane.image)
        if not np.isfinite(pixels).any():
            return Shown(wanted, plane, None, None)
        return Shown(
            wanted, plane, histogram_and_cdf(pixels, 256), intensity_range(pixels, *SHARES)
        )

    def _show(self, _event: Any) -> None:
        shown: Shown = self.work.result
        if shown.wanted is not self._wanted:
            return
        image = shown.plane.image
        if image.dtype not in (np.uint8, np.int16, np.uint16, np.float32):
            image = image.astype(np.float32)
        (r0, r1, c0, c1), (dy, dx) = shown.plane.region, self.edges
        self.source.data = {
            "image": [image], "x": [(c0 - 0.5) * dx], "y": [(r0 - 0.5) * dy],
            "dw": [(c1 - c0) * dx], "dh": [(r1 - r0) * dy],
        }  # fmt: skip
        if shown.plane.draft:
            self.work.request(shown.wanted, False)

    # The cross-hair

    def _place_cursor(self) -> None:
        (row, column), (dy, dx) = self.cursor, self.edges
        self._moving_cursor = True
        try:
            self.across.location, self.down.location = row * dy, column * dx
        finally:
            self._moving_cursor = False

    def _on_line_moved(self, _name: str, _old: Any, _new: Any) -> None:
        if not self._moving_cursor:
            self._go_to(self.down.location, self.across.location)

    def _on_tap(self, event: Any) -> None:
        self._go_to(event.x, event.y)

    def _go_to(self, x: Any, y: Any) -> None:
        if self.reader is None or not all(isinstance(v, (int, float)) for v in (x, y)):
            return
        (dy, dx), (rows, columns) = self.edges, self.shape
        cursor = (
            int(np.clip(round(y / dy), 0, rows - 1)), int(np.clip(round(x / dx), 0, columns - 1))
        )  # fmt: skip
        if cursor != self.cursor:
            self.cursor = cursor

    # The box, in voxels (top, height, left, width)

    @param.depends("box", watch=True)
    def place_box(self) -> None:
        """Draw the box where it is, in the units of the axes."""
        top, height, left, width = self.box
        (dy, dx), (rows, columns) = self.edges, self.shape
        self._moving_box = True
        try:
            self.box_mark.update(
                left=(left - 0.5) * dx,
                right=(left + (width or columns - left) - 0.5) * dx,
                top=(top - 0.5) * dy,
                bottom=(top + (height or rows - top) - 0.5) * dy,
            )
        finally:
            self._moving_box = False

    def _on_box_moved(self, _name: str, _old: Any, _new: Any) -> None:
        edges = (self.box_mark.left, self.box_mark.right, self.box_mark.top, self.box_mark.bottom)
        if self._moving_box or not all(isinstance(e, (int, float)) for e in edges):
            return
        self.box = self.box_of(*edges)

    def box_of(self, x0: float, x1: float, y0: float, y1: float) -> tuple[int, int, int, int]:
        """Return the box [top, height, left, width] between two corners, inside the plane."""
        (dy, dx), (rows, columns) = self.edges, self.shape
        left, right = sorted(int(np.clip(round(v / dx + 0.5), 0, columns)) for v in (x0, x1))
        top, bottom = sorted(int(np.clip(round(v / dy + 0.5), 0, rows)) for v in (y0, y1))
        left, top = min(left, columns - 1), min(top, rows - 1)
        return top, max(bottom - top, 1), left, max(right - left, 1)
