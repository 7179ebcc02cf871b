"""Files that lie about their size, expand without end, or want to be more than data."""

from __future__ import annotations

import io
import re
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import openpyxl
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fibsem_dash.cli.options import load_config
from fibsem_dash.errors import FibsemDashError, FormatError
from fibsem_dash.io import open_frame, open_stack
from fibsem_dash.io.dat import write_dat
from fibsem_dash.io.plain_yaml import LARGEST_YAML_BYTES, parse_yaml
from fibsem_dash.io.tables import QUALITY_SHEET, read_csv, read_quality
from fibsem_dash.quality.gates import read_gates
from fuzz.targets import TARGETS

CORPUS = Path(__file__).with_name("corpus")


@contextmanager
def bounded(megabytes: float = 32, seconds: float = 10) -> Iterator[None]:
    """Fail when the block takes more memory, or more time of the processor."""
    started = time.process_time()
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < megabytes * 1e6
    assert time.process_time() - started < seconds


def patched(path: Path, offset: int, layout: str, *values: object) -> None:
    content = bytearray(path.read_bytes())
    struct.pack_into(layout, content, offset, *values)
    path.write_bytes(content)


@pytest.mark.parametrize("strict", [True, False])
def test_a_dat_header_that_claims_2_to_the_31_squared_allocates_nothing(
    strict: bool, tmp_path: Path
) -> None:
    path = tmp_path / "f.dat"
    write_dat(path, {"A": np.ones((4, 4), np.int16)})
    patched(path, 100, ">ii", 2**31 - 1, 2**31 - 1)
    with bounded(2), pytest.raises(FormatError, match="ends before its pixels do"):
        open_frame(path, strict).raw()


def test_an_mrc_header_that_claims_2_to_the_31_cubed_allocates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "f.mrc"
    path.write_bytes((CORPUS / "mrc" / "uint8").read_bytes())
    patched(path, 0, "<iii", *[2**31 - 1] * 3)
    with bounded(2), pytest.raises(FormatError, match="ends before its pixels do"):
        open_stack(path)


