"""The Header page: one frame, its header, its grey levels and its analyses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui

from components.pages import header_downloads as downloads
from components.pages.analysis_tab import AnalysisTab
from components.pages.base import CONTROL_WIDTH, Page, card, empty_state
from components.pages.header_analysis import Scope, write_flatten_file
from components.pages.header_code import snapshot_code
from components.pages.header_frame import fit_surface
from components.pages.header_image import FrameImage
from components.pages.header_load import BESIDE, FUSED
from components.pages.header_tabs import FlattenTab, FscTab, NoiseTab, SnrTab
from components.session import Session
from components.widgets.figure_tools import CopyAsCode
from components.widgets.frame_slider import FrameSlider
from components.widgets.header_table import HeaderTable
from components.work import POOL, LatestWork
from fibsem_dash.compute.executor import describe_error
from fibsem_dash.frame import FIBSEMFrame

WIDTH = CONTROL_WIDTH - 56
"""Width of one field, px."""

PLAIN_CASE = {"& .MuiToggleButton-root": {"textTransform": "none", "whiteSpace": "nowrap"}}
"""Labels of button groups as they are written, on one line."""

HALF = {"width": WIDTH // 2 - 8, "margin": (4, 4), "size": "small"}
"""Two fields beside each other."""


class HeaderPage(Page):
    """Image of a frame with its header, histogram and live analyses."""

    title = "Header"
    hint = "Step through the frames with ← →, turn the wheel to zoom, drag the orange lines."
    help_text = """
Step through the frames with the slider or the arrow keys. Drag to move the image, turn the wheel to
zoom; what is visible is read again from the file. Drag the two orange lines of the **histogram** to
set black and white. **Box** limits the histogram, the tabs and the saved files to a part of the
image; drag its edges.

*Header* lists the fields of the file. Rows with ● differ from the frame named above the table.

