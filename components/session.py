"""What all pages share: the open stack, the frame under the cursor, the box, the settings."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import param

from components.config import ServerConfig, server_config
from components.demo_run import open_demo_run
from components.jobs import job_registry
from components.reading import HeaderReader, Reading, Request
from fibsem_dash.compute.executor import describe_error
from fibsem_dash.errors import AccessError, FibsemDashError
from fibsem_dash.params import RunParams
from fibsem_dash.registration.frames import FrameInfo
from fibsem_dash.registration.run_store import RunStore


class Session(param.Parameterized):
    """State of one browser tab; pages talk to each other only through it.

    Attributes
    ----------
    config : ServerConfig
        What may be shown.
    settings : RunParams
        Settings of the run.
    reader : HeaderReader
        Reads the headers of a stack; its result becomes the open stack.
    dismissed : set of str
        Keys of the pages whose hint the user has closed.
    """

    page = param.String("data", doc="Page that is shown")
    folder = param.String("", doc="Folder of the raw frames, resolved")
    pattern = param.String("", doc="Pattern of the file names; empty takes *.dat, else *.tif")
    frames = param.List([], item_type=FrameInfo, doc="Frames of the open folder, in order")
    frame = param.Integer(0, bounds=(0, None), doc="Frame under the cursor")
    detector = param.String("A", doc="Detector that is looked at")
    box = param.Tuple((0, 0, 0, 0), doc="Evaluation box [top, height, left, width], px")
    run_folder = param.String("", doc="Open run folder")
    compared = param.List([], item_type=str, doc="Runs and tables that are compared, as paths")
    stack_file = param.String("", doc="Stack that the Stack page shows, resolved")
    stack_position = param.Tuple(
        (-1, -1, -1), doc="Voxel (z, y, x) where its planes cross; -1: in the middle"
    )
    settings_changed = param.Event(doc="The settings of the run were replaced")
    error = param.String("", doc="Last error that the user should see")

    def __init__(self, config: ServerConfig | None = None, **values: Any) -> None:
        super().__init__(**values)
        self.config = config or server_config()
        self.settings = RunParams()
        self.dismissed: set[str] = set()
        self.reader = HeaderReader(self.config)
        self.reader.param.watch(lambda event: self._on_reading(event.new), "result")
        self.reader.param.watch(lambda event: self._on_reader_error(event.new), "error")

    @property
    def frame_path(self) -> str:
        """Path of the frame under the cursor; empty while no folder is open."""
        if not self.frames:
            return ""
        return self.frames[min(self.frame, len(self.frames) - 1)].path

    def open_folder(self, folder: str) -> None:
        """Read the frames of a folder and make it the open stack; the frame stays where it is.

        Parameters
        ----------
        folder : str
            As in an address; refused when it is not below an allowed folder.
        """
        self.reader.read(Request(folder, self.pattern, keep_frame=True))

    def open_run(self, folder: str, otherwise: str = "") -> None:
        """Make a run folder the open one, with the stack of the frames that it lists.

        Parameters
        ----------
        folder : str
            As in an address; refused with a message when it is not below an allowed folder or no
            run folder.
        otherwise : str
            Folder of frames that is opened where the run lists none.
        """
        try:
            resolved = self._run_folder(folder)
            files = input_files(RunStore(resolved))
        except FibsemDashError as error:
            self.error = describe_error(error)
            files = ()
        else:
            self.run_folder = str(resolved)
        if files:
            parent = os.path.commonpath([os.path.dirname(name) for name in files])
            self.reader.read(Request(parent, keep_frame=True, files=files))
        elif otherwise:
            self.open_folder(otherwise)

    def _run_folder(self, folder: str) -> Path:
        """Return the resolved folder of a run, or of one that a job is about to make."""
        # A queued job has not made its folder yet, and a new one has not written its record.
        planned = Path(folder).expanduser().resolve()
        if planned.is_relative_to(self.config.run_root) and any(
            record.folder == str(planned) for record in job_registry().jobs()
        ):
            return planned
        resolved = self.config.confine(folder)
        if not RunStore(resolved).exists:
            raise AccessError("this folder holds no run", path=folder, expected="run.json")
        return resolved

    def _on_reading(self, reading: Reading) -> None:
        request, n_frames = reading.request, len(reading.frames)
        if not request.files and self.folder and reading.folder != self.folder:
            # The run belongs to the stack before.
            self.run_folder = ""
        if not request.keep_frame:
            self.frame = 0
        elif self.frame >= n_frames > 0:
            # A reading that was stopped before its first frame says so itself.
            self.error = (
                f"There is no frame {self.frame}: this stack has frames 0 to {n_frames - 1}."
            )
        self.pattern = request.pattern
        self.open_frames(reading.folder, list(reading.frames))
        if reading.folder == str(self.config.demo_folder) and not self.run_folder:
            self.run_folder = open_demo_run(self.config)
        self._check_box()

    def _on_reader_error(self, text: str) -> None:
        # The Data page has a place of its own for it.
        if self.page != "data":
            self.error = text

    def _check_box(self) -> None:
        """Take back a box that does not lie on the frames, such as one of an old address."""
        usable = next((f for f in self.frames if f.usable), None)
        top, height, left, width = self.box
        if usable is None or not any(self.box):
            return
        inside = top + height <= usable.shape[0] and left + width <= usable.shape[1]
        if not (height and width and inside):
            rows, columns = usable.shape
            self.box = (0, 0, 0, 0)
            self.error = (
                f"The box {top},{height},{left},{width} (top, height, left, width) does not lie on "
                f"a frame of {columns} × {rows} px; it was left out."
            )

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


def input_files(store: RunStore) -> tuple[str, ...]:
    """Return the paths of the frames that a run was given; empty when it does not list them.

    Raises
    ------
    FormatError, AccessError
        When the record cannot be read.
    """
    entries = store.read().get("input")
    paths = (
        [e.get("path") for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
    )
    return tuple(p for p in paths if isinstance(p, str) and os.path.isabs(p))
