"""Choice of a stack below the allowed folders: typed with completion, or clicked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from components.widgets.folder_picker import FolderPicker
from fibsem_dash.errors import AccessError
from fibsem_dash.io import STACK_SUFFIXES

MOST_SHOWN = 500
"""Files of a folder that are listed."""


def stack_files(folder: Path, most: int = MOST_SHOWN) -> list[str]:
    """Return the names of what may be a stack in a folder, in order of name; hidden ones not."""
    try:
        names = [
            entry.name
            for entry in folder.iterdir()
            if entry.suffix.lower() in STACK_SUFFIXES and not entry.name.startswith(".")
        ]
    except OSError:
        return []
    return sorted(names, key=str.lower)[:most]


class StackPicker(FolderPicker):
    """A folder picker that also lists stacks; a click on one chooses it."""

    def _build(self, width: int) -> None:
        super()._build(width)
        self.path.param.update(
            label="Stack or folder", placeholder="Type a path, Enter opens it",
            description="A .mrc, .tif, .zarr or .h5 stack, a folder of TIFF slices or a run "
            "folder, below the folders that the server shows.",
        )  # fmt: skip
        self.nothing.object = "No stacks or folders inside"
        self.recents.visible = False

    def browse(self, folder: Path | None) -> None:
        """List the folders and stacks inside a folder; None lists the roots."""
        super().browse(folder)
        if self.current is None:
            return
        stacks = stack_files(self.current)
        # A Zarr stack is a folder; it is listed once, among the stacks.
        folders = [name for name in self._names if name not in stacks]
        self._names = [*stacks, *folders]
        self._quiet = True
        try:
            self.list.param.update(
                items=[{"label": name, "icon": "layers"} for name in stacks]
                + [{"label": name, "icon": "folder"} for name in folders],
                active=None,
            )
        finally:
            self._quiet = False
        self.nothing.visible = not self._names

    def refresh_recent(self) -> None:
        """Recent folders are those of raw frames, which the Data page lists."""

    def suggest(self, text: str) -> list[str]:
        """Return the folders and stacks that a typed text can go on to."""
        found = super().suggest(text)
        if not text or len(text) > 4096:
            return found
        path = Path(text)
        above, start = (path, "") if text.endswith(("/", "\\")) else (path.parent, path.name)
        try:
            folder = self.config.confine(above)
        except AccessError:
            return found
        files = [str(above / name) for name in stack_files(folder) if name.startswith(start)]
        return list(dict.fromkeys([*files, *found]))[:50]

    def _on_clicked(self, event: Any) -> None:
        index = event.new[0] if isinstance(event.new, (tuple, list)) else event.new
        if self._quiet or index is None or not 0 <= int(index) < len(self._names):
            return
        name = self._names[int(index)]
        if self.current is not None and Path(name).suffix.lower() in STACK_SUFFIXES:
            self.on_choose(str(self.current / name))
            return
        super()._on_clicked(event)
