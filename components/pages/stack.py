"""The Stack page: three linked planes of a stack, the evaluation box, and what is done with it."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import panel as pn
import panel_material_ui as pmui

from components.command_line import quoted_command
from components.locked import when_locked
from components.pages.base import CONTROL_WIDTH, Page, card, empty_state
from components.pages.stack_box import StackBox
from components.pages.stack_jobs import StackEvaluation
from components.pages.stack_planes import StackPlanes
from components.pages.stack_tools import StackTools
from components.pages.stack_volume import Volume, edges_um, open_volume, run_stacks
from components.plots.export import name_export
from components.session import Session
from components.widgets.facts import Facts
from components.widgets.figure_tools import CopyAsCode
from components.widgets.plain import plain
from components.widgets.stack_picker import StackPicker
from components.widgets.stack_plane_view import TITLES
from components.work import LatestWork
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.units import format_bytes

WIDTH = CONTROL_WIDTH - 56
"""Width of one field, px."""


class StackPage(Page):
    """XY, XZ and YZ of a stack with the evaluation box."""

    title: ClassVar[str] = "Stack"
    hint: ClassVar[str] = (
        "Click into a plane to move the other two, ← → steps through the slices, b draws the box."
    )
    help_text: ClassVar[str] = """
Three planes through one stack: XY, XZ below it, YZ beside it, all with true proportions.

* Click into a plane, or drag a line of its cross-hair, to move the other two. **← →** step through
  the slices (with shift: 10). Drag to move a plane, turn the wheel to zoom: what is visible is read
  again from the file. **f** shows whole planes, **c** fits the contrast.
* Far out, large OME-Zarr and HDF5 stacks are shown from their pyramid; a line tells of how many
  slices that is the mean. Close up every voxel is that of the file.
* **Evaluation box**: drag its edges or its inside, or type [top, height, left, width] in px; 0
  reaches to the edge. *Sliding* moves it evenly from the first slice to the last; XZ and YZ show
  its path. *Preview* shows it on slices spread over the stack. In the stack of a run the numbers
  are pixels of the first frame, as in the settings of the run; slices with a margin begin earlier.
* **Evaluate** measures each slice against the one before inside the box (NSAD, NCC, NMI, FSC). It
  goes on when you leave the page.
* **Tools** write the stack, or a part of it, in another size, type or format below the run folder.
  Nothing is ever written beside the data.
