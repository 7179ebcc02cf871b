"""MRC stacks: reader, and a writer that several processes can use at once."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from mrcfile.utils import dtype_from_mode
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fibsem_dash.errors import FormatError, ParameterError
from fibsem_dash.io.atomic import access_error, reading
from fibsem_dash.io.mrc_header import (
    HEADER_BYTES,
    STATISTICS_LABEL,
    is_unsigned,
    labels_of,
    new_header,
    read_mrc_header,
    set_labels,
    voxel_size_nm_of,
)
from fibsem_dash.io.stack import PartLevel, held_bytes, slice_index


@dataclass(frozen=True)
class MrcStatistics:
    """Statistics of all pixels as an MRC file states them; `rms` is the standard deviation."""

    minimum: float
    maximum: float
    mean: float
    rms: float


class MrcStack:
    """An MRC stack, mapped from the file. Can be pickled.

    Parameters
    ----------
    path : path-like
        The file, of mode 0, 1, 2, 4, 6 or 12.
    unsigned : bool, optional
        How to read mode 0. By default unsigned where the file carries IMOD's stamp without the
        flag "signed", else signed, as the standard says.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    header : ndarray of shape (), structured
        Header fields as mrcfile names them.
    shape : tuple of int
        (z, y, x); a single image has z = 1, a stack of volumes is one long stack.
    dtype : numpy.dtype
        Native type of a pixel.
    voxel_size_nm : tuple of float
        (z, y, x) in nm, NaN where the header does not say.

    Raises
    ------
    FormatError
        Not an MRC file, cut off, or an unknown mode.
    AccessError
        The file is missing or may not be read.
    """

    def __init__(self, path: str | os.PathLike[str], unsigned: bool | None = None) -> None:
        self.path = Path(path)
        self._unsigned = unsigned
        self.header = read_mrc_header(self.path)
        stored = dtype_from_mode(int(self.header["mode"]))
        if stored == np.int8 and (is_unsigned(self.header) if unsigned is None else unsigned):
            stored = np.dtype(np.uint8)
        self.dtype: np.dtype[Any] = stored
        self.shape: tuple[int, int, int] = (
            int(self.header["nz"]),
            int(self.header["ny"]),
            int(self.header["nx"]),
        )
        self.voxel_size_nm = voxel_size_nm_of(self.header)
        self._pixels: NDArray[Any] | None = self._map()

    def _map(self) -> NDArray[Any]:
        offset = HEADER_BYTES + int(self.header["nsymbt"])
        wanted = math.prod(self.shape) * self.dtype.itemsize
        with reading(self.path):
            present = os.stat(self.path).st_size - offset
            if present >= wanted:
                order = self.header["mode"].dtype.byteorder
                stored = self.dtype.newbyteorder(order)
                return np.asarray(np.memmap(self.path, stored, "r", offset, self.shape))
        raise FormatError(
            "The MRC file ends before its pixels do",
            path=self.path,
            expected=f"{wanted} bytes of pixels",
            found=max(present, 0),
            remedy="Copy the file again",
        )

    @property
    def array(self) -> NDArray[Any]:
        """All pixels (z, y, x), mapped and read-only, perhaps in foreign byte order."""
        if self._pixels is None:
            raise ValueError("the stack is closed")
        return self._pixels

    @property
    def statistics(self) -> MrcStatistics | None:
        """Statistics that the file states, None where it says that they are not known.

        For unsigned 8-bit stacks that `MrcStackWriter` wrote they come from a label.
        """
        if self.dtype == np.uint8:
            for label in self.header["label"]:
                found = STATISTICS_LABEL.match(bytes(label))
                numbers = _numbers_of(found.groups()) if found else None
                if numbers is not None:
                    return MrcStatistics(*numbers)
        low, high, mean, rms = (float(self.header[n]) for n in ("dmin", "dmax", "dmean", "rms"))
        if high < low or rms < 0:
            return None
        return MrcStatistics(low, high, mean, rms)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the header."""
        return labels_of(self.header)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> NDArray[Any]:
        """Image of a slice, (y, x), a contiguous copy in native byte order."""
        return np.array(self.array[slice_index(index, len(self))], dtype=self.dtype, order="C")

    @property
    def part_levels(self) -> tuple[PartLevel, ...]:
        """The only level: shape, factors, and no chunk."""
        return ((self.shape, (1, 1, 1), None),)

    def read_part(self, z: slice, y: slice, x: slice, level: int = 0) -> NDArray[Any]:
        """Voxels (z, y, x) of a part, a contiguous copy in native byte order."""
        return np.array(self.array[z, y, x], dtype=self.dtype, order="C")

    def close(self) -> None:
        """Let go of the file; may be called more than once."""
        self._pixels = None

    def __enter__(self) -> MrcStack:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[object, ...]:
        return MrcStack, (self.path, self._unsigned)


def _numbers_of(texts: Sequence[bytes]) -> tuple[float, float, float, float] | None:
    try:
        low, high, mean, rms = (float(text) for text in texts)
    except ValueError:
        return None
    return low, high, mean, rms


