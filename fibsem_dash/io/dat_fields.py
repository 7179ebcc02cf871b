"""The 1024-byte header of a .dat file as one table.

Every row names a field, where it lies, how it is stored and in which versions; a field whose place
or type changed has several rows. Reading and writing are loops over the rows of a version, so a
difference between versions is never a branch in code. All numbers are big-endian, single bytes are
unsigned, text is padded with NULs.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

MAGIC = 3555587570
"""The number at offset 0 of every .dat file."""
HEADER_BYTES = 1024
"""Where the pixels begin."""
LAST_VERSION = 9
"""Newest file version with a known layout."""
SCALING_OFFSET = 36
DETECTOR_LETTERS = ("A", "B", "C", "D")


@dataclass(frozen=True)
class Field:
    """One row of the header table.

    Parameters
    ----------
    name : str
        Attribute name, as the field's other readers use it.
    group : str
        Heading under which it is shown.
    offset : int
        First byte.
    kind : str
        Letter of the `struct` module: B H h I i q f d, or s for text.
    unit, meaning : str
        What the number is.
    since, until : int
        First and last file version with this row.
    length : int
        Bytes of a text.
    """

    name: str
    group: str
    offset: int
    kind: str
    unit: str = ""
    meaning: str = ""
    since: int = 1
    until: int = LAST_VERSION
    length: int = 0

    @property
    def format(self) -> str:
        """Format of the `struct` module, byte order included."""
        return f">{self.length}s" if self.kind == "s" else f">{self.kind}"

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return struct.calcsize(self.format)


def _text(
    name: str,
    group: str,
    offset: int,
    length: int,
    meaning: str,
    since: int = 1,
    until: int = LAST_VERSION,
) -> Field:
    return Field(name, group, offset, "s", "", meaning, since, until, length)


def _moved(
    name: str, group: str, early: int, late: int, unit: str, meaning: str, kind: str = ""
) -> tuple[Field, Field]:
    """Rows of the microscope block: float64 in versions 1 and 2, float32 elsewhere from 3 on."""
    return (
        Field(name, group, early, kind or "d", unit, meaning, 1, 2),
        Field(name, group, late, kind or "f", unit, meaning, 3),
    )


_MODES = (
    "0 SEM, 1 FIB, 2 milling, 3 SEM+FIB, 4 mill+SEM, 5 SEM drift correction, "
    "6 FIB drift correction, 7 no beam, 8 external, 9 external+SEM"
)
_CURRENTS = "0 specimen, 1 beam dump 1, 2 beam dump 2, 3 mill, 4 specimen+"

FIELDS: tuple[Field, ...] = (
    Field("FileMagicNum", "File", 0, "I", "", "identifies the format"),
    Field("FileVersion", "File", 4, "H", "", "version of the header layout"),
    Field("FileType", "File", 6, "H", "", "1 = Zeiss Neon detectors"),
    _text("SWdate", "File", 8, 10, "date of the acquisition software"),
    Field("FileLength", "File", 1000, "q", "byte", "intended length, not reliable"),
    Field("TimeStep", "Scan", 24, "d", "s", "period of one sample of the analogue input"),
    Field("ChanNum", "Detectors", 32, "B", "", "number of stored channels"),
    Field("EightBit", "Detectors", 33, "B", "", "1 = 8-bit pixels, else 16-bit"),
    Field("RestartFlag", "Scan", 68, "B", "", "acquisition was restarted", since=9),
    Field("StageMove", "Stage", 69, "B", "", "stage was moved", since=9),
    Field("FirstPixelX", "Scan", 70, "i", "px", "first pixel, 0 = centre", since=9),
    Field("FirstPixelY", "Scan", 74, "i", "px", "first pixel, 0 = centre", since=9),
    Field("XResolution", "Scan", 100, "I", "px", "pixels per row"),
    Field("YResolution", "Scan", 104, "I", "px", "rows"),
    Field("Oversampling", "Scan", 108, "B", "", "samples per pixel", until=3),
    Field("Oversampling", "Scan", 108, "H", "", "samples per pixel", since=4),
    Field("AIDelay", "Scan", 109, "h", "", "delay of the analogue input in samples", until=3),
    Field("ZeissScanSpeed", "Scan", 111, "B", "", "index of the scan speed"),
    Field("ScanRate", "Scan", 112, "d", "Hz", "pixels per second", until=3),
    Field("ScanRate", "Scan", 112, "f", "Hz", "pixels per second", since=4),
    Field("FramelineRampdownRatio", "Scan", 120, "d", "", "fly-back per line", until=3),
    Field("FramelineRampdownRatio", "Scan", 116, "f", "", "fly-back per line", since=4),
    Field("Xmin", "Scan", 128, "d", "V", "minimum of the X coil", until=3),
    Field("Xmin", "Scan", 120, "f", "V", "minimum of the X coil", since=4),
    Field("Xmax", "Scan", 136, "d", "V", "maximum of the X coil", until=3),
    Field("Xmax", "Scan", 124, "f", "V", "maximum of the X coil", since=4),
    Field("Detmin", "Detectors", 128, "f", "V", "lowest detector voltage", since=4),
    Field("Detmax", "Detectors", 132, "f", "V", "highest detector voltage", since=4),
    Field("DecimatingFactor", "Scan", 136, "H", "", "decimation of the samples", since=4),
    Field("SaveOversamples", "Scan", 138, "B", "", "1 = every sample is stored", since=4),
    Field("AI1", "Detectors", 151, "B", "", "detector A is stored"),
    Field("AI2", "Detectors", 152, "B", "", "detector B is stored"),
    Field("AI3", "Detectors", 153, "B", "", "detector C is stored"),
    Field("AI4", "Detectors", 154, "B", "", "detector D is stored"),
    _text("Sample_ID", "File", 155, 25, "name of the sample", since=9),
    _text("Notes", "File", 180, 200, "notes of the operator"),
    _text("DetA", "Detectors", 380, 10, "name of detector A"),
    _text("DetB", "Detectors", 390, 18, "name of detector B"),
    _text("DetC", "Detectors", 700, 20, "name of detector C", until=2),
    _text("DetC", "Detectors", 410, 20, "name of detector C", since=3),
    _text("DetD", "Detectors", 720, 20, "name of detector D", until=2),
    _text("DetD", "Detectors", 430, 20, "name of detector D", since=3),
    *_moved("Mag", "SEM", 408, 460, "", "magnification"),
    *_moved("PixelSize", "SEM", 416, 464, "nm", "pixel size"),
    *_moved("WD", "SEM", 424, 468, "mm", "working distance"),
    *_moved("EHT", "SEM", 432, 472, "kV", "landing voltage"),
    *_moved("SEMApr", "SEM", 440, 480, "", "aperture number", "B"),
    *_moved("HighCurrent", "SEM", 441, 481, "", "1 = high-current mode", "B"),
    *_moved("SEMCurr", "SEM", 448, 490, "A", "beam current"),
    *_moved("SEMRot", "SEM", 456, 494, "degree", "scan rotation"),
    *_moved("ChamVac", "Vacuum", 464, 498, "", "pressure of the chamber"),
    *_moved("GunVac", "Vacuum", 472, 502, "", "pressure of the gun"),
    Field("SEMShiftX", "SEM", 510, "f", "", "beam shift in x", since=3),
    Field("SEMShiftY", "SEM", 514, "f", "", "beam shift in y", since=3),
    *_moved("SEMStiX", "SEM", 480, 518, "", "stigmation in x"),
    *_moved("SEMStiY", "SEM", 488, 522, "", "stigmation in y"),
    *_moved("SEMAlnX", "SEM", 496, 526, "", "aperture alignment in x"),
    *_moved("SEMAlnY", "SEM", 504, 530, "", "aperture alignment in y"),
    *_moved("StageX", "Stage", 512, 534, "mm", "stage position x"),
    *_moved("StageY", "Stage", 520, 538, "mm", "stage position y"),
    *_moved("StageZ", "Stage", 528, 542, "mm", "stage position z"),
    *_moved("StageT", "Stage", 536, 546, "degree", "stage tilt"),
    *_moved("StageR", "Stage", 544, 550, "degree", "stage rotation"),
    *_moved("StageM", "Stage", 552, 554, "mm", "stage position m"),
    *_moved("BrightnessA", "Detectors", 560, 560, "%", "brightness of detector A"),
    *_moved("ContrastA", "Detectors", 568, 564, "%", "contrast of detector A"),
    *_moved("BrightnessB", "Detectors", 576, 568, "%", "brightness of detector B"),
    *_moved("ContrastB", "Detectors", 584, 572, "%", "contrast of detector B"),
    Field("Mode", "File", 600, "B", "", _MODES),
    *_moved("FIBFocus", "FIB", 608, 604, "V", "focus"),
    *_moved("FIBProb", "FIB", 616, 608, "", "probe number", "B"),
    *_moved("FIBCurr", "FIB", 624, 620, "", "emission current"),
    *_moved("FIBRot", "FIB", 632, 624, "degree", "scan rotation"),
    *_moved("FIBAlnX", "FIB", 640, 628, "", "aperture alignment in x"),
    *_moved("FIBAlnY", "FIB", 648, 632, "", "aperture alignment in y"),
    *_moved("FIBStiX", "FIB", 656, 636, "", "stigmation in x"),
    *_moved("FIBStiY", "FIB", 664, 640, "", "stigmation in y"),
    *_moved("FIBShiftX", "FIB", 672, 644, "µm", "beam shift in x"),
    *_moved("FIBShiftY", "FIB", 680, 648, "µm", "beam shift in y"),
    Field("MillingXResolution", "Milling", 652, "I", "px", "milling pattern in x", since=5),
    Field("MillingYResolution", "Milling", 656, "I", "px", "milling pattern in y", since=5),
    Field("MillingXSize", "Milling", 660, "f", "µm", "milled width", since=5),
    Field("MillingYSize", "Milling", 664, "f", "µm", "milled length", since=5),
    Field("MillingULAng", "Milling", 668, "f", "degree", "angle at the upper left", since=5),
    Field("MillingURAng", "Milling", 672, "f", "degree", "angle at the upper right", since=5),
    Field("MillingLineTime", "Milling", 676, "f", "s", "time per line", since=5),
    Field("FIBFOV", "FIB", 680, "f", "µm", "field of view", since=5),
    Field("MillingLinesPerImage", "Milling", 684, "H", "", "milled lines per frame", since=5),
    Field("MillingPIDOn", "Milling", 686, "B", "", "current regulation is on", since=5),
    Field("MillingPIDMeasured", "Milling", 689, "B", "", _CURRENTS, since=5),
    Field("MillingPIDTarget", "Milling", 690, "f", "nA", "set point", since=5),
    Field("MillingPIDTargetSlope", "Milling", 694, "f", "", "slope of the set point", since=5),
    Field("MillingPIDP", "Milling", 698, "f", "", "proportional gain", since=5),
    Field("MillingPIDI", "Milling", 702, "f", "", "integral gain", since=5),
    Field("MillingPIDD", "Milling", 706, "f", "", "differential gain", since=5),
    _text("MachineID", "File", 800, 30, "name of the machine", since=5),
    Field("SEMSpecimenI", "SEM", 980, "f", "nA", "specimen current of the SEM", 5, 5),
    Field("SEMSpecimenI", "SEM", 866, "f", "nA", "specimen current of the SEM", since=6),
    Field("Temperature", "Stage", 850, "f", "°F", "temperature", since=6),
    Field("FaradayCupI", "FIB", 854, "f", "nA", "current in the Faraday cup", since=6),
    Field("FIBSpecimenI", "FIB", 858, "f", "nA", "specimen current of the FIB", since=6),
    Field("BeamDump1I", "FIB", 862, "f", "nA", "current in beam dump 1", since=6),
    Field("MillingYVoltage", "Milling", 870, "f", "V", "voltage of the milling position", since=6),
    Field("FocusIndex", "SEM", 874, "f", "", "measure of sharpness", since=6),
    Field("FIBSliceNum", "Milling", 878, "I", "", "slice counter", since=6),
    Field("BeamDump2I", "FIB", 882, "f", "nA", "current in beam dump 2", since=8),
    Field("MillingI", "Milling", 886, "f", "nA", "milling current", since=8),
)
"""Every field of every version (`Scaling` aside, whose shape depends on other fields)."""

CONSTANTS: Mapping[str, tuple[float, int]] = {"Detmin": (-10.0, 3), "Detmax": (10.0, 3)}
"""Fields that old versions imply: name -> (value, last version that does)."""

SCALING_MEANING = (
    "four rows, one column per channel; versions 1-6: offset, gain, second and third order (V); "
    "version 7 on: reference rate (Hz), dark count, gain (electrons per count), 8-bit factor"
)


@cache
def fields_of(version: int) -> tuple[Field, ...]:
    """Rows that apply to a version, in the order of the table; above 9 those of version 9."""
    known = min(version, LAST_VERSION)
    return tuple(field for field in FIELDS if field.since <= known <= field.until)


@cache
def field_named(name: str, version: int = LAST_VERSION) -> Field | None:
    """Row of a name in a version, else the newest row of that name, else None."""
    rows = [field for field in fields_of(version) if field.name == name]
    rows = rows or [field for field in FIELDS if field.name == name]
    return rows[-1] if rows else None


def scaling_layout(version: int, channels: int) -> tuple[np.dtype[np.floating], int]:
    """Type and number of columns of the stored scaling.

    Parameters
    ----------
    version : int
        File version.
    channels : int
        Stored channels, 1 to 4.

    Returns
    -------
    tuple
        (big-endian type, columns): one column per stored channel up to version 6, always two,
        for detectors A and B, from version 7 on.
    """
    kind = np.dtype(">f8") if version == 1 else np.dtype(">f4")
    return kind, (channels if version <= 6 else 2)


def decode_text(data: bytes) -> str:
    """Text of a NUL-padded field: UTF-8, else Latin-1; NULs and outer blanks removed."""
    stripped = data.rstrip(b"\0")
    try:
        text = stripped.decode("utf-8")
    except UnicodeDecodeError:
        text = stripped.decode("latin-1")
    return text.replace("\0", "").strip()


@cache
def _layout(version: int) -> tuple[struct.Struct, tuple[int, ...]]:
    """All fields of a version as one structure, and the place of each in what it unpacks."""
    fields = fields_of(version)
    order = sorted(range(len(fields)), key=lambda row: fields[row].offset)
    codes, end = [">"], 0
    for row in order:
        code = fields[row].format.lstrip(">")
        # A negative gap, of fields that overlap, is no valid code.
        codes.append(f"{fields[row].offset - end}x{code}")
        end = fields[row].offset + struct.calcsize(">" + code)
    places = tuple(order.index(row) for row in range(len(fields)))
    return struct.Struct("".join(codes)), places


def decode_fields(data: bytes, version: int) -> dict[str, object]:
    """Values of all fields of a version in table order, implied constants included.

    Parameters
    ----------
    data : bytes
        The 1024 header bytes.
    version : int
        File version.

    Returns
    -------
    dict of str to int, float or str
    """
    layout, places = _layout(version)
    found = layout.unpack_from(data)
    values: dict[str, object] = {
        field.name: decode_text(found[place]) if field.kind == "s" else found[place]
        for field, place in zip(fields_of(version), places, strict=True)
    }
    for name, (constant, last) in CONSTANTS.items():
        if version <= last:
            values[name] = constant
    if "Sample_ID" not in values:
        values["Sample_ID"] = sample_of_notes(str(values["Notes"]))
    return values


def sample_of_notes(notes: str) -> str:
    """Sample name of versions 1 to 8: what stands before the first comma of the notes."""
    return notes.split(",", 1)[0].strip()


def decode_scaling(data: bytes, version: int, channels: int) -> NDArray[np.float64]:
    """Scaling as stored, (4, columns) float64, read-only; see `SCALING_MEANING`."""
    kind, columns = scaling_layout(version, channels)
    stored = np.frombuffer(data, kind, count=4 * columns, offset=SCALING_OFFSET)
    with np.errstate(invalid="ignore"):  # a damaged header may hold signalling NaNs
        matrix = np.ascontiguousarray(stored.astype(np.float64).reshape(columns, 4).T)
    matrix.flags.writeable = False
    return matrix
