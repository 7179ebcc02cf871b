"""What a server may show: folders, scheduler. Paths from the browser are confined to them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from components.access import demo_only
from fibsem_dash.errors import AccessError

DEMO_FOLDER = "demo-frames"
"""Name of the demo's folder below the run root."""

DEMO_RUN = "demo-run"
"""Name of its run folder."""


@dataclass(frozen=True)
class ServerConfig:
    """Settings of one server process.

    Attributes
    ----------
    roots : tuple of pathlib.Path
        Folders that the browser may look into, resolved.
    run_root : pathlib.Path
        Folder below which run folders are made, resolved.
    scheduler : str
        Address of a Dask scheduler; empty for a local cluster.
    demo_only : bool
        Nothing but the demo may be opened: strangers can reach the server.
    """

    roots: tuple[Path, ...]
    run_root: Path
    scheduler: str = ""
    demo_only: bool = False

    @property
    def demo_folder(self) -> Path:
        """Where the demo lies, or will lie."""
        return self.run_root / DEMO_FOLDER

    @property
    def demo_run(self) -> Path:
        """Run folder of the demo."""
        return self.run_root / DEMO_RUN

    @property
    def open_folders(self) -> tuple[Path, ...]:
        """Folders below which files may be opened."""
        demo = (self.demo_folder, self.demo_run)
        return demo if self.demo_only else (*self.roots, self.run_root)

    def confine(self, path: str | os.PathLike[str]) -> Path:
        """Return the resolved path if it lies below an allowed folder.

        Raises
        ------
        AccessError
            When it does not exist or lies elsewhere, also through a link.
        """
        if self.demo_only:
            return self._confine_to_demo(path)
        allowed = " or ".join(map(str, self.roots))
        try:
            resolved = Path(path).expanduser().resolve(strict=True)
        except (OSError, RuntimeError, ValueError):
            raise AccessError(
                "there is no such file or folder", path=path, remedy=f"Choose one below {allowed}"
            ) from None
        if not any(resolved.is_relative_to(root) for root in self.open_folders):
            raise AccessError(
                "this folder is not open to the dashboard",
                path=path,
                expected=f"a path below {allowed}",
                remedy="Start the server with that folder: fibsem-dash serve FOLDER",
            )
        return resolved

    def _confine_to_demo(self, path: str | os.PathLike[str]) -> Path:
        # The same words for all that is refused: they must not tell what exists.
        try:
            resolved = Path(path).resolve(strict=True)
            allowed = any(resolved.is_relative_to(folder) for folder in self.open_folders)
        except (OSError, RuntimeError, ValueError):
            allowed = False
        if not allowed:
            raise AccessError(
                "only the demo is open here: strangers can reach this server",
                path=path,
                remedy="Start it for this machine alone, or with a login.",
            )
        return resolved


def config_from(environment: Mapping[str, str]) -> ServerConfig:
    """Build the settings from FIBSEM_DASH_ROOTS, _RUN_ROOT and _SCHEDULER.

    Roots are separated as in PATH; the default is the current folder, and runs go to
    ``fibsem-runs`` below it.
    """
    names = environment.get("FIBSEM_DASH_ROOTS", "").split(os.pathsep)
    roots = tuple(Path(name).expanduser().resolve() for name in names if name) or (Path.cwd(),)
    run_root = environment.get("FIBSEM_DASH_RUN_ROOT", "") or "fibsem-runs"
    return ServerConfig(
        roots=roots,
        run_root=Path(run_root).expanduser().resolve(),
        scheduler=environment.get("FIBSEM_DASH_SCHEDULER", ""),
    )


def server_config() -> ServerConfig:
    """Return the settings of this process, as they are now.

    Whether only the demo is open is looked up for every tab: a server may be asked for a page
    before it listens.
    """
    config = config_from(os.environ)
    if not demo_only():
        return config
    return replace(config, roots=(config.demo_folder,), demo_only=True)
