"""The control column of the SIFT page."""

from __future__ import annotations

import io
from typing import Any

import panel as pn
import panel_material_ui as pmui

from components.pages.base import card
from components.pages.sift_settings import PRESETS, TunedSettings
from components.widgets.plain import plain
from components.widgets.settings_form import WIDTH, field, settings_card
from fibsem_dash.compute.executor import describe_error
from fibsem_dash.errors import FibsemDashError

SIFT_FIRST = ["contrast_threshold", "sigma", "n_octave_layers", "kp_max_num"]
SIFT_REST = ["edge_threshold", "n_features", "precise_upscale", "reduction"]
SOLVER_FIRST = ["transform", "solver", "drmax"]
SOLVER_REST = [
    "max_iter", "min_matches", "l2_param", "l2_normalization", "targ_vector", "l2_matrix",
    "sampling", "initial_fraction", "stop_probability", "seed",
]  # fmt: skip

WHOLE = 10**6
"""Longest side that no frame has."""

SIDES = {"middle, up to 2 Mpx": 0, "512 px": 512, "1024 px": 1024, "2048 px": 2048,
         "whole frame": WHOLE}  # fmt: skip
"""Longest side of the part that is tried."""


class SiftControls:
    """Pair, settings groups, presets, files.

    Parameters
    ----------
    tuned : TunedSettings
        What the fields are linked with.
    """

    def __init__(self, tuned: TunedSettings) -> None:
        self.tuned = tuned
        session = tuned.session
        self.frame = pmui.IntInput(
            label="First frame", value=session.frame, start=0, width=WIDTH // 2 - 8, margin=(4, 8)
        )
        self.step = pmui.IntInput(
            label="Step", value=1, start=1, end=1000, width=WIDTH // 2 - 8, margin=(4, 8),
            description="The second frame comes so many frames later",
        )  # fmt: skip
        self.side = pmui.Select(
            label="Part of the frame", options=SIDES, value=0, width=WIDTH, margin=(4, 8),
            description="Large frames are tried in their middle, so that tuning stays quick",
        )  # fmt: skip
        self.frame.param.watch(lambda e: session.param.update(frame=e.new), "value")
        session.param.watch(lambda e: self.frame.param.update(value=e.new), "frame")
        session.param.watch(self._on_frames, "frames")
        self._on_frames()
        self._build_files()

    def _on_frames(self, *_events: Any) -> None:
        self.frame.end = max(len(self.tuned.session.frames) - 1, 0)

    def _build_files(self) -> None:
        self.preset = pmui.Select(
            label="Preset", options=["", *PRESETS], value="", width=WIDTH, margin=(4, 8),
            description="Replaces the settings of SIFT, matching, model and solver",
        )  # fmt: skip
        self.preset.param.watch(self._on_preset, "value")
        self.save = pmui.FileDownload(
            callback=lambda: io.StringIO(self.tuned.yaml()),
            filename="fibsem-dash-settings.yaml",
            label="Save YAML",
            icon="download",
            width=WIDTH // 2 - 6,
        )
        self.load = pmui.FileInput(accept=".yaml,.yml", label="Load YAML", width=WIDTH // 2 - 6)
        self.load.param.watch(self._on_load, "value")
        self.use = pmui.Button(label="Use for the run", icon="done", width=WIDTH, margin=(4, 8))
        self.use.on_click(lambda _event: self.use_for_run())
        self.note = pmui.Alert("", severity="info", width=WIDTH, margin=(4, 8))
        self.problem = pmui.Alert("", severity="error", width=WIDTH, margin=(4, 8), visible=False)
        for group in self.tuned.groups:
            group.param.watch(lambda *_events: self.update_note(), self.names_of(group))
        self.update_note()

    @staticmethod
    def names_of(group: Any) -> list[str]:
        """Return the names of a group's settings."""
        return [name for name in group.param if name != "name"]

    def cards(self) -> list[Any]:
        """Return the cards, the most used first."""
        tuned = self.tuned.params
        pair = card(
            "Pair",
            pn.Column(
                pn.Row(self.frame, self.step),
                field(self.tuned.session.settings.input, "detector"),
                self.side,
            ),
        )
        files = card(
            "Settings",
            pn.Column(self.note, self.use, self.preset, pn.Row(self.save, self.load), self.problem),
        )
        matching = ["lowe_ratio", "grow_ratio", "matcher", "flann_trees", "flann_checks"]
        return [
            pair,
            settings_card("SIFT", tuned.sift, SIFT_FIRST),
            settings_card("Matching", tuned.matching, matching, collapsed=True),
            settings_card("Model and solver", tuned.solver, SOLVER_FIRST),
            files,
            settings_card("SIFT, more", tuned.sift, SIFT_REST, collapsed=True),
            settings_card("Solver, more", tuned.solver, SOLVER_REST, collapsed=True),
        ]

    def update_note(self) -> None:
        """Tell whether the run would use what is shown."""
        differs = self.tuned.differs
        self.use.disabled = not differs
        self.note.param.update(
            object="Tried on a copy: the run still uses other settings."
            if differs
            else "The run uses these settings.",
            severity="info" if differs else "success",
        )

    def use_for_run(self) -> None:
        """Copy the settings of the page to the run."""
        self.tuned.use_for_run()
        self.update_note()
        if pn.state.notifications is not None:
            pn.state.notifications.success("The run uses these settings from now on.")

    def _on_preset(self, event: Any) -> None:
        if event.new:
            self.tuned.take_preset(event.new)
            self.update_note()
            self.preset.value = ""

    def _on_load(self, event: Any) -> None:
        if not event.new:
            return
        try:
            text = self.tuned.take_yaml(event.new)
        except FibsemDashError as error:
            self.problem.param.update(
                object=plain(describe_error(error)), severity="error", visible=True
            )
        else:
            self.problem.param.update(object=plain(text), severity="success", visible=True)
        # The same file chosen once more is a change again.
        self.load.param.update(value=None)
        self.update_note()
