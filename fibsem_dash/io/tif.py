"""TIFF frames (one grey image, Thermo/FEI metadata included) and the writer."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from fibsem_dash.errors import FormatError, ParameterError
from fibsem_dash.io.atomic import atomic_path, decoding
from fibsem_dash.io.raw_frame import FrozenMapping, MappedPixels, PixelSource, RawFrame

DEFAULT_PIXEL_SIZE_NM = 8.0
"""Pixel size of a TIFF that does not say and for which none is given."""
FEI_TAGS = ("FEI_HELIOS", "FEI_SFEG", "helios_metadata", "sfeg_metadata")
"""Names under which releases of tifffile give the metadata block of Thermo/FEI microscopes."""
PIXEL_TYPES = ("uint8", "uint16", "int16", "float32")
LARGEST_PAGE_BYTES = 2**34
LARGEST_COMPRESSION = 1100
"""Pixels above 16 MiB that claim to be packed tighter than Deflate can are not unpacked."""
_COLOURS = {"RGB", "PALETTE", "YCBCR", "SEPARATED", "CIELAB"}
_PLAUSIBLE_NM = (0.01, 10_000.0)
_NM_PER_UNIT = {2: 25.4e6, 3: 1e7}  # inch, centimetre


@dataclass(frozen=True)
class TiffPixels:
    """Pixels of a TIFF page that must be decoded; (y, x, 1, 1) when loaded."""

    path: Path
    page: int = 0

    def load(self) -> NDArray[Any]:
        """Decode the page; raise ``FormatError`` or ``AccessError`` where impossible."""
        with tiff_errors(self.path), tifffile.TiffFile(self.path) as tif:
            image = np.asarray(tif.pages[self.page].asarray())
        return image.reshape((*image.shape[:2], 1, 1))


def tiff_errors(path: Path) -> AbstractContextManager[None]:
    """Report whatever goes wrong in reading a TIFF as ``AccessError`` or ``FormatError``."""
    return decoding(
        path,
        "The file cannot be read as a TIFF",
        "Check that it was copied completely, or save it anew as an uncompressed TIFF",
    )


def check_page(page: Any, path: Path, size: int) -> None:
    """Refuse a TIFF page that is not one whole grey image of a known type.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page.
    path : pathlib.Path
        Its file.
    size : int
        Bytes of the file.
    """
    if page.samplesperpixel != 1 or page.photometric.name in _COLOURS:
        raise FormatError(
            "The TIFF holds a colour image",
            path=path,
            expected="one grey channel",
            found=f"{page.samplesperpixel} channels ({page.photometric.name})",
            remedy="Convert it to grey first",
        )
    if len(page.shape) != 2 or 0 in page.shape:
        raise FormatError(
            "The TIFF page is not a two-dimensional image",
            path=path,
            expected="(y, x)",
            found=page.shape,
            remedy="Save the image as a plain two-dimensional TIFF",
        )
    if str(page.dtype) not in PIXEL_TYPES:
        raise FormatError(
            "The TIFF has pixels of an unsupported type",
            path=path,
            expected=", ".join(PIXEL_TYPES),
            found=page.dtype,
            remedy="Convert it to one of these types",
        )
    _check_codec(page, path)
    check_size(page, path, size)


def _check_codec(page: Any, path: Path) -> None:
    try:
        _ = tifffile.TIFF.DECOMPRESSORS[page.compression]
        _ = tifffile.TIFF.UNPREDICTORS[page.predictor]
    except KeyError as error:
        raise FormatError(
            f"The TIFF is compressed with {getattr(page.compression, 'name', page.compression)}, "
            "which cannot be read here",
            path=path,
            found=error.args[0],
            remedy="Save it without compression or with Deflate, or install imagecodecs",
        ) from error


def check_size(page: Any, path: Path, size: int) -> None:
    """Refuse a TIFF page whose pixels are not all within the file; arguments as `check_page`."""
    end = max(
        (
            start + count
            for start, count in zip(page.dataoffsets, page.databytecounts, strict=False)
        ),
        default=0,
    )
    stored = sum(page.databytecounts)
    # No real image shrinks that much, so a small file that claims gigabytes is not unpacked.
    largest = stored if page.compression == 1 else stored * LARGEST_COMPRESSION + 2**24
    short = largest < page.nbytes
    if end > size or short or page.nbytes > LARGEST_PAGE_BYTES:
        raise FormatError(
            "The TIFF ends before its pixels do"
            if end > size or short
            else "The TIFF is too large",
            path=path,
            expected=f"{page.nbytes} bytes of pixels",
            found=f"{min(stored, size)} bytes",
            remedy="Copy the file again",
        )


def page_source(tif: Any, index: int, path: Path) -> PixelSource:
    """Source of a page's pixels: mapped where it is stored in one uncompressed block."""
    page = tif.pages[index]
    if not page.is_contiguous or page.compression != 1:
        return TiffPixels(path, index)
    dtype = page.dtype.newbyteorder(tif.byteorder)
    return MappedPixels(path, page.dataoffsets[0], dtype.str, (*page.shape, 1, 1))


