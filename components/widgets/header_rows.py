"""Rows of a header table: grouped fields, values as they are stored, changes between frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from components.plots.base import grouped
from fibsem_dash.io.dat_fields import CONSTANTS, field_named

GROUP_ORDER = (
    "File", "Scan", "SEM", "Stage", "FIB", "Milling", "Vacuum", "Detectors", "Scaling",
)  # fmt: skip
"""Groups as the table shows them; others follow."""

CHANGED = "●"
"""Sign of a changed field, so that colour is not the only one."""

_PLAIN = frozenset(
    {"FileMagicNum", "FileVersion", "FileType", "EightBit", "Mode", "AI1", "AI2", "AI3", "AI4"}
)


@dataclass(frozen=True)
class HeaderRow:
    """One field of a header as text.

    Attributes
    ----------
    group, name, value, unit, meaning : str
        What is shown.
    offset : int or None
        First byte in the file.
    other : str
        Value in the frame that is compared; empty without one.
    changed : bool
        Whether the two differ.
    """

    group: str
    name: str
    value: str
    unit: str = ""
    meaning: str = ""
    offset: int | None = None
    other: str = ""
    changed: bool = False


def value_text(value: Any, kind: str = "", plain: bool = False) -> str:
    """Return a value with as many digits as it carries.

    Parameters
    ----------
    value : object
        Of a description; None is unknown.
    kind : str
        Letter of the stored type; "f" is float32, which carries fewer digits than Python shows.
    plain : bool
        A code rather than a quantity: no thin spaces.
    """
    if value is None:
        return "unknown"
    if isinstance(value, (bool, str)):
        return str(value)
    if isinstance(value, int):
        return str(value) if plain else grouped(str(value))
    if isinstance(value, float):
        with np.errstate(over="ignore"):
            number = np.float32(value) if kind == "f" else np.float64(value)
        whole = float(number).is_integer() and abs(number) < 1e15
        return grouped(f"{number:.0f}" if whole else str(number))
    if isinstance(value, (list, tuple)):
        return "; ".join(
            ", ".join(value_text(v, kind) for v in row)
            if isinstance(row, (list, tuple))
            else value_text(row, kind)
            for row in value
        )
    return str(value)


def header_rows(description: Mapping[str, Any]) -> list[HeaderRow]:
    """Return the rows of what `describe` tells about a frame."""
    version = _version(description)
    groups = {group["name"]: group["fields"] for group in description["groups"]}
    names = [name for name in GROUP_ORDER if name in groups]
    names += [name for name in groups if name not in GROUP_ORDER]
    return [_row(name, item, version) for name in names for item in groups[name]]


def _version(description: Mapping[str, Any]) -> int:
    if description.get("format") != "dat":
        return 0
    for group in description["groups"]:
        for item in group["fields"]:
            if item["name"] == "FileVersion":
                return int(item["value"])
    return 0


def _row(group: str, item: Mapping[str, Any], version: int) -> HeaderRow:
    name = str(item["name"])
    field = field_named(name, version) if version else None
    implied = field is not None and (
        version < field.since or version > field.until or version <= CONSTANTS.get(name, (0, 0))[1]
    )
    # The scaling is float32 from version 2 on.
    kind = "f" if name == "Scaling" and version > 1 else (field.kind if field else "")
    offset = 36 if name == "Scaling" and version else None
    if field is not None and not implied:
        offset = field.offset
    value = value_text(item["value"], kind, plain=name in _PLAIN)
    return HeaderRow(group, name, value, str(item["unit"]), str(item["meaning"]), offset)


def compare_rows(rows: Sequence[HeaderRow], other: Sequence[HeaderRow]) -> list[HeaderRow]:
    """Return the rows with the values of another frame; fields that only it has are appended."""
    values = {(row.group, row.name): row for row in other}
    result = []
    for row in rows:
        match = values.pop((row.group, row.name), None)
        text = match.value if match else "not there"
        result.append(replace(row, other=text, changed=text != row.value))
    missing = [
        replace(row, value="not there", other=row.value, changed=True) for row in values.values()
    ]
    return result + missing


def search_rows(rows: Sequence[HeaderRow], text: str, only_changed: bool) -> list[HeaderRow]:
    """Return the rows that hold every word in their group, name, value, unit or meaning."""
    words = text.casefold().split()

    def matches(row: HeaderRow) -> bool:
        content = " ".join((row.group, row.name, row.value, row.unit, row.meaning)).casefold()
        return all(word in content for word in words)

    return [row for row in rows if (row.changed or not only_changed) and matches(row)]


def rows_as_csv(rows: Sequence[HeaderRow], compared: bool) -> str:
    """Return the rows as CSV with plain numbers."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    extra = ["other frame", "changed"] if compared else []
    writer.writerow(["group", "field", "value", "unit", *extra, "description", "offset"])
    for row in rows:
        both = [_plain(row.other), "yes" if row.changed else "no"] if compared else []
        offset = "" if row.offset is None else row.offset
        writer.writerow(
            [row.group, _plain(row.name), _plain(row.value), row.unit, *both, row.meaning, offset]
        )
    return file.getvalue()


def _plain(text: str) -> str:
    text = text.replace("\u2009", "")
    # A spreadsheet would run a text that looks like a formula.
    risky = text[:1] in ("=", "+", "@", "\t", "\r") or (text[:1] == "-" and not _is_number(text))
    return f"'{text}" if risky and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text.partition(",")[0].partition(";")[0])
    except ValueError:
        return False
    return True
