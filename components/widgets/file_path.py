"""A field for the path of a file below the allowed folders, with completion."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import panel as pn

from components.config import ServerConfig
from components.widgets.path_field import PathField
from fibsem_dash.errors import AccessError
from fibsem_dash.registration.frames import natural_key

MOST_SUGGESTED = 60


class FilePath(pn.viewable.Viewer):  # type: ignore[misc]
    """Path typed with completion, folder by folder; what the browser sends is checked.

    Parameters
    ----------
    config : ServerConfig
        Says what is open.
    label : str
        Of the field.
    suffixes : sequence of str
        Ends of the names that are suggested, in lower case.
    on_choose : callable
        Told the path of a file of that kind that was chosen.
    width : int
        Width, px.
    """

    def __init__(
        self, config: ServerConfig, label: str, suffixes: Sequence[str],
        on_choose: Callable[[str], None], width: int, **values: Any,
    ) -> None:  # fmt: skip
        super().__init__(**values)
        self.config, self.suffixes, self.on_choose = config, tuple(suffixes), on_choose
        self._quiet = False
        self.field = PathField(
            self.suggest, [f"{root}{os.sep}" for root in config.roots], label=label,
            placeholder="Type a path", width=width, margin=(4, 4),
            description=f"A file ({', '.join(suffixes)}) below the folders that the server shows",
        )  # fmt: skip
        self.field.param.watch(self._on_entered, "value")

    @property
    def path(self) -> str:
        """What the field holds."""
        return str(self.field.value or "")

    def suggest(self, text: str) -> list[str]:
        """Return the folders and files that a typed text can go on to."""
        if not text or len(text) > 4096:
            return [f"{root}{os.sep}" for root in self.config.open_folders]
        path = Path(text)
        above, start = (path, "") if text.endswith(("/", "\\")) else (path.parent, path.name)
        try:
            folder = self.config.confine(above)
        except AccessError:
            roots = [f"{root}{os.sep}" for root in self.config.open_folders]
            return [name for name in roots if name.startswith(text)]
        names = sorted(self._names(folder), key=natural_key)
        return [f"{above}{os.sep}{name}" for name in names if name.startswith(start)][
            :MOST_SUGGESTED
        ]

    def _names(self, folder: Path) -> list[str]:
        """Return the names of files that fit and, with a separator at the end, of folders."""
        names = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.name.lower().endswith(self.suffixes):
                        names.append(entry.name)
                    elif entry.is_dir():
                        names.append(entry.name + os.sep)
        except OSError:
            return []
        return names

    def _on_entered(self, event: Any) -> None:
        text = str(event.new or "")
        # A folder on the way to the file is no choice yet.
        if self._quiet or not text:
            return
        self._quiet = True
        try:
            # The field shows only what is among its options.
            roots = [f"{root}{os.sep}" for root in self.config.roots]
            self.field.options = list(dict.fromkeys([*roots, text]))
            self.field.fill(text)
        finally:
            self._quiet = False
        if not text.endswith(("/", "\\")):
            self.on_choose(text)

    def __panel__(self) -> Any:
        return self.field