def open_tif(path: str | os.PathLike[str], pixel_size_nm: float | None = None) -> RawFrame:
    """Open a TIFF with one grey image as a frame with the single detector A.

    Parameters
    ----------
    path : path-like
        The file: uint8, uint16, int16 or float32, uncompressed (then it is mapped), Deflate,
        PackBits or LZMA; other compressions need the package imagecodecs.
    pixel_size_nm : float, optional
        Pixel size in nm, which wins over what the file says. Without it the Thermo/FEI metadata
        count, then the resolution tags where they give 0.01 nm to 10 µm, then 8 nm; the header
        entry `PixelSizeSource` tells which.

    Returns
    -------
    RawFrame
        Thermo/FEI values have the names and units of a .dat header: WD (mm), EHT (kV), SEMCurr (A),
        PixelSize (nm), ScanRate (Hz), MachineID. No dark count and no calibration: scaled values
        are the raw ones.

    Raises
    ------
    FormatError
        Not a TIFF, cut off, several pages, colour, or an unsupported type or compression.
    AccessError
        The file is missing or may not be read.
    """
    path = Path(path)
    with tiff_errors(path), tifffile.TiffFile(path) as tif:
        pages = len(tif.pages)
        if pages != 1 or len(tif.series[0].shape) != 2:
            _refuse_stack(tif, path)
        page = tif.pages[0]
        check_page(page, path, os.stat(path).st_size)
        header = _header(page, pixel_size_nm)
        shape = (int(page.shape[0]), int(page.shape[1]))
        dtype = np.dtype(page.dtype).newbyteorder("=")
        source = page_source(tif, 0, path)
    return RawFrame(
        path=path,
        format="tif",
        header=FrozenMapping(header),
        detectors=("A",),
        detector_names=FrozenMapping({"A": str(header["DetA"])}),
        shape=shape,
        dtype=dtype,
        pixel_size_nm=float(header["PixelSize"]),  # type: ignore[arg-type]
        dark_counts=FrozenMapping({"A": 0.0}),
        source=source,
    )


def _refuse_stack(tif: Any, path: Path) -> None:
    page = tif.pages[0]
    if page.samplesperpixel != 1:
        check_page(page, path, os.stat(path).st_size)
    raise FormatError(
        "The TIFF holds more than one image",
        path=path,
        expected="one image (y, x)",
        found=f"{len(tif.pages)} pages, shape {tif.series[0].shape}",
        remedy="Open it as a stack, or split it into one file per image",
    )


def _header(page: Any, pixel_size_nm: float | None) -> dict[str, object]:
    header: dict[str, object] = {
        "FileVersion": -1,
        "EightBit": int(page.dtype == np.uint8),
        "XResolution": int(page.shape[1]),
        "YResolution": int(page.shape[0]),
        "DetA": "Detector A",
        "DetB": "None",
        "Sample_ID": "",
    }
    block = fei_metadata(page)
    header |= fei_values(block)
    sizes = (
        ("argument", pixel_size_nm),
        ("metadata", header.get("PixelSize")),
        ("resolution tags", resolution_nm(page)),
        ("default", DEFAULT_PIXEL_SIZE_NM),
    )
    source, size = next((name, value) for name, value in sizes if value is not None)
    header |= {"PixelSize": size, "PixelSizeSource": source}
    for name in ("ImageDescription", "Software", "DateTime"):
        tag = page.tags.get(name)
        if tag is not None and isinstance(tag.value, str):
            header[name] = tag.value.strip("\0 ")
    if block:
        header["Metadata"] = block
    return header


