"""What a file says about itself, as data and as text."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tifffile

from fibsem_dash.errors import FormatError
from fibsem_dash.io import (
    FRAME_SUFFIXES,
    HDF5_SUFFIXES,
    MRC_SUFFIXES,
    STACK_SUFFIXES,
    TIFF_SUFFIXES,
    ZARR_SUFFIXES,
    is_zarr,
    open_stack,
)
from fibsem_dash.io.atomic import json_safe, reading
from fibsem_dash.io.dat import read_dat_header
from fibsem_dash.io.dat_fields import SCALING_MEANING, Field, field_named
from fibsem_dash.io.mrc import MrcStack
from fibsem_dash.io.recipe import decode_recipe, slice_thickness_nm
from fibsem_dash.io.tif import open_tif, tiff_errors
from fibsem_dash.io.tif_stack import TifStack

_GROUP_ORDER = ("File", "Scan", "Scaling", "SEM", "FIB", "Milling", "Stage", "Vacuum", "Detectors")
_LARGEST_RECIPE = 2**24


def describe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Describe a frame or stack by its header; pixels are not read.

    A .dat file whose pixels are cut off is described too, with a note.

    Parameters
    ----------
    path : path-like
        A .dat, .tif, .tiff, .mrc, .mrcs, .rec, .st, .h5 or .hdf5 file, a .zarr folder or a folder
        of TIFF slices.

    Returns
    -------
    dict
        Safe for JSON (NaN is None): `path`, `format`, `size_bytes`, `shape`, `dtype`, `notes` (list
        of text), `groups` (list of `name` and `fields`; each field with `name`, `value`, `unit` and
        `meaning`) and, for .dat files that carry one, `recipe` without personal data.

    Raises
    ------
    FormatError
        Another suffix, or content that is not what the suffix says.
    AccessError
        The file is missing or may not be read.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".dat":
        parts = _describe_dat(path)
    elif path.is_dir() or suffix in (*ZARR_SUFFIXES, *HDF5_SUFFIXES):
        parts = _describe_chunked(path)
    elif suffix in TIFF_SUFFIXES:
        parts = _describe_tif(path)
    elif suffix in MRC_SUFFIXES:
        parts = _describe_mrc(path)
    else:
        raise FormatError(
            "This kind of file cannot be described",
            path=path,
            expected=" or ".join(dict.fromkeys((*FRAME_SUFFIXES, *STACK_SUFFIXES))),
            found=suffix or "no suffix",
            remedy="Choose a frame or a stack",
        )
    with reading(path):
        size = _size_of_folder(path) if path.is_dir() else os.stat(path).st_size
    result: dict[str, Any] = json_safe({"path": path, "size_bytes": size, "notes": [], **parts})
    return result


def render_description(description: Mapping[str, Any]) -> str:
    """Text of a description: one line per field, under the names of the groups.

    Parameters
    ----------
    description : mapping
        What `describe` gives.

    Returns
    -------
    str
        Lines that end with LF.
    """
    shape = " x ".join(str(side) for side in description["shape"])
    lines = [
        str(description["path"]),
        f"{description['format']}, {shape} {description['dtype']}, "
        f"{description['size_bytes']} bytes",
        *(f"Note: {note}" for note in description["notes"]),
    ]
    for group in description["groups"]:
        lines += ["", group["name"]]
        width = max((len(item["name"]) for item in group["fields"]), default=0)
        for item in group["fields"]:
            value = "unknown" if item["value"] is None else item["value"]
            text = f"  {item['name']:<{width}}  {value} {item['unit']}".rstrip()
            lines.append(f"{text}  ({item['meaning']})" if item["meaning"] else text)
    if description.get("recipe"):
        lines += ["", "Recipe", *_nested(description["recipe"], 1)]
    return "\n".join(lines) + "\n"


def _nested(values: Mapping[str, Any], depth: int) -> Iterable[str]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield f"{'  ' * depth}{name}"
            yield from _nested(value, depth + 1)
        else:
            yield f"{'  ' * depth}{name}  {value}"


def _entry(name: str, value: object, unit: str = "", meaning: str = "") -> dict[str, object]:
    return {"name": name, "value": value, "unit": unit, "meaning": meaning}


def _header_groups(header: Mapping[str, object], version: int) -> list[dict[str, object]]:
    groups: dict[str, list[dict[str, object]]] = {name: [] for name in _GROUP_ORDER}
    for name, value in header.items():
        field: Field | None = field_named(name, version)
        if name == "Scaling":
            groups["Scaling"].append(_entry(name, value, "", SCALING_MEANING))
        elif field is not None:
            groups[field.group].append(_entry(name, value, field.unit, field.meaning))
        elif not isinstance(value, Mapping):
            groups["File"].append(_entry(name, value))
    return [{"name": name, "fields": fields} for name, fields in groups.items() if fields]


def _describe_dat(path: Path) -> dict[str, object]:
    header = read_dat_header(path)
    notes = []
    recipe = None
    if header.missing_bytes:
        notes.append(f"{header.missing_bytes} of {header.pixel_bytes} bytes of pixels are missing")
    if 0 < header.trailer_bytes <= _LARGEST_RECIPE:
        with reading(path), path.open("rb") as file:
            file.seek(header.expected_bytes)
            recipe = decode_recipe(file.read())
    if header.trailer_bytes:
        kind = "an acquisition recipe" if recipe else "unknown content"
        notes.append(f"{header.trailer_bytes} bytes follow the pixels: {kind}")
    thickness = slice_thickness_nm(recipe)
    if thickness is not None:
        notes.append(f"slice thickness {thickness:g} nm by the recipe")
    parts: dict[str, object] = {
        "format": "dat",
        "shape": header.shape,
        "dtype": str(header.dtype.newbyteorder("=")),
        "detectors": header.detectors,
        "notes": notes,
        "groups": _header_groups(header.fields, header.version),
    }
    return parts | {"recipe": recipe} if recipe else parts


def _describe_tif(path: Path) -> dict[str, object]:
    with tiff_errors(path), tifffile.TiffFile(path) as tif:
        single = len(tif.pages) == 1 and len(tif.series[0].shape) == 2
    if single:
        frame = open_tif(path)
        groups = _header_groups(frame.header, 9)
        metadata = frame.header.get("Metadata")
        for section, values in metadata.items() if isinstance(metadata, Mapping) else ():
            if isinstance(values, Mapping):
                fields = [_entry(str(key), _plain(value)) for key, value in values.items()]
                groups.append({"name": f"Metadata {section}", "fields": fields})
        return {
            "format": "tif",
            "shape": frame.shape,
            "dtype": str(frame.dtype),
            "groups": groups,
        }
    with TifStack(path) as stack:
        return {
            "format": "tif stack",
            "shape": stack.shape,
            "dtype": str(stack.dtype),
            "groups": [{"name": "Stack", "fields": _voxel_fields(stack.voxel_size_nm)}],
        }


def _plain(value: object) -> object:
    return value if isinstance(value, int | float | str) else str(value)


def _voxel_fields(voxel_size_nm: tuple[float, float, float]) -> list[dict[str, object]]:
    return [
        _entry(f"Voxel size {axis}", edge, "nm")
        for axis, edge in zip("zyx", voxel_size_nm, strict=True)
    ]


def _size_of_folder(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _describe_chunked(path: Path) -> dict[str, object]:
    with open_stack(path) as stack:
        fields = _voxel_fields(stack.voxel_size_nm)
        kind = "tif folder" if path.is_dir() and not is_zarr(path) else "ome-zarr"
        kind = "bdv hdf5" if path.is_file() else kind
        if kind == "ome-zarr":
            fields.append(_entry("OME-Zarr version", getattr(stack, "version", "")))
        levels = getattr(stack, "levels", None) or getattr(stack, "factors", None)
        if levels:
            fields.append(_entry("Levels", len(levels), "", "copies of the image, ever smaller"))
        for name, attribute in (("Chunk", "chunk_shape"), ("Shard", "shard_shape")):
            if hasattr(stack, attribute):
                shape = " x ".join(map(str, getattr(stack, attribute)))
                fields.append(_entry(name, shape, "px", "(z, y, x) as stored"))
        return {
            "format": kind,
            "shape": stack.shape,
            "dtype": str(stack.dtype),
            "groups": [{"name": "Stack", "fields": fields}],
        }


def _describe_mrc(path: Path) -> dict[str, object]:
    with MrcStack(path) as stack:
        header, statistics = stack.header, stack.statistics
        fields = _voxel_fields(stack.voxel_size_nm)
        fields.append(_entry("Mode", int(header["mode"]), "", "type of a pixel by the standard"))
        for name in ("minimum", "maximum", "mean", "rms"):
            fields.append(_entry(name.capitalize(), getattr(statistics, name, None)))
        fields.append(_entry("Extended header", int(header["nsymbt"]), "byte"))
        labels = [_entry(f"Label {n}", text) for n, text in enumerate(stack.labels, start=1)]
        groups = [{"name": "Stack", "fields": fields}, {"name": "Labels", "fields": labels}]
        return {
            "format": "mrc",
            "shape": stack.shape,
            "dtype": str(stack.dtype),
            "groups": [group for group in groups if group["fields"]],
        }