@dataclass(frozen=True)
class MrcStackWriter:
    """Writes the slices of an MRC stack in any order, from any process.

    Make one with `create`, send it to the workers (it can be pickled), let each call `write_slice`
    and let one call `finish`. The same slices give the same bytes: nothing depends on time.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    shape : tuple of int
        (z, y, x).
    dtype : numpy.dtype
        Type of a pixel.
    """

    path: Path
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]

    depth = 1

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        shape_zyx: tuple[int, int, int],
        dtype: DTypeLike,
        voxel_size_nm: float | tuple[float, float, float],
        labels: Sequence[str] = (),
    ) -> MrcStackWriter:
        """Make a file of full size with a valid header; slices not written stay zero.

        Parameters
        ----------
        path : path-like
            The file, made or replaced under exactly this name: give a temporary one and rename it
            after `finish`.
        shape_zyx : tuple of int
            (z, y, x).
        dtype : dtype
            uint8 and int8 (mode 0, told apart by IMOD's flag), int16 (1), float32 (2), uint16 (6)
            or float16 (12).
        voxel_size_nm : float or tuple of float
            One edge, or (z, y, x), in nm.
        labels : sequence of str
            At most 9 labels of at most 80 ASCII characters; "fibsem-dash" where none is given.

        Returns
        -------
        MrcStackWriter

        Raises
        ------
        ParameterError
            A shape, type, voxel size or label that MRC cannot hold.
        AccessError
            The file cannot be written.
        """
        kind = np.dtype(dtype).newbyteorder("=")
        header = new_header(shape_zyx, kind, voxel_size_nm, labels)
        target = Path(path)
        size = HEADER_BYTES + math.prod(shape_zyx) * kind.itemsize
        with reading(target), target.open("wb") as file:
            file.write(header.tobytes())
            file.truncate(size)
        z, y, x = (int(side) for side in shape_zyx)
        return cls(target, (z, y, x), kind)

    @classmethod
    def attach(cls, path: str | os.PathLike[str]) -> MrcStackWriter:
        """Go on with a file that `create` made, for example after an interruption."""
        with MrcStack(path) as stack:
            return cls(stack.path, stack.shape, stack.dtype)

    def write_slice(self, index: int, image: ArrayLike) -> None:
        """Write one slice at its place.

        Parameters
        ----------
        index : int
            0 to z - 1.
        image : array (y, x)
            Exactly of the stack's shape and type; nothing is converted.

        Raises
        ------
        ParameterError
            Another shape or type, or no such slice.
        AccessError
            The file has gone or the disk is full.
        """
        pixels = np.asarray(image)
        if (
            pixels.shape != self.shape[1:]
            or pixels.dtype.newbyteorder("=") != self.dtype
            or not 0 <= index < self.shape[0]
        ):
            raise ParameterError(
                "This slice does not belong into the stack",
                path=self.path,
                expected=f"slice 0 to {self.shape[0] - 1}, {self.shape[1:]}, {self.dtype}",
                found=f"slice {index}, {pixels.shape}, {pixels.dtype}",
                remedy="Convert the image first",
            )
        stored = np.ascontiguousarray(pixels, dtype=self.dtype.newbyteorder("<"))
        with reading(self.path), self.path.open("r+b") as file:
            file.seek(HEADER_BYTES + int(index) * stored.nbytes)
            file.write(stored.data)

    def write_slices(self, first: int, images: NDArray[Any]) -> None:
        """Write slices (z, y, x) from number `first` on; see `write_slice`."""
        for number, image in enumerate(images, start=first):
            self.write_slice(number, image)

    @property
    def expected_bytes(self) -> int:
        """Size of the file."""
        return HEADER_BYTES + math.prod(self.shape) * self.dtype.itemsize

    def written_bytes(self) -> int:
        """Space that is taken already."""
        return held_bytes(self.path)

    def finish(self, minimum: float, maximum: float, mean: float, rms: float) -> None:
        """Write the statistics of all pixels into the header and force the file to disk.

        The standard defines mode 0 as signed, and validators compute the statistics of unsigned
        8-bit data accordingly. Where both readings differ (values above 127) the header says
        "not determined", as the standard provides, and a label holds the statistics.

        Parameters
        ----------
        minimum, maximum, mean, rms : float
            Statistics over the whole stack; `rms` is the standard deviation.

        Raises
        ------
        AccessError
            The file has gone or the disk is full.
        """
        header = np.array(read_mrc_header(self.path))
        if self.dtype == np.uint8:
            text = f"uint8 min {minimum:.9g} max {maximum:.9g} mean {mean:.9g} rms {rms:.9g}"
            kept = [name for name in labels_of(header) if not STATISTICS_LABEL.match(name.encode())]
            set_labels(header, [*kept, text])
        if self.dtype == np.uint8 and maximum > 127:
            minimum, maximum, mean, rms = 0.0, -1.0, -2.0, -1.0
        for name, value in zip(
            ("dmin", "dmax", "dmean", "rms"), (minimum, maximum, mean, rms), strict=True
        ):
            header[name] = value
        try:
            with self.path.open("r+b") as file:
                file.write(header.tobytes())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise access_error(error, self.path) from error
