"""Choice of a folder below the allowed ones: typed with completion, clicked, or a recent one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui

from components.config import ServerConfig
from components.reading import subfolders
from components.widgets.path_field import PathField
from components.widgets.plain import plain_text
from fibsem_dash.errors import AccessError
from fibsem_dash.io.atomic import write_json

RECENT_FILE = "recent.json"
"""In the run root: folders that were opened last."""

N_RECENT = 10


class RecentFolders:
    """Folders that were opened last, the newest first, kept for the next start."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._file = config.run_root / RECENT_FILE

    def read(self) -> list[str]:
        """Return those that are still there and allowed."""
        try:
            names = json.loads(self._file.read_text(encoding="utf-8"))["folders"]
        except (OSError, ValueError, KeyError, TypeError):
            return []
        return [n for n in names if isinstance(n, str) and self._is_open(n)][:N_RECENT]

    def add(self, folder: str) -> None:
        """Put a folder in the first place; a read-only run root only means that it is forgotten."""
        names = [folder, *(name for name in self.read() if name != folder)][:N_RECENT]
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._file, {"folders": names})
        except OSError:
            return

    def _is_open(self, name: str) -> bool:
        try:
            return self._config.confine(name).is_dir()
        except AccessError:
            return False


class FolderPicker(pn.viewable.Viewer):  # type: ignore[misc]
    """Fields and list to choose a folder; what the browser sends is checked against the roots.

    Parameters
    ----------
    config : ServerConfig
        Says what is open.
    on_choose : callable
        Told the path of a folder that was typed, or picked among the recent ones.
    width : int
        Width of the fields, px.
    """

    def __init__(
        self, config: ServerConfig, on_choose: Callable[[str], None], width: int, **values: Any
    ) -> None:
        super().__init__(**values)
        self.config = config
        self.on_choose = on_choose
        self.recent = RecentFolders(config)
        self.current: Path | None = None
        self._names: list[str] = []
        self._quiet = False
        self._build(width)
        self.browse(config.roots[0] if len(config.roots) == 1 else None)
        self.refresh_recent()

    def _build(self, width: int) -> None:
        self.path = PathField(
            self.suggest, [str(root) for root in self.config.roots], label="Folder",
            placeholder="Type a path, Enter opens it", width=width, margin=(4, 8),
            description="Folder with one file per frame, below the folders that the server shows.",
        )  # fmt: skip
        self.path.param.watch(self._on_entered, "value")
        self.up = pmui.IconButton(
            icon="arrow_upward", description="Folder above", size="small", margin=(0, 0)
        )
        self.up.on_click(lambda _event: self.go_up())
        self.place = plain_text("", width=width - 44, margin=(8, 4))
        self.list = pmui.MenuList(
            items=[], dense=True, highlight=False, sizing_mode="stretch_width", margin=0
        )
        self.list.param.watch(self._on_clicked, "active")
        self.nothing = plain_text("No folders inside", {"opacity": "0.65"}, margin=(6, 12))
        box = pn.Column(
            self.list, self.nothing, height=170, width=width, margin=(0, 8), scroll="y-auto",
            styles={"border": "1px solid rgba(128,128,128,0.35)", "border-radius": "4px"},
        )  # fmt: skip
        self.recents = pmui.Select(
            label="Recent folders", options=[], width=width, margin=(10, 8, 4, 8), size="small"
        )
        self.recents.param.watch(self._on_recent, "value")
        self._layout = pn.Column(
            self.path, pn.Row(self.up, self.place, margin=(0, 4)), box, self.recents, margin=0
        )

    def browse(self, folder: Path | None) -> None:
        """List the folders inside a folder; None lists the roots."""
        if folder is not None:
            folder = self.config.confine(folder)
        self.current = folder
        if folder is None:
            self._names = [str(root) for root in self.config.roots]
        else:
            self._names = subfolders(self.config, folder)
        self._quiet = True
        try:
            self.list.param.update(
                items=[{"label": name, "icon": "folder"} for name in self._names], active=None
            )
        finally:
            self._quiet = False
        self.place.object = "Open folders" if folder is None else (folder.name or str(folder))
        self.up.disabled = folder is None or (
            folder in self.config.roots and len(self.config.roots) == 1
        )
        self.nothing.visible = not self._names
        if folder is not None:
            self.set_path(str(folder))

    def set_path(self, text: str) -> None:
        """Fill the field without opening anything."""
        self._quiet = True
        try:
            # The field keeps only what is among its options.
            self.path.options = list(dict.fromkeys([*map(str, self.config.roots), text]))
            self.path.fill(text)
        finally:
            self._quiet = False

    def go_up(self) -> None:
        """List the folder above, as far as the roots allow."""
        if self.current is None:
            return
        above = None if self.current in self.config.roots else self.current.parent
        try:
            self.browse(above)
        except AccessError:
            self.browse(None)

    def refresh_recent(self) -> None:
        """Read the recent folders again."""
        names = self.recent.read()
        self._quiet = True
        try:
            self.recents.param.update(options={"Choose": "", **{n: n for n in names}}, value="")
        finally:
            self._quiet = False
        self.recents.visible = bool(names)

    def suggest(self, text: str) -> list[str]:
        """Return the folders that a typed text can go on to; the roots while it leads nowhere."""
        if not text or len(text) > 4096:
            return [str(root) for root in self.config.roots]
        path = Path(text)
        above, start = (path, "") if text.endswith(("/", "\\")) else (path.parent, path.name)
        try:
            folder = self.config.confine(above)
        except AccessError:
            return [name for name in map(str, self.config.roots) if name.startswith(text)]
        names = subfolders(self.config, folder, 2000)
        return [str(above / name) for name in names if name.startswith(start)][:50]

    def _on_entered(self, event: Any) -> None:
        if not self._quiet and event.new:
            self.on_choose(str(event.new))

    def _on_clicked(self, event: Any) -> None:
        index = event.new[0] if isinstance(event.new, (tuple, list)) else event.new
        if self._quiet or index is None or not 0 <= int(index) < len(self._names):
            return
        name = self._names[int(index)]
        self.browse(Path(name) if self.current is None else self.current / name)

    def _on_recent(self, event: Any) -> None:
        if not self._quiet and event.new:
            self.on_choose(str(event.new))

    def __panel__(self) -> Any:
        return self._layout
