"""Trend: the fits of the chain, live, with planes of the result that is not written yet."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui

from components.command_line import quoted_command
from components.jobs import job_registry
from components.live import LiveWork
from components.locked import in_session, when_locked
from components.pages.base import CONTROL_WIDTH, card
from components.pages.run_tab import RunTab
from components.pages.sift_results import STYLE
from components.pages.trend_numbers import numbers_html, trend_numbers
from components.rerun import Rerun, plan_rerun, source_of
from components.run_data import RunData, load_run
from components.session import Session
from components.widgets.chain_controls import ChainControls
from components.widgets.crosshair import CrossHair
from components.widgets.figure_tools import CopyAsCode, table_download
from components.widgets.plane_view import PlaneView
from components.widgets.rerun_bar import RerunBar
from components.widgets.settings_form import WIDTH
from components.widgets.trend_plots import TrendPlots
from fibsem_dash.registration.preview import Previewer
from fibsem_dash.registration.trend import Trend, compute_trend
from fibsem_dash.settings import ChainSettings, RunSettings, to_dict

REST_MS = 200
"""So long a control rests before the planes are made."""


class TrendView(RunTab):
    """The curves of the open run, the controls of its fits, and two planes of the result.

    Parameters
    ----------
    session : Session
        Its run folder is shown, its frame is the line in the curves.
    """

    empty: ClassVar[str] = (
        "Open a run: its curves appear here once the grey levels of its frames are measured."
    )
    loaded: RunData | None
    rerun: RerunBar

    def __init__(self, session: Session, **values: Any) -> None:
        rerun = RerunBar("Write with these settings", plan_rerun, self._plan_arguments)
        super().__init__(session, rerun, **values)
        self.viewer: Previewer | None = None
        self._timer: Any = None
        self.live = LiveWork(compute_trend)
        self.plots = TrendPlots(session)
        self.controls = ChainControls(self._on_settings)
        self.cross = CrossHair(session)
        self.planes = {axis: PlaneView(axis, self._on_slice) for axis in ("xz", "yz")}
        self.when = pmui.RadioButtonGroup(
            options=["before", "after"], value="after", size="small", margin=(4, 8)
        )
        self.numbers = pn.pane.HTML("", stylesheets=[STYLE], width=WIDTH, margin=(0, 8))
        self.column, self.row = (
            pmui.IntSlider(label=label, value=0, start=0, end=1, width=WIDTH, margin=(4, 12))
            for label in ("YZ plane at column x (px)", "XZ plane at row y (px)")
        )
        self.assemble(self._content(rerun))
        self._watch()

    @property
    def trend(self) -> Trend | None:
        """The curves that are shown."""
        trend: Trend | None = self.live.result
        return trend

    def _watch(self) -> None:
        self.session.param.watch(lambda *_e: self._mark_slice(), "frame")
        self.live.param.watch(lambda *_e: self._on_trend(), "done_count")
        self.when.param.watch(lambda *_e: self.draw_planes(), "value")
        self.cross.param.watch(self._on_place, "place")
        self.column.param.watch(self._on_sliders, "value_throttled")
        self.row.param.watch(self._on_sliders, "value_throttled")

    def _content(self, rerun: RerunBar) -> Any:
        table = table_download(lambda: f"{self.run_name} trend", self.table, "Table", width=110)
        code = CopyAsCode(self.python, self.command)
        cards = pn.Column(
            self.controls,
            card("Numbers", self.numbers, pn.Row(table, code, margin=0)),
            card("Planes", self.when, self.row, self.column, pmui.Typography(
                "A click on the picture of the frame moves both planes.", variant="caption",
                margin=(0, 12), sx={"opacity": 0.75},
            )),
            card("Result", rerun),
            width=CONTROL_WIDTH, scroll="y-auto", sizing_mode="stretch_height",
        )  # fmt: skip
        cross = pn.Column(
            self.cross, sizing_mode="stretch_both", styles={"flex": "1 1 0"}, min_height=220
        )
        planes = [
            pn.Column(plane, sizing_mode="stretch_both", styles={"flex": "2 1 0"}, min_height=220)
            for plane in self.planes.values()
        ]
        pictures = pn.Column(
            pn.Column(
                self.plots, sizing_mode="stretch_both", styles={"flex": "3 1 0"}, min_height=485
            ),
            pn.Row(cross, *planes, sizing_mode="stretch_both", styles={"flex": "2 1 0"},
                   min_height=240),
            sizing_mode="stretch_both", scroll="y-auto",
        )  # fmt: skip
        return pn.Row(cards, pictures, sizing_mode="stretch_both")

    def on_leave(self) -> None:
        """Stop what nobody looks at."""
        super().on_leave()
        for plane in self.planes.values():
            plane.work.stop()

    def on_key(self, key: str) -> None:
        """Undo, redo, before and after."""
        acts = {
            "ctrl-z": self.controls.undo, "ctrl-y": self.controls.redo, " ": self.flip,
        }  # fmt: skip
        if key in acts:
            when_locked(acts[key])

    def flip(self) -> None:
        """Show the planes before the registration, or after it."""
        self.when.value = "after" if self.when.value == "before" else "before"

    # The run and its curves

    def read(self, folder: str) -> tuple[RunData, Previewer | None]:
        """Read the run, and make ready what cuts planes through it."""
        found = load_run(self.session.config, folder)
        return found, Previewer.of_run(found.run) if len(found.data) else None

    def show(self, found: tuple[RunData, Previewer | None]) -> None:
        """Start with the settings of the run, unless only its files have changed."""
        before, (loaded, self.viewer) = self.loaded, found
        self.loaded = loaded
        chain = loaded.run.settings.chain
        if before is None or chain != self.controls.of_run:
            self.controls.start(chain, len(loaded.data))
        self.cross.set_frames(loaded.run.frames)
        height, width = self._shape
        self.column.end, self.row.end = max(width - 1, 1), max(height - 1, 1)
        self._on_place()
        self.rerun.forget()
        self.live.request(loaded.data, self.controls.settings)

    @property
    def _shape(self) -> tuple[int, int]:
        frames = self.loaded.run.frames if self.loaded else ()
        return next((f.shape for f in frames if f.shape[0]), (0, 0))

    def _on_settings(self, settings: ChainSettings) -> None:
        self.rerun.forget()
        if self.loaded is not None:
            self.live.request(self.loaded.data, settings)

    def _on_trend(self) -> None:
        trend = self.trend
        if trend is None or self.loaded is None or trend.data is not self.loaded.data:
            return
        rows = trend_numbers(trend, self._shape, self.loaded.run.settings.output.pad_mode)
        with pn.io.hold():
            self.plots.show(trend, self.loaded.excluded)
            self.numbers.object = numbers_html(rows, trend.warnings)
        self._draw_soon()

    def _draw_soon(self) -> None:
        """Make the planes once the controls rest: while they move, the curves come first."""
        for plane in self.planes.values():
            plane.work.stop()
        if not in_session():
            self.draw_planes()
            return
        if self._timer is not None:
            self._timer.stop()
        self._timer = pn.state.add_periodic_callback(self._rested, REST_MS, count=1)

    def _rested(self) -> None:
        self._timer = None
        if self.active:
            self.draw_planes()

    # The planes

    def draw_planes(self) -> None:
        """Make both planes for the settings that hold now."""
        for axis in self.planes:
            self.draw_plane(axis)

    def draw_plane(self, axis: str) -> None:
        """Make one plane."""
        if self.trend is None or self.loaded is None or self.viewer is None:
            return
        if self.trend.data is not self.loaded.data:
            return
        column, row = self.cross.place
        position = int(row if axis == "xz" else column)
        before = self.when.value == "before"
        self.planes[axis].request(self.viewer, self.trend.chain.final, position, before)

    def _on_place(self, event: Any = None) -> None:
        column, row = (int(v) for v in self.cross.place)
        self.column.param.update(value=column)
        self.row.param.update(value=row)
        if event is None:
            return
        # Only the plane that moved: the other one is as it was.
        if event.new[1] != event.old[1]:
            self.draw_plane("xz")
        if event.new[0] != event.old[0]:
            self.draw_plane("yz")

    def _on_sliders(self, *_events: Any) -> None:
        self.cross.place = (int(self.column.value), int(self.row.value))

    def _mark_slice(self) -> None:
        if self.loaded is None:
            return
        place = int(np.searchsorted(self.loaded.data.frames, self.session.frame))
        number = place // self.loaded.run.settings.output.z_bin
        for plane in self.planes.values():
            plane.mark_slice(number)

    def _on_slice(self, number: int) -> None:
        if self.loaded is None:
            return
        frames = self.loaded.data.frames
        place = number * self.loaded.run.settings.output.z_bin
        if len(frames):
            self.session.frame = int(frames[np.clip(place, 0, len(frames) - 1)])

    # What is done with the result

    def _plan_arguments(self) -> tuple[Any, ...] | None:
        if self.loaded is None:
            return None
        run = self.loaded.run
        settings = dataclasses.replace(run.settings, chain=self.controls.settings)
        final = self.trend.chain.final if self.trend is not None else None
        return run, settings, run.edits, final

    @property
    def planned(self) -> Rerun | None:
        """What was planned last."""
        planned: Rerun | None = self.rerun.work.result
        return planned

    def table(self) -> pd.DataFrame:
        """Return all curves, for saving."""
        return self.trend.to_table() if self.trend is not None else pd.DataFrame()

    def _changes(self) -> dict[str, object]:
        if self.loaded is None:
            return {}
        wanted = dataclasses.replace(self.loaded.run.settings, chain=self.controls.settings)
        now, default = to_dict(wanted), to_dict(RunSettings())
        return {
            f"{group}.{key}": value
            for group, values in now.items()
            for key, value in values.items()
            if value != default[group][key]
        }

    def python(self) -> str:
        """Return the Python lines that compute the same curves."""
        changes = self._changes().items()
        chain = {k.split(".")[1]: v for k, v in changes if k.startswith("chain.")}
        arguments = ", ".join(f"{k}={v!r}" for k, v in chain.items())
        return (
            "from fibsem_dash.registration.trend import compute_trend, read_trend\n"
            "from fibsem_dash.settings import ChainSettings\n\n"
            f"data = read_trend({self.session.run_folder!r})\n"
            f"table = compute_trend(data, ChainSettings({arguments})).to_table()"
        )

    def command(self) -> str:
        """Return the command line that writes the run with these settings."""
        if self.loaded is None:
            return ""
        source = source_of(self.loaded.run, job_registry())
        changes = [
            part for k, v in self._changes().items() for part in ("--set", f"{k}={_text(v)}")
        ]
        folder = self.session.run_folder
        return quoted_command(
            ["fibsem-dash", "register", source[0], "--out", folder, *changes, *source[1:]]
        )


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