def fei_metadata(page: Any) -> Mapping[str, Any]:
    """Metadata block of Thermo/FEI microscopes, section to key to value; empty where absent."""
    for name in FEI_TAGS:
        tag = page.tags.get(name)
        if tag is not None and isinstance(tag.value, Mapping):
            return dict(tag.value)
    return {}


def fei_values(block: Mapping[str, Any]) -> dict[str, object]:
    """Header values of a Thermo/FEI block in the names and units of a .dat header.

    Parameters
    ----------
    block : mapping
        Section to key to value, as `fei_metadata` gives it.

    Returns
    -------
    dict
        Only what the block holds: WD (mm), EHT (kV), SEMCurr (A), PixelSize (nm), ScanRate (Hz),
        MachineID.
    """
    conversions = (
        ("WD", "EBeam", "WD", 1e3),
        ("EHT", "EBeam", "HV", 1e-3),
        ("SEMCurr", "EBeam", "BeamCurrent", 1.0),
        ("PixelSize", "Scan", "PixelWidth", 1e9),
    )
    values: dict[str, object] = {}
    for name, section, key, factor in conversions:
        number = _number(block, section, key)
        if number is not None:
            values[name] = number * factor
    if not values.get("PixelSize", 1.0):
        del values["PixelSize"]
    dwell = _number(block, "Scan", "Dwelltime")
    if dwell:
        values["ScanRate"] = 1 / dwell
    system = block.get("System")
    if isinstance(system, Mapping):
        parts = [str(system[key]) for key in ("SystemType", "Dnumber") if key in system]
        if parts:
            values["MachineID"] = " ".join(parts)
    return values


def _number(block: Mapping[str, Any], section: str, key: str) -> float | None:
    part = block.get(section)
    try:
        number = float(part[key])  # type: ignore[index]
    except (KeyError, TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def resolution_nm(page: Any) -> float | None:
    """Pixel size in nm by the resolution tags, None where they are absent or implausible."""
    unit, resolution = page.tags.get("ResolutionUnit"), page.tags.get("XResolution")
    if unit is None or resolution is None:
        return None
    try:
        numerator, denominator = resolution.value
        size = _NM_PER_UNIT[int(unit.value)] * float(denominator) / float(numerator)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    # Most programs write 72 or 96 dots per inch without meaning it.
    return size if _PLAUSIBLE_NM[0] <= size <= _PLAUSIBLE_NM[1] else None


def write_tif(
    path: str | os.PathLike[str],
    image: NDArray[Any],
    *,
    pixel_size_nm: float | None = None,
    description: str = "",
) -> None:
    """Write one grey image as an uncompressed TIFF, whole or not at all.

    Parameters
    ----------
    path : path-like
        The file to make or replace.
    image : ndarray (y, x)
        uint8, uint16, int16 or float32.
    pixel_size_nm : float, optional
        Written as resolution tags in pixels per centimetre.
    description : str, default ""
        Text of the ImageDescription tag.

    Raises
    ------
    ParameterError
        The image has another type or dimension, or the pixel size is not positive.
    AccessError
        The file cannot be written.
    """
    image = np.asarray(image)
    if image.ndim != 2 or 0 in image.shape or image.dtype.newbyteorder("=") not in PIXEL_TYPES:
        raise ParameterError(
            "This image cannot be written as a TIFF frame",
            path=path,
            expected=f"(y, x) of type {', '.join(PIXEL_TYPES)}",
            found=f"{image.shape} of type {image.dtype}",
            remedy="Convert the image first",
        )
    options: dict[str, Any] = {}
    if pixel_size_nm is not None:
        if not (math.isfinite(pixel_size_nm) and pixel_size_nm > 0):
            raise ParameterError(
                "The pixel size must be a positive number of nanometres",
                found=pixel_size_nm,
                remedy="Correct the pixel size",
            )
        per_centimetre = 1e7 / pixel_size_nm
        options = {"resolution": (per_centimetre, per_centimetre), "resolutionunit": "CENTIMETER"}
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            np.ascontiguousarray(image),
            photometric="minisblack",
            description=description.encode("utf-8") or None,
            software=False,
            metadata=None,
            **options,
        )
