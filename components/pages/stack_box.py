"""The evaluation box of the Stack page: drawn and in numbers, fixed or sliding, previewed.

The session's box is in pixels of the first frame, as the settings of a run are. The slices of a run
may be larger than the frame, or upside down: what is drawn is converted.
"""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param
from bokeh.events import SelectionGeometry
from bokeh.models import BoxAnnotation, BoxSelectTool, ColumnDataSource

from components.locked import when_locked
from components.pages.stack_planes import StackPlanes
from components.pages.stack_preview import STRIP_STYLE, Box, PreviewRequest, preview_html
from components.session import Session
from components.widgets.facts import PlainText
from components.work import LatestWork
from fibsem_dash.registration.canvas import Canvas
from fibsem_dash.registration.placement import Placement

NO_BOX: Box = (0, 0, 0, 0)
START, STOP = "#F0E442", "#56B4E9"
"""Yellow: the box, at the first slice where it slides; sky blue: where it arrives."""

FIELDS = ("Top", "Height", "Left", "Width")
NARROW = {"minWidth": 0, "paddingX": "6px"}
"""Buttons that share a line with a switch."""


class StackBox(pn.viewable.Viewer):  # type: ignore[misc]
    """Numbers and pictures of the evaluation box, linked with the session's box.

    Parameters
    ----------
    session : Session
        Its box.
    planes : StackPlanes
        Where it is drawn.
    """

    use_box = param.Boolean(
        False, label="Show the box", doc="Draw the box on XY (b); drag its edges or its inside"
    )
    sliding = param.Boolean(
        False, label="Sliding", doc="The box moves evenly from the first slice to the last"
    )
    stop = param.Tuple(NO_BOX, doc="Where the box arrives, [top, height, left, width], px")
    previewed = param.Boolean(
        False, label="Preview over slices", doc="Show slices spread over the stack with the box"
    )

    def __init__(self, session: Session, planes: StackPlanes, width: int, **values: Any) -> None:
        super().__init__(**values)
        self.session, self.planes, self.width = session, planes, width
        self._filling = False
        self.preview_work = LatestWork(
            lambda request: preview_html(request, lambda: request is self._asked)
        )
        self._asked: PreviewRequest | None = None
        self._draw()
        self._make_fields()
        view = planes.views["z"]
        view.param.watch(self._on_drawn, "box")
        view.param.watch(lambda *_e: self.preview(), ["low", "high", "inverted"])
        session.param.watch(lambda *_e: self.update(), "box")
        self.param.watch(lambda *_e: self.update(), ["use_box", "sliding", "stop"])
        self.param.watch(lambda *_e: self.preview(), "previewed")
        self.preview_work.param.watch(self._on_preview, ["done_count", "error"])
        self.update()

    def _draw(self) -> None:
        view = self.planes.views["z"]
        self.stop_mark = BoxAnnotation(
            visible=False, editable=True, resizable="none", line_color=STOP, line_width=2,
            line_dash="dashed", fill_alpha=0.0,
        )  # fmt: skip
        for edge in ("left", "top"):
            self.stop_mark.on_change(edge, self._on_stop_moved)
        view.figure.add_layout(self.stop_mark)
        self.tool = BoxSelectTool(description="Draw the evaluation box (b)", persistent=False)
        view.figure.add_tools(self.tool)
        view.figure.on_event(SelectionGeometry, self._on_geometry)
        self.paths: dict[str, ColumnDataSource] = {}
        for axis in ("y", "x"):
            source = ColumnDataSource({"x": [], "y": []})
            self.planes.views[axis].figure.patch(
                "x", "y", source=source, line_color=START, line_width=1.5, fill_color=START,
                fill_alpha=0.06,
            )  # fmt: skip
            self.paths[axis] = source

    def _make_fields(self) -> None:
        def number(label: str, what: str) -> Any:
            return pmui.IntInput(
                label=label, start=0, value=0, width=self.width // 2 - 12, size="small",
                margin=(4, 3), description=what,
            )  # fmt: skip

        words = ("First row", "Rows; 0 reaches to the edge", "First column",
                 "Columns; 0 reaches to the edge")  # fmt: skip
        self.numbers = [number(*pair) for pair in zip(FIELDS, words, strict=True)]
        self.stop_numbers = [
            number("Top", "First row in the last slice"),
            number("Left", "First column in the last slice"),
        ]
        for field in self.numbers:
            field.param.watch(lambda *_e: self._on_numbers(), "value")
        for field in self.stop_numbers:
            field.param.watch(lambda *_e: self._on_stop_numbers(), "value")
        self.frame_note = PlainText("", muted=True, margin=(0, 6), visible=False)
        switch = {"size": "small", "margin": (2, 4)}
        self.stop_row = pn.Column(
            PlainText("In the last slice", margin=(4, 6)),
            pn.Row(*self.stop_numbers, margin=0), margin=0, visible=False,
        )  # fmt: skip
        self.clear_button = pmui.Button(
            label="No box", icon="clear", size="small", variant="text", margin=(2, 0), sx=NARROW
        )
        self.clear_button.on_click(lambda _event: self.clear())
        self.draw_button = pmui.Button(
            label="Draw", icon="highlight_alt", size="small", variant="text", margin=(2, 0),
            description="Then drag over XY", sx=NARROW,
        )  # fmt: skip
        self.draw_button.on_click(lambda _event: when_locked(self.begin_drawing))
        self.n_slices = pmui.IntInput(
            label="Slices", value=5, start=1, end=12, width=112, size="small", margin=(4, 4)
        )
        self.inside = pmui.Checkbox(label="Inside only", value=False, size="small", margin=(8, 4))
        for widget in (self.n_slices, self.inside):
            widget.param.watch(lambda *_e: self.preview(), "value")
        self.options = pn.Row(self.n_slices, self.inside, margin=0, visible=False)
        self.fields = pn.Column(
            pn.Row(
                pmui.Switch.from_param(self.param.use_box, **switch), self.draw_button,
                self.clear_button, margin=0,
            ),
            pn.Row(*self.numbers[:2], margin=0),
            pn.Row(*self.numbers[2:], margin=0),
            self.frame_note,
            pmui.Switch.from_param(self.param.sliding, **switch),
            self.stop_row,
            pmui.Switch.from_param(self.param.previewed, **switch),
            self.options,
            margin=0,
        )  # fmt: skip
        self.strip = pn.pane.HTML(
            "", stylesheets=[STRIP_STYLE], sizing_mode="stretch_width", height=150, margin=(2, 8),
            visible=False,
        )  # fmt: skip

    # One value in three forms

    @property
    def placement(self) -> Placement:
        """Where what the box is given in lies: the first frame in a run's slices, or a slice."""
        volume = self.planes.volume
        if volume is not None and volume.placement is not None:
            return volume.placement
        slices = (volume.shape[1], volume.shape[2]) if volume else (1, 1)
        return Placement(slices, Canvas(slices))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns that the box can lie in."""
        return self.placement.frame_shape

    @property
    def in_slices(self) -> Box:
        """The box in coordinates of the slices, written out; whole slices without a box."""
        if self.is_set:
            return self.placement.to_slices(self.full(self.session.box))
        rows, columns = self.placement.canvas.shape
        return 0, rows, 0, columns

    @property
    def stop_in_slices(self) -> Box | None:
        """Where a sliding box arrives, in coordinates of the slices; None for a fixed one."""
        if not self.sliding:
            return None
        _, height, _, width = self.full(self.session.box)
        return self.placement.to_slices((self.stop[0], height, self.stop[2], width))

    @property
    def is_set(self) -> bool:
        """Whether there is a box; a sliding one may be as large as the frame."""
        return any(self.session.box) or self.sliding

    def full(self, box: Box) -> Box:
        """Return a box with its height and width written out."""
        rows, columns = self.shape
        top, height, left, width = box
        return top, height or max(rows - top, 1), left, width or max(columns - left, 1)

    def clamped(self, box: Box) -> Box:
        """Return a box moved and cut so that it lies on the slices."""
        rows, columns = self.shape
        top, height, left, width = (max(int(v), 0) for v in box)
        top, left = min(top, rows - 1), min(left, columns - 1)
        return top, min(height, rows - top), left, min(width, columns - left)

    def update(self) -> None:
        """Show the session's box everywhere."""
        box = self.session.box
        if self.planes.volume is not None and any(box) and self.clamped(box) != box:
            self.session.box = self.clamped(box)
            return
        self._filling = True
        try:
            for field, value in zip(self.numbers, box, strict=True):
                field.value = value
            for field, value in zip(self.stop_numbers, (self.stop[0], self.stop[2]), strict=True):
                field.value = value
        finally:
            self._filling = False
        when_locked(self._update_pictures)
        self.stop_row.visible = self.sliding
        self._tell_frame()
        self.preview()

    def _tell_frame(self) -> None:
        moved = self.planes.volume is not None and self.placement.moves
        top, height, left, width = self.in_slices
        self.frame_note.text = "Pixels of the first frame, as in the run. In the slices: " + (
            f"rows {top} to {top + height}, columns {left} to {left + width}."
            if self.is_set
            else "whole slices."
        )
        self.frame_note.visible = moved

    def _update_pictures(self) -> None:
        view = self.planes.views["z"]
        visible = self.use_box and self.planes.volume is not None
        self._filling = True
        try:
            view.box = self.in_slices
            # The picture that was there before may have had other voxels.
            view.place_box()
            view.box_mark.visible = visible
            dy, dx = view.edges
            top, height, left, width = self.stop_in_slices or self.in_slices
            self.stop_mark.update(
                left=(left - 0.5) * dx, right=(left + width - 0.5) * dx,
                top=(top - 0.5) * dy, bottom=(top + height - 0.5) * dy,
                visible=visible and self.sliding,
            )  # fmt: skip
        finally:
            self._filling = False
        self._draw_paths(visible)

    def _draw_paths(self, visible: bool) -> None:
        volume = self.planes.volume
        for axis, start, size in (("y", 2, 3), ("x", 0, 1)):
            if not visible or volume is None:
                self.paths[axis].data = {"x": [], "y": []}
                continue
            z, y, x = self.planes.edges
            edge = x if axis == "y" else y
            first = self.in_slices
            low = (first[start] - 0.5) * edge
            end = ((self.stop_in_slices or first)[start] - 0.5) * edge
            length = first[size] * edge
            across = [low, low + length, end + length, end]
            last = (volume.shape[0] - 0.5) * z
            along = [-0.5 * z, -0.5 * z, last, last]
            pair = (across, along) if axis == "y" else (along, across)
            self.paths[axis].data = {"x": pair[0], "y": pair[1]}

    def _on_numbers(self) -> None:
        if not self._filling and all(field.value is not None for field in self.numbers):
            self._take(tuple(int(field.value) for field in self.numbers))

    def _on_stop_numbers(self) -> None:
        if self._filling or any(field.value is None for field in self.stop_numbers):
            return
        wanted = self._stop_at(*(int(field.value) for field in self.stop_numbers))
        if wanted == self.stop:
            self.update()
        self.stop = wanted

    def _stop_at(self, top: int, left: int) -> Box:
        rows, columns = self.shape
        _, height, _, width = self.full(self.session.box)
        top = min(max(top, 0), max(rows - height, 0))
        left = min(max(left, 0), max(columns - width, 0))
        return top, self.session.box[1], left, self.session.box[3]

    def _take(self, box: Any) -> None:
        box = self.clamped(box)
        if box == self.session.box:
            self.update()
            return
        self.session.box = box
        if self.sliding:
            self.stop = self._stop_at(self.stop[0], self.stop[2])

    def _on_drawn(self, event: Any) -> None:
        if not self._filling:
            self._take_drawn(event.new)

    def _take_drawn(self, box: Box) -> None:
        """Take over a box that was drawn, in coordinates of the slices."""
        self._take(self.placement.to_frame(box))
        if self.planes.views["z"].box != self.in_slices:
            # It reached beyond the frame: the rectangle shows what is measured.
            self.update()

    def _on_stop_moved(self, _name: str, _old: Any, _new: Any) -> None:
        edges = (self.stop_mark.left, self.stop_mark.top)
        if self._filling or not all(isinstance(e, (int, float)) for e in edges):
            return
        dy, dx = self.planes.views["z"].edges
        _, height, _, width = self.in_slices
        drawn = (round(edges[1] / dy + 0.5), height, round(edges[0] / dx + 0.5), width)
        row, column = self.placement.corner_in_frame(drawn)
        self.stop = self._stop_at(row, column)

    def _on_geometry(self, event: Any) -> None:
        geometry = event.geometry
        if event.final and geometry.get("type") == "rect":
            corners = (geometry["x0"], geometry["x1"], geometry["y0"], geometry["y1"])
            self._take_drawn(self.planes.views["z"].box_of(*corners))
            self.use_box = True
            self._end_drawing()

    def begin_drawing(self) -> None:
        """Let the next drag over XY draw the box."""
        self.use_box = True
        # A drag that begins inside a box which can be moved would move it.
        self.planes.views["z"].box_mark.editable = self.stop_mark.editable = False
        self.planes.views["z"].figure.toolbar.active_drag = self.tool

    def _end_drawing(self) -> None:
        self.planes.views["z"].box_mark.editable = self.stop_mark.editable = True
        self.planes.views["z"].figure.toolbar.active_drag = "auto"

    def toggle(self) -> None:
        """Show the box and take the box tool, or hide the box (b)."""
        if self.use_box:
            self.use_box = False
            when_locked(self._end_drawing)
        else:
            when_locked(self.begin_drawing)

    def clear(self) -> None:
        """Take the whole slice."""
        self.param.update(stop=NO_BOX, sliding=False, use_box=False)
        self.session.box = NO_BOX
        when_locked(self._end_drawing)

    # Preview

    def preview(self) -> None:
        """Draw the strip again."""
        volume = self.planes.volume
        shown = self.previewed and volume is not None
        self.strip.visible = self.options.visible = shown
        if not shown or volume is None:
            self._asked = None
            return
        view = self.planes.views["z"]
        self._asked = PreviewRequest(
            volume, self.in_slices, self.stop_in_slices,
            int(self.n_slices.value or 5), bool(self.inside.value), view.low, view.high,
            view.inverted,
        )  # fmt: skip
        self.preview_work.request(self._asked)

    def _on_preview(self, _event: Any) -> None:
        error = self.preview_work.error
        self.strip.object = escape(error) if error else self.preview_work.result or ""

    def __panel__(self) -> Any:
        return self.fields
