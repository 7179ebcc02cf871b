"""Header of an MRC stack: read, checked and made."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE
from mrcfile.utils import byte_order_from_machine_stamp, dtype_from_mode
from numpy.typing import NDArray

from fibsem_dash.errors import FormatError, ParameterError
from fibsem_dash.io.atomic import reading
from fibsem_dash.io.stack import Triple, stack_geometry

HEADER_BYTES = 1024
IMOD_STAMP = 1146047817
"""Number at byte 152 by which IMOD marks a file whose byte 156 holds flags."""
IMOD_SIGNED = 1
"""Flag bit: the 8-bit values are signed."""
_IMOD_OFFSET = 40  # bytes 152 to 159 lie within the header field that begins at 112
WRITABLE: dict[str, int] = {
    "uint8": 0,
    "int8": 0,
    "int16": 1,
    "uint16": 6,
    "float32": 2,
    "float16": 12,
}
"""Pixel types that can be written, with the mode of the header."""
_LABELS = 10
_LABEL_BYTES = 80
STATISTICS_LABEL = re.compile(rb"^uint8 min (\S+) max (\S+) mean (\S+) rms (\S+)")


def read_mrc_header(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read and check the header of an MRC file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    ndarray of shape (), structured, read-only
        Fields as mrcfile names them, in the byte order of the file.

    Raises
    ------
    FormatError
        Not an MRC file, an unknown mode, or sizes that make no sense.
    AccessError
        The file is missing or may not be read.
    """
    path = Path(path)
    with reading(path), path.open("rb") as file:
        data = file.read(HEADER_BYTES)
    remedy = "Check that this is an MRC file and that it was copied completely"
    if len(data) < HEADER_BYTES or data[208:211] != b"MAP":
        raise FormatError(
            "The file is not an MRC file",
            path=path,
            expected="a header of 1024 bytes with the word MAP at byte 208",
            found=f"{len(data)} bytes, {data[208:212]!r}",
            remedy=remedy,
        )
    try:
        order = byte_order_from_machine_stamp(data[212:216])
        header = np.frombuffer(data, HEADER_DTYPE.newbyteorder(order)).reshape(())
        dtype_from_mode(int(header["mode"]))
    except ValueError as error:
        raise FormatError(
            "The MRC file has a mode or byte order that cannot be read",
            path=path,
            expected="mode 0, 1, 2, 4, 6 or 12",
            found=str(error),
            remedy="Convert it to one of these modes",
        ) from error
    sizes = [int(header[name]) for name in ("nx", "ny", "nz")]
    if min(sizes) < 1 or int(header["nsymbt"]) < 0:
        raise FormatError(
            "The MRC header gives sizes that make no sense",
            path=path,
            expected="positive sizes",
            found=f"nx, ny, nz = {sizes}, extended header of {int(header['nsymbt'])} bytes",
            remedy=remedy,
        )
    return header


def is_unsigned(header: NDArray[Any]) -> bool:
    """Whether 8-bit values are unsigned: IMOD's stamp is there and its flag "signed" is not."""
    order = header["mode"].dtype.byteorder
    stamp, flags = np.frombuffer(
        bytes(header["extra2"])[_IMOD_OFFSET : _IMOD_OFFSET + 8], np.dtype("i4").newbyteorder(order)
    )
    return bool(stamp == IMOD_STAMP and not flags & IMOD_SIGNED)


def labels_of(header: NDArray[Any]) -> tuple[str, ...]:
    """Labels of an MRC header as text, empty ones left out."""
    texts = (bytes(label).rstrip(b" \0").decode("latin-1") for label in header["label"])
    return tuple(text for text in texts if text)


def voxel_size_nm_of(header: NDArray[Any]) -> tuple[float, float, float]:
    """Voxel size (z, y, x) in nm, NaN where the header does not say."""

    def edge(axis: str) -> float:
        cells, length = int(header[f"m{axis}"]), float(header["cella"][axis])
        return length / cells / 10 if cells > 0 and length > 0 else math.nan

    return (edge("z"), edge("y"), edge("x"))


def new_header(
    shape_zyx: tuple[int, int, int],
    dtype: np.dtype[Any],
    voxel_size_nm: float | tuple[float, float, float],
    labels: Sequence[str],
) -> NDArray[Any]:
    """Header of a new stack; parameters and errors as in `MrcStackWriter.create`."""
    sizes, voxel = stack_geometry(shape_zyx, voxel_size_nm)
    _check_stack(sizes, dtype, np.array(voxel))
    header = np.zeros((), HEADER_DTYPE.newbyteorder("<"))
    for axis, size, edge in zip("zyx", sizes, voxel, strict=True):
        header[f"n{axis}"] = header[f"m{axis}"] = size
        header["cella"][axis] = size * edge * 10
    header["mode"] = WRITABLE[dtype.name]
    for angle in ("alpha", "beta", "gamma"):
        header["cellb"][angle] = 90
    header["mapc"], header["mapr"], header["maps"] = 1, 2, 3
    # Statistics stay "not determined" until `finish`.
    header["dmin"], header["dmax"], header["dmean"], header["rms"] = 0, -1, -2, -1
    header["ispg"] = 1
    header["nversion"] = 20141
    header["map"] = b"MAP "
    header["machst"] = (0x44, 0x44, 0, 0)
    if dtype.itemsize == 1:
        extra = bytearray(84)
        flags = IMOD_SIGNED if dtype == np.int8 else 0
        extra[_IMOD_OFFSET : _IMOD_OFFSET + 8] = np.array([IMOD_STAMP, flags], "<i4").tobytes()
        header["extra2"] = np.void(bytes(extra))
    set_labels(header, list(labels) or ["fibsem-dash"])
    if int(header["nlabl"]) == _LABELS:
        raise ParameterError(
            "Too many labels",
            expected="at most 9",
            found=_LABELS,
            remedy="One is kept for the statistics",
        )
    return header


def _check_stack(sizes: Triple, dtype: np.dtype[Any], voxel: NDArray[np.float64]) -> None:
    if dtype.name not in WRITABLE:
        raise ParameterError(
            "MRC stacks cannot hold this type",
            expected=", ".join(WRITABLE),
            found=dtype,
            remedy="Convert the images first",
        )
    if max(sizes) >= 2**31:
        raise ParameterError(
            "MRC stacks cannot hold such sizes",
            expected="each below 2^31",
            found=sizes,
            remedy="Correct the shape",
        )
    if not (np.isfinite(voxel) & (voxel > 0)).all():
        raise ParameterError(
            "The voxel size must be positive",
            expected="nanometres (z, y, x)",
            found=voxel.tolist(),
            remedy="Correct the voxel size",
        )


def set_labels(header: NDArray[Any], labels: list[str]) -> None:
    """Replace all labels; raise ``ParameterError`` where they do not fit."""
    encoded = [label.encode("ascii", "replace") for label in labels]
    if len(encoded) > _LABELS or any(
        not label.strip() or len(label) > _LABEL_BYTES for label in encoded
    ):
        raise ParameterError(
            "These labels do not fit into an MRC header",
            expected=f"at most {_LABELS - 1}, none empty, of at most {_LABEL_BYTES} characters",
            found=labels,
            remedy="Shorten the labels",
        )
    header["nlabl"] = len(encoded)
    header["label"] = encoded + [b""] * (_LABELS - len(encoded))
