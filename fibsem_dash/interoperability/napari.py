"""What napari calls to open frames, stacks and run folders; napari itself is not needed here."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fibsem_dash.errors import FibsemDashError
from fibsem_dash.interoperability.lazy import open_stack
from fibsem_dash.io import STACK_SUFFIXES, open_frame

LayerData = tuple[Any, dict[str, Any], str]
Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def get_reader(path: Paths) -> Callable[[Paths], list[LayerData]] | None:
    """Return the function that reads a path, or None where it is not ours.

    Parameters
    ----------
    path : path-like or sequence of path-like
        A .dat frame, a stack, a run folder, or several of them.
    """
    return read if all(_is_ours(Path(one)) for one in _as_list(path)) else None


def _as_list(path: Paths) -> list[str | os.PathLike[str]]:
    return [path] if isinstance(path, str | os.PathLike) else list(path)


def _is_ours(path: Path) -> bool:
    if (path / "run.json").is_file():
        return True
    return path.suffix.lower() in (".dat", *STACK_SUFFIXES)


def read(path: Paths) -> list[LayerData]:
    """Read frames and stacks as image layers of napari, in nm.

    A frame gives one layer per detector; a stack one lazy layer.

    Raises
    ------
    FibsemDashError
        Where a file cannot be read.
    """
    layers: list[LayerData] = []
    for one in map(Path, _as_list(path)):
        layers += _frame_layers(one) if one.suffix.lower() == ".dat" else _stack_layers(one)
    return layers


def _frame_layers(path: Path) -> list[LayerData]:
    frame = open_frame(path, strict=False)
    layers: list[LayerData] = []
    for letter in frame.detectors:
        name = frame.detector_names.get(letter) or f"Detector {letter}"
        options = {
            "name": f"{path.stem} {name}",
            "scale": (frame.pixel_size_nm, frame.pixel_size_nm),
            "units": ("nm", "nm"),
            "colormap": "gray_r",
            "metadata": {"detector": letter, "header": dict(frame.header)},
        }
        layers.append((frame.raw(letter), options, "image"))
    return layers


def _stack_layers(path: Path) -> list[LayerData]:
    try:
        stack = open_stack(path)
    except FibsemDashError:
        if path.suffix.lower() in (".tif", ".tiff"):
            return _frame_layers(path)
        raise
    sizes = tuple(size if size > 0 else 1.0 for size in stack.voxel_size_nm)
    known = sizes == stack.voxel_size_nm
    options: dict[str, Any] = {
        "name": stack.path.stem,
        "scale": sizes,
        "units": ("nm",) * 3 if known else ("pixel",) * 3,
        "colormap": "gray_r",
        "metadata": {"source": str(stack.path)},
    }
    return [(stack.to_dask(depth=1), options, "image")]