"""

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(session, **values)
        self.planes = StackPlanes()
        self.box = StackBox(session, self.planes, WIDTH)
        self.evaluation = StackEvaluation(session, self.box, WIDTH)
        self.tools = StackTools(session, self.box, self.open, WIDTH)
        self.picker = StackPicker(session.config, self.open, WIDTH)
        self.opening = LatestWork(lambda path: open_volume(session.config, path))
        self.opening.param.watch(self._on_opened, "done_count")
        self.opening.param.watch(self._on_error, "error")
        self.opening.param.watch(self._on_busy, "busy")
        self._asked = ""
        self._volume: Volume | None = None
        self._make_cards()
        if pn.state.curdoc is not None and pn.state.curdoc.session_context is not None:
            pn.state.on_session_destroyed(lambda _context: self.close())
        self.planes.param.watch(lambda *_e: self._on_position(), "position")
        session.param.watch(lambda *_e: self._on_address(), ["stack_file", "stack_position"])
        session.param.watch(lambda *_e: self._show_run(), "run_folder")

    def _make_cards(self) -> None:
        self.run_button = pmui.Button(
            label="Stack of the run", icon="playlist_play", size="small", width=WIDTH,
            margin=(4, 8), visible=False,
        )  # fmt: skip
        self.run_button.on_click(lambda _event: self.open(self.session.run_folder))
        self.folder_button = pmui.Button(
            label="Open this folder as a stack", icon="folder_open", size="small", variant="text",
            margin=(2, 8),
        )  # fmt: skip
        self.folder_button.on_click(lambda _event: self.open(str(self.picker.current or "")))
        self.facts = Facts(margin=(2, 4))
        self.distance = pmui.FloatInput(
            label="Distance of slices (nm)", value=None, start=0.001, width=WIDTH, size="small",
            margin=(6, 8), description="Replaces what the file says, in the pictures and in what "
            "the tools write.",
        )  # fmt: skip
        self.distance.param.watch(lambda *_e: self._on_distance(), "value")
        self.alert = pmui.Alert("", severity="error", visible=False, sizing_mode="stretch_width")
        self.bar = pmui.LinearProgress(
            variant="indeterminate", visible=False, sizing_mode="stretch_width", margin=0
        )
        self.auto = pmui.Button(
            label="Auto", icon="auto_fix_high", size="small", variant="text", margin=(2, 4),
            description="Fit the contrast to what is visible (c)",
        )  # fmt: skip
        self.auto.on_click(lambda _event: when_locked(self.planes.auto_contrast))
        self.fit_button = pmui.Button(
            label="Fit", icon="fit_screen", size="small", variant="text", margin=(2, 4),
            description="Show whole planes (f)",
        )  # fmt: skip
        self.fit_button.on_click(lambda _event: when_locked(self.planes.fit))

    def controls(self) -> list[Any]:
        """Return the cards of the control column."""
        planes = self.planes
        switch = {"size": "small", "margin": (2, 4)}
        buttons = pmui.RadioButtonGroup.from_param(
            planes.param.shown, label="", size="small", width=WIDTH, margin=(4, 4)
        )
        which = pmui.RadioButtonGroup.from_param(
            planes.param.plane, label="", size="small", width=WIDTH - 70, margin=(4, 4)
        )
        view = card(
            "View",
            buttons,
            pn.Row(which, self.auto, margin=0),
            planes.histogram,
            pmui.Checkbox.from_param(planes.param.shared, **switch),
            pn.Row(
                pmui.Checkbox.from_param(planes.param.inverted, **switch),
                self.fit_button,
                CopyAsCode.of(self.as_code),
                margin=0,
            ),
        )
        stack = card("Stack", self.run_button, self.picker, self.folder_button)
        self.stack_card = stack
        return [
            stack,
            view,
            card("Evaluation box", self.box.fields, self.evaluation, collapsed=True),
            card("About the stack", self.facts, self.distance, collapsed=True),
            card("Tools: bin, crop, convert, join", self.tools, collapsed=True),
        ]

    def main(self) -> Any:
        """Return the planes."""
        self.no_stack = empty_state(
            "Choose a stack at the left: .mrc, .tif, .zarr or .h5, a folder of TIFF slices, or the "
            "stack of a run."
        )
        self.pictures = pn.Column(
            self.planes, self.box.strip, sizing_mode="stretch_both", visible=False, margin=0
        )
        place = pn.Column(self.bar, height=6, sizing_mode="stretch_width", margin=0)
        return pn.Column(
            place, self.alert, self.no_stack, self.pictures, sizing_mode="stretch_both", margin=0
        )

    # Opening

    def on_enter(self) -> None:
        """Open what the address asks for, else the stack of the run."""
        self._show_run()
        if self.session.stack_file:
            self._on_address()
        elif self._volume is None and self._run_stack():
            self.open(self.session.run_folder)

    def _run_stack(self) -> str:
        from pathlib import Path

        folder = self.session.run_folder
        try:
            stacks = run_stacks(self.session.config.confine(folder)) if folder else []
        except FibsemDashError:
            return ""
        return str(stacks[0]) if stacks and Path(stacks[0]).exists() else ""

    def _show_run(self) -> None:
        self.run_button.visible = bool(self._run_stack())

    def open(self, path: str) -> None:
        """Open a stack or the stack of a run; the path is checked against the allowed folders."""
        if path:
            self._asked = path
            self.opening.request(path)

    def _on_address(self) -> None:
        path = self.session.stack_file
        if path and (self._volume is None or str(self._volume.path) != path):
            if path != self._asked or not self.opening.busy:
                self.open(path)
        elif self._volume is not None and min(self.session.stack_position) >= 0:
            when_locked(lambda: self._go_to(self.session.stack_position))

    def _go_to(self, position: tuple[int, int, int]) -> None:
        if self._volume is not None:
            z, y, x = (min(max(int(p), 0), n - 1)
                       for p, n in zip(position, self._volume.shape, strict=True))  # fmt: skip
            self.planes.position = (z, y, x)

    def _on_opened(self, _event: Any) -> None:
        volume: Volume = self.opening.result
        before, self._volume = self._volume, volume
        self.alert.visible = False
        # A link leads to its place; another stack opens in its middle.
        asked = self.session.stack_position
        position = asked if min(asked) >= 0 and before is None else None
        self._draw(position)
        self.tools.set_volume()
        self.box.update()
        self._tell_facts()
        if hasattr(self, "pictures"):
            self.pictures.visible, self.no_stack.visible = True, False
        self.stack_card.collapsed = True
        self.session.param.update(stack_file=str(volume.path), stack_position=self.planes.position)
        for axis, view in self.planes.views.items():
            name_export(view.figure, f"{volume.path.stem} {TITLES[axis]}")
        if before is not None and before is not volume:
            before.reader.close()

    def close(self) -> None:
        """Close the file of the stack, when the tab is closed."""
        if self._volume is not None:
            self._volume.reader.close()

    def _draw(self, position: tuple[int, int, int] | None) -> None:
        volume = self._volume
        if volume is None:
            return
        edges, unit, self.note = edges_um(volume.voxel_size_nm, self.distance.value)
        self.planes.set_volume(volume, edges, unit, position)

    def _on_error(self, _event: Any) -> None:
        error = self.opening.error
        self.alert.param.update(object=plain(error), visible=bool(error))

    def _on_busy(self, _event: Any) -> None:
        self.bar.visible = self.opening.busy

    def _on_distance(self) -> None:
        if self._volume is not None:
            when_locked(self._redraw)
            self._tell_facts()
            self.tools.update()

    def _redraw(self) -> None:
        self._draw(self.planes.position)
        self.box.update()

    def _on_position(self) -> None:
        if self._volume is not None:
            self.session.stack_position = self.planes.position

    def _tell_facts(self) -> None:
        volume = self._volume
        if volume is None:
            return
        _, self_unit, note = edges_um(volume.voxel_size_nm, self.distance.value)
        z, y, x = volume.shape
        size = " × ".join(
            f"{v:.4g}" if math.isfinite(v) else "?" for v in volume.voxel_size_nm[::-1]
        )
        edges = self.planes.edges
        field = " × ".join(f"{n * e:.3g}" for n, e in zip((x, y, z), edges[::-1], strict=True))
        rows = [
            ("File", volume.path.name),
            ("Voxels (x, y, z)", f"{x} × {y} × {z}"),
            ("Type", str(volume.stack.dtype)),
            ("Voxel (nm)", size),
            (f"Size ({self_unit})", field),
            ("On disk", format_bytes(volume.n_bytes) if volume.n_bytes else "unknown"),
        ]
        levels = getattr(volume.stack, "part_levels", ())
        if len(levels) > 1:
            rows.append(("Pyramid", f"{len(levels)} levels"))
        labels = [label.rstrip(".") for label in volume.labels[:4] if label.strip()]
        self.facts.show(rows, [*([note.rstrip(".")] if note else []), *labels])

    # Keys

    @property
    def n_frames(self) -> int:
        """How many slices the keys Home and End go over."""
        return 0 if self._volume is None else self._volume.stack.shape[0]

    def step_frame(self, step: int) -> None:
        """Move through the slices; frames of the raw stack stay where they are."""
        if self._volume is not None:
            when_locked(lambda: self.planes.step(step))

    def on_key(self, key: str) -> None:
        """Fit the view, fit the contrast, take the box tool."""
        if self._volume is None:
            return
        if key == "f":
            when_locked(self.planes.fit)
        elif key == "c":
            when_locked(self.planes.auto_contrast)
        elif key == "b":
            self.box.toggle()

    def as_code(self) -> tuple[str, str]:
        """Return Python and command line that read the planes that are shown."""
        if self._volume is None:
            return "", ""
        z, y, x = self.planes.position
        path = str(self._volume.path)
        python = (
            "from fibsem_dash.io import open_stack\n"
            "from fibsem_dash.io.planes import read_plane\n"
            f"with open_stack({path!r}) as stack:\n"
            f"    xy, xz, yz = (read_plane(stack, axis, k).image\n"
            f"                  for axis, k in (('z', {z}), ('y', {y}), ('x', {x})))"
        )
        return python, quoted_command(["fibsem-dash", "info", path])
