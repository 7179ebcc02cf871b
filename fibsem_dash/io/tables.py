"""Tables as CSV and XLSX, and quality tables of older programs."""

from __future__ import annotations

import csv
import datetime
import io
import math
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from fibsem_dash.errors import FibsemDashError, FormatError
from fibsem_dash.io.atomic import reading, write_bytes, write_text

QUALITY_SHEET = "Registration Quality Statistics"
QUALITY_COLUMNS = (
    "frame",
    "xi_eval",
    "xa_eval",
    "yi_eval",
    "ya_eval",
    "NSAD",
    "NCC",
    "NMI",
    "FSC",
    "Npts",
    "Mean Abs Error",
)
"""Columns of a quality table in our order; all but `frame` may be missing."""
_MEASURES = ("NSAD", "NCC", "NMI", "FSC")
_OTHER_NAMES = {
    "Frame": "frame",
    "Image NSAD": "NSAD",
    "Image NCC": "NCC",
    "Image MI": "NMI",
    "Image NMI": "NMI",
    "Image FSC": "FSC",
}
_LIKE_A_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_CREATED = datetime.datetime(2000, 1, 1)
_LONGEST_SHEET_NAME = 31
LARGEST_UNPACKED_BYTES = 200_000_000
"""XLSX files that unpack to more than this are not read."""
LARGEST_SHEET_CELLS = 4_000_000
"""Sheets that claim more cells than this are not read; blank ones between others count."""
_UNPACKED_AT_ONCE = 2**20
_LONGEST_NUMBER = 64
"""Longer cells of a CSV file are text: an array of text is as wide as its longest cell."""


def write_csv(path: str | os.PathLike[str], table: pd.DataFrame) -> None:
    """Write a table as CSV without its index, whole or not at all.

    Floats are written so that they read back exactly, missing ones as empty cells; lines end with
    LF; the same table gives the same bytes. A text that a spreadsheet would take for a formula
    (it begins with ``= + - @``, a tab or a return) gets a leading apostrophe, which `read_csv`
    takes away again; numbers are left alone.

    Parameters
    ----------
    path : path-like
        The file to make or replace.
    table : pandas.DataFrame
        Any columns of numbers, booleans and text.

    Raises
    ------
    AccessError
        The file cannot be written.
    """
    write_text(path, csv_text(table))


