"""Multi-page TIFF stacks: a writer that several processes can use at once."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import tifffile
from numpy.typing import DTypeLike, NDArray

from fibsem_dash.errors import ParameterError
from fibsem_dash.io.atomic import reading
from fibsem_dash.io.pyramid import check_slices
from fibsem_dash.io.stack import held_bytes, stack_geometry
from fibsem_dash.io.tif import PIXEL_TYPES, tiff_errors

CLASSIC_LIMIT = 2**32 - 2**26
"""Size from which a stack becomes a BigTIFF, bytes; some room is left for the pages' tags."""
_BYTES_PER_PAGE = 512


@dataclass(frozen=True)
class TifStackWriter:
    """Writes the slices of a multi-page TIFF in any order, from any process.

    Up to 4 GiB the file is an ImageJ stack, which ImageJ opens with its voxel size. A larger one is
    a BigTIFF with OME metadata, which Fiji opens through Bio-Formats. The pixels lie in one block,
    not compressed. The same slices give the same bytes.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    shape : (int, int, int)
        (z, y, x).
    dtype : numpy.dtype
        Type of a pixel: uint8, uint16, int16 or float32.
    offset : int
        Where the pixels begin in the file.
    """

    path: Path
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    offset: int

    depth = 1

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        shape_zyx: tuple[int, int, int],
        dtype: DTypeLike,
        voxel_size_nm: float | tuple[float, float, float],
        labels: Sequence[str] = (),
        big: bool | None = None,
    ) -> TifStackWriter:
        """Make a file of full size; slices not written stay zero.

        Parameters
        ----------
        path : path-like
            The file, made or replaced under exactly this name: give a temporary one and rename it
            after `finish`.
        shape_zyx : (int, int, int)
            (z, y, x).
        dtype : dtype
            uint8, uint16, int16 or float32.
        voxel_size_nm : float or tuple of float
            One edge, or (z, y, x), in nm; NaN where it is not known.
        labels : sequence of str
            The first names the image in OME metadata.
        big : bool, optional
            Whether to write a BigTIFF; by default from about 4 GiB on.

        Raises
        ------
        ParameterError
            A shape or type that is not written.
        AccessError
            The file cannot be written.
        """
        kind = np.dtype(dtype).newbyteorder("=")
        if kind.name not in PIXEL_TYPES:
            raise ParameterError(
                "TIFF stacks are not written in this type",
                path=path,
                expected=", ".join(PIXEL_TYPES),
                found=kind,
                remedy="Convert the images first",
            )
        shape, voxel = stack_geometry(shape_zyx, voxel_size_nm)
        if shape[2] < 2:
            # Readers take one column for the samples of a row of pixels.
            raise ParameterError("a TIFF stack", expected="at least 2 columns", found=shape)
        size = math.prod(shape) * kind.itemsize + shape[0] * _BYTES_PER_PAGE
        is_big = size > CLASSIC_LIMIT if big is None else big
        if is_big:
            name = labels[0] if labels else "fibsem-dash"
            text = _ome_xml(name, shape, kind, voxel)
            options = {"description": text.encode(), "metadata": None, **_resolution(voxel, 1e7)}
        else:
            options = {"metadata": _imagej(voxel), **_resolution(voxel, 1.0)}
        target = Path(path)
        with (
            reading(target),
            tifffile.TiffWriter(target, bigtiff=is_big, imagej=not is_big, byteorder="<") as writer,
        ):
            placed = writer.write(
                None, shape=shape, dtype=kind, photometric="minisblack", software=False,
                returnoffset=True, **options,
            )  # fmt: skip
        assert placed is not None
        return cls(target, shape, kind, int(placed[0]))

    @classmethod
    def attach(
        cls, path: str | os.PathLike[str], shape: tuple[int, int, int], dtype: np.dtype[Any]
    ) -> TifStackWriter:
        """Go on with a file that `create` made, for example after an interruption."""
        with tiff_errors(Path(path)), tifffile.TiffFile(path) as tif:
            return cls(Path(path), shape, dtype, int(tif.pages[0].dataoffsets[0]))

    @property
    def expected_bytes(self) -> int:
        """Size of the file, nearly."""
        return math.prod(self.shape) * self.dtype.itemsize + self.shape[0] * _BYTES_PER_PAGE

    def written_bytes(self) -> int:
        """Space that is taken already."""
        return held_bytes(self.path)

    def write_slices(self, first: int, images: NDArray[Any]) -> None:
        """Write one slice, (1, y, x), at its place.

        Raises
        ------
        ParameterError
            Another shape or type, or no such slice.
        AccessError
            The file has gone or the disk is full.
        """
        check_slices(images, first, self.shape, self.dtype, 1, self.path)
        stored = np.ascontiguousarray(images, dtype=self.dtype.newbyteorder("<"))
        with reading(self.path), self.path.open("r+b") as file:
            file.seek(self.offset + int(first) * stored.nbytes)
            file.write(stored.data)

    def finish(self, minimum: float, maximum: float, mean: float, rms: float) -> None:
        """Force the file to disk; statistics have no place in it."""
        with reading(self.path), self.path.open("r+b") as file:
            os.fsync(file.fileno())


def _resolution(voxel: Sequence[float], unit_nm: float) -> dict[str, Any]:
    if not all(math.isfinite(v) and v > 0 for v in voxel[1:]):
        return {}
    # ImageJ counts pixels per unit of its own text, others per centimetre.
    unit = "NONE" if unit_nm == 1 else "CENTIMETER"
    return {"resolution": (unit_nm / voxel[2], unit_nm / voxel[1]), "resolutionunit": unit}


def _imagej(voxel: Sequence[float]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": "ZYX"}
    if all(math.isfinite(v) and v > 0 for v in voxel):
        metadata |= {"unit": "nm", "spacing": voxel[0]}
    return metadata


def _ome_xml(
    name: str, shape: tuple[int, int, int], dtype: np.dtype[Any], voxel: Sequence[float]
) -> str:
    # Written here because tifffile puts a random identifier in, and bytes must repeat.
    kind = {"float32": "float"}.get(dtype.name, dtype.name)
    sizes = "".join(
        f' PhysicalSize{axis}="{edge:.12g}" PhysicalSize{axis}Unit="nm"'
        for axis, edge in zip("ZYX", voxel, strict=True)
        if math.isfinite(edge) and edge > 0
    )
    z, y, x = shape
    space = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
    title = escape(name, {'"': "&quot;"}).encode("ascii", "replace").decode()
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{space}" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="{space} {space}/ome.xsd"><Image ID="Image:0" Name="{title}">'
        f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="{kind}" SizeX="{x}" SizeY="{y}" '
        f'SizeZ="{z}" SizeC="1" SizeT="1" BigEndian="false"{sizes}>'
        '<Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
        f'<TiffData IFD="0" PlaneCount="{z}"/></Pixels></Image></OME>'
    )
