"""Tools of the Stack page: bin, crop, other formats and types, several stacks joined."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from components.command_line import quoted_command
from components.pages.stack_box import StackBox
from components.pages.stack_jobs import STACKS, free_name, make_folder
from components.plots.export import safe_name
from components.session import Session
from components.widgets.facts import PlainText
from components.widgets.figure_tools import CopyAsCode
from components.widgets.job_line import JobLine
from components.widgets.plain import plain
from fibsem_dash.compute.executor import describe_error
from fibsem_dash.errors import FibsemDashError, ParameterError
from fibsem_dash.io.pyramid import Triple
from fibsem_dash.registration.stack_conversion import StackChange, output_shape
from fibsem_dash.units import format_bytes

FORMATS = {
    "MRC": ".mrc",
    "OME-Zarr": ".zarr",
    "BigDataViewer HDF5": ".h5",
    "TIFF stack": ".tif",
    "Folder of TIFF slices": "",
}
TYPES = ("as the source", "uint8", "int8", "uint16", "int16", "float32")
PYRAMID = 8 / 7
"""Levels of a pyramid take a seventh more, where all axes are halved."""


@dataclass(frozen=True)
class Planned:
    """What a conversion would write: shape, type, bytes."""

    shape: Triple
    dtype: np.dtype[Any]
    n_bytes: int
    change: StackChange

    def sentence(self, voxel_nm: tuple[float, float, float]) -> str:
        """Tell it in words."""
        size = " × ".join(map(str, self.shape[::-1]))
        edges = " × ".join(f"{v:.4g}" if math.isfinite(v) else "?" for v in voxel_nm[::-1])
        return (
            f"Result: {size} voxels (x, y, z), {self.dtype}, {edges} nm, "
            f"{format_bytes(self.n_bytes)} before compression"
        )


class StackTools(pn.viewable.Viewer):  # type: ignore[misc]
    """Writes the open stack, or a part of it, below the run root.

    Parameters
    ----------
    session : Session
        Its box and run root.
    box : StackBox
        Knows the open stack.
    on_open : callable
        Told the path of a stack that was written and is to be shown.
    """

    def __init__(
        self, session: Session, box: StackBox, on_open: Callable[[str], None], width: int,
        **values: Any,
    ) -> None:  # fmt: skip
        super().__init__(**values)
        self.session, self.box, self.on_open = session, box, on_open
        self.target: Path | None = None
        self._build(width)
        for widget in (
            *self.bins, self.crop_box, self.z_from, self.z_to, self.format, self.dtype,
            self.low, self.high, self.others,
        ):  # fmt: skip
            widget.param.watch(lambda *_e: self.update(), "value")
        session.param.watch(lambda *_e: self.update(), "box")
        self.job.param.watch(lambda *_e: self._on_done(), "done_count")
        self.update()

    def _build(self, width: int) -> None:
        def number(label: str, value: int | None, start: int, **more: Any) -> Any:
            return pmui.IntInput(
                label=label, value=value, start=start, size="small", margin=(4, 3), **more
            )

        third = width // 3 - 8
        self.bins = [number(f"Bin {axis}", 1, 1, width=third) for axis in "zyx"]
        half = {"width": width // 2 - 8, "size": "small", "margin": (4, 3)}
        self.crop_box = pmui.Checkbox(
            label="Crop to the evaluation box", value=False, size="small", margin=(4, 4)
        )
        self.z_from = number("First slice", 0, 0, width=half["width"])
        self.z_to = number("Last slice", 0, 0, width=half["width"])
        self.format = pmui.Select(label="Format", options=FORMATS, value=".mrc", **half)
        self.dtype = pmui.Select(label="Type", options=list(TYPES), value=TYPES[0], **half)
        self.low = pmui.FloatInput(label="Grey level to lowest", value=None, **half)
        self.high = pmui.FloatInput(label="Grey level to highest", value=None, **half)
        self.contrast = pmui.Button(
            label="Take the contrast", icon="contrast", size="small", variant="text",
            margin=(2, 4), description="Grey levels shown black and white, scaled to the type",
        )  # fmt: skip
        self.contrast.on_click(lambda _event: self.take_contrast())
        self.others = pmui.TextAreaInput(
            label="Stacks to append, one path a line", value="", rows=2, width=width,
            margin=(6, 4), size="small", description="Of the same width, height and type, joined "
            "along z in this order: stacks, TIFF files or folders of TIFF slices.",
        )  # fmt: skip
        self.file_name = pmui.TextInput(
            label="Name", placeholder="automatic", width=width, size="small", margin=(6, 4)
        )
        self.result = PlainText("", margin=(6, 4))
        self.problem = pmui.Alert("", severity="warning", visible=False, width=width)
        self.button = pmui.Button(
            label="Write", icon="save", size="small", width=width // 2, margin=(4, 4)
        )
        self.button.on_click(lambda _event: self.start())
        self.code = CopyAsCode.of(self.as_code)
        self.job = JobLine(width=width)
        self.open = pmui.Button(
            label="Open the result", icon="layers", size="small", width=width, visible=False,
            margin=(4, 4),
        )  # fmt: skip
        self.open.on_click(lambda _event: self.on_open(str(self.target)))
        self._layout = pn.Column(
            pn.Row(*self.bins, margin=0), self.crop_box, pn.Row(self.z_from, self.z_to, margin=0),
            pn.Row(self.format, self.dtype, margin=0), pn.Row(self.low, self.high, margin=0),
            self.contrast, self.others, self.file_name, self.result, self.problem,
            pn.Row(self.button, self.code, margin=0), self.job, self.open, margin=0,
        )  # fmt: skip

    def set_volume(self) -> None:
        """Take over the length of another stack."""
        volume = self.box.planes.volume
        last = volume.shape[0] - 1 if volume else 0
        self.z_from.param.update(value=0, end=last)
        self.z_to.param.update(value=last, end=last)
        self.open.visible = False
        self.update()

    def take_contrast(self) -> None:
        """Scale the grey levels that are shown to those of the type."""
        view = self.box.planes.views["z"]
        self.low.value, self.high.value = view.low, view.high

    @property
    def sources(self) -> list[str]:
        """The open stack and those that are appended, confined to the allowed folders.

        Raises
        ------
        AccessError
            When one of them lies elsewhere.
        """
        volume = self.box.planes.volume
        own = [str(volume.path)] if volume else []
        lines = [line.strip() for line in (self.others.value or "").splitlines()]
        return own + [str(self.session.config.confine(line)) for line in lines if line]

    def plan(self) -> Planned:
        """Work out what would be written.

        Raises
        ------
        ParameterError
            When the parts do not fit the stack.
        """
        volume = self.box.planes.volume
        if volume is None:
            raise ParameterError("No stack is open")
        nz, ny, nx = volume.shape
        first, last = int(self.z_from.value or 0), int(self.z_to.value or 0)
        if not 0 <= first <= last < nz:
            raise ParameterError(
                "slices", expected=f"0 <= first <= last <= {nz - 1}", found=f"{first} to {last}"
            )
        top, height, left, width = 0, ny, 0, nx
        if self.crop_box.value:
            top, height, left, width = self.box.in_slices
        bins = (
            int(self.bins[0].value or 1), int(self.bins[1].value or 1), int(self.bins[2].value or 1)
        )  # fmt: skip
        crop = (first, last + 1, top, min(top + height, ny), left, min(left + width, nx))
        scale = None
        if self.low.value is not None and self.high.value is not None:
            scale = (float(self.low.value), float(self.high.value))
            if not scale[0] < scale[1]:
                raise ParameterError("grey levels", expected="lowest below highest", found=scale)
        dtype = None if self.dtype.value == TYPES[0] else str(self.dtype.value)
        change = StackChange(crop, bins, scale, dtype)
        shape = output_shape(change)
        if min(shape) < 1:
            raise ParameterError("bins", expected="1 to the size of the part", found=bins)
        kind = np.dtype(dtype or volume.stack.dtype)
        size = math.prod(shape) * kind.itemsize
        if self.format.value in (".zarr", ".h5"):
            size = round(size * PYRAMID)
        return Planned(shape, kind, size, change)

    def update(self) -> None:
        """Show what would be written."""
        volume = self.box.planes.volume
        self.button.disabled = volume is None
        if volume is None:
            self.result.text = ""
            return
        try:
            planned = self.plan()
            joined = len(self.sources) > 1
        except FibsemDashError as error:
            self.result.text, self.button.disabled = "", True
            self._tell(describe_error(error))
            return
        self._tell("")
        z, y, x = (v * b for v, b in zip(self._voxel(), planned.change.bins, strict=True))
        text = planned.sentence((z, y, x))
        self.result.text = (
            text
            if not joined
            else (f"{len(self.sources)} stacks, joined along z; bins apply to the joined stack")
        )

    def _tell(self, problem: str) -> None:
        self.problem.param.update(object=plain(problem), visible=bool(problem))

    def _voxel(self) -> tuple[float, float, float]:
        """Voxel edges (z, y, x) in nm: the file's, else those that the page draws with."""
        volume, planes = self.box.planes.volume, self.box.planes
        assert volume is not None
        if planes.unit == "µm":
            z, y, x = (edge * 1000 for edge in planes.edges)
            return z, y, x
        return volume.voxel_size_nm

    def arguments(self, target: Path) -> list[str]:
        """Return what follows ``fibsem-dash convert``.

        Raises
        ------
        FibsemDashError
            When there is nothing sensible to write.
        """
        sources, change = self.sources, self.plan().change
        volume = self.box.planes.volume
        assert volume is not None
        assert change.crop is not None
        parts = [*sources, str(target)]
        nz, ny, nx = volume.shape
        crop = list(change.crop)
        whole = (0, nz, 0, ny, 0, nx)
        if tuple(crop) != whole and len(sources) > 1:
            raise ParameterError(
                "A joined stack cannot be cropped here", remedy="Join first, then crop the result"
            )
        if tuple(crop) != whole:
            parts += ["--crop", *map(str, crop)]
        if change.bins != (1, 1, 1):
            parts += ["--bin", *map(str, change.bins)]
        if change.scale is not None:
            parts += ["--scale", *(f"{v:g}" for v in change.scale)]
        if change.dtype is not None:
            parts += ["--dtype", change.dtype]
        voxel = self._voxel()
        known = all(math.isfinite(v) and v > 0 for v in voxel)
        if known and voxel != volume.voxel_size_nm:
            parts += ["--voxel", *(f"{v:g}" for v in voxel)]
        return parts

    def start(self) -> None:
        """Put the conversion in the queue."""
        volume = self.box.planes.volume
        if volume is None or self.job.active:
            return
        suffix = str(self.format.value)
        self.open.visible = False
        try:
            folder = make_folder(self.session.config.run_root / STACKS)
            stem = safe_name(self.file_name.value or f"{volume.path.stem}_new")
            self.target = free_name(folder, stem, suffix)
            arguments = self.arguments(self.target)
        except FibsemDashError as error:
            self._tell(describe_error(error))
            return
        self.job.start("convert", arguments, f"Write {self.target.name}", str(self.target))

    def _on_done(self) -> None:
        self.open.visible = self.target is not None and self.target.exists()

    def as_code(self) -> tuple[str, str]:
        """Return Python and command line of the conversion."""
        volume = self.box.planes.volume
        if volume is None:
            return "", ""
        try:
            target = Path(f"{volume.path.stem}_new{self.format.value}")
            arguments, sources = self.arguments(target), self.sources
            change = self.plan().change
        except FibsemDashError:
            return "", ""
        python = (
            "from fibsem_dash.registration.stack_conversion import StackChange, convert_stack\n"
            f"change = {change!r}\n"
            f"convert_stack({sources!r}, {str(target)!r}, change)"
        )
        return python, quoted_command(["fibsem-dash", "convert", *arguments])

    def __panel__(self) -> Any:
        return self._layout
