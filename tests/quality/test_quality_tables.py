"""Quality tables of every known form become the same arrays."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fibsem_dash.errors import AccessError, FormatError, ParameterError
from fibsem_dash.io import tables
from fibsem_dash.io.tables import QUALITY_SHEET, write_csv, write_xlsx
from fibsem_dash.quality import read_quality_table
from fibsem_dash.quality import tables as quality_tables

N = 40
RNG = np.random.default_rng(0)
NSAD, NCC, NMI = RNG.uniform(0.1, 0.2, N), RNG.uniform(0.5, 0.9, N), RNG.uniform(0, 0.1, N)
FRAMES = np.arange(1, N + 1)
BOX = {"xi_eval": 40000, "xa_eval": 52000, "yi_eval": 10, "ya_eval": 1010}


def ours() -> pd.DataFrame:
    return pd.DataFrame({"frame": FRAMES, **BOX, "NSAD": NSAD, "NCC": NCC, "NMI": NMI, "Npts": 7})


def csv_2022() -> pd.DataFrame:
    return pd.DataFrame({"Image NSAD": NSAD, "Image NCC": NCC, "Image MI": NMI})


def xlsx_2025() -> pd.DataFrame:
    box = {name: float(value) for name, value in BOX.items()}
    return pd.DataFrame(
        {"Frame": FRAMES.astype(float), **box, "NSAD": NSAD, "NCC": NCC, "NMI": NMI}
    )


@pytest.mark.parametrize(
    ("table", "suffix", "form"),
    [
        (ours(), ".csv", "CSV"),
        (ours(), ".xlsx", "XLSX"),
        (csv_2022(), ".csv", "CSV of 2022"),
        (xlsx_2025(), ".xlsx", "XLSX of 2025"),
    ],
)
def test_all_forms_give_the_same_measures(
    tmp_path: Path, table: pd.DataFrame, suffix: str, form: str
) -> None:
    path = tmp_path / f"Stack_withEB0_RegistrationQuality{suffix}"
    if suffix == ".csv":
        write_csv(path, table)
    else:
        write_xlsx(path, {QUALITY_SHEET: table, "Stack Info": pd.DataFrame({"a": [1]})})
    for read in (
        read_quality_table(path),
        read_quality_table(path.name, content=path.read_bytes()),
    ):
        assert read.form == form
        assert read.label == "Stack_withEB0"
        np.testing.assert_array_equal(read.frames, FRAMES)
        np.testing.assert_allclose(read.column("NSAD"), NSAD, rtol=1e-14)
        np.testing.assert_allclose(read.column("SNR"), NCC / (1 - NCC), rtol=1e-12)
        expected = None if form == "CSV of 2022" else (40000, 52000, 10, 1010)
        assert read.box_at(3) == expected
        assert read.box_at(N + 1) is None


def test_rows_are_sorted_and_a_repeated_frame_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_csv(path, pd.DataFrame({"frame": [5, 2, 5, 3], "NCC": [0.5, 0.2, 0.9, 0.3]}))
    table = read_quality_table(path)
    assert table.frames.tolist() == [2, 3, 5]
    assert table.column("NCC").tolist() == [0.2, 0.3, 0.5]


def test_a_table_survives_writing_and_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_csv(path, ours())
    table = read_quality_table(path)
    write_csv(tmp_path / "b.csv", table.to_frame())
    again = read_quality_table(tmp_path / "b.csv")
    assert again.metrics == table.metrics == ("NSAD", "NCC", "NMI", "SNR", "npts")
    np.testing.assert_array_equal(again.boxes, table.boxes)


def test_the_arrays_of_a_table_cannot_be_changed(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ours())
    table = read_quality_table(tmp_path / "a.csv")
    with pytest.raises(ValueError, match="read-only"):
        table.column("NCC")[0] = 1


def test_a_missing_measure_is_named(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ours())
    with pytest.raises(ParameterError, match="no FSC"):
        read_quality_table(tmp_path / "a.csv").column("FSC")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b"\xff\xfe\x00"),
        ("a.csv", b"a,b\n1,2\n"),
        ("a.csv", b"frame,NCC\n1,hello\n"),
        ("a.xlsx", b"PK no zip"),
        ("a.txt", b"frame,NCC\n1,0.5\n"),
    ],
)
def test_an_upload_that_is_no_table_is_refused_by_name(name: str, content: bytes) -> None:
    with pytest.raises(FormatError, match=name):
        read_quality_table(name, content=content)


def test_an_upload_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality_tables, "LARGEST_UPLOAD_BYTES", 10)
    with pytest.raises(FormatError, match="too large"):
        read_quality_table("a.csv", content=b"frame,NCC\n1,0.5\n")


def test_an_archive_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LARGEST_UNPACKED_BYTES", 1000)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * 100_000)
    with pytest.raises(FormatError, match="unpacked"):
        read_quality_table("a.xlsx", content=content.getvalue())


def test_a_folder_without_a_table_says_so(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no quality table"):
        read_quality_table(tmp_path)
    with pytest.raises(AccessError):
        read_quality_table(tmp_path / "none.csv")


def test_a_table_without_rows_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("frame,NSAD,NCC,NMI\n")
    assert len(read_quality_table(tmp_path / "a.csv")) == 0
