"""What every page is made of: a column of controls, the pictures, a help text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import panel as pn
import panel_material_ui as pmui

from components.session import Session

CONTROL_WIDTH = 340
"""Width of the control column, px."""


class Page(pn.viewable.Viewer):  # type: ignore[misc]
    """Base of the pages.

    Subclasses set `title`, `hint` and `help_text` and build `controls` (a list of cards) and
    `main`.

    Parameters
    ----------
    session : Session
        State that all pages share.
    """

    title: ClassVar[str] = ""
    help_text: ClassVar[str] = ""
    hint: ClassVar[str] = ""
    """One line: what to try on this page."""

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(**values)
        self.session = session
        self._column = pn.Column(width=CONTROL_WIDTH, scroll="y-auto", sizing_mode="stretch_height")
        self.layout = pn.Row(self._column, sizing_mode="stretch_both")
        self._pieces = self._assemble()

    def controls(self) -> list[Any]:
        """Return the cards of the control column, the most used first."""
        return []

    def main(self) -> Any:
        """Return the pictures."""
        return pn.Column()

    def on_enter(self) -> None:
        """Bring the page up to date when it is shown."""

    def on_leave(self) -> None:
        """Stop what only a visible page needs."""

    def on_key(self, key: str) -> None:
        """React to a key that the shell does not use itself."""

    @property
    def n_frames(self) -> int:
        """How many frames the keys Home and End go over."""
        return len(self.session.frames)

    def step_frame(self, step: int) -> None:
        """Move the frame under the cursor, staying inside of what the page shows."""
        self.session.step_frame(step)

    def assemble(self) -> Iterator[None]:
        """Fill `layout` piece by piece, so that the server can answer others in between.

        Goes on where an earlier call stopped.
        """
        return self._pieces

    def _assemble(self) -> Iterator[None]:
        cards = self.controls()
        yield
        for part in cards:
            self._column.append(part)
            yield
        self.layout.append(self.main())

    def __panel__(self) -> Any:
        for _ in self.assemble():
            pass
        return self.layout

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        from components.notebook import page_bundle

        return page_bundle(self, include, exclude)


def card(title: str, *objects: Any, collapsed: bool = False, **options: Any) -> pmui.Card:
    """Return a group of controls under a title; one that is closed is filled when it is opened."""
    if not collapsed:
        return pmui.Card(*objects, title=title, width=CONTROL_WIDTH - 16, margin=6, **options)
    content = pn.Column(margin=0)
    group = pmui.Card(
        content, title=title, collapsed=True, width=CONTROL_WIDTH - 16, margin=6, **options
    )

    def fill(event: Any) -> None:
        if not event.new and not len(content):
            content[:] = list(objects)

    group.param.watch(fill, "collapsed")
    return group


def empty_state(text: str, *buttons: Any) -> Any:
    """Return what an empty picture shows: what to do, with the button that does it."""
    return pn.Column(
        pmui.Typography(text, variant="body1", sx={"opacity": 0.75}),
        *buttons,
        align=("center", "center"),
        margin=40,
    )
