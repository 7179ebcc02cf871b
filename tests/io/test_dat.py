"""Reading and writing .dat frames that the tests make themselves."""

from __future__ import annotations

import os
import pickle
import struct
import tracemalloc
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fibsem_dash.errors import AccessError, FibsemDashError, FormatError, ParameterError
from fibsem_dash.io import open_frame
from fibsem_dash.io.dat import open_dat, read_dat_header, write_dat
from fibsem_dash.io.dat_fields import FIELDS, LAST_VERSION, fields_of, scaling_layout

Damage = Callable[..., Path]


def test_header_rows_of_a_version_do_not_overlap() -> None:
    for version in range(1, LAST_VERSION + 1):
        taken = set()
        kind, columns = scaling_layout(version, 4)
        if version > 1:  # four channels of float64 reach into the size fields
            taken |= set(range(36, 36 + 4 * columns * kind.itemsize)) if columns == 2 else set()
        for field in fields_of(version):
            place = set(range(field.offset, field.offset + field.size))
            assert not place & taken, (version, field.name)
            taken |= place
        names = [field.name for field in fields_of(version)]
        assert len(names) == len(set(names))
        assert max(taken) < 1024


def test_moved_fields_have_a_row_for_every_version() -> None:
    for name in ("PixelSize", "ScanRate", "Oversampling", "DetC", "FIBFocus"):
        for version in range(1, LAST_VERSION + 1):
            assert sum(field.name == name for field in fields_of(version)) == 1
    assert {field.offset for field in FIELDS if field.name == "SEMSpecimenI"} == {980, 866}


def test_frame_survives_pickling(frame_file: Path, images: dict[str, np.ndarray]) -> None:
    frame = open_dat(frame_file)
    frame.raw("A")
    data = pickle.dumps(frame)
    assert len(data) < 20_000
    np.testing.assert_array_equal(pickle.loads(data).raw("B"), images["B"])


def test_view_is_read_only_and_region_is_a_copy(frame_file: Path) -> None:
    frame = open_dat(frame_file)
    view = frame.view("B")
    assert not view.flags.writeable
    region = frame.raw("B", (1, 4, 2, 7))
    np.testing.assert_array_equal(region, view[1:4, 2:7])
    region[:] = 0
    assert frame.raw("B", (1, 4, 2, 7)).any()


@pytest.mark.parametrize("region", [(0, 0, 0, 7), (0, 6, 0, 7), (-1, 5, 0, 7), (0, 5, 7, 8)])
def test_region_outside_of_the_frame_is_refused(
    frame_file: Path, region: tuple[int, int, int, int]
) -> None:
    with pytest.raises(ParameterError, match="region"):
        open_dat(frame_file).raw("A", region)


def test_detector_that_is_not_stored_is_refused(frame_file: Path) -> None:
    with pytest.raises(ParameterError, match="A or B"):
        open_dat(frame_file).raw("C")


def test_trailer_is_kept(tmp_path: Path, images: dict[str, np.ndarray]) -> None:
    write_dat(tmp_path / "x.dat", images, trailer=b"recipe")
    assert open_dat(tmp_path / "x.dat").trailer == b"recipe"


def test_uppercase_suffix_is_opened(tmp_path: Path, images: dict[str, np.ndarray]) -> None:
    write_dat(tmp_path / "X.DAT", images)
    assert open_frame(tmp_path / "X.DAT").detectors == ("A", "B")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({0: bytes(4)}, "begin with the number"),
        ({4: b"\0\0"}, "unknown version"),
        ({4: b"\0\x0a"}, "unknown version"),
        ({100: bytes(4)}, "without pixels"),
        ({104: bytes(4)}, "without pixels"),
        ({32: b"\0"}, "number of channels"),
        ({32: b"\x03"}, "number of channels"),
        ({151: bytes(4)}, "number of channels"),
        ({138: b"\x01", 108: b"\0\0"}, "number of samples"),
        ({100: struct.pack(">II", 2**31, 2**31)}, "ends before"),
        ({100: struct.pack(">I", 8)}, "ends before"),
    ],
)
def test_degenerate_header_is_refused(
    damaged: Damage, changes: dict[int, bytes], match: str
) -> None:
    with pytest.raises(FormatError, match=match) as caught:
        open_dat(damaged(changes))
    assert caught.value.found is not None
    assert caught.value.remedy


@pytest.mark.parametrize("keep", [0, 3, 1023, 1024, 1025, 1163])
def test_short_file_is_refused(damaged: Damage, keep: int) -> None:
    with pytest.raises(FormatError, match=r"too short|ends before"):
        open_dat(damaged(keep=keep))


