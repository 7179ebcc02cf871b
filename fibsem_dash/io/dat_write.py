"""Writer of .dat frames."""

from __future__ import annotations

import difflib
import os
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fibsem_dash.errors import ParameterError
from fibsem_dash.io.atomic import atomic_path
from fibsem_dash.io.dat_fields import (
    CONSTANTS,
    DETECTOR_LETTERS,
    HEADER_BYTES,
    LAST_VERSION,
    MAGIC,
    SCALING_OFFSET,
    Field,
    fields_of,
    sample_of_notes,
    scaling_layout,
)

_DEFAULTS: Mapping[str, object] = {
    "FileType": 1,
    "SWdate": "01/01/2020",
    "Oversampling": 1,
    "ScanRate": 2e6,
    "FramelineRampdownRatio": 0.1,
    "Detmin": -10.0,
    "Detmax": 10.0,
    "DecimatingFactor": 1,
    "DetA": "InLens",
    "DetB": "ESB",
    "DetC": "Detector C",
    "DetD": "Detector D",
    "Mag": 381.0,
    "PixelSize": 8.0,
    "WD": 3.0,
    "EHT": 1.2,
    "SEMApr": 30,
    "SEMCurr": 3e-9,
    "FIBFocus": 14000.0,
    "FIBProb": 15,
}
_VOLT_SCALING = (0.0, 1e-4, 0.0, 0.0)
_ELECTRON_SCALING = (2e6, 0.0, 0.25, 0.1)


def write_dat(
    path: str | os.PathLike[str],
    images: Mapping[str, ArrayLike] | ArrayLike,
    header: Mapping[str, object] | None = None,
    version: int = LAST_VERSION,
    *,
    trailer: bytes = b"",
) -> None:
    """Write a valid .dat frame, whole or not at all.

    Parameters
    ----------
    path : path-like
        The file to make or replace.
    images : mapping of str to array, or array
        Letter of the detector to (y, x) image, or a (channels, y, x) array for detectors A, B, ...
        or one (y, x) image for A. All uint8 or all int16. Images of a mapping may have a third
        axis (y, x, samples): then every sample is stored (version 4 on).
    header : mapping of str to object, optional
        Field names and values that replace the defaults (pixel size 8 nm, scan rate 2 MHz, dark
        count 0, ...). `Scaling` is a (4, columns) array. What follows from the images
        (XResolution, YResolution, ChanNum, AI1 to AI4, EightBit, SaveOversamples, FileLength,
        FileMagicNum, FileVersion) is computed and may not be chosen, so the header of another
        frame of the same version can be given as it is.
    version : int, default 9
        File version, 1 to 9. Real files seen so far are of versions 8 and 9.
    trailer : bytes, default empty
        Put after the pixels.

    Raises
    ------
    ParameterError
        A field that the version does not have (the nearest name is given), a value that does not
        fit its field, or images that cannot be stored.
    AccessError
        The file cannot be written.
    """
    if version not in range(1, LAST_VERSION + 1):
        raise ParameterError(
            "This version of .dat files cannot be written",
            expected=f"1 to {LAST_VERSION}",
            found=version,
            remedy="Use version 9",
        )
    channels = _channels(images, version)
    pixels = np.stack(list(channels.values()), axis=-1)
    content = _encode(_values(channels, dict(header or {}), version), version)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(content)
        stored = pixels.astype(">i2") if pixels.dtype == np.int16 else pixels
        file.write(np.ascontiguousarray(stored).data)
        file.write(trailer)


def _channels(
    images: Mapping[str, ArrayLike] | ArrayLike, version: int
) -> dict[str, NDArray[np.uint8] | NDArray[np.int16]]:
    """Letter to (y, x, samples) array, in the order of the detectors."""
    if isinstance(images, Mapping):
        given = {str(letter): np.asarray(image) for letter, image in images.items()}
    else:
        array = np.asarray(images)
        layers = [array] if array.ndim == 2 else list(array) if array.ndim == 3 else []
        given = dict(zip(DETECTOR_LETTERS, layers, strict=False)) if len(layers) < 5 else {}
    unknown = [letter for letter in given if letter not in DETECTOR_LETTERS]
    shapes = {image.shape for image in given.values()}
    types = {image.dtype.newbyteorder("=") for image in given.values()}
    shape = next(iter(shapes), ())
    problem = (
        f"detectors {unknown}"
        if unknown
        else f"shapes {sorted(shapes)}"
        if len(shapes) != 1 or len(shape) not in (2, 3) or 0 in shape
        else f"types {sorted(str(kind) for kind in types)}"
        if len(types) != 1 or not types <= {np.dtype(np.uint8), np.dtype(np.int16)}
        else f"samples in version {version}"
        if len(shape) == 3 and version < 4
        else None
    )
    if problem:
        raise ParameterError(
            "These images cannot be stored in a .dat file",
            expected="1 to 4 images of one shape (y, x), all uint8 or all int16, "
            "for detectors A, B, C, D",
            found=problem,
            remedy="Convert the images first",
        )
    return {
        letter: given[letter].reshape((*shape[:2], -1))
        for letter in DETECTOR_LETTERS
        if letter in given
    }


