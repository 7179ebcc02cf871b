"""CSV and XLSX tables, and the forms of quality tables."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fibsem_dash.errors import AccessError, FormatError
from fibsem_dash.io.tables import (
    QUALITY_SHEET,
    read_csv,
    read_quality,
    write_csv,
    write_xlsx,
)


@pytest.fixture
def quality() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "frame": [1, 2, 3],
            "xi_eval": [0, 0, 40_000],
            "xa_eval": [100, 100, 40_100],
            "yi_eval": [5, 5, 5],
            "ya_eval": [90, 90, 90],
            "NSAD": rng.random(3),
            "NCC": [0.1, np.nan, 1 / 3],
            "NMI": rng.random(3),
            "Npts": [120, 80, 0],
            "Mean Abs Error": rng.random(3),
        }
    )


def test_csv_reads_back_exactly(tmp_path: Path, quality: pd.DataFrame) -> None:
    write_csv(tmp_path / "x.csv", quality)
    pd.testing.assert_frame_equal(read_csv(tmp_path / "x.csv"), quality, check_exact=True)
    content = (tmp_path / "x.csv").read_bytes()
    assert b"\r" not in content
    assert content.startswith(b"frame,xi_eval,")
    write_csv(tmp_path / "y.csv", quality)
    assert (tmp_path / "y.csv").read_bytes() == content


def test_text_like_a_formula_is_made_safe_and_numbers_are_not_touched(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "text": ["=1+1", "+x", "-x", "@x", "plain", "it's", "'=x", None],
            "number": [-1.5, -2, np.inf, -np.inf, np.nan, 0, 1, 2],
        }
    )
    write_csv(tmp_path / "x.csv", table)
    lines = (tmp_path / "x.csv").read_text().splitlines()
    assert lines[1] == "'=1+1,-1.5"
    assert lines[2] == "'+x,-2.0"
    assert lines[5] == "plain,"
    assert lines[6] == "it's,0.0"
    assert lines[7] == "''=x,1.0"
    pd.testing.assert_frame_equal(read_csv(tmp_path / "x.csv"), table, check_exact=True)


def test_truth_values_and_mixed_cells_are_written(tmp_path: Path) -> None:
    table = pd.DataFrame({"ok": [True, False], "any": [3, "=x"]})
    write_csv(tmp_path / "x.csv", table)
    read = read_csv(tmp_path / "x.csv")
    assert read["ok"].dtype == bool
    assert read["any"].tolist() == ["3", "=x"]
    assert table["any"].tolist() == [3, "=x"]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    numbers=st.lists(st.floats(allow_nan=False), min_size=1, max_size=6),
    prefix=st.text("=+-@' ,\"\n\t\r;µ", max_size=5),
)
def test_any_number_and_text_survive_a_csv(
    tmp_path: Path, numbers: list[float], prefix: str
) -> None:
    table = pd.DataFrame({"n": numbers, "t": [prefix + "x"] * len(numbers)})
    write_csv(tmp_path / "x.csv", table)
    read = read_csv(tmp_path / "x.csv")
    assert read["t"].tolist() == table["t"].tolist()
    assert read["n"].tolist() == numbers


def test_xlsx_holds_the_values_and_the_same_bytes_each_time(
    tmp_path: Path, quality: pd.DataFrame
) -> None:
    sheets = {
        QUALITY_SHEET: quality,
        "text": pd.DataFrame({"a": ["=1+1", "http://x.org", None], "b": [True, False, True]}),
    }
    write_xlsx(tmp_path / "x.xlsx", sheets)
    write_xlsx(tmp_path / "y.xlsx", sheets)
    assert (tmp_path / "x.xlsx").read_bytes() == (tmp_path / "y.xlsx").read_bytes()
    book = openpyxl.load_workbook(tmp_path / "x.xlsx")
    assert book.sheetnames == [QUALITY_SHEET, "text"]
    cell = book["text"]["A2"]
    assert cell.value == "=1+1"
    assert book["text"]["A3"].hyperlink is None
    assert book["text"]["B3"].value is False
    assert book[QUALITY_SHEET]["G3"].value is None
    with zipfile.ZipFile(tmp_path / "x.xlsx") as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet2.xml")


def test_long_forbidden_and_repeated_sheet_names_are_made_fit(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [1]})
    names = ["run [1]: a/b?*", "x" * 40, "x" * 41, "", "X" * 31]
    write_xlsx(tmp_path / "x.xlsx", dict.fromkeys(names, table))
    found = openpyxl.load_workbook(tmp_path / "x.xlsx").sheetnames
    assert len(found) == 5
    assert len({name.lower() for name in found}) == 5
    assert max(len(name) for name in found) == 31


def test_quality_reads_our_csv(tmp_path: Path, quality: pd.DataFrame) -> None:
    quality["FSC"] = 0.25
    quality["other"] = "text"
    write_csv(tmp_path / "x.csv", quality)
    read = read_quality(tmp_path / "x.csv")
    columns = [name for name in quality.columns if name not in ("FSC", "other")]
    columns.insert(8, "FSC")
    pd.testing.assert_frame_equal(read, quality[columns], check_exact=True)


@pytest.mark.parametrize(
    "text",
    [
        "Image NSAD,Image NCC,Image MI\n0.1,0.9,0.3\n0.2,0.8,0.2\n",
        ",Image NSAD,Image NCC,Image MI\n0,0.1,0.9,0.3\n1,0.2,0.8,0.2\n",
        "Image NSAD, Image NCC, Image MI\r\n0.1, 0.9, 0.3\r\n0.2, 0.8, 0.2\r\n",
    ],
)
def test_quality_reads_the_csv_of_2022_without_frames(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.csv").write_text(text, newline="")
    read = read_quality(tmp_path / "x.csv")
    assert read.columns.tolist() == ["frame", "NSAD", "NCC", "NMI"]
    assert read["frame"].tolist() == [1, 2]
    assert read["NMI"].tolist() == [0.3, 0.2]


def test_quality_reads_the_csv_of_2022_with_frames(tmp_path: Path) -> None:
    (tmp_path / "x.CSV").write_text(
        "Frame,Npts,Mean Abs Error,Image NSAD,Image NCC,Image MI\n3,100,0.5,0.1,0.9,0.3\n"
    )
    read = read_quality(tmp_path / "x.CSV")
    assert read.columns.tolist() == ["frame", "NSAD", "NCC", "NMI", "Npts", "Mean Abs Error"]
    assert read.iloc[0].tolist() == [3, 0.1, 0.9, 0.3, 100, 0.5]


def test_quality_reads_the_newer_xlsx(tmp_path: Path) -> None:
    table = pd.DataFrame(
        [[1.0, 0, 100, 0, 90, 0.1, 0.9, 0.3], [2.0, 0, 100, 0, 90, 0.2, 0.8, 0.2]],
        columns=["Frame", "xi_eval", "xa_eval", "yi_eval", "ya_eval", "NSAD", "NCC", "NMI"],
    )
    write_xlsx(
        tmp_path / "x.xlsx", {"Stack info": pd.DataFrame({"a": ["b"]}), QUALITY_SHEET: table}
    )
    read = read_quality(tmp_path / "x.xlsx")
    assert read["frame"].tolist() == [1, 2]
    assert read["xa_eval"].dtype == np.int64
    assert read["NCC"].tolist() == [0.9, 0.8]


def test_formula_in_a_quality_sheet_is_not_evaluated(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "x.xlsx"))
    sheet = book.add_worksheet(QUALITY_SHEET)
    sheet.write_row(0, 0, ["Frame", "NCC"])
    sheet.write_number(1, 0, 1)
    sheet.write_formula(1, 1, "=1+1", None, 0.5)
    book.close()
    assert read_quality(tmp_path / "x.xlsx")["NCC"].tolist() == [0.5]


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("x.csv", b"", "CSV table"),
        ("x.csv", b"a,b\n1\n", "CSV table"),
        ("x.csv", b"\xff\xfe\x00", "CSV table"),
        ("x.csv", b"a,b\n1,2\n", "no measure"),
        ("x.csv", b"NSAD\nhello\n", "not a number"),
        ("x.xlsx", b"no archive", "XLSX"),
        ("x.txt", b"NSAD\n1\n", "not a table"),
    ],
)
def test_other_content_is_refused(tmp_path: Path, name: str, content: bytes, match: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatError, match=match) as caught:
        read_quality(tmp_path / name)
    assert caught.value.remedy


def test_xlsx_without_the_sheet_is_refused(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "x.xlsx", {"other": pd.DataFrame({"NSAD": [1.0]})})
    with pytest.raises(FormatError, match=QUALITY_SHEET):
        read_quality(tmp_path / "x.xlsx")


@pytest.mark.parametrize("name", ["none.csv", "none.xlsx"])
def test_missing_table_is_an_access_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(AccessError):
        read_quality(tmp_path / name)


def test_table_in_a_missing_folder_is_an_access_error(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [1]})
    with pytest.raises(AccessError):
        write_csv(tmp_path / "none" / "x.csv", table)
    with pytest.raises(AccessError):
        write_xlsx(tmp_path / "none" / "x.xlsx", {"a": table})