@pytest.mark.parametrize("strict", [True, False])
def test_header_that_claims_a_huge_image_allocates_nothing(damaged: Damage, strict: bool) -> None:
    path = damaged({100: struct.pack(">II", 2**31, 2**31)})
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            open_dat(path, strict=strict).raw("A")
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_newer_version_is_read_as_nine_with_a_warning(
    damaged: Damage, images: dict[str, np.ndarray]
) -> None:
    path = damaged({4: b"\0\x0c"})
    with pytest.warns(UserWarning, match=r"frame\.dat.*version 12"):
        frame = open_dat(path, strict=False)
    np.testing.assert_array_equal(frame.raw("A"), images["A"])
    assert frame.header["FileVersion"] == 12
    assert frame.scaled("A").shape == (5, 7)


def test_missing_tail_is_filled_with_zeros_and_a_warning(
    damaged: Damage, images: dict[str, np.ndarray]
) -> None:
    path = damaged(keep=1024 + 4 * 10 + 1)
    with pytest.warns(UserWarning, match=r"frame\.dat.*filled with zeros"):
        frame = open_dat(path, strict=False)
    expected = images["B"].copy().ravel()
    expected[10:] = 0
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frame)).raw("B").ravel(), expected)


def test_channel_count_decides_where_the_flags_disagree(
    damaged: Damage, images: dict[str, np.ndarray]
) -> None:
    path = damaged({151: b"\0\1\0\0"})
    with pytest.warns(UserWarning, match="2 channels but 1 flags"):
        frame = open_dat(path, strict=False)
    assert frame.detectors == ("A", "B")
    np.testing.assert_array_equal(frame.raw("B"), images["B"])


def test_latin_one_text_is_read(damaged: Damage) -> None:
    frame = open_dat(damaged({180: b"4 \xb5m at 30\xb0, two\0\xff"}))
    assert frame.header["Notes"] == "4 µm at 30°, twoÿ"


def test_missing_file_is_an_access_error(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="does not exist"):
        open_dat(tmp_path / "none.dat")


def test_folder_is_an_access_error(tmp_path: Path) -> None:
    with pytest.raises(AccessError):
        open_dat(tmp_path)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs file permissions")
def test_unreadable_file_is_an_access_error(frame_file: Path) -> None:
    frame_file.chmod(0)
    with pytest.raises(AccessError, match="denied"):
        open_dat(frame_file)


def test_file_cut_after_opening_is_a_format_error(frame_file: Path) -> None:
    frame = open_dat(frame_file)
    frame_file.write_bytes(frame_file.read_bytes()[:1100])
    with pytest.raises(FormatError, match="ends before"):
        frame.raw("A")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.dictionaries(st.integers(0, 1023), st.integers(0, 255), max_size=12),
    strict=st.booleans(),
    keep=st.integers(900, 1164),
)
def test_changed_bytes_end_in_a_frame_or_a_clear_error(
    tmp_path: Path, changes: dict[int, int], strict: bool, keep: int
) -> None:
    path = tmp_path / "fuzz.dat"
    write_dat(path, np.zeros((2, 5, 7), np.int16))
    data = bytearray(path.read_bytes())
    for offset, value in changes.items():
        data[offset] = value
    path.write_bytes(data[:keep])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with suppress(FibsemDashError):
            frame = open_dat(path, strict=strict)
            if frame.shape[0] * frame.shape[1] < 10_000:
                frame.raw(frame.detectors[0])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_written_frame_reads_back(tmp_path: Path, data: st.DataObject) -> None:
    version = data.draw(st.sampled_from([1, 3, 4, 6, 7, 8, 9]), "version")
    letters = data.draw(st.sets(st.sampled_from("ABCD"), min_size=1), "detectors")
    shape = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6)), "shape")
    samples = data.draw(st.integers(1, 3), "samples") if version >= 4 else 1
    dtype = data.draw(st.sampled_from([np.uint8, np.int16]), "type")
    notes = data.draw(st.text("abcµ ,°", max_size=60), "notes").strip()
    size = data.draw(st.floats(0.5, 1000, width=32), "pixel size")
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    info = np.iinfo(dtype)
    whole = (*shape, samples) if samples > 1 else shape
    given_images = {
        letter: rng.integers(info.min, info.max, whole, endpoint=True).astype(dtype)
        for letter in sorted(letters)
    }
    path = tmp_path / "round.dat"
    write_dat(path, given_images, {"Notes": notes, "PixelSize": size}, version)
    frame = open_dat(path)
    assert frame.detectors == tuple(sorted(letters))
    assert frame.header["Notes"] == notes
    assert frame.pixel_size_nm == size
    assert frame.header["FileLength"] == path.stat().st_size
    for letter, image in given_images.items():
        if samples > 1:
            np.testing.assert_array_equal(frame.samples(letter), image)
        else:
            assert frame.raw(letter).dtype == dtype
            np.testing.assert_array_equal(frame.raw(letter), image)


