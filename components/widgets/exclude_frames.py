"""Buttons that leave frames out of the next run, with the count and undo."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from components.session import Session


class ExcludeFrames(pn.viewable.Viewer):  # type: ignore[misc]
    """Leaves the frame under the cursor, or all problem frames, out of the next run.

    Parameters
    ----------
    session : Session
        Holds the names of the frames that are excluded.
    """

    count = param.Integer(0, doc="Grows with every change")

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(**values)
        self.session = session
        self.history: list[tuple[str, ...]] = []
        self._folder = ""
        self._problems: tuple[int, ...] = ()
        options = {"size": "small", "margin": (2, 4)}
        self.button = pmui.Button(label="Exclude frame", icon="block", **options)
        self.undo_button = pmui.Button(
            label="Undo", icon="undo", description="Take back the last change", visible=False,
            **options,
        )  # fmt: skip
        self.problems_button = pmui.Button(
            label="Exclude all of these", icon="block",
            description="Leave these frames out of the next run", **options,
        )  # fmt: skip
        for button in (self.button, self.undo_button, self.problems_button):
            button.variant = "text"
        self.words = pmui.Typography("", variant="body2", margin=(8, 4))
        self.button.on_click(lambda _event: self.toggle())
        self.undo_button.on_click(lambda _event: self.undo())
        self.problems_button.on_click(lambda _event: self.exclude_problems())
        session.param.watch(self._update, ["frame", "frames"])
        session.settings.input.param.watch(self._on_setting, "exclude")
        self._update()

    @property
    def current(self) -> str:
        """File name of the frame under the cursor; empty without one."""
        frames = self.session.frames
        return frames[min(self.session.frame, len(frames) - 1)].name if frames else ""

    def open(self, folder: str, problems: Sequence[int]) -> None:
        """Begin anew with another folder.

        Parameters
        ----------
        folder : str
            Of the frames.
        problems : sequence of int
            Frames with problems.
        """
        if self._folder and folder != self._folder:
            # Another stack may have files of the same names.
            self.session.exclude(())
            self.history.clear()
        self._folder, self._problems = folder, tuple(dict.fromkeys(problems))
        self._update()

    def toggle(self) -> None:
        """Exclude the frame under the cursor, or take it back in."""
        if self.current:
            self._set(set(self.session.excluded) ^ {self.current})

    def exclude_problems(self) -> None:
        """Exclude all frames with problems."""
        names = {self.session.frames[index].name for index in self._problems}
        self._set(set(self.session.excluded) | names)

    def undo(self) -> None:
        """Take back the last change."""
        if self.history:
            self.session.exclude(self.history.pop())
            self._update()

    def _set(self, names: Iterable[str]) -> None:
        before = self.session.excluded
        if set(names) != set(before):
            self.history.append(before)
            self.session.exclude(names)
            self._update()

    def _on_setting(self, _event: Any) -> None:
        self.count += 1
        self._update()

    def _update(self, *_events: Any) -> None:
        session, excluded = self.session, self.session.excluded
        taken = self.current in excluded
        n = sum(frame.name in excluded for frame in session.frames)
        self.words.object = f"{n} excluded" if n else ""
        self.button.param.update(
            label=f"{'Include' if taken else 'Exclude'} frame {session.frame}",
            icon="add_circle" if taken else "block",
            description="Take this frame into the next run again"
            if taken
            else "Leave this frame out of the next run; its neighbours are matched instead",
            disabled=not session.frames,
        )
        self.undo_button.visible = bool(self.history)

    def __panel__(self) -> Any:
        return pn.Row(self.words, self.undo_button, self.button, margin=0)
