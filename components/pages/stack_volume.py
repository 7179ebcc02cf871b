"""Opening a stack for the Stack page: files below the allowed folders, and the stacks of runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from components.config import ServerConfig
from components.run_data import confine_frames
from fibsem_dash.errors import AccessError, FibsemDashError
from fibsem_dash.io import open_stack
from fibsem_dash.io.planes import PlaneReader
from fibsem_dash.io.pyramid import Triple
from fibsem_dash.io.stack import Stack
from fibsem_dash.registration.placement import Placement, placement_of
from fibsem_dash.registration.run_store import RunStore
from fibsem_dash.registration.stored_run import read_run

MOST_FILES = 200_000
"""Files of a folder whose sizes are added up."""


@dataclass(frozen=True, eq=False)
class Volume:
    """An open stack.

    Attributes
    ----------
    path : pathlib.Path
        File or folder, resolved.
    stack : Stack
        Open.
    reader : PlaneReader
        Reads its planes.
    n_bytes : int
        Space on disk as the files state it; 0 where it is not known.
    labels : tuple of str
        What the file says about itself.
    placement : Placement or None
        Where the first frame lies in the slices, for the stack of a run.
    """

    path: Path
    stack: Stack
    reader: PlaneReader
    n_bytes: int
    labels: tuple[str, ...] = ()
    placement: Placement | None = None

    @property
    def shape(self) -> Triple:
        """(z, y, x)."""
        return self.stack.shape

    @property
    def voxel_size_nm(self) -> tuple[float, float, float]:
        """(z, y, x), nm; NaN where the file does not say."""
        return self.stack.voxel_size_nm


def edges_um(
    voxel_size_nm: tuple[float, float, float], distance_nm: float | None = None
) -> tuple[tuple[float, float, float], str, str]:
    """Return voxel edges to draw with, their unit, and what had to be assumed.

    Parameters
    ----------
    voxel_size_nm : (float, float, float)
        (z, y, x) as the file says.
    distance_nm : float, optional
        Distance of slices that the user gave.

    Returns
    -------
    edges : (float, float, float)
        (z, y, x) in the unit.
    unit : str
        "µm", or "voxels" where the pixel size is not known.
    note : str
        What was assumed; empty without an assumption.
    """
    z, y, x = voxel_size_nm
    if not all(math.isfinite(v) and v > 0 for v in (y, x)):
        if distance_nm:
            return (
                (1.0, 1.0, 1.0),
                "voxels",
                "The pixel size is not known: voxels are drawn square.",
            )
        return (
            (1.0, 1.0, 1.0),
            "voxels",
            "The file states no voxel size: voxels are drawn as cubes.",
        )
    if distance_nm:
        return (distance_nm / 1000, y / 1000, x / 1000), "µm", ""
    if not (math.isfinite(z) and z > 0):
        note = "The file does not state the distance of slices: that of pixels is used."
        return (x / 1000, y / 1000, x / 1000), "µm", note
    return (z / 1000, y / 1000, x / 1000), "µm", ""


def find_stack(config: ServerConfig, path: str) -> Path:
    """Return the stack that a path of the browser leads to: itself, or the output of a run.

    Raises
    ------
    AccessError
        When it lies elsewhere, or the run has written no stack.
    """
    resolved = config.confine(path)
    store = RunStore(resolved)
    if not (resolved.is_dir() and store.exists):
        return resolved
    stacks = run_stacks(resolved)
    if not stacks:
        raise AccessError(
            "this run has written no stack yet",
            path=path,
            remedy="Finish the registration, or open another stack.",
        )
    return config.confine(stacks[0])


def run_stacks(folder: Path) -> list[Path]:
    """Return the stacks that a run has written and that are there."""
    names = RunStore(folder).read().get("outputs", [])
    if not isinstance(names, list):
        return []
    # Only names count: a record must not lead out of its folder.
    files = [folder / Path(name).name for name in names if isinstance(name, str)]
    return [file for file in files if file.suffix != ".xml" and file.exists()]


def open_volume(config: ServerConfig, path: str) -> Volume:
    """Open what a path of the browser leads to.

    Raises
    ------
    AccessError, FormatError
        When it is not open to the dashboard or no stack that can be read.
    """
    found = find_stack(config, path)
    stack = open_stack(found)
    labels = tuple(getattr(stack, "labels", ()))
    placement = _placement(config, found, stack.shape[1:])
    return Volume(found, stack, PlaneReader(stack), size_of(found), labels, placement)


def _placement(config: ServerConfig, stack: Path, shape: tuple[int, int]) -> Placement | None:
    """Return where the first frame lies in the stack of a run; None where it is not known."""
    try:
        if stack not in run_stacks(stack.parent):
            return None
        run = read_run(stack.parent)
        confine_frames(config, run.paths)
        return placement_of(run, shape)
    except (FibsemDashError, OSError):
        # The stack can be looked at all the same, by the coordinates of its slices.
        return None


def size_of(path: Path) -> int:
    """Return the size of a file, or of the files in a folder, bytes."""
    try:
        if path.is_file():
            return path.stat().st_size
        total = 0
        for number, file in enumerate(path.rglob("*")):
            if number > MOST_FILES:
                return 0
            total += file.stat().st_size if file.is_file() else 0
    except OSError:
        return 0
    return total
