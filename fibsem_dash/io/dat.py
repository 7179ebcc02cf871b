"""Reader of .dat frames, versions 1 to 9 (the writer is `fibsem_dash.io.dat_write`)."""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fibsem_dash.errors import FormatError
from fibsem_dash.io.atomic import reading
from fibsem_dash.io.calibration import Calibration
from fibsem_dash.io.dat_fields import (
    DETECTOR_LETTERS,
    HEADER_BYTES,
    LAST_VERSION,
    MAGIC,
    decode_fields,
    decode_scaling,
)
from fibsem_dash.io.dat_write import write_dat
from fibsem_dash.io.raw_frame import FrozenMapping, MappedPixels, RawFrame

__all__ = ["DatHeader", "open_dat", "read_dat_header", "write_dat"]

LARGEST_FILL_BYTES = 2**34
"""A header that claims more pixels than this is not filled with zeros even when asked to."""


@dataclass(frozen=True, eq=False)
class DatHeader:
    """Header of a .dat file and what it says about the size of the file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    fields : mapping of str to object
        Field name to value; `Scaling` is a (4, columns) float64 array, row 3 as stored.
    version : int
        Layout that was used to read, 1 to 9.
    detectors : tuple of str
        Letters of the stored detectors in the order of their channels.
    shape : tuple of int
        (y, x).
    samples : int
        Stored samples per pixel.
    dtype : numpy.dtype
        Type of a stored value: uint8 or big-endian int16.
    actual_bytes : int
        Size of the file.
    """

    path: Path
    fields: Mapping[str, object]
    version: int
    detectors: tuple[str, ...]
    shape: tuple[int, int]
    samples: int
    dtype: np.dtype[Any]
    actual_bytes: int

    @property
    def pixel_bytes(self) -> int:
        """Size of the pixel block that the header announces."""
        values = self.shape[0] * self.shape[1] * self.samples * len(self.detectors)
        return values * self.dtype.itemsize

    @property
    def expected_bytes(self) -> int:
        """Size of the file without a trailer (the field FileLength is not reliable)."""
        return HEADER_BYTES + self.pixel_bytes

    @property
    def missing_bytes(self) -> int:
        """Bytes that the pixel block lacks, 0 for a whole file."""
        return max(0, self.expected_bytes - self.actual_bytes)

    @property
    def trailer_bytes(self) -> int:
        """Bytes after the pixel block."""
        return max(0, self.actual_bytes - self.expected_bytes)


def read_dat_header(path: str | os.PathLike[str], strict: bool = True) -> DatHeader:
    """Read the header of a .dat file and nothing else.

    A file that ends before its pixels do is not refused here; see `DatHeader.missing_bytes`.

    Parameters
    ----------
    path : path-like
        The file.
    strict : bool, default True
        False reads an unknown newer version as version 9, and lets the channel count decide where
        it disagrees with the detector flags, each with a ``UserWarning``.

    Returns
    -------
    DatHeader

    Raises
    ------
    FormatError
        Wrong magic number, too short, unknown version, zero sizes, or a channel count that
        disagrees with the detector flags.
    AccessError
        The file is missing or may not be read.
    """
    path = Path(path)
    with reading(path), path.open("rb") as file:
        data = file.read(HEADER_BYTES)
        actual = os.fstat(file.fileno()).st_size
    version = _version(data, path, strict)
    fields = decode_fields(data, version)
    detectors = _detectors(fields, path, strict)
    fields["Scaling"] = decode_scaling(data, version, len(detectors))
    return DatHeader(
        path=path,
        fields=FrozenMapping(fields),
        version=version,
        detectors=detectors,
        shape=_shape(fields, path),
        samples=_samples(fields, path),
        dtype=np.dtype(np.uint8) if fields["EightBit"] == 1 else np.dtype(">i2"),
        actual_bytes=actual,
    )


def _version(data: bytes, path: Path, strict: bool) -> int:
    remedy = "Check that this is a FIB-SEM .dat file and that it was copied completely"
    if len(data) < HEADER_BYTES:
        raise FormatError(
            "The file is too short for the header of a .dat file",
            path=path,
            expected=f"{HEADER_BYTES} bytes",
            found=len(data),
            remedy=remedy,
        )
    magic, version = struct.unpack_from(">IH", data)
    if magic != MAGIC:
        raise FormatError(
            "The file does not begin with the number of a FIB-SEM .dat file",
            path=path,
            expected=MAGIC,
            found=magic,
            remedy=remedy,
        )
    if 1 <= version <= LAST_VERSION:
        return int(version)
    if strict or version == 0:
        raise FormatError(
            "The file has an unknown version",
            path=path,
            expected=f"1 to {LAST_VERSION}",
            found=version,
            remedy=f"Read it with strict=False to take it for version {LAST_VERSION}"
            if version
            else remedy,
        )
    _warn(path, f"version {version} is unknown and was read as version {LAST_VERSION}")
    return LAST_VERSION


