"""What a server may show: folders, scheduler. Paths from the browser are confined to them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fibsem_dash.errors import AccessError


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
    """

    roots: tuple[Path, ...]
    run_root: Path
    scheduler: str = ""

    def confine(self, path: str | os.PathLike[str]) -> Path:
        """Return the resolved path if it lies below an allowed folder.

        Raises
        ------
        AccessError
            When it does not exist or lies elsewhere, also through a link.
        """
        allowed = " or ".join(map(str, self.roots))
        try:
            resolved = Path(path).expanduser().resolve(strict=True)
        except (OSError, RuntimeError, ValueError):
            raise AccessError(
                "there is no such file or folder", path=path, remedy=f"Choose one below {allowed}"
            ) from None
        if not any(resolved.is_relative_to(root) for root in (*self.roots, self.run_root)):
            raise AccessError(
                "this folder is not open to the dashboard",
                path=path,
                expected=f"a path below {allowed}",
                remedy="Start the server with that folder: fibsem-dash serve FOLDER",
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


@lru_cache(maxsize=1)
def server_config() -> ServerConfig:
    """Return the settings of this process."""
    return config_from(os.environ)
