"""What every page is made of: a column of controls, the pictures, a help text."""

from __future__ import annotations

from typing import Any, ClassVar

import panel as pn
import panel_material_ui as pmui

from components.session import Session

CONTROL_WIDTH = 340
"""Width of the control column, px."""


class Page(pn.viewable.Viewer):  # type: ignore[misc]
    """Base of the pages.

    Subclasses set `title` and `help_text` and build `controls` (a list of cards) and `main`.

    Parameters
    ----------
    session : Session
        State that all pages share.
    """

    title: ClassVar[str] = ""
    help_text: ClassVar[str] = ""

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(**values)
        self.session = session
        self._layout: pn.viewable.Viewable | None = None

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

    def __panel__(self) -> Any:
        if self._layout is None:
            column = pn.Column(
                *self.controls(), width=CONTROL_WIDTH, scroll="y-auto", sizing_mode="stretch_height"
            )
            self._layout = pn.Row(column, self.main(), sizing_mode="stretch_both")
        return self._layout


def card(title: str, *objects: Any, collapsed: bool = False, **options: Any) -> pmui.Card:
    """Return a group of controls under a title."""
    return pmui.Card(
        *objects, title=title, collapsed=collapsed, width=CONTROL_WIDTH - 16, margin=6, **options
    )


def empty_state(text: str, *buttons: Any) -> Any:
    """Return what an empty picture shows: what to do, with the button that does it."""
    return pn.Column(
        pmui.Typography(text, variant="body1", sx={"opacity": 0.75}),
        *buttons,
        align=("center", "center"),
        margin=40,
    )
