"""The XML that BigDataViewer opens: made for an HDF5 file, and read for the voxel size."""

from __future__ import annotations

import math
import os
from pathlib import Path
from xml.etree import ElementTree

from fibsem_dash.io.atomic import write_bytes

_NM_PER_UNIT = {"nm": 1.0, "nanometer": 1.0, "um": 1e3, "µm": 1e3, "micrometer": 1e3,
                "micron": 1e3, "mm": 1e6, "millimeter": 1e6}  # fmt: skip
_LARGEST_XML = 2**24


def write_bdv_xml(
    path: str | os.PathLike[str],
    shape: tuple[int, int, int],
    voxel_size_nm: tuple[float, float, float],
    name: str = "FIB-SEM",
) -> None:
    """Write the XML of one setup and one time point beside an HDF5 file of the same stem.

    Parameters
    ----------
    path : path-like
        The XML file; the image is ``path`` with suffix ``.h5``, named relative to it.
    shape : (int, int, int)
        (z, y, x).
    voxel_size_nm : (float, float, float)
        (z, y, x), nm; pixels are counted where one is NaN.
    name : str
        Name of the setup.

    Raises
    ------
    AccessError
        The file cannot be written.
    """
    known = all(math.isfinite(v) and v > 0 for v in voxel_size_nm)
    z, y, x = voxel_size_nm if known else (1.0, 1.0, 1.0)
    root = ElementTree.Element("SpimData", version="0.2")
    _leaf(root, "BasePath", ".", type="relative")
    sequence = ElementTree.SubElement(root, "SequenceDescription")
    loader = ElementTree.SubElement(sequence, "ImageLoader", format="bdv.hdf5")
    _leaf(loader, "hdf5", Path(path).with_suffix(".h5").name, type="relative")
    setups = ElementTree.SubElement(sequence, "ViewSetups")
    setup = ElementTree.SubElement(setups, "ViewSetup")
    _leaf(setup, "id", "0")
    _leaf(setup, "name", name)
    _leaf(setup, "size", " ".join(str(n) for n in reversed(shape)))
    size = ElementTree.SubElement(setup, "voxelSize")
    _leaf(size, "unit", "nm" if known else "pixel")
    _leaf(size, "size", f"{x:.12g} {y:.12g} {z:.12g}")
    chosen = ElementTree.SubElement(setup, "attributes")
    for kind in ("illumination", "channel", "tile", "angle"):
        _leaf(chosen, kind, "0")
    for kind in ("illumination", "channel", "tile", "angle"):
        attributes = ElementTree.SubElement(setups, "Attributes", name=kind)
        entry = ElementTree.SubElement(attributes, kind.capitalize())
        _leaf(entry, "id", "0")
        _leaf(entry, "name", "0")
    points = ElementTree.SubElement(sequence, "Timepoints", type="range")
    _leaf(points, "first", "0")
    _leaf(points, "last", "0")
    registrations = ElementTree.SubElement(root, "ViewRegistrations")
    registration = ElementTree.SubElement(
        registrations, "ViewRegistration", timepoint="0", setup="0"
    )
    transform = ElementTree.SubElement(registration, "ViewTransform", type="affine")
    _leaf(transform, "Name", "calibration")
    _leaf(transform, "affine", f"{x:.12g} 0 0 0 0 {y:.12g} 0 0 0 0 {z:.12g} 0")
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    write_bytes(path, text + b"\n")


def _leaf(parent: ElementTree.Element, tag: str, text: str, **attributes: str) -> None:
    ElementTree.SubElement(parent, tag, attributes).text = text


def read_bdv_voxel_size(path: Path) -> tuple[float, float, float]:
    """Read the voxel size (z, y, x) of the first setup in nm; NaN where it is not told."""
    unknown = (math.nan, math.nan, math.nan)
    try:
        if path.stat().st_size > _LARGEST_XML:
            return unknown
        root = ElementTree.fromstring(path.read_bytes())
        size = root.find("./SequenceDescription/ViewSetups/ViewSetup/voxelSize")
        if size is None:
            return unknown
        factor = _NM_PER_UNIT.get((size.findtext("unit") or "").strip(), math.nan)
        x, y, z = (float(v) * factor for v in (size.findtext("size") or "").split())
    except (OSError, ElementTree.ParseError, ValueError, LookupError):
        return unknown
    return (z, y, x) if min(x, y, z) > 0 else unknown