""" + "\n\n".join(tab.help_text for tab in (SnrTab, NoiseTab, FlattenTab, FscTab))

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(session, **values)
        go = pmui.Button(label="Go to Data", icon="folder_open", width=140)
        go.on_click(lambda _event: setattr(session, "page", "data"))
        self.image = FrameImage(
            empty_state("No stack is open. Open a folder with frames on the page Data.", go)
        )
        limits = session.settings.data_range
        self.image.param.update(thr_min=limits.thr_min, thr_max=limits.thr_max)
        self.slider = FrameSlider(session)
        self.table = HeaderTable()
        self.flatten = FlattenTab(self.apply_flatten)
        self.analyses: tuple[AnalysisTab, ...] = (SnrTab(), NoiseTab(), self.flatten, FscTab())
        self.applying = LatestWork(self._write_flatten)
        self.applying.param.watch(self._on_applied, ["done_count", "error", "busy"])
        self._folder = ""
        self._pictured: list[Any] | None = None
        self._visible = False
        self._make_compare_fields()
        self.tabs = pn.Tabs(
            ("Header", self._table_tab()),
            *((tab.title, tab) for tab in self.analyses),
            sizing_mode="stretch_both",
            dynamic=True,
            margin=0,
        )
        self._connect()

    def _connect(self) -> None:
        session = self.session
        session.param.watch(self._on_frame, ["frame", "frames"])
        session.param.watch(self._on_session_box, "box")
        session.param.watch(self._on_session_detector, "detector")
        self.image.param.watch(self._on_loaded, ["loaded", "detector", "use_box"])
        self.image.param.watch(self._on_box, ["box", "use_box"])
        self.image.param.watch(self._on_detector, "detector")
        self.tabs.param.watch(self._on_tab, "active")
        self.flatten.param.watch(self._on_flatten, list(self.flatten.settings()))
        self._on_flatten()

    # Layout ---------------------------------------------------------------------------------

    def controls(self) -> list[Any]:
        """Return the cards for the image and its contrast."""
        return [self._image_card(), self._contrast_card()]

    def _image_card(self) -> Any:
        image = self.image.param
        self.view_buttons = pmui.RadioButtonGroup.from_param(
            image.view, label="", size="small", margin=(6, 4), width=WIDTH, sx=PLAIN_CASE
        )
        kind = pmui.RadioButtonGroup.from_param(
            image.kind, label="", size="small", margin=(6, 4), width=WIDTH, sx=PLAIN_CASE
        )
        fraction = pmui.FloatSlider.from_param(
            image.fraction, width=WIDTH - 16, margin=(4, 12), size="small",
            visible=image.view.rx() == FUSED,
        )  # fmt: skip
        self.analysed = pmui.RadioButtonGroup(
            options=["A", "B"], value="A", size="small", margin=(0, 4),
            visible=image.view.rx().rx.in_([FUSED, BESIDE]),
        )  # fmt: skip
        self.analysed.param.watch(self._on_analysed, "value")
        label = pmui.Typography(
            "Histogram and tabs of detector", variant="caption", margin=(8, 4),
            visible=image.view.rx().rx.in_([FUSED, BESIDE]),
        )  # fmt: skip
        fit = pmui.Button(
            label="Fit", icon="fit_screen", size="small", variant="outlined", width=90,
            description="Show the whole frame (f)",
        )  # fmt: skip
        fit.on_click(lambda _event: self.image.fit())
        box = pmui.Switch.from_param(image.use_box, width=120, margin=(8, 8))
        return card(
            "Image", self.view_buttons, kind, fraction, pn.Row(label, self.analysed, margin=0),
            pn.Row(fit, box, margin=0),
        )  # fmt: skip

    def _contrast_card(self) -> Any:
        image, histogram = self.image.param, self.image.histogram
        auto = pmui.Button(
            label="Auto", icon="contrast", size="small", variant="outlined", width=90,
            description="Take the shares below for black and white (c)",
        )  # fmt: skip
        auto.on_click(self.image.auto)
        check = {"margin": (2, 4), "size": "small"}
        return card(
            "Contrast",
            histogram,
            pn.Row(auto, pmui.Switch.from_param(image.inverted, margin=(8, 8)), margin=0),
            pn.Row(
                pmui.Checkbox.from_param(histogram.param.logarithmic, **check),
                pmui.Checkbox.from_param(histogram.param.show_cdf, **check),
                margin=0,
            ),
            pmui.Checkbox.from_param(image.automatic, **check),
            pn.Row(
                pmui.FloatInput.from_param(image.thr_min, step=0.001, **HALF),
                pmui.FloatInput.from_param(image.thr_max, step=0.001, **HALF),
                margin=0,
            ),
            pmui.IntInput.from_param(image.nbins, **HALF),
        )

    def _save_row(self) -> Any:
        """Return the buttons under the picture, where they are seen without scrolling."""
        self.buttons: dict[str, pmui.FileDownload] = {}
        kinds = {"PNG": ".png", "JPEG": ".jpg", "TIFF": ".tif"}
        texts = {
            "PNG": "The image as it is shown, in 8 bit, at full resolution",
            "JPEG": "The image as it is shown, in 8 bit, compressed with loss",
            "TIFF": "The raw counts of the detector",
        }
        for name, suffix in kinds.items():
            self.buttons[name] = self._download(name, suffix, texts[name], self.save_bytes)
        if downloads.has_snapshot():
            text = "All detectors with the main parameters and the notes on one picture"
            for name, suffix in (("Snapshot PNG", ".png"), ("Snapshot JPEG", ".jpg")):
                self.buttons[name] = self._download(name, suffix, text, self.snapshot)
        copy = CopyAsCode.of(lambda: snapshot_code(self.session.frame_path))
        caption = pmui.Typography("Save", variant="caption", margin=(8, 2, 0, 8))
        return pn.FlexBox(caption, *self.buttons.values(), copy, margin=0, gap="0px")

    def _download(
        self, name: str, suffix: str, text: str, make: Callable[[str], tuple[str, bytes]]
    ) -> pmui.FileDownload:
        button = pmui.FileDownload(
            label=name, filename=f"frame{suffix}", size="small", description=text, icon="",
            margin=(2, 0), disabled=True, sx={"minWidth": "0", "textTransform": "none"},
        )  # fmt: skip
        # As an argument it is mixed up with the old name of the parameter.
        button.variant = "text"
        button.callback = partial(self._send, button, suffix, make)
        return button

    def _make_compare_fields(self) -> None:
        self.only_changed = pmui.Switch.from_param(
            self.table.param.only_changed, margin=(8, 4), size="small"
        )
        self.compare_with = pmui.Select(
            options=["previous frame", "frame ..."], value="previous frame", width=170,
            label="Compare with", size="small", margin=(6, 4),
        )  # fmt: skip
        self.other = pmui.IntInput(
            label="Frame", value=0, start=0, width=90, size="small", margin=(6, 4), visible=False
        )
        self.compare_with.param.watch(self._on_compare, "value")
        self.other.param.watch(self._on_compare, "value")

    def _table_tab(self) -> Any:
        return pn.Column(
            pn.FlexBox(self.compare_with, self.other, self.only_changed, margin=(10, 0, 0, 0)),
            self.table,
            sizing_mode="stretch_both",
            margin=0,
        )

    def main(self) -> Any:
        """Return the image with the slider, and the tabs."""
        picture = pn.Column(
            self.image, self.slider, self._save_row(), sizing_mode="stretch_both", margin=(0, 4),
            styles={"flex": "1 1 0", "min-width": "320px"},
        )  # fmt: skip
        tabs = pn.Column(
            self.tabs, sizing_mode="stretch_both", margin=(0, 4),
            styles={"flex": "0 0 clamp(370px, 36%, 820px)", "min-width": "0"},
        )  # fmt: skip
        return pn.Row(
            picture, tabs, sizing_mode="stretch_both", margin=0, styles={"min-width": "0"}
        )

    # The frame ------------------------------------------------------------------------------

    def on_enter(self) -> None:
        """Show the frame under the cursor."""
        self._visible = True
        if any(self.session.box):
            self.image.param.update(box=self.session.box, use_box=True)
        self._on_frame()
        self._on_tab()

    def on_leave(self) -> None:
        """Compute nothing while another page is shown."""
        self._visible = False
        for tab in self.analyses:
            tab.active = False

    def on_key(self, key: str) -> None:
        """React to f, c, b and space."""
        if key == "f":
            self.image.fit()
        elif key == "c":
            self.image.auto()
        elif key == "b":
            self.image.use_box = not self.image.use_box
        elif key == " ":
            self.image.flicker()

    def _on_frame(self, *_events: Any) -> None:
        if not self._visible:
            return
        if self.session.folder != self._folder:
            # Another stack has other grey levels.
            self._folder = self.session.folder
            self.image.contrast.clear()
            self._set_view(self.session.detector)
        if self._pictured is not self.session.frames:
            self._pictured = self.session.frames
            self.slider.thumbnails.request(self._pictured, self.session.detector)
        self.image.open(self.session.frame_path)
        self._read_header()

    def _set_view(self, detector: str) -> None:
        if detector in self.image.param.view.objects:
            self.image.view = detector

    @property
    def other_frame(self) -> int | None:
        """Index of the frame that the header is compared with; None without one."""
        session = self.session
        frame = min(session.frame, max(len(session.frames) - 1, 0))
        previous = self.compare_with.value == "previous frame"
        other = frame - 1 if previous else int(self.other.value or 0)
        return other if 0 <= other < len(session.frames) else None

    def _read_header(self) -> None:
        path, other = self.session.frame_path, self.other_frame
        if not path:
            self.table.clear()
            return
        other_path = "" if other is None else self.session.frames[other].path
        label = "" if other is None else f"Frame {other}"
        self.only_changed.label = f"Only changed since {label.lower()}" if label else "Only changed"
        self.table.request(path, other_path, label)

    def _on_compare(self, *_events: Any) -> None:
        self.other.param.update(
            visible=self.compare_with.value != "previous frame",
            end=max(len(self.session.frames) - 1, 0),
        )
        self._read_header()

    def _on_loaded(self, *_events: Any) -> None:
        loaded = self.image.loaded
        for button in getattr(self, "buttons", {}).values():
            button.disabled = loaded is None
        if hasattr(self, "analysed") and loaded is not None:
            letters = list(loaded.frame.detectors[:2])
            self.analysed.param.update(options=letters)
            if self.image.detector in letters:
                self.analysed.value = self.image.detector
        scope = self.scope
        for tab in self.analyses:
            tab.look_at(scope)

    @property
    def scope(self) -> Scope | None:
        """What the tabs analyse; None without a frame."""
        loaded = self.image.loaded
        if loaded is None:
            return None
        frames, index = self.session.frames, self.session.frame
        following = frames[index + 1].path if index + 1 < len(frames) else ""
        return Scope(loaded.frame, self.image.detector, self.image.active_box, following)

    def _on_tab(self, *_events: Any) -> None:
        for index, tab in enumerate(self.analyses, start=1):
            tab.active = self._visible and self.tabs.active == index

    # What is shared with other pages --------------------------------------------------------

    def _on_analysed(self, event: Any) -> None:
        if event.new:
            self.image.detector = event.new

    def _on_detector(self, event: Any) -> None:
        self.session.detector = event.new

    def _on_session_detector(self, event: Any) -> None:
        if event.new != self.image.detector:
            self._set_view(event.new)

    def _on_box(self, *_events: Any) -> None:
        if self.image.use_box and any(self.image.box):
            self.session.box = self.image.box
        self._on_loaded()

    def _on_session_box(self, event: Any) -> None:
        if any(event.new) and event.new != self.image.box:
            self.image.param.update(box=event.new, use_box=True)

    # Flattening -----------------------------------------------------------------------------

    def _on_flatten(self, *_events: Any) -> None:
        self.image.set_flatten({n: getattr(self.flatten, n) for n in self.flatten.settings()})

    def apply_flatten(self) -> None:
        """Write the factors of all detectors and let the run use them."""
        if self.scope is None:
            return
        settings = {name: getattr(self.flatten, name) for name in self.flatten.settings()}
        self.applying.request(self.scope, settings)

    def _write_flatten(self, scope: Scope, settings: dict[str, Any]) -> Path:
        surfaces = {
            d: fit_surface(scope.frame, d, box=scope.box, **settings) for d in scope.frame.detectors
        }
        name = downloads.file_name(scope.frame, "flatten", "")
        return write_flatten_file(self.session.config.run_root / "flatten", name, surfaces)

    def _on_applied(self, event: Any) -> None:
        if event.name == "busy" and event.new:
            self.flatten.applied = "Writing the factors ..."
        elif event.name == "error" and event.new:
            self.flatten.applied = event.new
        elif event.name == "done_count":
            path = str(self.applying.result)
            self.session.settings.output.flatten_file = path
            self.session.param.trigger("settings_changed")
            self.flatten.applied = f"The run will flatten its frames with {path}"

    # Files ----------------------------------------------------------------------------------

    async def _send(
        self, button: pmui.FileDownload, suffix: str, make: Callable[[str], tuple[str, bytes]]
    ) -> Any:
        loop = asyncio.get_running_loop()
        try:
            name, data = await loop.run_in_executor(POOL, make, suffix)
        except Exception as error:
            self.session.error = describe_error(error)
            raise
        button.filename = name
        return downloads.as_file(data)

    def save_bytes(self, suffix: str) -> tuple[str, bytes]:
        """Return name and content of a file with what is shown, or with its raw counts."""
        return downloads.shown_file(self.image, suffix)

    def snapshot(self, suffix: str) -> tuple[str, bytes]:
        """Return name and content of the snapshot figure."""
        frame: FIBSEMFrame = self.image.loaded.frame
        name = downloads.file_name(frame, "snapshot", suffix)
        return name, downloads.snapshot_bytes(frame, suffix)
