"""A big image at screen resolution: pan and zoom read the visible part again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import panel as pn
import param
from bokeh.events import RangesUpdate, Reset
from bokeh.models import (
    BoxAnnotation,
    BoxZoomTool,
    ColumnDataSource,
    CustomJS,
    HoverTool,
    LinearColorMapper,
    MetricLength,
    Range1d,
    ScaleBar,
)
from bokeh.palettes import Greys256
from bokeh.plotting import figure

from components.plots.export import add_export
from components.work import LatestWork

Image = npt.NDArray[Any]
Read = Callable[[slice, slice], Image]
"""Returns pixels of the rows and columns asked for; slices may have a step."""

SCREEN_PX = 1100
"""Most pixels sent per side: about what a large screen shows of a picture."""

FIRST_PX = 500
"""Pixels sent per side as long as the browser has not told how large it draws the picture."""

FINE = 1.5
"""Pixels sent per pixel of the drawing: fine screens have up to two, and more take long to send."""

SMOOTH_PIXELS = 4_000_000
"""Pixels that are averaged down to those of the screen: of larger parts every n-th pixel of every
n-th row is taken first (an average of 10^8 pixels takes 0.25 s, of every fifth each way 0.04 s)."""

SMALL_BAR: dict[str, Any] = {
    # The same on light and dark pages: the image behind it is the same.
    "background_fill_color": "#ffffff",
    "background_fill_alpha": 0.7,
    "bar_line_color": "#111111",
    "label_text_color": "#111111",
    "border_line_color": None,
    "label_text_font_size": "11px",
    "label_standoff": 1,
    "padding": 3,
    "margin": 3,
    "bar_length": 0.15,
}
"""Look of a scale bar that leaves thin planes visible."""

JITTER_PX = 16
"""Changes of the size on the screen that are below this are not followed."""


def visible_part(
    shape: tuple[int, int],
    read: Read,
    bounds: tuple[float, float, float, float],
    most: int = SCREEN_PX,
) -> tuple[Image, tuple[int, int, int, int]]:
    """Read what is visible, reduced to screen resolution.

    Parameters
    ----------
    shape : (int, int)
        Size (y, x) of the image, px.
    read : callable
        Reads rows and columns.
    bounds : (float, float, float, float)
        Visible (xi, xa, yi, ya), px; may reach beyond the image.
    most : int
        Most pixels per side of the part.

    Returns
    -------
    part : (y, x) array
        Native byte order, contiguous; empty where nothing is visible.
    place : (int, int, int, int)
        (xi, xa, yi, ya) that the part covers, px.
    """
    height, width = shape
    xi, xa, yi, ya = bounds
    left, right = int(np.clip(np.floor(xi), 0, width)), int(np.clip(np.ceil(xa), 0, width))
    top, bottom = int(np.clip(np.floor(yi), 0, height)), int(np.clip(np.ceil(ya), 0, height))
    if right <= left or bottom <= top:
        return np.zeros((0, 0), np.uint8), (0, 0, 0, 0)
    step = max(1, -(-max(right - left, bottom - top) // most))
    sample = _sampling(step, (right - left) * (bottom - top))
    part = _native(read(slice(top, bottom, sample), slice(left, right, sample)))
    place = (left, right, top, bottom)
    if sample > 1:
        place = (left, left + part.shape[1] * sample, top, top + part.shape[0] * sample)
    if step > sample:
        size = (-(-part.shape[1] * sample // step), -(-part.shape[0] * sample // step))
        part = cv2.resize(_resizable(part), size, interpolation=cv2.INTER_AREA)
    return part, place


def _sampling(step: int, n_pixels: int) -> int:
    """Return the smallest divisor of a step that leaves few enough pixels to be averaged."""
    divisors = (n for n in range(1, step + 1) if step % n == 0)
    return next((n for n in divisors if n_pixels <= SMOOTH_PIXELS * n * n), step)


def _native(part: Image) -> Image:
    return np.ascontiguousarray(part, dtype=part.dtype.newbyteorder("="))


def _resizable(part: Image) -> Image:
    return part if part.dtype in (np.uint8, np.int16, np.uint16, np.float32) else part.astype("f4")


class ImageView(pn.viewable.Viewer):  # type: ignore[misc]
    """A grey-scale image with pan, zoom, scale bar and an editable box.

    Attributes
    ----------
    figure : bokeh figure
        Overlays are drawn on it, in pixels; row 0 is at the top.
    """

    low = param.Number(0.0, doc="Grey level shown black")
    high = param.Number(1.0, doc="Grey level shown white")
    inverted = param.Boolean(False, doc="Show high grey levels dark, as prints of tissue do")
    box = param.Tuple((0, 0, 0, 0), doc="Box [top, height, left, width], px; zeros: none")

    def __init__(self, title: str = "", box_colour: str = "#F0E442", **values: Any) -> None:
        super().__init__(**values)
        self.shape = (1, 1)
        self._read: Read | None = None
        self._fitted = True
        self._screen = (0, 0)
        self.mapper = LinearColorMapper(palette=Greys256, low=self.low, high=self.high)
        self.source = ColumnDataSource({"image": [], "x": [], "y": [], "dw": [], "dh": []})
        self.figure = self._build_figure(title)
        self._add_scale_bar()
        self.work = LatestWork(self._load)
        self.work.param.watch(self._show, "done_count")
        self.box_mark = BoxAnnotation(
            visible=False, editable=True, line_color=box_colour, fill_alpha=0.06, line_width=2
        )
        self.figure.add_layout(self.box_mark)
        for edge in ("left", "right", "top", "bottom"):
            self.box_mark.on_change(edge, self._on_box_moved)
        self._moving_box = False
        self.pane = pn.pane.Bokeh(self.figure, sizing_mode="stretch_both")

    def _build_figure(self, title: str) -> Any:
        plot = figure(
            title=title or None,
            x_range=Range1d(0, 1),
            y_range=Range1d(1, 0),
            tools="pan,wheel_zoom,box_zoom,reset,save",
            active_scroll="wheel_zoom",
            match_aspect=True,
            sizing_mode="stretch_both",
            x_axis_label="x (px)",
            y_axis_label="y (px)",
            output_backend="canvas",
            # The data of a zoomed view are asked for after this pause, 500 ms by default.
            lod_timeout=100,
            toolbar_location="above",
            # Room for tick labels, so that they do not change the size of the image.
            min_border_left=60,
            min_border_right=36,
        )
        plot.grid.visible = False
        plot.background_fill_color = "#7f7f7f"
        glyph = plot.image(
            "image", "x", "y", "dw", "dh", source=self.source, color_mapper=self.mapper
        )
        tips = [("x, y", "$x{0.0}, $y{0.0} px"), ("value", "@image{0.[0]}")]
        plot.add_tools(HoverTool(tooltips=tips, renderers=[glyph]))
        plot.select_one(BoxZoomTool).match_aspect = True
        plot.on_event(RangesUpdate, self._on_ranges)
        plot.on_event(Reset, lambda _e: self.fit())
        for side in ("inner_width", "inner_height"):
            plot.on_change(side, self._on_resized)
        return add_export(plot, "frame", data=False)

    def set_image(
        self, shape: tuple[int, int], read: Read, pixel_size_nm: float = 0.0, keep_view: bool = True
    ) -> None:
        """Show another image.

        Parameters
        ----------
        shape : (int, int)
            Size (y, x), px.
        read : callable
            Reads rows and columns.
        pixel_size_nm : float
            For the scale bar; 0 shows none.
        keep_view : bool
            Stay where the view is if the size is the same.
        """
        self._read = read
        same = keep_view and shape == self.shape
        self.shape = shape
        self._set_scale_bar(pixel_size_nm)
        if same:
            self.refresh()
        else:
            self.fit()

    def set_array(self, image: Image, pixel_size_nm: float = 0.0, keep_view: bool = True) -> None:
        """Show an image that is in memory, (y, x)."""
        self.set_image(
            image.shape[:2], lambda rows, columns: image[rows, columns], pixel_size_nm, keep_view
        )

    def refresh(self) -> None:
        """Read the visible part again."""
        x, y = self.figure.x_range, self.figure.y_range
        self._request((x.start, x.end, y.end, y.start))

    def fit(self) -> None:
        """Show the whole image, its pixels square."""
        height, width = self.shape
        self._fitted = True
        self._set_ranges(width / 2, height / 2, self._px_per_screen_px())
        self._request((0, width, 0, height))

    def _px_per_screen_px(self) -> float:
        """Return the scale at which the whole image fits; 0 before it is drawn first."""
        across, down = self._screen
        if across < 1 or down < 1:
            return 0.0
        return max(self.shape[1] / across, self.shape[0] / down)

    def _set_ranges(self, x_centre: float, y_centre: float, scale: float) -> None:
        height, width = self.shape
        across = scale * self._screen[0] / 2 if scale else width / 2
        down = scale * self._screen[1] / 2 if scale else height / 2
        for axis, start, end in (
            (self.figure.x_range, x_centre - across, x_centre + across),
            (self.figure.y_range, y_centre + down, y_centre - down),
        ):
            axis.update(start=start, end=end)
            if self._fitted:
                axis.update(reset_start=start, reset_end=end)
        self._follow_scale_bar()

    def _on_ranges(self, event: Any) -> None:
        x = self.figure.x_range
        self._fitted = event.x0 == x.reset_start and event.x1 == x.reset_end
        self._request((event.x0, event.x1, event.y1, event.y0))

    def _on_resized(self, name: str, _old: Any, new: Any) -> None:
        across, down = self._screen
        now = (new or 0, down) if name == "inner_width" else (across, new or 0)
        # Tick labels that come and go change the size a little: following that would never end.
        if abs(now[0] - across) + abs(now[1] - down) < JITTER_PX:
            return
        self._screen = now
        x, y = self.figure.x_range, self.figure.y_range
        scale = self._px_per_screen_px()
        if not scale:
            return
        if not self._fitted:
            scale = (x.end - x.start) / max(across or self._screen[0], 1)
        self._set_ranges((x.start + x.end) / 2, (y.start + y.end) / 2, scale)
        self.refresh()

    def set_contrast(self, low: float, high: float) -> None:
        """Set the grey levels that are shown black and white."""
        self.param.update(low=float(low), high=float(high))

    @param.depends("low", "high", "inverted", watch=True)
    def _update_mapper(self) -> None:
        palette = Greys256[::-1] if self.inverted else Greys256
        self.mapper.update(low=self.low, high=max(self.high, self.low + 1e-9), palette=palette)

    def _request(self, bounds: tuple[float, float, float, float]) -> None:
        if self._read is not None and all(np.isfinite(bounds)):
            self.work.request(self.shape, self._read, bounds)

    @property
    def most_pixels(self) -> int:
        """How many pixels per side are worth sending for the present size of the drawing."""
        return min(SCREEN_PX, int(FINE * max(self._screen)) or FIRST_PX)

    def _load(self, shape: tuple[int, int], read: Read, bounds: Any) -> Any:
        return visible_part(shape, read, bounds, self.most_pixels)

    def _show(self, _event: Any) -> None:
        part, (xi, xa, yi, ya) = self.work.result
        if part.size:
            # Bokeh draws row 0 at y; dh runs downwards because the axis does.
            self.source.data = {
                "image": [part], "x": [xi], "y": [yi], "dw": [xa - xi], "dh": [ya - yi]
            }  # fmt: skip

    def _add_scale_bar(self) -> None:
        # The bar measures a hidden range in nm that follows the visible one in the browser.
        self._range_nm = Range1d(0, 1)
        self._pixel = ColumnDataSource({"nm": [0.0]})
        follow = CustomJS(
            args={"px": self.figure.x_range, "nm": self._range_nm, "pixel": self._pixel},
            code="""
            const size = pixel.data.nm[0]
            if (size > 0) nm.setv({start: px.start * size, end: px.end * size})
            """,
        )
        self.figure.x_range.js_on_change("start", follow)
        self.figure.x_range.js_on_change("end", follow)
        self._pixel.js_on_change("data", follow)
        self._bar = ScaleBar(
            range=self._range_nm,
            unit="nm",
            dimensional=MetricLength(),
            location="bottom_left",
            visible=False,
            **SMALL_BAR,
        )
        self.figure.add_layout(self._bar)

    def _set_scale_bar(self, pixel_size_nm: float) -> None:
        known = bool(np.isfinite(pixel_size_nm) and pixel_size_nm > 0)
        self._bar.visible = known
        self._pixel.data = {"nm": [float(pixel_size_nm) if known else 0.0]}
        self._follow_scale_bar()

    def _follow_scale_bar(self) -> None:
        x, size = self.figure.x_range, float(self._pixel.data["nm"][0])
        if size > 0:
            self._range_nm.update(start=x.start * size, end=x.end * size)

    def show_box(self, visible: bool) -> None:
        """Show or hide the box; a box that has no size yet takes the middle of the image."""
        height, width = self.shape
        if visible and not (self.box[1] and self.box[3]):
            self.box = (height // 4, height // 2, width // 4, width // 2)
        self.box_mark.visible = visible
        self.place_box()

    @param.depends("box", watch=True)
    def place_box(self) -> None:
        """Draw the box where it is."""
        top, height, left, width = self.box
        full_height, full_width = self.shape
        self._moving_box = True
        try:
            self.box_mark.update(
                left=left,
                right=left + (width or full_width - left),
                top=top,
                bottom=top + (height or full_height - top),
            )
        finally:
            self._moving_box = False

    def _on_box_moved(self, _name: str, _old: Any, _new: Any) -> None:
        if self._moving_box:
            return
        edges = (self.box_mark.left, self.box_mark.right, self.box_mark.top, self.box_mark.bottom)
        if not all(isinstance(e, (int, float)) for e in edges):
            return
        height, width = self.shape
        x0, x1 = sorted(int(np.clip(round(e), 0, width)) for e in edges[:2])
        y0, y1 = sorted(int(np.clip(round(e), 0, height)) for e in edges[2:])
        self.box = (y0, max(y1 - y0, 1), x0, max(x1 - x0, 1))

    def __panel__(self) -> Any:
        return self.pane