def _detectors(fields: Mapping[str, object], path: Path, strict: bool) -> tuple[str, ...]:
    flagged = [
        letter
        for number, letter in enumerate(DETECTOR_LETTERS, start=1)
        if fields[f"AI{number}"] != 0
    ]
    count = _integer(fields, "ChanNum")
    if count == len(flagged) and count:
        return tuple(flagged)
    if strict or not 1 <= count <= len(DETECTOR_LETTERS):
        raise FormatError(
            "The number of channels does not agree with the detector flags",
            path=path,
            expected=f"{len(flagged)} ({', '.join(flagged) or 'no detector flagged'})",
            found=count,
            remedy="Read it with strict=False to let the number of channels decide",
        )
    # The channel count fixes the layout of the pixels; the flags only give the letters.
    others = [letter for letter in DETECTOR_LETTERS if letter not in flagged]
    chosen = tuple(sorted((flagged + others)[:count]))
    _warn(path, f"{count} channels but {len(flagged)} flags; taken as {', '.join(chosen)}")
    return chosen


def _shape(fields: Mapping[str, object], path: Path) -> tuple[int, int]:
    shape = _integer(fields, "YResolution"), _integer(fields, "XResolution")
    if min(shape) < 1:
        raise FormatError(
            "The header gives an image without pixels",
            path=path,
            expected="at least 1 row and 1 column",
            found=f"{shape[0]} rows, {shape[1]} columns",
            remedy="Check that the file was copied completely",
        )
    return shape


def _samples(fields: Mapping[str, object], path: Path) -> int:
    if not fields.get("SaveOversamples"):
        return 1
    samples = _integer(fields, "Oversampling")
    if samples < 1:
        raise FormatError(
            "The header says that every sample is stored but gives no number of samples",
            path=path,
            expected="Oversampling of at least 1",
            found=samples,
            remedy="Check that the file was copied completely",
        )
    return samples


def _integer(fields: Mapping[str, object], name: str) -> int:
    value = fields[name]
    assert isinstance(value, int)
    return value


def open_dat(path: str | os.PathLike[str], strict: bool = True) -> RawFrame:
    """Open a .dat frame; pixels are mapped from the file when they are asked for.

    Parameters
    ----------
    path : path-like
        The file.
    strict : bool, default True
        False reads what can be read, with a ``UserWarning`` that names the file: versions above 9
        as version 9, and zeros where the file ends early.

    Returns
    -------
    RawFrame
        Detectors are assigned by the running index of the detector flags; bytes after the pixels
        are kept as the trailer.

    Raises
    ------
    FormatError
        As in `read_dat_header`, and a file that ends before its pixels do. The announced size is
        compared with the file before anything is allocated.
    AccessError
        The file is missing or may not be read.
    """
    header = read_dat_header(path, strict)
    if header.missing_bytes:
        _refuse_short(header, strict)
    fields = header.fields
    calibration = _calibration(header)
    native = header.dtype.newbyteorder("=")
    return RawFrame(
        path=header.path,
        format="dat",
        header=fields,
        detectors=header.detectors,
        detector_names=FrozenMapping(
            {letter: str(fields[f"Det{letter}"]) for letter in header.detectors}
        ),
        shape=header.shape,
        dtype=np.dtype(np.float64) if header.samples > 1 else native,
        pixel_size_nm=float(fields["PixelSize"]),  # type: ignore[arg-type]
        dark_counts=FrozenMapping(
            {letter: calibration.dark_count(letter) for letter in header.detectors}
        ),
        source=MappedPixels(
            path=header.path,
            offset=HEADER_BYTES,
            dtype=header.dtype.str,
            shape=(*header.shape, header.samples, len(header.detectors)),
            fill=not strict,
        ),
        calibration=calibration,
        trailer_offset=header.expected_bytes if header.trailer_bytes else None,
    )


def _refuse_short(header: DatHeader, strict: bool) -> None:
    if strict or header.pixel_bytes > LARGEST_FILL_BYTES:
        raise FormatError(
            "The file ends before its pixels do",
            path=header.path,
            expected=f"{header.expected_bytes} bytes",
            found=header.actual_bytes,
            remedy="Copy the file again"
            + (", or read it with strict=False to fill the rest with zeros" if strict else ""),
        )
    _warn(
        header.path,
        f"{header.missing_bytes} of {header.pixel_bytes} bytes of pixels are missing and were "
        "filled with zeros",
    )


def _calibration(header: DatHeader) -> Calibration:
    if header.version <= 6:
        columns = {letter: index for index, letter in enumerate(header.detectors)}
    else:
        columns = {letter: index for index, letter in enumerate("AB") if letter in header.detectors}
    scaling = header.fields["Scaling"]
    assert isinstance(scaling, np.ndarray)
    return Calibration(
        version=header.version,
        eight_bit=header.dtype == np.uint8,
        scan_rate_hz=float(header.fields["ScanRate"]),  # type: ignore[arg-type]
        scaling=scaling,
        columns=FrozenMapping(columns),
    )


def _warn(path: Path, text: str) -> None:
    warnings.warn(f"{path}: {text}", UserWarning, stacklevel=4)
