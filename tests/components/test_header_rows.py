"""Rows of the header table: values as they are stored, comparison, search, CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from components.widgets.header_rows import (
    HeaderRow,
    compare_rows,
    header_rows,
    rows_as_csv,
    search_rows,
    value_text,
)
from fibsem_dash.io.dat import write_dat
from fibsem_dash.io.describe import describe


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (2.0999999046325684, "f", "2.1"),
        (2.0999999046325684, "d", "2.0999999046325684"),
        (2_000_000.0, "f", "2\u2009000\u2009000"),
        (-384, "i", "-384"),
        (12000, "I", "12\u2009000"),
        (None, "f", "unknown"),
        (1e-9, "d", "1e-09"),
        ("text", "s", "text"),
        ([[1.0, 2.5], [3.0, 4.0]], "f", "1, 2.5; 3, 4"),
    ],
)
def test_values_have_the_digits_that_they_carry(value: object, kind: str, text: str) -> None:
    assert value_text(value, kind) == text


@pytest.mark.parametrize(("version", "offset"), [(9, 468), (2, 424)])
def test_the_offset_is_that_of_the_version(tmp_path: Path, version: int, offset: int) -> None:
    path = tmp_path / "frame.dat"
    write_dat(path, np.zeros((8, 8), np.int16), {"WD": 4.5}, version=version)
    rows = {row.name: row for row in header_rows(describe(path))}
    assert rows["WD"].offset == offset
    assert (rows["WD"].value, rows["WD"].unit) == ("4.5", "mm")
    assert rows["Scaling"].offset == 36
    # Old versions imply the voltage range of the detectors, it is not in the file.
    assert (rows["Detmin"].offset is None) == (version == 2)


def test_groups_come_in_the_order_of_the_page(tmp_path: Path) -> None:
    path = tmp_path / "frame.dat"
    write_dat(path, np.zeros((8, 8), np.int16))
    groups = list(dict.fromkeys(row.group for row in header_rows(describe(path))))
    expected = ["File", "Scan", "SEM", "Stage", "FIB", "Milling", "Vacuum", "Detectors", "Scaling"]
    assert groups == expected


def test_fields_of_only_one_frame_count_as_changed() -> None:
    rows = [HeaderRow("SEM", "WD", "3"), HeaderRow("SEM", "EHT", "1.2")]
    other = [HeaderRow("SEM", "WD", "3"), HeaderRow("FIB", "BeamDump2I", "7")]
    compared = compare_rows(rows, other)
    assert [(r.name, r.value, r.other, r.changed) for r in compared] == [
        ("WD", "3", "3", False),
        ("EHT", "1.2", "not there", True),
        ("BeamDump2I", "not there", "7", True),
    ]
    assert [r.name for r in search_rows(compared, "", only_changed=True)] == ["EHT", "BeamDump2I"]


def test_a_csv_holds_plain_numbers_and_no_formula() -> None:
    rows = [
        HeaderRow("File", "Notes", "=1+1", meaning="notes, of the operator"),
        HeaderRow("Scan", "FirstPixelX", "-6\u2009000", "px", offset=70),
    ]
    read = list(csv.reader(io.StringIO(rows_as_csv(rows, compared=False))))
    assert read[1][2] == "'=1+1"
    assert read[2] == ["Scan", "FirstPixelX", "-6000", "px", "", "70"]
