"""Multi-page TIFF stacks, read page by page."""

from __future__ import annotations

import math
import os
from pathlib import Path
from types import TracebackType
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from fibsem_dash.errors import FormatError
from fibsem_dash.io.stack import PartLevel, slice_index
from fibsem_dash.io.tif import check_page, check_size, resolution_nm, tiff_errors

_NM_PER_WORD = {"nm": 1.0, "um": 1e3, "µm": 1e3, "micron": 1e3, "mm": 1e6, "\\u00B5m": 1e3}


class TifStack:
    """A stack of grey images in one TIFF; pages are read when asked for.

    Can be pickled: the file is opened again at the other end.

    Parameters
    ----------
    path : path-like
        The file: pages of one shape and type, or an ImageJ stack in one block.
    voxel_size_nm : tuple of float, optional
        (z, y, x) in nm, which wins over what the file says.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    shape : tuple of int
        (z, y, x).
    dtype : numpy.dtype
        Native type of a pixel: uint8, uint16, int16 or float32.
    voxel_size_nm : tuple of float
        (z, y, x) in nm from resolution tags or ImageJ metadata, NaN where the file does not say.

    Raises
    ------
    FormatError
        Not a TIFF, cut off, colour, more than three axes, or pages that differ.
    AccessError
        The file is missing or may not be read.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        voxel_size_nm: tuple[float, float, float] | None = None,
    ) -> None:
        self.path = Path(path)
        self._given_voxel_size = voxel_size_nm
        self._tif: Any = None
        self._block: NDArray[Any] | None = None
        with tiff_errors(self.path):
            self._tif = tifffile.TiffFile(self.path)
            try:
                self._read_layout()
            except BaseException:
                self.close()
                raise

    def _read_layout(self) -> None:
        # Counting follows the list of pages to its end and notices one that leads back into itself;
        # the series would be collected from such a list for ever.
        len(self._tif.pages)
        series = self._tif.series[0]
        page = self._tif.pages[0]
        check_page(page, self.path, os.stat(self.path).st_size)
        shape = tuple(int(side) for side in series.shape)
        if len(shape) == 2:
            shape = (1, *shape)
        if len(shape) != 3 or len(self._tif.series) != 1:
            raise FormatError(
                "The TIFF is not one stack of images",
                path=self.path,
                expected="(z, y, x)",
                found=[tuple(item.shape) for item in self._tif.series][:4],
                remedy="Save one channel as a plain stack",
            )
        self.shape: tuple[int, int, int] = (shape[0], shape[1], shape[2])
        self.dtype: np.dtype[Any] = np.dtype(series.dtype).newbyteorder("=")
        self.voxel_size_nm = self._given_voxel_size or self._voxel_size(page)
        if series.dataoffset is not None:
            self._map(int(series.dataoffset))

    def _map(self, offset: int) -> None:
        dtype = self.dtype.newbyteorder(self._tif.byteorder)
        if os.stat(self.path).st_size - offset < math.prod(self.shape) * dtype.itemsize:
            raise FormatError(
                "The TIFF ends before its pixels do", path=self.path, remedy="Copy the file again"
            )
        self._block = np.asarray(np.memmap(self.path, dtype, "r", offset, self.shape))

    def _voxel_size(self, page: Any) -> tuple[float, float, float]:
        imagej = self._tif.imagej_metadata or {}
        factor = _NM_PER_WORD.get(str(imagej.get("unit", "")), math.nan)
        pixel = resolution_nm(page)
        if pixel is None:
            resolution = page.tags.get("XResolution")
            pixel = math.nan
            if resolution is not None and resolution.value[0]:
                pixel = factor * resolution.value[1] / resolution.value[0]
        spacing = imagej.get("spacing")
        z = factor * float(spacing) if isinstance(spacing, int | float) else math.nan
        if math.isnan(z) and self._tif.is_ome:
            z = _ome_slice_distance_nm(self._tif.ome_metadata)
        return (z, pixel, pixel)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> NDArray[Any]:
        """Image of a slice, (y, x), a contiguous copy in native byte order."""
        number = slice_index(index, len(self))
        if self._tif is None:
            raise ValueError("the stack is closed")
        if self._block is not None:
            return np.array(self._block[number], dtype=self.dtype, order="C")
        with tiff_errors(self.path):
            page = self._tif.series[0].pages[number]
            check_size(page, self.path, os.stat(self.path).st_size)
            image = np.asarray(page.asarray())
        if image.shape != self.shape[1:]:
            raise FormatError(
                f"Page {number} has another size than the first",
                path=self.path,
                expected=self.shape[1:],
                found=image.shape,
                remedy="Save all pages with one size",
            )
        return np.ascontiguousarray(image, dtype=self.dtype)

    @property
    def part_levels(self) -> tuple[PartLevel, ...]:
        """The only level: shape, factors, and no chunk."""
        return ((self.shape, (1, 1, 1), None),)

    def read_part(self, z: slice, y: slice, x: slice, level: int = 0) -> NDArray[Any]:
        """Voxels (z, y, x) of a part, a contiguous copy; pages are decoded unless mapped."""
        if self._block is not None:
            return np.array(self._block[z, y, x], dtype=self.dtype, order="C")
        return np.stack([self[k][y, x] for k in range(*z.indices(len(self)))])

    def close(self) -> None:
        """Close the file; may be called more than once."""
        self._block = None
        if self._tif is not None:
            self._tif.close()
            self._tif = None

    def __enter__(self) -> TifStack:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[object, ...]:
        return TifStack, (self.path, self._given_voxel_size)


def _ome_slice_distance_nm(text: str) -> float:
    try:
        root = ElementTree.fromstring(text.encode())
    except (ElementTree.ParseError, ValueError):
        return math.nan
    pixels = root.find(".//{*}Pixels")
    if pixels is None:
        return math.nan
    factor = _NM_PER_WORD.get(pixels.get("PhysicalSizeZUnit", "µm"), math.nan)
    try:
        size = float(pixels.get("PhysicalSizeZ", "nan")) * factor
    except ValueError:
        return math.nan
    return size if size > 0 else math.nan
