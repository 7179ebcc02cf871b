"""What all pages share: the open stack, the frame under the cursor, the box, the settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import param

from components.config import ServerConfig, server_config
from fibsem_dash.params import RunParams
from fibsem_dash.registration.frames import FrameInfo


class Session(param.Parameterized):
    """State of one browser tab; pages talk to each other only through it."""

    page = param.String("data", doc="Page that is shown")
    folder = param.String("", doc="Folder of the raw frames, resolved")
    pattern = param.String("", doc="Pattern of the file names; empty takes *.dat, else *.tif")
    frames = param.List([], item_type=FrameInfo, doc="Frames of the open folder, in order")
    frame = param.Integer(0, bounds=(0, None), doc="Frame under the cursor")
    detector = param.String("A", doc="Detector that is looked at")
    box = param.Tuple((0, 0, 0, 0), doc="Evaluation box [top, height, left, width], px")
    run_folder = param.String("", doc="Open run folder")
    settings_changed = param.Event(doc="The settings of the run were replaced")
    error = param.String("", doc="Last error that the user should see")

    def __init__(self, config: ServerConfig | None = None, **values: Any) -> None:
        super().__init__(**values)
        self.config = config or server_config()
        self.settings = RunParams()

    @property
    def frame_path(self) -> str:
        """Path of the frame under the cursor; empty while no folder is open."""
        if not self.frames:
            return ""
        return self.frames[min(self.frame, len(self.frames) - 1)].path

    @property
    def excluded(self) -> tuple[str, ...]:
        """File names of the frames that a run will leave out; `exclude` changes them."""
        return tuple(self.settings.input.exclude)

    def exclude(self, names: Iterable[str]) -> None:
        """Leave exactly these files out of the next run."""
        self.settings.input.exclude = sorted(set(names))

    def open_frames(self, folder: str, frames: list[FrameInfo]) -> None:
        """Make a folder with its inspected frames the open stack."""
        usable = next((f for f in frames if f.usable), None)
        detectors = usable.detectors if usable else ("A",)
        self.param.update(
            folder=folder,
            frames=frames,
            frame=min(self.frame, max(len(frames) - 1, 0)),
            detector=self.detector if self.detector in detectors else detectors[0],
        )

    def step_frame(self, step: int) -> None:
        """Move the cursor by some frames, staying inside the stack."""
        if self.frames:
            self.frame = min(max(self.frame + step, 0), len(self.frames) - 1)