def csv_text(table: pd.DataFrame) -> str:
    """Return a table as the text that `write_csv` writes."""
    columns = [
        [_quoted(_cell(value)) for value in [str(name), *table.iloc[:, position].tolist()]]
        for position, name in enumerate(table.columns)
    ]
    lines = [",".join(row) or '""' for row in zip(*columns, strict=True)]
    return "".join(line + "\n" for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value if _LIKE_A_FORMULA.match(value) else value
    if _is_missing(value):
        return ""
    return repr(float(value)) if isinstance(value, float | np.floating) else str(value)


def _quoted(cell: str) -> str:
    # The csv module leaves a lone carriage return unquoted and then refuses to read it.
    return '"' + cell.replace('"', '""') + '"' if re.search('[",\r\n]', cell) else cell


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or value != value


def _plain(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("'") and _LIKE_A_FORMULA.match(value):
        return value[1:]
    return value


def read_csv(path: str | os.PathLike[str], content: bytes | None = None) -> pd.DataFrame:
    """Read a table that `write_csv` wrote.

    Parameters
    ----------
    path : path-like
        The file.
    content : bytes, optional
        What the file holds, where it came by another way than the disk; `path` then only names it.

    Returns
    -------
    pandas.DataFrame
        Empty cells are missing values; protecting apostrophes are removed.

    Raises
    ------
    FormatError
        The file is not a table in CSV.
    AccessError
        The file is missing or may not be read.
    """
    try:
        with reading(path), _open(path, content) as binary:
            file = io.TextIOWrapper(binary, newline="", encoding="utf-8-sig")
            rows = [row for row in csv.reader(file) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise _not_a_table(path, str(error)) from error
    if not rows:
        raise _not_a_table(path, "an empty file")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise _not_a_table(path, f"{len(row)} cells in line {number}, {len(rows[0])} in line 1")
    names = [str(_plain(name)) for name in rows[0]]
    columns = {index: _column([row[index] for row in rows[1:]]) for index in range(len(names))}
    table = pd.DataFrame(columns)
    table.columns = pd.Index(names)
    return table


def _open(path: str | os.PathLike[str], content: bytes | None) -> BinaryIO:
    return Path(path).open("rb") if content is None else io.BytesIO(content)


def _not_a_table(path: str | os.PathLike[str], found: str) -> FormatError:
    return FormatError(
        "The file cannot be read as a CSV table",
        path=path,
        found=found,
        remedy="Give a file with one line of column names and lines of the same length",
    )


def _column(cells: list[str]) -> pd.Series[Any]:
    """Whole numbers, numbers, truth values or text, whichever all cells of a column are."""
    filled = [cell for cell in cells if cell]
    numeric = max(map(len, filled), default=0) <= _LONGEST_NUMBER
    kinds = (np.int64, np.float64) if len(filled) == len(cells) else (np.float64,)
    if filled and all(cell in ("True", "False") for cell in cells):
        return pd.Series([cell == "True" for cell in cells])
    # NumPy parses exactly, while the speed of pandas' own parser costs the last digit.
    for kind in kinds if numeric else ():
        try:
            return pd.Series(np.array([cell or "nan" for cell in cells], dtype=str).astype(kind))
        except (ValueError, OverflowError):
            continue
    return pd.Series([_plain(cell) if cell else None for cell in cells], dtype=object).astype("str")


def write_xlsx(path: str | os.PathLike[str], sheets: Mapping[str, pd.DataFrame]) -> None:
    """Write tables as the sheets of an Excel file, without index, whole or not at all.

    Text stays text: nothing becomes a formula or a link. Missing numbers are empty cells,
    infinities the words ``inf`` and ``-inf``. The same tables give the same bytes.

    Parameters
    ----------
    path : path-like
        The file to make or replace.
    sheets : mapping of str to pandas.DataFrame
        Name of the sheet to its table. Names are cut to 31 characters, characters that Excel
        forbids become blanks, and repeated names get a number.

    Raises
    ------
    AccessError
        The file cannot be written.
    """
    # Imported where it is used: a run writes CSV, and would wait for it.
    import xlsxwriter

    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, options)
    book.set_properties({"created": _CREATED})
    heading = book.add_format({"bold": True})
    taken: set[str] = set()
    for name, table in sheets.items():
        _fill_sheet(book.add_worksheet(_sheet_name(name, taken)), table, heading)
    book.close()
    write_bytes(path, content.getvalue())


def _fill_sheet(sheet: Any, table: pd.DataFrame, heading: Any) -> None:
    sheet.freeze_panes(1, 0)
    for column, name in enumerate(table.columns):
        sheet.write_string(0, column, str(name), heading)
        for row, value in enumerate(table.iloc[:, column].tolist(), start=1):
            _write_cell(sheet, row, column, value)


def _write_cell(sheet: Any, row: int, column: int, value: Any) -> None:
    if isinstance(value, bool | np.bool_):
        sheet.write_boolean(row, column, bool(value))
    elif isinstance(value, int | float | np.number):
        number = float(value)
        if math.isfinite(number):
            sheet.write_number(row, column, value if isinstance(value, int) else number)
        elif not math.isnan(number):
            sheet.write_string(row, column, "inf" if number > 0 else "-inf")
    elif not _is_missing(value):
        sheet.write_string(row, column, str(value))


def _sheet_name(name: str, taken: set[str]) -> str:
    plain = re.sub(r"[\[\]:*?/\\]", " ", name).strip("' ")[:_LONGEST_SHEET_NAME] or "Sheet"
    result, number = plain, 2
    while result.lower() in taken:
        suffix = f" {number}"
        result = plain[: _LONGEST_SHEET_NAME - len(suffix)] + suffix
        number += 1
    taken.add(result.lower())
    return result


def read_quality(path: str | os.PathLike[str], content: bytes | None = None) -> pd.DataFrame:
    """Read a table of registration quality of any known form, as data only.

    Known are our CSV, the CSV of 2022 (``Image NSAD, Image NCC, Image MI`` with or without Frame,
    Npts, Mean Abs Error) and the newer XLSX with the sheet "Registration Quality Statistics".

    Parameters
    ----------
    path : path-like
        A .csv or .xlsx file.
    content : bytes, optional
        What the file holds, where it was uploaded; `path` then only names it.

    Returns
    -------
    pandas.DataFrame
        Those of `QUALITY_COLUMNS` that the file holds, in that order. Always with `frame`, the
        number of the second frame of a pair, counted from 1 where the file has none. Counts and
        box edges are whole numbers. ``attrs["form"]`` is "CSV", "XLSX", "CSV of 2022" or "XLSX of
        2025".

    Raises
    ------
    FormatError
        Another suffix, no such sheet, none of the measures, or text where numbers belong.
    AccessError
        The file is missing or may not be read.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".csv":
        table = read_csv(path, content)
    elif suffix in (".xlsx", ".xlsm"):
        table = _read_sheet(Path(path), QUALITY_SHEET, content)
    else:
        raise FormatError(
            "This is not a table of registration quality",
            path=path,
            expected=".csv or .xlsx",
            found=suffix or "no suffix",
            remedy="Save it as CSV",
        )
    names = [str(name).strip() for name in table.columns]
    table.columns = pd.Index([_OTHER_NAMES.get(name, name) for name in names])
    table = table.loc[:, ~table.columns.duplicated()]
    if not set(_MEASURES) & set(table.columns):
        raise FormatError(
            "The table holds no measure of registration quality",
            path=path,
            expected="a column NSAD, NCC, NMI or FSC",
            found=", ".join(names) or "no columns",
            remedy="Choose a RegistrationQuality file",
        )
    if "frame" not in table:
        table.insert(0, "frame", np.arange(1, len(table) + 1))
    chosen = [name for name in QUALITY_COLUMNS if name in table]
    result = pd.DataFrame({name: _numbers(table[name], path) for name in chosen})
    result.attrs["form"] = _form(suffix, names)
    return result


def _form(suffix: str, names: list[str]) -> str:
    if suffix == ".csv":
        return "CSV of 2022" if any(name.startswith("Image ") for name in names) else "CSV"
    return "XLSX" if "frame" in names else "XLSX of 2025"


def _numbers(column: pd.Series[Any], path: str | os.PathLike[str]) -> pd.Series[Any]:
    try:
        numbers = pd.to_numeric(column).astype(np.float64)
    except (ValueError, TypeError) as error:
        raise FormatError(
            f"Column {column.name} holds something that is not a number",
            path=path,
            found=str(error),
            remedy="Correct the table",
        ) from error
    whole = column.name not in (*_MEASURES, "Mean Abs Error")
    if whole and np.isfinite(numbers).all() and (numbers == np.round(numbers)).all():
        return numbers.astype(np.int64)
    return numbers


def _read_sheet(path: Path, name: str, content: bytes | None) -> pd.DataFrame:
    import openpyxl

    try:
        with reading(path), _open(path, content) as file:
            _check_unpacked_size(file)
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            try:
                filled = _filled_rows(book[name])
            finally:
                book.close()
    except FibsemDashError:
        raise
    except Exception as error:
        # Damaged archives and XML reach us as errors of every kind: zlib, lzma, struct, expat.
        raise FormatError(
            "The file cannot be read as a quality table in XLSX",
            path=path,
            expected=f"a sheet {name!r}",
            found=str(error)[:200] or type(error).__name__,
            remedy="Choose a RegistrationQuality file",
        ) from error
    heading = ["" if cell is None else str(cell) for cell in filled[0]] if filled else []
    return pd.DataFrame(filled[1:], columns=pd.Index(heading))


def _filled_rows(sheet: Any) -> list[list[Any]]:
    # A cell with a number of a billion rows makes openpyxl invent all the rows before it.
    filled = []
    cells = 0
    sheet.reset_dimensions()
    for row in sheet.iter_rows(values_only=True):
        # Spreadsheets have a million rows at most, so a blank one may weigh more than a cell.
        cells += max(len(row), 4)
        if cells > LARGEST_SHEET_CELLS:
            raise ValueError(f"more than {LARGEST_SHEET_CELLS} cells")
        if any(cell is not None for cell in row):
            filled.append(list(row))
    width = max(map(len, filled), default=0)
    return [row + [None] * (width - len(row)) for row in filled]


def _check_unpacked_size(file: BinaryIO) -> None:
    # A small archive can hold gigabytes of blanks, and can lie about it: unpacking in small parts
    # finds out, before anything unpacks it as a whole.
    with zipfile.ZipFile(file) as archive:
        size = sum(item.file_size for item in archive.infolist())
        if size > LARGEST_UNPACKED_BYTES:
            raise ValueError(f"{size / 1e6:.0f} MB when unpacked")
        for item in archive.infolist():
            with archive.open(item) as part:
                while part.read(_UNPACKED_AT_ONCE):
                    pass
    file.seek(0)