def _values(
    channels: Mapping[str, NDArray[Any]], header: dict[str, object], version: int
) -> dict[str, object]:
    names = {field.name for field in fields_of(version)}
    _check_names(header, names, version)
    if "Sample_ID" not in names and header.get("Sample_ID"):
        header.setdefault("Notes", header["Sample_ID"])
        if sample_of_notes(str(header["Notes"])) != str(header["Sample_ID"]).strip():
            raise ParameterError(
                "Before version 9 the sample name is the beginning of the notes",
                expected=f"notes that begin with {header['Sample_ID']!r} and a comma",
                found=repr(header["Notes"]),
                remedy="Give only the notes",
            )
    first = next(iter(channels.values()))
    rows, columns, samples = first.shape
    eight_bit = first.dtype == np.uint8
    values: dict[str, object] = {name: _DEFAULTS[name] for name in names & set(_DEFAULTS)}
    values |= {f"Det{letter}": "None" for letter in "AB" if letter not in channels}
    values |= header
    if samples > 1:
        values["Oversampling"] = samples
    rate = float(values["ScanRate"]) * float(values["Oversampling"])  # type: ignore[arg-type]
    values.setdefault("TimeStep", 1 / rate if rate else 0.0)
    default = _ELECTRON_SCALING if version >= 7 or eight_bit else _VOLT_SCALING
    width = scaling_layout(version, len(channels))[1]
    values.setdefault("Scaling", np.repeat(np.array(default)[:, None], width, axis=1))
    values |= {f"AI{n}": int(key in channels) for n, key in enumerate(DETECTOR_LETTERS, start=1)}
    pixel_bytes = len(channels) * first.size * first.dtype.itemsize
    values |= {
        "FileMagicNum": MAGIC,
        "FileVersion": version,
        "ChanNum": len(channels),
        "EightBit": int(eight_bit),
        "XResolution": columns,
        "YResolution": rows,
        "SaveOversamples": int(samples > 1),
        "FileLength": HEADER_BYTES + pixel_bytes,
    }
    return values


def _check_names(header: Mapping[str, object], names: set[str], version: int) -> None:
    allowed = names | {"Scaling", "Sample_ID", *CONSTANTS}
    for name in header:
        if name not in allowed:
            nearest = difflib.get_close_matches(name, sorted(allowed), n=1, cutoff=0.0)
            raise ParameterError(
                f"Version {version} of .dat files has no header field {name!r}",
                expected=f"a known field such as {nearest[0]!r}",
                remedy="Correct the name or leave it out",
            )


def _encode(values: Mapping[str, object], version: int) -> bytes:
    data = bytearray(HEADER_BYTES)
    kind, columns = scaling_layout(version, int(values["ChanNum"]))  # type: ignore[call-overload]
    scaling = np.asarray(values["Scaling"], dtype=np.float64)
    if scaling.shape != (4, columns):
        raise ParameterError(
            "The scaling has the wrong shape",
            expected=f"(4, {columns})",
            found=scaling.shape,
            remedy="Give four rows and one column per channel (two from version 7 on)",
        )
    with np.errstate(over="ignore"):
        converted = scaling.T.astype(kind)
    if np.isinf(converted).any() and not np.isinf(scaling).any():
        raise ParameterError(
            "The scaling does not fit",
            expected="numbers within the range of float32",
            found=scaling.tolist(),
            remedy="Give smaller values",
        )
    stored = converted.tobytes()
    data[SCALING_OFFSET : SCALING_OFFSET + len(stored)] = stored
    for field in fields_of(version):
        if field.name in values:
            _put(data, field, values[field.name])
    return bytes(data)


def _put(data: bytearray, field: Field, value: object) -> None:
    if field.kind == "s":
        value = str(value).encode("utf-8")
        fits = len(value) <= field.length
    else:
        fits = True
    try:
        if fits:
            struct.pack_into(field.format, data, field.offset, value)
    except (struct.error, OverflowError):
        fits = False
    if not fits:
        raise ParameterError(
            f"The value of header field {field.name} does not fit",
            expected=f"a text of at most {field.length} bytes"
            if field.kind == "s"
            else f"a number of type {field.kind!r} (struct module)",
            found=repr(value),
            remedy="Give a smaller or shorter value",
        )
