"""Save a table as CSV, and copy the code that makes a result again."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui

from components.plots.export import safe_name
from components.widgets.copy_button import CopyBridge
from fibsem_dash.io.tables import csv_text

Text = str | Callable[[], str]
"""Text, or what gives it when it is asked for."""


def _text(text: Text) -> str:
    return text() if callable(text) else text


def table_download(
    name: Text, table: Callable[[], pd.DataFrame], label: str = "CSV", **options: Any
) -> pmui.FileDownload:
    """Return a button that saves a table as CSV, as it is when the button is pressed.

    Text from files that a spreadsheet would take for a formula gets an apostrophe.

    Parameters
    ----------
    name : str or callable
        File name without suffix.
    table : callable
        Returns the table.
    label : str
        Of the button.
    **options
        Of the button.
    """
    settings: dict[str, Any] = {
        "label": label, "size": "small", "icon": "download", "margin": (2, 4),
        "description": "Save the table as a CSV file",
    }  # fmt: skip
    button = pmui.FileDownload(filename="table.csv", **(settings | options))
    # As an argument it is mixed up with the old name of the parameter.
    button.variant = "text"

    def send() -> io.BytesIO:
        button.filename = safe_name(_text(name)) + ".csv"
        return io.BytesIO(csv_text(table()).encode("utf-8"))

    button.callback = send
    return button


class CopyAsCode(pn.viewable.Viewer):  # type: ignore[misc]
    """A menu that copies the Python line or the command line that does the same.

    Parameters
    ----------
    python, command : str or callable
        The texts, or what gives them for the present settings.
    """

    def __init__(self, python: Text, command: Text, **values: Any) -> None:
        super().__init__(**values)
        self.texts = {"Python": python, "Command line": command}
        self.bridge = CopyBridge(tells=True)
        self.menu = pmui.MenuButton(
            label="Copy as code", icon="code", size="small", margin=(2, 4),
            items=[
                {"label": "Python", "icon": "data_object"},
                {"label": "Command line", "icon": "terminal"},
            ],
        )  # fmt: skip
        self.menu.variant = "text"
        self.menu.on_click(lambda item: self.copy(item["label"]))

    @classmethod
    def of(cls, code: Callable[[], tuple[str, str]]) -> CopyAsCode:
        """Make the menu from a function that returns Python and command line."""
        return cls(lambda: code()[0], lambda: code()[1])

    def copy(self, kind: str) -> str:
        """Put one of the texts on the clipboard, and return it.

        Parameters
        ----------
        kind : {"Python", "Command line"}
            Which one.
        """
        text = _text(self.texts[kind])
        if text:
            self.bridge.copy(text)
        return text

    def __panel__(self) -> Any:
        return pn.Row(self.menu, self.bridge, margin=0)
