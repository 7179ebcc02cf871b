"""Pictures laid out on one plane with true proportions; zoom reads the visible part again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import panel as pn
from bokeh.events import RangesUpdate, Reset
from bokeh.models import BoxZoomTool, ColumnDataSource, CustomJS, DataRange1d
from bokeh.plotting import figure

from components.plots.base import hold_ranges
from components.plots.export import add_export
from components.plots.paint import Paint
from components.work import LatestWork

SCREEN_PX = 900
"""Pixels sent per side of a picture: about what a screen shows of it."""

Bounds = tuple[float, float, float, float]
"""(left, right, top, bottom) in data coordinates."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A picture and the place (x, y) of the centre of its first pixel."""

    shape: tuple[int, int]
    paint: Paint
    x: float = 0.0
    y: float = 0.0

    @property
    def bounds(self) -> Bounds:
        """Edges of the outer pixels."""
        height, width = self.shape
        return self.x - 0.5, self.x + width - 0.5, self.y - 0.5, self.y + height - 0.5


def paint_layers(layers: Sequence[Layer], bounds: Bounds | None) -> dict[str, list[Any]]:
    """Return the data of an image_rgba glyph for what is visible of the layers."""
    data: dict[str, list[Any]] = {"image": [], "x": [], "y": [], "dw": [], "dh": []}
    for layer in layers:
        height, width = layer.shape
        xi, xa, yi, ya = bounds or layer.bounds
        left, right = (int(np.clip(v - layer.x + 0.5, 0, width)) for v in (xi, xa + 1))
        top, bottom = (int(np.clip(v - layer.y + 0.5, 0, height)) for v in (yi, ya + 1))
        if right <= left or bottom <= top:
            continue
        step = max(1, -(-max(right - left, bottom - top) // SCREEN_PX))
        colours = layer.paint(slice(top, bottom), slice(left, right), step)
        packed = np.ascontiguousarray(colours).view(np.uint32)[..., 0]
        data["image"].append(packed)
        data["x"].append(layer.x + left - 0.5)
        data["y"].append(layer.y + top - 0.5)
        data["dw"].append(right - left)
        data["dh"].append(bottom - top)
    return data


class LayerView(pn.viewable.Viewer):  # type: ignore[misc]
    """Shows layers; overlays are drawn on `figure` in the same coordinates, row 0 at the top."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.layers: tuple[Layer, ...] = ()
        self._bounds: Bounds | None = None
        self.source = ColumnDataSource({"image": [], "x": [], "y": [], "dw": [], "dh": []})
        self.extent = ColumnDataSource({"left": [], "right": [], "top": [], "bottom": []})
        self.figure = self._build()
        self.work = LatestWork(paint_layers)
        self.work.param.watch(self._show, "done_count")
        self.pane = pn.pane.Bokeh(self.figure, sizing_mode="stretch_both", min_height=200)

    def _build(self) -> Any:
        plot = figure(
            x_range=DataRange1d(range_padding=0),
            y_range=DataRange1d(range_padding=0, flipped=True),
            tools="pan,wheel_zoom,reset,save",
            active_scroll="wheel_zoom",
            match_aspect=True,
            sizing_mode="stretch_both",
            x_axis_label="x (px)",
            y_axis_label="y (px)",
            output_backend="canvas",
            lod_timeout=100,
            toolbar_location="right",
        )
        plot.add_tools(BoxZoomTool(match_aspect=True))
        plot.toolbar.logo = None
        plot.grid.visible = False
        plot.image_rgba("image", "x", "y", "dw", "dh", source=self.source, origin="top_left")
        # The ranges follow this invisible frame alone, so overlays do not move the picture.
        frame = plot.quad(
            "left", "right", "top", "bottom", source=self.extent, fill_alpha=0, line_alpha=0
        )
        plot.x_range.renderers = plot.y_range.renderers = [frame]
        plot.js_on_change("tags", CustomJS(args={"plot": plot}, code="plot.reset.emit()"))
        hold_ranges(plot, self.extent)
        plot.on_event(RangesUpdate, self._on_ranges)
        plot.on_event(Reset, lambda _event: self._request(None))
        return add_export(plot, "frames", data=False)

    def set_layers(self, *layers: Layer) -> None:
        """Show other layers; the view stays where it is if their extent is the same."""
        self.layers = layers
        edges = np.array([layer.bounds for layer in layers])
        union = [edges[:, 0].min(), edges[:, 1].max(), edges[:, 2].min(), edges[:, 3].max()]
        extent = {
            k: [float(v)] for k, v in zip(("left", "right", "top", "bottom"), union, strict=True)
        }
        if extent != dict(self.extent.data):
            self.extent.data = extent
            self._bounds = None
        self._request(self._bounds)

    def fit(self) -> None:
        """Show everything, as the reset tool does."""
        # Only the browser can reset ranges that follow the data; a changed tag tells it to.
        self.figure.tags = [sum(self.figure.tags) + 1]
        self._request(None)

    def _on_ranges(self, event: Any) -> None:
        values = (event.x0, event.x1, event.y0, event.y1)
        if all(isinstance(v, (int, float)) and np.isfinite(v) for v in values):
            xs, ys = sorted(values[:2]), sorted(values[2:])
            self._request((*xs, *ys))  # type: ignore[arg-type]

    def _request(self, bounds: Bounds | None) -> None:
        self._bounds = bounds
        if self.layers:
            self.work.request(self.layers, bounds)

    def _show(self, _event: Any) -> None:
        self.source.data = self.work.result

    def __panel__(self) -> Any:
        return self.pane