@pytest.mark.parametrize("compression", [None, "zlib", "lzma"])
def test_a_tiff_that_claims_more_than_it_can_hold_allocates_nothing(
    compression: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "f.tif"
    tifffile.imwrite(path, np.ones((32, 32), np.uint8), compression=compression, metadata=None)
    with tifffile.TiffFile(path) as tif:
        tags = tif.pages[0].tags
        offsets = [tags[name].valueoffset for name in ("ImageWidth", "ImageLength")]
        offsets.append(tags["RowsPerStrip"].valueoffset)
    for offset, side in zip(offsets, (2**16 - 1,) * 3, strict=True):
        patched(path, offset, "<H", side)
    with bounded(2), pytest.raises(FormatError):
        open_frame(path).raw()


def test_a_csv_cell_of_great_length_does_not_widen_all_others(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_text("NCC\n" + "0.5\n" * 20_000 + "x" * 100_000 + "\n")
    with bounded(64):
        assert len(read_csv(path)) == 20_001


def sheet_with(rows: str) -> bytes:
    """Make an XLSX whose quality sheet has these rows, as XML."""
    book = openpyxl.Workbook()
    book.active.title = QUALITY_SHEET
    plain = io.BytesIO()
    book.save(plain)
    result = io.BytesIO()
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        for item in old.infolist():
            data = old.read(item)
            if item.filename == "xl/worksheets/sheet1.xml":
                new_rows = f"<sheetData>{rows}</sheetData>".encode()
                data, n = re.subn(rb"<sheetData ?/>|<sheetData></sheetData>", new_rows, data)
                assert n == 1
            new.writestr(item.filename, data)
    return result.getvalue()


def heading(*cells: str) -> str:
    texts = "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in cells)
    return f'<row r="1">{texts}</row>'


def test_formulas_of_an_xlsx_are_not_executed_and_do_not_count_as_numbers(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = QUALITY_SHEET
    book.active.append(["frame", "NCC"])
    book.active.append([1, "=1+1"])
    book.active.append([2, '=HYPERLINK("http://localhost:1/","x")'])
    book.save(tmp_path / "q.xlsx")
    table = read_quality(tmp_path / "q.xlsx")
    # The file holds no computed value: a cell that is not computed here is missing.
    assert table["frame"].tolist() == [1, 2]
    assert table["NCC"].isna().all()


def test_the_stored_value_of_a_formula_is_data() -> None:
    rows = heading("frame", "NCC") + (
        '<row r="2"><c><v>1</v></c><c><f>SUM(1,2)</f><v>0.5</v></c></row>'
    )
    table = read_quality("q.xlsx", sheet_with(rows))
    assert table["NCC"].tolist() == [0.5]


@pytest.mark.parametrize(
    "row",
    [
        '<row r="2000000000"><c><v>1</v></c></row>',
        "".join(f'<row r="{k}"><c r="XFD{k}"><v>1</v></c></row>' for k in range(2, 500)),
    ],
    ids=["far row", "far columns"],
)
@pytest.mark.slow
def test_an_xlsx_that_claims_billions_of_cells_is_refused(row: str) -> None:
    content = sheet_with(heading("NCC") + row)
    assert len(content) < 200_000
    with bounded(100, 60), pytest.raises(FormatError, match="more than 4000000 cells"):
        read_quality("q.xlsx", content)


def test_an_archive_that_unpacks_to_gigabytes_is_refused() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * 250_000_000)
    with bounded(4), pytest.raises(FormatError, match="250 MB when unpacked"):
        read_quality("q.xlsx", content.getvalue())


def test_an_archive_that_lies_about_what_it_unpacks_to_is_refused() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", b" " * 50_000_000)
    size = struct.pack("<I", 50_000_000)
    lying = content.getvalue().replace(size, struct.pack("<I", 1000))
    with bounded(8), pytest.raises(FormatError):
        read_quality("q.xlsx", lying)


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        LAUGHS,
        "sift: " + "[" * 300,
        "sift: " + "{a: " * 50 + "1" + "}" * 50,
        "seed: 1" + ":59" * 2000,
        "a: 1" + ":59" * 400 + ".5",
        "a: 2001-99-99",
        "a: 0x" + "f" * 5000,
        "a: !!python/object/apply:os.system ['true']",
        "a: !!binary x",
        "? [[a]]\n: 1",
        "a: *nothing",
        "x" * (LARGEST_YAML_BYTES + 1),
        "a: \0",
    ],
    ids=lambda text: text[:24].encode("unicode_escape").decode(),
)
def test_yaml_is_data_of_bounded_size(text: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    for read in (load_config, read_gates, lambda p: parse_yaml(p.read_bytes(), p)):
        with bounded(64), pytest.raises(FibsemDashError):
            read(path)


def test_plain_yaml_is_read_as_before() -> None:
    text = "sift: {kp_max_num: 100}\ninput: {exclude: [a.dat]}\n"
    expected = {"sift": {"kp_max_num": 100}, "input": {"exclude": ["a.dat"]}}
    assert parse_yaml(text) == parse_yaml(text.encode()) == expected


def seeds_of(name: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


def damaged(name: str) -> st.SearchStrategy[bytes]:
    """Valid files with some bytes replaced, cut off or inserted."""

    def damage(content: bytes, changes: list[tuple[int, bytes]], end: int) -> bytes:
        data = bytearray(content)
        for place, new in changes:
            at = place % (len(data) + 1)
            data[at : at + len(new)] = new
        return bytes(data[: len(data) - end % (len(data) + 1)] if end % 3 == 0 else data)

    change = st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=8))
    return st.builds(
        damage, st.sampled_from(seeds_of(name)), st.lists(change, max_size=6), st.integers(0, 10**5)
    )


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_damaged_files_are_read_or_refused(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(100)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(damaged(name))
    def check(content: bytes) -> None:
        TARGETS[name](content)

    check()


def test_a_deflate_bomb_in_a_tiff_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "f.tif"
    image = np.zeros((6000, 6000), np.uint8)
    tifffile.imwrite(path, image, compression="zlib", rowsperstrip=6000, metadata=None)
    content = path.read_bytes()
    packed = zlib.compress(image.tobytes())
    with tifffile.TiffFile(path) as tif:
        start = tif.pages[0].dataoffsets[0]
        count = tif.pages[0].tags["StripByteCounts"].valueoffset
    assert len(packed) < 60_000
    path.write_bytes(content[:start] + zlib.compress(b"\0" * 1000) + content[start + 1000 :])
    patched(path, count, "<I", 1000)
    with bounded(4), pytest.raises(FormatError, match="ends before its pixels do"):
        open_frame(path).raw()
