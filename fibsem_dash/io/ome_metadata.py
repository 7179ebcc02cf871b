"""What OME-Zarr says about its arrays: made, and read with distrust."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fibsem_dash.errors import FormatError
from fibsem_dash.io.pyramid import Level

_NM_PER_UNIT = {
    "angstrom": 0.1, "picometer": 1e-3, "nanometer": 1.0, "micrometer": 1e3, "millimeter": 1e6,
    "meter": 1e9, "nm": 1.0, "um": 1e3, "µm": 1e3, "mm": 1e6,
}  # fmt: skip


@dataclass(frozen=True)
class Description:
    """The first multiscale image of an OME-Zarr group.

    Attributes
    ----------
    levels : tuple of str
        Paths of the arrays below the group, the largest first.
    axes : tuple of str
        Names in order.
    voxel_size_nm : (float, float, float)
        (z, y, x) of the largest, NaN where not known.
    version : str
        Of the OME-Zarr rules.
    """

    levels: tuple[str, ...]
    axes: tuple[str, ...]
    voxel_size_nm: tuple[float, float, float]
    version: str


def ome_attributes(
    name: str,
    levels: Sequence[Level],
    voxel_size_nm: tuple[float, float, float],
    program_version: str,
) -> dict[str, Any]:
    """Make the attributes of the group as OME-Zarr 0.5 demands.

    Parameters
    ----------
    name : str
        Name of the image.
    levels : sequence of Level
        Level 0 first.
    voxel_size_nm : (float, float, float)
        (z, y, x) of level 0; where one is NaN, the axes get no unit and voxels count 1.
    program_version : str
        Version of this program.

    Returns
    -------
    dict
        Attributes with the single key "ome". A voxel of level n covers factors voxels of level 0,
        so its centre lies (factor - 1) / 2 voxels further: the translation says so.
    """
    known = all(math.isfinite(v) and v > 0 for v in voxel_size_nm)
    voxel = voxel_size_nm if known else (1.0, 1.0, 1.0)
    axes = [{"name": n, "type": "space"} | ({"unit": "nanometer"} if known else {}) for n in "zyx"]
    datasets = []
    for number, level in enumerate(levels):
        scale = [v * f for v, f in zip(voxel, level.factors, strict=True)]
        shift = [v * (f - 1) / 2 for v, f in zip(voxel, level.factors, strict=True)]
        transforms: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
        if any(shift):
            transforms.append({"type": "translation", "translation": shift})
        datasets.append({"path": str(number), "coordinateTransformations": transforms})
    multiscale = {
        "name": name,
        "axes": axes,
        "datasets": datasets,
        "type": "mean",
        "metadata": {
            "description": "mean over voxels",
            "method": "fibsem-dash",
            "version": program_version,
        },
    }
    channel = {
        "active": True, "coefficient": 1.0, "color": "FFFFFF", "family": "linear",
        "inverted": False, "label": "FIB-SEM",
        "window": {"min": 0.0, "max": 1.0, "start": 0.0, "end": 1.0},
    }  # fmt: skip
    omero = {
        "name": name,
        "channels": [channel],
        "rdefs": {"model": "greyscale", "defaultT": 0, "defaultZ": levels[0].shape[0] // 2},
    }
    return {"ome": {"version": "0.5", "multiscales": [multiscale], "omero": omero}}


def display_window(minimum: float, maximum: float, mean: float, rms: float) -> dict[str, float]:
    """Grey levels that a viewer starts with: three standard deviations around the mean.

    Returns
    -------
    dict
        min, max, start and end; start is less than end.
    """
    start, end = max(minimum, mean - 3 * rms), min(maximum, mean + 3 * rms)
    if not start < end:
        start, end = minimum, minimum + 1.0
    return {"min": float(minimum), "max": float(max(maximum, end)), "start": float(start),
            "end": float(end)}  # fmt: skip


def read_description(path: Path, attributes: Mapping[str, Any]) -> Description:
    """Read the attributes of a group by OME-Zarr 0.4 or 0.5.

    Raises
    ------
    FormatError
        When they do not describe a multiscale image, or name arrays outside of the folder.
    """
    ome = attributes.get("ome", attributes)
    try:
        image = ome["multiscales"][0]
        axes = tuple(str(axis["name"]) for axis in image["axes"])
        levels = tuple(str(item["path"]) for item in image["datasets"])
        voxel = _voxel_size(image, axes)
        version = str(ome.get("version", image.get("version", "")))
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise FormatError(
            "The folder does not describe an OME-Zarr image",
            path=path,
            expected="multiscales with axes and datasets",
            found=f"{type(error).__name__} at {str(error)[:80]}",
            remedy="Choose the folder of an OME-Zarr image",
        ) from error
    bad = [name for name in levels if PurePosixPath(name).is_absolute() or ".." in Path(name).parts]
    if bad or not levels:
        raise FormatError(
            "The OME-Zarr image names arrays outside of its folder", path=path, found=bad[:1]
        )
    return Description(levels, axes, voxel, version)


def _voxel_size(image: Mapping[str, Any], axes: Sequence[str]) -> tuple[float, float, float]:
    scale = [1.0] * len(axes)
    transforms = [
        *image["datasets"][0].get("coordinateTransformations", ()),
        *image.get("coordinateTransformations", ()),
    ]
    for transform in transforms:
        if transform["type"] == "scale":
            factors = [float(v) for v in transform["scale"]]
            scale = [a * b for a, b in zip(scale, factors, strict=True)]
    found = {}
    for axis, edge in zip(image["axes"], scale, strict=True):
        factor = _NM_PER_UNIT.get(str(axis.get("unit", "")), math.nan)
        size = edge * factor
        found[str(axis["name"])] = size if math.isfinite(size) and size > 0 else math.nan
    return found.get("z", math.nan), found.get("y", math.nan), found.get("x", math.nan)
