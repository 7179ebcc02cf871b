"""The frame under the cursor with a cross-hair that says where the planes lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import panel as pn
import param
from bokeh.events import Tap
from bokeh.models import ColumnDataSource, DataRange1d, LinearColorMapper, Span
from bokeh.palettes import Greys256
from bokeh.plotting import figure

from components.plots.colours import X, Y
from components.plots.export import add_export
from components.plots.paint import robust_levels, to_grey
from components.session import Session
from components.work import LatestWork
from fibsem_dash.io import open_frame
from fibsem_dash.registration.frames import FrameInfo

LONGEST_SIDE = 512
"""Points that are shown of a side: the picture serves to find a place."""


def read_small(path: str, detector: str) -> tuple[npt.NDArray[np.uint8], tuple[int, int]]:
    """Return a frame at the size of a small picture, 8 bit, and its whole size (y, x).

    Raises
    ------
    FormatError, AccessError
        When the frame cannot be read.
    """
    frame = open_frame(path)
    wanted = detector if detector in frame.detectors else frame.detectors[0]
    step = max(-(-max(frame.shape) // LONGEST_SIDE), 1)
    # Sampled to twice the size, then averaged: reads little and shows little of the noise.
    coarse = np.asarray(frame.view(wanted)[:: max(step // 2, 1), :: max(step // 2, 1)], np.float32)
    if step > 1:
        coarse = cv2.resize(coarse, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(to_grey(coarse, *robust_levels(coarse))), frame.shape


class CrossHair(pn.viewable.Viewer):  # type: ignore[misc]
    """A small picture of the frame under the cursor; a click moves the cross-hair.

    Parameters
    ----------
    session : Session
        Its frame and detector are shown.
    """

    place = param.XYCoordinates((0, 0), doc="Column and row of the cross-hair, px")

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(**values)
        self.session = session
        self.frames: Sequence[FrameInfo] = ()
        self.shape = (1, 1)
        self._shown: tuple[str, str] = ("", "")
        self.source = ColumnDataSource({"image": [], "dw": [], "dh": []})
        self.figure = self._build()
        # The planes along x are cut at a row: the line has the colour of x.
        self.column = Span(location=0, dimension="height", line_color=Y, line_width=2)
        self.row = Span(
            location=0, dimension="width", line_color=X, line_width=2, line_dash="dashed"
        )
        for line in (self.column, self.row):
            self.figure.add_layout(line)
        self.work = LatestWork(read_small)
        self.work.param.watch(self._on_read, "done_count")
        session.param.watch(lambda *_e: self.refresh(), ["frame", "detector"])
        self.pane = pn.pane.Bokeh(None, sizing_mode="stretch_both", margin=0)

    def _build(self) -> Any:
        plot = figure(
            title="Frame",
            x_range=DataRange1d(range_padding=0),
            y_range=DataRange1d(range_padding=0, flipped=True),
            tools="reset,save",
            match_aspect=True,
            sizing_mode="stretch_both",
            x_axis_label="x (px)",
            y_axis_label="y (px)",
            output_backend="canvas",
            toolbar_location="above",
        )
        plot.toolbar.logo = None
        plot.toolbar.autohide = True
        plot.title.text_font_size = "12px"
        plot.grid.visible = False
        for axis in (plot.xaxis[0], plot.yaxis[0]):
            axis.ticker.desired_num_ticks = 4
            axis.axis_label_standoff = 2
        glyph = plot.image(
            "image", 0, 0, "dw", "dh", source=self.source, origin="top_left",
            color_mapper=LinearColorMapper(palette=Greys256, low=0, high=255),
        )  # fmt: skip
        plot.x_range.renderers = plot.y_range.renderers = [glyph]
        plot.on_event(Tap, self._on_tap)
        return add_export(plot, "frame", data=False)

    def set_frames(self, frames: Sequence[FrameInfo]) -> None:
        """Show frames of another run; the cross-hair goes to their middle where sizes differ."""
        self.frames = frames
        usable = next((f for f in frames if f.usable and f.shape[0]), None)
        if usable is not None and usable.shape != self.shape:
            self.shape = usable.shape
            self.place = (usable.shape[1] // 2, usable.shape[0] // 2)
        self.refresh()

    def refresh(self) -> None:
        """Read the frame under the cursor, unless it is shown."""
        if not self.frames:
            return
        frame = self.frames[min(self.session.frame, len(self.frames) - 1)]
        wanted = frame.path, self.session.detector
        if wanted != self._shown:
            self._shown = wanted
            self.figure.title.text = f"Frame {frame.index}"
            self.work.request(*wanted)

    def _on_read(self, _event: Any) -> None:
        image, (height, width) = self.work.result
        self.source.data = {"image": [image], "dw": [width], "dh": [height]}
        if self.pane.object is None:
            # Bokeh complains of ranges without data.
            self.pane.object = self.figure

    @param.depends("place", watch=True)
    def _move(self) -> None:
        self.column.location, self.row.location = self.place

    def _on_tap(self, event: Any) -> None:
        if event.x is None or event.y is None:
            return
        height, width = self.shape
        column = int(np.clip(event.x, 0, width - 1))
        self.place = column, int(np.clip(event.y, 0, height - 1))

    def __panel__(self) -> Any:
        return self.pane
