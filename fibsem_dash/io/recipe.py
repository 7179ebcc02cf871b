"""The acquisition recipe that may follow the pixels of a .dat file.

It is a LabVIEW value that describes itself: a list of type descriptors, the number of the root
type, then the data. The layout is known from one microscope only, so any inconsistency means that
there is no recipe; the raw bytes stay with the frame.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_NUMBERS = {
    0x01: ">i1",
    0x02: ">i2",
    0x03: ">i4",
    0x04: ">i8",
    0x05: ">u1",
    0x06: ">u2",
    0x07: ">u4",
    0x08: ">u8",
    0x09: ">f4",
    0x0A: ">f8",
    0x21: ">u1",
}
_BOOLEAN, _STRING, _PATH, _ARRAY, _CLUSTER = 0x21, 0x30, 0x32, 0x40, 0x50
_HAS_LABEL = 0x40
_LARGEST_DEPTH = 32
_LARGEST_COUNT = 1_000_000
_PRIVATE = re.compile(r"e-?mail|mail server", re.IGNORECASE)


class _Inconsistent(Exception):
    """The bytes are not a recipe."""


@dataclass(frozen=True)
class _Type:
    code: int
    label: str
    dimensions: int = 0
    members: tuple[int, ...] = ()


@dataclass
class _Cursor:
    """Position in the bytes; every step is checked against the end."""

    data: bytes
    position: int = 0
    values_left: int = field(default=_LARGEST_COUNT)

    def take(self, count: int) -> bytes:
        if count < 0 or self.position + count > len(self.data):
            raise _Inconsistent
        self.position += count
        return self.data[self.position - count : self.position]

    def number(self, format: str) -> int:
        (value,) = struct.unpack(format, self.take(struct.calcsize(format)))
        return int(value)

    def spend(self, count: int = 1) -> None:
        self.values_left -= count
        if self.values_left < 0:
            raise _Inconsistent


def decode_recipe(trailer: bytes, *, include_private: bool = False) -> dict[str, Any] | None:
    """Decode the acquisition recipe behind the pixels of a .dat file.

    Parameters
    ----------
    trailer : bytes
        What follows the pixels (`RawFrame.trailer`).
    include_private : bool, default False
        Keep the members that name mail servers and recipients of e-mail.

    Returns
    -------
    dict or None
        Label to value: numbers, bool, text, bytes (paths), lists (arrays) and dicts (clusters; the
        same label occurs in several). None where the bytes are not a whole recipe.
    """
    try:
        value = _decode(trailer)
    except (_Inconsistent, struct.error):
        return None
    if not isinstance(value, dict):
        return None
    return value if include_private else _without_private(value)


def slice_thickness_nm(recipe: Mapping[str, Any] | None) -> float | None:
    """Milled thickness of a slice in nm: ``Milling para / Z-step (nm)`` of a recipe.

    Parameters
    ----------
    recipe : mapping or None
        What `decode_recipe` gives.

    Returns
    -------
    float or None
        None where there is no recipe or no positive number in it.
    """
    milling = (recipe or {}).get("Milling para")
    value = milling.get("Z-step (nm)") if isinstance(milling, Mapping) else None
    if isinstance(value, int | float) and math.isfinite(value) and value > 0:
        return float(value)
    return None


def _decode(data: bytes) -> Any:
    cursor = _Cursor(data)
    cursor.take(4)  # version of the program that wrote it
    count = cursor.number(">I")
    if not 0 < count <= len(data) // 4:
        raise _Inconsistent
    types = [_descriptor(cursor) for _ in range(count)]
    if cursor.number(">H") != 1:
        raise _Inconsistent
    root = cursor.number(">H")
    value = _value(cursor, types, root, 0)
    if cursor.take(4) != bytes(4) or cursor.position != len(data):
        raise _Inconsistent
    return value


def _descriptor(cursor: _Cursor) -> _Type:
    start = cursor.position
    size = cursor.number(">H")
    flags, code = cursor.number(">B"), cursor.number(">B")
    dimensions = 0
    members: tuple[int, ...] = ()
    if code in _NUMBERS and code != _BOOLEAN:
        cursor.take(1)
    elif code in (_STRING, _PATH):
        cursor.take(4)
    elif code == _ARRAY:
        dimensions = cursor.number(">H")
        cursor.take(4 * dimensions)
        members = (cursor.number(">H"),)
    elif code == _CLUSTER:
        length = cursor.number(">H")
        members = tuple(cursor.number(">H") for _ in range(length))
    elif code != _BOOLEAN:
        raise _Inconsistent
    label = ""
    if flags & _HAS_LABEL:
        label = cursor.take(cursor.number(">B")).decode("latin-1")
    padding = start + size - cursor.position
    if padding not in (0, 1):
        raise _Inconsistent
    cursor.take(padding)
    return _Type(code, label, dimensions, members)


def _value(cursor: _Cursor, types: list[_Type], number: int, depth: int) -> Any:
    if number >= len(types) or depth > _LARGEST_DEPTH:
        raise _Inconsistent
    kind = types[number]
    cursor.spend()
    if kind.code == _CLUSTER:
        return _cluster(cursor, types, kind, depth)
    if kind.code == _ARRAY:
        return _array(cursor, types, kind, depth)
    if kind.code == _STRING:
        return cursor.take(cursor.number(">I")).decode("latin-1")
    if kind.code == _PATH:
        if cursor.take(4) != b"PTH0":
            raise _Inconsistent
        return cursor.take(cursor.number(">I"))
    dtype = np.dtype(_NUMBERS[kind.code])
    value = np.frombuffer(cursor.take(dtype.itemsize), dtype)[0].item()
    return bool(value) if kind.code == _BOOLEAN else value


def _cluster(cursor: _Cursor, types: list[_Type], kind: _Type, depth: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for index, member in enumerate(kind.members):
        value = _value(cursor, types, member, depth + 1)
        label = types[member].label or f"member {index}"
        while label in values:
            label += " (again)"
        values[label] = value
    return values


def _array(cursor: _Cursor, types: list[_Type], kind: _Type, depth: int) -> list[Any]:
    shape = [cursor.number(">I") for _ in range(kind.dimensions)]
    count = math.prod(shape)
    # Checked before the loop, because a damaged length could ask for billions of elements.
    if not shape or count > len(cursor.data):
        raise _Inconsistent
    cursor.spend(count)
    values = [_value(cursor, types, kind.members[0], depth + 1) for _ in range(count)]
    for side in reversed(shape[1:]):
        values = [values[i : i + side] for i in range(0, len(values), side)] if side else []
    return values


def _without_private(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            label: _without_private(item)
            for label, item in value.items()
            if not _PRIVATE.search(label)
        }
    if isinstance(value, list):
        return [_without_private(item) for item in value]
    return value
