"""TIFF frames and stacks."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fibsem_dash.errors import AccessError, FormatError, ParameterError
from fibsem_dash.io import open_frame, open_stack
from fibsem_dash.io.raw_frame import MappedPixels
from fibsem_dash.io.tif import open_tif, write_tif
from fibsem_dash.io.tif_stack import TifStack

FEI_TEXT = (
    "[System]\r\nSystemType=Helios G4 UX\r\nDnumber=D9876\r\n"
    "[EBeam]\r\nWD=0.0041\r\nHV=2000\r\nBeamCurrent=8e-10\r\n"
    "[Scan]\r\nPixelWidth=4e-09\r\nDwelltime=1e-06\r\n"
)


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 250, (24, 31)).astype(np.uint8)


@pytest.fixture
def stack_images() -> np.ndarray:
    return np.random.default_rng(4).integers(0, 60_000, (4, 24, 31)).astype(np.uint16)


def with_fei_tag(path: Path, image: np.ndarray, text: str = FEI_TEXT, code: int = 34682) -> Path:
    tags = [(code, "s", 0, text, True)]
    tifffile.imwrite(path, image, photometric="minisblack", metadata=None, extratags=tags)
    return path


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_written_image_reads_back(tmp_path: Path, image: np.ndarray, dtype: str) -> None:
    written = (image.astype(np.float64) - 100 * (dtype in ("int16", "float32"))).astype(dtype)
    write_tif(tmp_path / "x.tif", written, pixel_size_nm=3.7, description="4 µm field")
    frame = open_tif(tmp_path / "x.tif")
    assert frame.raw().dtype == dtype
    np.testing.assert_array_equal(frame.raw(), written)
    assert frame.pixel_size_nm == pytest.approx(3.7, rel=1e-6)
    assert frame.header["ImageDescription"] == "4 µm field"
    assert isinstance(frame.source, MappedPixels)
    assert frame.dark_counts == {"A": 0.0}
    assert frame.scaled().dtype == np.float64
    with pytest.raises(FormatError, match="electrons"):
        frame.electrons()


def test_written_bytes_do_not_depend_on_time_or_name(tmp_path: Path, image: np.ndarray) -> None:
    write_tif(tmp_path / "a.tif", image, pixel_size_nm=8)
    write_tif(tmp_path / "b.tif", image, pixel_size_nm=8)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib"}, {"rowsperstrip": 5}, {"tile": (16, 16)}]
)
def test_any_storage_of_a_frame_is_read(
    tmp_path: Path, stack_images: np.ndarray, byteorder: str, options: dict[str, Any]
) -> None:
    path = tmp_path / "x.TIF"
    tifffile.imwrite(
        path, stack_images[0], photometric="minisblack", byteorder=byteorder, **options
    )
    frame = pickle.loads(pickle.dumps(open_frame(path)))
    assert frame.raw().dtype.isnative
    np.testing.assert_array_equal(frame.raw(), stack_images[0])
    np.testing.assert_array_equal(frame.raw("A", (2, 9, 1, 5)), stack_images[0, 2:9, 1:5])


@pytest.mark.parametrize("code", [34682, 34680])
def test_thermo_metadata_is_read(tmp_path: Path, image: np.ndarray, code: int) -> None:
    frame = open_tif(with_fei_tag(tmp_path / "x.tif", image, code=code))
    assert frame.header["WD"] == pytest.approx(4.1)
    assert frame.header["EHT"] == pytest.approx(2.0)
    assert frame.header["SEMCurr"] == 8e-10
    assert frame.pixel_size_nm == pytest.approx(4.0)
    assert frame.header["ScanRate"] == pytest.approx(1e6)
    assert frame.header["MachineID"] == "Helios G4 UX D9876"
    assert frame.header["PixelSizeSource"] == "metadata"


@pytest.mark.real
def test_thermo_metadata_equals_the_intended_values(
    golden: dict[str, Any], tmp_path: Path, image: np.ndarray
) -> None:
    checks = golden["behaviour_checks"]
    intended = next(checks[name]["intended"] for name in checks if name.startswith("TIFF with FEI"))
    header = open_tif(with_fei_tag(tmp_path / "x.tif", image)).header
    for name, value in intended.items():
        field = name if name == "MachineID" else name.rsplit("_", 1)[0]
        assert header[field] == (value if isinstance(value, str) else pytest.approx(value))


@pytest.mark.parametrize("name", ["helios_metadata", "sfeg_metadata"])
def test_old_names_of_the_thermo_metadata_are_accepted(name: str) -> None:
    class Tag:
        value = {"Scan": {"PixelWidth": 5e-9}}  # noqa: RUF012

    class Page:
        tags = {name: Tag}  # noqa: RUF012

    from fibsem_dash.io.tif import fei_metadata, fei_values

    assert fei_values(fei_metadata(Page))["PixelSize"] == pytest.approx(5.0)


def test_incomplete_thermo_metadata_leave_the_rest_unset(tmp_path: Path, image: np.ndarray) -> None:
    text = "[EBeam]\r\nHV=1500\r\nWD=unknown\r\n[Scan]\r\nDwelltime=0\r\n"
    frame = open_tif(with_fei_tag(tmp_path / "x.tif", image, text))
    assert frame.header["EHT"] == 1.5
    assert not {"WD", "ScanRate", "SEMCurr", "MachineID"} & set(frame.header)
    assert frame.pixel_size_nm == 8.0
    assert frame.header["PixelSizeSource"] == "default"


def test_given_pixel_size_wins(tmp_path: Path, image: np.ndarray) -> None:
    assert open_tif(with_fei_tag(tmp_path / "x.tif", image), 6.0).pixel_size_nm == 6.0


def test_screen_resolution_is_not_taken_for_a_pixel_size(tmp_path: Path, image: np.ndarray) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, image, resolution=(72, 72), resolutionunit="INCH")
    assert open_tif(path).header["PixelSizeSource"] == "default"


@pytest.mark.real
def test_real_slices_are_read(shared: Path) -> None:
    files = sorted((shared / "data" / "shale").glob("*.tif"))
    assert len(files) == 14
    for file in files:
        frame = open_frame(file)
        assert frame.shape == (1104, 1720)
        assert frame.dtype == np.uint8
        assert isinstance(frame.source, MappedPixels)
    np.testing.assert_array_equal(frame.raw(), tifffile.imread(file))
    assert frame.pixel_size_nm == 8.0


def test_colour_image_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((5, 6, 3), np.uint8), photometric="rgb")
    with pytest.raises(FormatError, match="colour") as caught:
        open_tif(tmp_path / "x.tif")
    assert "grey" in caught.value.remedy
    with pytest.raises(FormatError, match="colour"):
        TifStack(tmp_path / "x.tif")


@pytest.mark.parametrize("options", [{}, {"imagej": True}])
def test_stack_is_not_a_frame(
    tmp_path: Path, stack_images: np.ndarray, options: dict[str, Any]
) -> None:
    tifffile.imwrite(tmp_path / "x.tif", stack_images, photometric="minisblack", **options)
    with pytest.raises(FormatError, match="more than one image") as caught:
        open_tif(tmp_path / "x.tif")
    assert "stack" in caught.value.remedy


@pytest.mark.parametrize("dtype", ["uint32", "float64", "complex64"])
def test_unsupported_type_is_refused(tmp_path: Path, dtype: str) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((5, 6), dtype), photometric="minisblack")
    with pytest.raises(FormatError, match="unsupported type"):
        open_tif(tmp_path / "x.tif")


def test_compression_without_a_codec_is_refused(tmp_path: Path, image: np.ndarray) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, image, photometric="minisblack")
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags["Compression"].overwrite(32771)
    with pytest.raises(FormatError, match="compressed with CCIRLEW") as caught:
        open_tif(path)
    assert "Deflate" in caught.value.remedy


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"rowsperstrip": 5}])
@pytest.mark.parametrize("keep", [0, 4, 20, 300, 500])
def test_cut_off_file_is_refused(
    tmp_path: Path,
    image: np.ndarray,
    keep: int,
    options: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, image, photometric="minisblack", **options)
    path.write_bytes(path.read_bytes()[:keep])
    with caplog.at_level(logging.CRITICAL), pytest.raises(FormatError) as caught:
        open_tif(path).raw()
    assert caught.value.path == str(path)
    assert caught.value.remedy


def test_foreign_and_missing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tif").write_bytes(b"no image at all")
    for opener in (open_tif, TifStack):
        with pytest.raises(FormatError):
            opener(tmp_path / "x.tif")
        with pytest.raises(AccessError):
            opener(tmp_path / "none.tif")


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 3, 4), np.uint8), np.zeros((2, 3)), np.zeros((0, 3), np.uint8)]
)
def test_image_that_cannot_be_written_is_refused(tmp_path: Path, wrong: np.ndarray) -> None:
    with pytest.raises(ParameterError):
        write_tif(tmp_path / "x.tif", wrong)


def test_pixel_size_must_be_positive(tmp_path: Path, image: np.ndarray) -> None:
    with pytest.raises(ParameterError, match="pixel size"):
        write_tif(tmp_path / "x.tif", image, pixel_size_nm=0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(
    "options", [{}, {"imagej": True}, {"compression": "zlib"}, {"rowsperstrip": 5}]
)
def test_any_storage_of_a_stack_is_read(
    tmp_path: Path, stack_images: np.ndarray, byteorder: str, options: dict[str, Any]
) -> None:
    path = tmp_path / "x.tiff"
    tifffile.imwrite(path, stack_images, photometric="minisblack", byteorder=byteorder, **options)
    with open_stack(path) as stack:
        assert stack.shape == (4, 24, 31)
        assert len(stack) == 4
        for index in (3, 0, -2):
            np.testing.assert_array_equal(stack[index], stack_images[index])
        assert stack[1].dtype.isnative
        assert stack[1].flags.c_contiguous
        with pytest.raises(IndexError):
            stack[4]
        with pickle.loads(pickle.dumps(stack)) as other:
            np.testing.assert_array_equal(other[2], stack_images[2])


def test_voxel_size_of_an_imagej_stack_is_read(tmp_path: Path, stack_images: np.ndarray) -> None:
    tifffile.imwrite(
        tmp_path / "x.tif",
        stack_images,
        imagej=True,
        resolution=(250.0, 250.0),
        metadata={"unit": "um", "spacing": 0.02, "axes": "ZYX"},
    )
    with TifStack(tmp_path / "x.tif") as stack:
        assert stack.voxel_size_nm == pytest.approx((20, 4, 4))
    with TifStack(tmp_path / "x.tif", (8, 8, 8)) as stack:
        assert stack.voxel_size_nm == (8, 8, 8)


def test_pages_of_different_sizes_are_refused(tmp_path: Path, image: np.ndarray) -> None:
    with tifffile.TiffWriter(tmp_path / "x.tif") as tif:
        tif.write(image, photometric="minisblack", metadata=None)
        tif.write(image[:9], photometric="minisblack", metadata=None)
    with pytest.raises(FormatError, match="not one stack"):
        TifStack(tmp_path / "x.tif")


@pytest.mark.parametrize("name", ["x.png", "x", "x.mrc", "x.xlsx"])
def test_frame_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FormatError, match=r"\.dat or \.tif"):
        open_frame(tmp_path / name)


@pytest.mark.parametrize("name", ["x.png", "x", "x.dat"])
def test_stack_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FormatError, match=r"\.mrc"):
        open_stack(tmp_path / name)