def test_header_of_another_frame_can_be_written_again(
    frame_file: Path, images: dict[str, np.ndarray], tmp_path: Path
) -> None:
    write_dat(tmp_path / "copy.dat", images, read_dat_header(frame_file).fields)
    assert (tmp_path / "copy.dat").read_bytes() == frame_file.read_bytes()


@pytest.mark.parametrize("version", [1, 4, 6, 8])
def test_header_of_an_old_version_can_be_written_again(
    images: dict[str, np.ndarray], tmp_path: Path, version: int
) -> None:
    write_dat(tmp_path / "a.dat", images, {"Notes": "fly, section 6", "WD": 2.5}, version)
    header = read_dat_header(tmp_path / "a.dat")
    assert header.fields["Sample_ID"] == "fly"
    assert header.fields["WD"] == 2.5
    write_dat(tmp_path / "b.dat", images, header.fields, version)
    assert (tmp_path / "b.dat").read_bytes() == (tmp_path / "a.dat").read_bytes()


def test_unknown_header_field_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="'PixelSize'"):
        write_dat(tmp_path / "x.dat", np.zeros((3, 3), np.uint8), {"PixelSise": 4})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "header",
    [
        {"Notes": "x" * 201},
        {"Mode": 256},
        {"Mode": "SEM"},
        {"PixelSize": 1e300},
        {"Scaling": np.zeros((2, 4))},
        {"Scaling": np.full((4, 2), 1e300)},
    ],
)
def test_header_value_that_does_not_fit_is_refused(
    tmp_path: Path, header: dict[str, object]
) -> None:
    with pytest.raises(ParameterError, match=r"fit|shape"):
        write_dat(tmp_path / "x.dat", np.zeros((3, 3), np.uint8), header)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((3, 3), np.uint16),
        np.zeros((0, 3), np.uint8),
        np.zeros((5, 3, 3), np.uint8),
        np.zeros(3, np.uint8),
        {},
        {"E": np.zeros((3, 3), np.uint8)},
        {"A": np.zeros((3, 3), np.uint8), "B": np.zeros((3, 4), np.uint8)},
        {"A": np.zeros((3, 3), np.uint8), "B": np.zeros((3, 3), np.int16)},
    ],
)
def test_images_that_do_not_fit_are_refused(tmp_path: Path, images: object) -> None:
    with pytest.raises(ParameterError, match="cannot be stored"):
        write_dat(tmp_path / "x.dat", images)  # type: ignore[arg-type]


def test_version_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="version"):
        write_dat(tmp_path / "x.dat", np.zeros((3, 3), np.uint8), version=10)


def test_writing_into_a_missing_folder_is_an_access_error(tmp_path: Path) -> None:
    with pytest.raises(AccessError):
        write_dat(tmp_path / "none" / "x.dat", np.zeros((3, 3), np.uint8))


def test_dark_counts_come_from_the_scaling(tmp_path: Path) -> None:
    scaling = [[2e6, 2e6], [-6000.0, -5000.0], [0.25, 0.5], [0.1, 0.2]]
    header = {"Scaling": scaling}
    write_dat(tmp_path / "w.dat", np.zeros((2, 3, 3), np.int16), header)
    write_dat(tmp_path / "b.dat", np.full((2, 3, 3), 50, np.uint8), header)
    assert open_dat(tmp_path / "w.dat").dark_counts["B"] == -5000
    assert open_dat(tmp_path / "w.dat").electrons("A")[0, 0] == pytest.approx(1500)
    eight_bit = open_dat(tmp_path / "b.dat")
    assert eight_bit.dark_counts["A"] == 0
    assert eight_bit.electrons("B")[0, 0] == pytest.approx(250)
    assert eight_bit.scaled("B")[0, 0] == pytest.approx(250 / 0.5 - 5000)


def test_scaling_that_divides_by_zero_is_refused(tmp_path: Path) -> None:
    write_dat(tmp_path / "x.dat", np.zeros((3, 3), np.int16), {"ScanRate": 0.0})
    with pytest.raises(FormatError, match="divides"):
        open_dat(tmp_path / "x.dat").scaled("A")


def test_detector_without_scaling_is_refused_only_when_scaled(tmp_path: Path) -> None:
    write_dat(tmp_path / "x.dat", {"C": np.ones((3, 3), np.int16)})
    frame = open_dat(tmp_path / "x.dat")
    assert frame.raw("C").sum() == 9
    with pytest.raises(FormatError, match="no scaling for detector C"):
        frame.scaled("C")


def test_samples_that_are_not_stored_are_refused(frame_file: Path) -> None:
    with pytest.raises(FormatError, match="single samples"):
        open_dat(frame_file).samples("A")
