"""What napari calls to open frames, stacks and run folders; napari itself is not needed here."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fibsem_dash.errors import FibsemDashError
from fibsem_dash.interoperability.contrast import image_contrast, stack_contrast
from fibsem_dash.interoperability.lazy import open_stack
from fibsem_dash.interoperability.lazy_frames import LazyFrames
from fibsem_dash.io import STACK_SUFFIXES, is_zarr, open_frame

LayerData = tuple[Any, dict[str, Any], str]
Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def get_reader(path: Paths) -> Callable[[Paths], list[LayerData]] | None:
    """Return the function that reads a path, or None where it is not ours.

    Parameters
    ----------
    path : path-like or sequence of path-like
        A .dat frame, a folder of them, a stack, a run folder, or several of them.
    """
    return read if all(_is_ours(Path(one)) for one in _as_list(path)) else None


def _as_list(path: Paths) -> list[str | os.PathLike[str]]:
    return [path] if isinstance(path, str | os.PathLike) else list(path)


def _is_ours(path: Path) -> bool:
    if (path / "run.json").is_file() or _is_dat_folder(path):
        return True
    return path.suffix.lower() in (".dat", *STACK_SUFFIXES)


def _is_dat_folder(path: Path) -> bool:
    try:
        return any(one.suffix.lower() == ".dat" for one in path.iterdir())
    except OSError:
        return False


def read(path: Paths) -> list[LayerData]:
    """Read frames and stacks as image layers of napari, in nm.

    A frame gives one layer per detector; a folder of .dat frames, or several frames at once, one
    lazy layer per detector; a stack one lazy layer with the levels of its pyramid.

    Raises
    ------
    FibsemDashError
        Where a file cannot be read.
    """
    paths = [Path(one) for one in _as_list(path)]
    if len(paths) > 1 and all(one.suffix.lower() == ".dat" for one in paths):
        return _series_layers(LazyFrames.from_files(paths))
    layers: list[LayerData] = []
    for one in paths:
        if _is_dat_folder(one) and not (one / "run.json").is_file() and not is_zarr(one):
            layers += _series_layers(LazyFrames.from_folder(one))
        elif one.suffix.lower() == ".dat":
            layers += _frame_layers(one)
        else:
            layers += _stack_layers(one)
    return layers


def _options(
    name: str, sizes: Sequence[float], contrast: tuple[float, float] | None, **metadata: Any
) -> dict[str, Any]:
    """Say what a layer is shown with."""
    known = all(np.isfinite(size) and size > 0 for size in sizes)
    options: dict[str, Any] = {
        "name": name,
        "scale": tuple(sizes) if known else (1.0,) * len(sizes),
        "units": ("nm" if known else "pixel",) * len(sizes),
        "axis_labels": tuple("zyx"[-len(sizes) :]),
        "colormap": "gray",
        "metadata": metadata,
    }
    if contrast:
        options["contrast_limits"] = contrast
    return options


def _frame_layers(path: Path) -> list[LayerData]:
    frame = open_frame(path, strict=False)
    layers: list[LayerData] = []
    for letter in frame.detectors:
        name = frame.detector_names.get(letter) or f"Detector {letter}"
        pixels = frame.raw(letter)
        options = _options(
            f"{path.stem} {name}", (frame.pixel_size_nm,) * 2, image_contrast(pixels),
            detector=letter, header=dict(frame.header),
        )  # fmt: skip
        # The last layer lies on top and would hide the first detector, the main one.
        options["visible"] = letter == frame.detectors[0]
        layers.append((pixels, options, "image"))
    return layers


def _series_layers(frames: LazyFrames) -> list[LayerData]:
    layers: list[LayerData] = []
    for letter, name in frames.detectors.items():
        options = _options(
            f"{frames.name} {name}", frames.voxel_size_nm,
            image_contrast(frames.read(0, letter)), detector=letter, z_step_from=frames.z_source,
        )  # fmt: skip
        options["visible"] = not layers
        layers.append((frames.to_dask(letter), options, "image"))
    return layers


def _stack_layers(path: Path) -> list[LayerData]:
    try:
        stack = open_stack(path)
    except FibsemDashError:
        if path.suffix.lower() in (".tif", ".tiff"):
            return _frame_layers(path)
        raise
    levels = stack.to_pyramid()
    options = _options(
        path.resolve().name if (path / "run.json").is_file() else stack.path.stem,
        stack.voxel_size_nm, stack_contrast(stack.path), source=str(stack.path),
    )  # fmt: skip
    options["multiscale"] = len(levels) > 1
    return [(levels if len(levels) > 1 else levels[0], options, "image")]
