"""A tab that shows the open run folder: reads it, follows it, says so while it reads."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import panel as pn

from components.run_data import FILES, stamp_of
from components.session import Session
from components.widgets.elapsed import Elapsed
from components.widgets.rerun_bar import RerunBar
from components.widgets.state_view import StateView
from components.work import LatestWork

READING = "The run is being read ..."


class RunTab(pn.viewable.Viewer):  # type: ignore[misc]
    """What all tabs of a run have in common.

    A subclass says by `files` what its content rests on, makes it in `read` (off the event loop)
    and draws it in `show`; its constructor ends with `assemble`. Who holds the tab calls
    `on_enter`, `on_leave` and `on_key`.

    Parameters
    ----------
    session : Session
        Its run folder is shown.
    rerun : RerunBar, optional
        Starts the run again with what is chosen here; it is watched while the tab is shown.

    Attributes
    ----------
    active : bool
        Whether the tab is shown.
    loaded : object or None
        The run as it was read last; `show` sets it. None while there is none.
    """

    files: ClassVar[tuple[str, ...]] = FILES
    """Files of a run folder; the run is read again when one of them has changed."""

    empty: ClassVar[str] = "Open a run."
    """What is said while no run is open."""

    def __init__(self, session: Session, rerun: RerunBar | None = None, **values: Any) -> None:
        super().__init__(**values)
        self.session = session
        self.active = False
        self.loaded: Any = None
        self.rerun = rerun
        self.load = LatestWork(self.read)
        self._asked: tuple[object, ...] = ()
        self._shown: tuple[object, ...] = ()

    @abstractmethod
    def read(self, folder: str) -> Any:
        """Read a run folder; in a thread."""

    @abstractmethod
    def show(self, found: Any) -> None:
        """Draw what `read` has returned, and keep it as `loaded`."""

    def forget(self) -> None:
        """Drop the run that was read: none is open now, or another one."""
        self.loaded = None
        self.state.has_content = False
        self.load.cancel()
        self.load.error = ""

    def assemble(self, content: Any) -> None:
        """Lay the content out, hidden until a run is read, and begin to follow the session."""
        self.state = StateView(content, self.load, self.empty, READING)
        self._layout = pn.Column(
            Elapsed(self.load), self.state, sizing_mode="stretch_both", margin=0
        )
        self.load.param.watch(lambda *_e: self._on_read(), "done_count")
        self.session.param.watch(lambda *_e: self.refresh(), "run_folder")
        if self.rerun is not None:
            self.rerun.param.watch(lambda *_e: self.refresh(), "finished")

    @property
    def run_name(self) -> str:
        """Name of the open run folder, for titles and files."""
        return Path(self.session.run_folder).name or "run"

    @property
    def up_to_date(self) -> bool:
        """Whether `loaded` is the run as it was on disk when the tab looked last."""
        return self.loaded is not None and self._asked == self._shown

    def on_enter(self) -> None:
        """Read the run, unless it is shown as it is on disk."""
        self.active = True
        self.refresh()
        if self.rerun is not None:
            if self.session.run_folder:
                self.rerun.adopt(self.session.run_folder)
            self.rerun.follow()

    def on_leave(self) -> None:
        """Look no longer."""
        self.active = False
        if self.rerun is not None:
            self.rerun.pause()

    def on_key(self, key: str) -> None:
        """Do what a key means here; nothing by default."""

    def refresh(self) -> None:
        """Read the run of the session again if it is another one, or has changed."""
        folder = self.session.run_folder
        if not folder:
            self._asked = ()
            self.forget()
            return
        if not self.active:
            return
        stamp = stamp_of(folder, self.files)
        if stamp == self._asked:
            return
        if self._asked[:1] != stamp[:1]:
            # Curves of the run before must not stand under the name of this one.
            self.forget()
        self._asked = stamp
        self.load.request(folder)

    def _on_read(self) -> None:
        self._shown = self._asked
        self.show(self.load.result)

    def __panel__(self) -> Any:
        return self._layout
