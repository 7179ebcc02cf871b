"""The .dat reader on real files and against the values of the reference software."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from fibsem_dash.errors import FormatError
from fibsem_dash.io.dat import open_dat, read_dat_header, write_dat

pytestmark = pytest.mark.real

# Names that describe the run of the reference software and not the file.
NOT_OF_THE_FILE = {
    "ftype",
    "use_dask_arrays",
    "ScalingS",
    "fname",
    "header",
    "Scaling",
    "ElectronFactor1",
    "ElectronFactor2",
}
SYNONYMS = {
    "Restart": "RestartFlag",
    "FirstX": "FirstPixelX",
    "FirstY": "FirstPixelY",
    "SampleID": "Sample_ID",
    "SEMSpecimenICurrent": "SEMSpecimenI",
}


def little_endian_sum(image: np.ndarray) -> str:
    return hashlib.sha256(image.astype("<i2").tobytes()).hexdigest()


def assert_fields_equal(fields: Any, expected: dict[str, Any]) -> None:
    compared = 0
    for name, value in expected.items():
        simple = isinstance(value, int | float | str)
        if name in NOT_OF_THE_FILE or name.startswith("_") or not simple:
            continue
        if isinstance(value, str):
            value = value.strip("\0 ")
        assert fields[name] == value, name
        compared += 1
    assert compared >= 90
    assert fields["Scaling"].T.ravel().tolist() == expected["ScalingS"]


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("merlin6281_v8.header", "merlin6281.header"),
        ("v9_header_truncated_pixels.dat", "v9_trunc.dat"),
    ],
)
def test_every_header_field_equals_the_reference(
    shared: Path, golden: dict[str, Any], file: str, key: str
) -> None:
    header = read_dat_header(shared / "data" / "dat" / file)
    expected = golden["headers"][key]
    assert_fields_equal(header.fields, expected)
    assert header.expected_bytes == expected["_expected_file_size"]
    assert header.actual_bytes == expected["_actual_bytes_here"]


def test_gemini_frame_equals_the_reference(shared: Path, golden: dict[str, Any]) -> None:
    frame = open_dat(shared / "data" / "dat" / "gemini_v9.dat")
    expected = golden["gemini"]
    assert_fields_equal(
        frame.header, expected["frame_attributes_newest(calculate_scaled_images=True)"]
    )
    assert frame.shape == (1000, 1000)
    assert frame.trailer == b""
    for letter in "AB":
        pixels = expected[f"RawImage{letter}_pixels"]
        raw = frame.raw(letter)
        assert raw.dtype == np.int16
        assert raw.dtype.isnative
        assert raw.flags.c_contiguous
        assert little_endian_sum(raw) == pixels["sha256_of_little_endian_int16_C_order"]
        assert frame.raw(letter, (999, 1000, 992, 1000))[0].tolist() == pixels["[999,992:1000]"]
        scaled = expected[f"Image{letter}_pixels"]
        np.testing.assert_allclose(
            frame.scaled(letter, (500, 501, 500, 504))[0], scaled["[500,500:504]"], rtol=1e-12
        )
        np.testing.assert_allclose(
            frame.scaled(letter, (0, 1, 0, 8))[0], scaled["[0,0:8]"], rtol=1e-12
        )
        np.testing.assert_allclose(frame.electrons(letter) * 10, frame.scaled(letter), rtol=1e-12)


def test_stored_scaling_row_three_is_not_overwritten(shared: Path) -> None:
    frame = open_dat(shared / "data" / "dat" / "gemini_v9.dat")
    assert frame.header["Scaling"][3].tolist() == [1.0, 10.0]  # type: ignore[index]


def test_janelia_frame_equals_the_reference(shared: Path, golden: dict[str, Any]) -> None:
    frame = open_dat(shared / "data" / "dat" / "janelia_small_v9.dat")
    expected = golden["janelia_emrp_dat"]
    assert_fields_equal(frame.header, expected["header"])
    for letter in "AB":
        pixels = expected[f"RawImage{letter}"]
        raw = frame.raw(letter)
        assert little_endian_sum(raw) == pixels["sha256_le_int16"]
        assert (raw.min(), raw.max(), raw.sum()) == (pixels["min"], pixels["max"], pixels["sum"])
        scaled = frame.scaled(letter)
        np.testing.assert_allclose(scaled[0, :6], expected[f"Image{letter}"]["[0,0:6]"], rtol=1e-12)
        assert scaled.mean() == pytest.approx(expected[f"Image{letter}"]["mean"], rel=1e-12)
    assert frame.trailer == bytes(64)


@pytest.mark.parametrize("kind", ["raw", "uint8"])
def test_janelia_header_equals_the_attributes_of_its_own_converter(shared: Path, kind: str) -> None:
    folder = shared / "data" / "dat"
    header = read_dat_header(folder / "janelia_small_v9.dat")
    with h5py.File(folder / f"janelia_small_v9.{kind}.h5") as file:
        attributes = dict(file["0-0-1"].attrs)
    # Their field of this name is the one at byte 980, which is 0 from version 6 on.
    del attributes["SEMSpecimenI"], attributes["dat_file_name"]
    attributes.pop("channel_data_set_names", None)
    np.testing.assert_array_equal(header.fields["Scaling"], attributes.pop("Scaling").T)
    assert len(attributes) > 90
    for name, value in attributes.items():
        assert header.fields[SYNONYMS.get(name, name)] == value, name


def test_janelia_pixels_equal_those_of_its_own_converter(shared: Path) -> None:
    folder = shared / "data" / "dat"
    frame = open_dat(folder / "janelia_small_v9.dat")
    with h5py.File(folder / "janelia_small_v9.raw.h5") as file:
        for letter, name in zip("AB", ("c0", "c1"), strict=True):
            np.testing.assert_array_equal(frame.raw(letter), file["0-0-1"][name][()])


def test_file_with_truncated_pixels_is_refused(shared: Path) -> None:
    with pytest.raises(FormatError, match="ends before") as caught:
        open_dat(shared / "data" / "dat" / "v9_header_truncated_pixels.dat")
    assert "121633024" in str(caught.value.expected)
    assert caught.value.found == 2048


def test_writing_a_real_frame_again_changes_only_the_file_length(
    shared: Path, tmp_path: Path
) -> None:
    source = shared / "data" / "dat" / "gemini_v9.dat"
    frame = open_dat(source)
    copy = tmp_path / "copy.dat"
    write_dat(copy, {letter: frame.raw(letter) for letter in "AB"}, frame.header)
    old = np.frombuffer(source.read_bytes(), np.uint8)
    new = np.frombuffer(copy.read_bytes(), np.uint8)
    different = np.flatnonzero(old != new)
    assert ((different >= 1000) & (different < 1008)).all()


def synthetic_file(shared: Path, tmp_path: Path, case: str) -> Path:
    """Write a case of the golden file by its recipe."""
    data = bytearray((shared / "data" / "dat" / "gemini_v9.dat").read_bytes()[:1024])
    version = int(case[1])
    letters = "ABCD" if "ABCD" in case else "AB" if "_AB" in case else case.split("_")[2]
    eight_bit = "8bit" in case
    oversampled = "SaveOversamples" in case
    data[4:6] = version.to_bytes(2, "big")
    data[32], data[33], data[138] = len(letters), int(eight_bit), int(oversampled)
    data[100:108] = np.array([7, 5], ">u4").tobytes()
    data[108:110] = (3).to_bytes(2, "big")
    for index, letter in enumerate("ABCD"):
        data[151 + index] = letter in letters
    if eight_bit:
        scaling = [1e6, -6160.5, 0.125, 0.1, 1.25e6, -5780.0, 0.0625, 2.0]
        data[36:68] = np.array(scaling, ">f4").tobytes()
    count = 35 * len(letters) * (3 if oversampled else 1)
    rng = np.random.default_rng(0)
    pixels = (
        rng.integers(0, 256, count).astype(np.uint8)
        if eight_bit
        else rng.integers(-6000, 6000, count).astype(">i2")
    )
    path = tmp_path / f"{case}.dat"
    path.write_bytes(bytes(data) + pixels.tobytes())
    return path


CASES = [
    "v9_16bit_AB",
    "v8_16bit_AB",
    "v7_16bit_AB",
    "v9_16bit_A_only",
    "v9_16bit_B_only",
    "v9_8bit_AB",
    "v7_8bit_AB",
    "v9_8bit_B_only",
    "v9_16bit_AB_SaveOversamples",
]


@pytest.mark.parametrize("case", CASES)
def test_synthetic_frame_equals_the_reference(
    shared: Path, golden: dict[str, Any], tmp_path: Path, case: str
) -> None:
    frame = open_dat(synthetic_file(shared, tmp_path, case))
    expected = golden["synthetic_dat"][case]["newest"]
    assert frame.detectors == tuple(letter for letter in "ABCD" if f"RawImage{letter}" in expected)
    for letter in frame.detectors:
        scaled = frame.scaled(letter, reference=True)
        if case == "v9_8bit_B_only":
            # The reference takes detector A's column here; ours is the one of detector B.
            assert scaled[0, 0] == int(frame.raw("B")[0, 0] * 1e5 / (1.25e6 * 0.0625 * 2) - 5780)
        results = {f"RawImage{letter}": frame.raw(letter), f"Image{letter}": scaled}
        if "SaveOversamples" in case:
            results[f"RawSamples{letter}"] = frame.samples(letter)
            results[f"Samples{letter}"] = frame.samples(letter, scaled=True)
        for name, values in results.items():
            if case == "v9_8bit_B_only" and name == "ImageB":
                continue
            answer = expected[name]
            assert list(values.shape) == answer["shape"]
            assert values.dtype == np.dtype(answer["dtype"]).newbyteorder("=")
            begin = answer["values_first_row"]
            np.testing.assert_allclose(values[0].ravel()[: len(begin)], begin, rtol=1e-12)
            assert values.sum(dtype=np.float64) == pytest.approx(answer["sum"], rel=1e-12)


def test_oversampled_frame_of_one_detector_is_read(shared: Path, tmp_path: Path) -> None:
    frame = open_dat(synthetic_file(shared, tmp_path, "v9_16bit_A_only_SaveOversamples"))
    pixels = np.random.default_rng(0).integers(-6000, 6000, 105).reshape(5, 7, 3)
    np.testing.assert_array_equal(frame.samples("A"), pixels)
    np.testing.assert_allclose(frame.raw("A"), pixels.mean(axis=2))
    assert frame.dtype == np.float64
    assert frame.oversampling == 3


@pytest.mark.parametrize("case", ["v4_16bit_AB", "v6_16bit_ABCD"])
def test_old_version_is_scaled_to_volts_by_its_own_columns(
    shared: Path, tmp_path: Path, case: str
) -> None:
    path = synthetic_file(shared, tmp_path, case)
    frame = open_dat(path)
    count = len(frame.detectors)
    stored = np.frombuffer(path.read_bytes(), ">f4", 4 * count, 36).astype(float).reshape(count, 4)
    pixels = np.random.default_rng(0).integers(-6000, 6000, 35 * count).reshape(5, 7, count)
    assert frame.header["Scaling"].shape == (4, count)  # type: ignore[attr-defined]
    for index, letter in enumerate(frame.detectors):
        np.testing.assert_array_equal(frame.raw(letter), pixels[:, :, index])
        np.testing.assert_allclose(
            frame.scaled(letter), stored[index, 0] + pixels[:, :, index] * stored[index, 1]
        )
    with pytest.raises(FormatError, match="electrons"):
        frame.electrons("A")
