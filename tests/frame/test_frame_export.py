"""Frames as TIFF, JPEG and snapshots: pixels, tags, names, and where they may not go."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from fibsem_dash.errors import AccessError, ParameterError
from fibsem_dash.frame import FIBSEMFrame
from fibsem_dash.frame_export import safe_name, snapshot_parameters
from fibsem_dash.io.tif import write_tif
from tests.frame_cases import detectors

WriteFrame = Callable[..., Path]
NAMES = {"DetA": "InLens", "DetB": "ESB @ 400 V"}


def test_tiff_holds_pixels_resolution_and_header(write_frame: WriteFrame, tmp_path: Path) -> None:
    path = write_frame("frame", detectors(), PixelSize=4.25, Notes="µ 100 %", **NAMES)
    frame = FIBSEMFrame(path)
    written = frame.save_tif(tmp_path / "new" / "out")
    assert [p.name for p in written] == ["frame_InLens.tif", "frame_ESB @ 400 V.tif"]
    for letter, file in zip("AB", written, strict=True):
        back = FIBSEMFrame(file)
        np.testing.assert_array_equal(back.image(), frame.image(letter))
        assert back.image().dtype == np.int16
        assert back.pixel_size_nm == pytest.approx(4.25, rel=1e-7)
        with tifffile.TiffFile(file) as tif:
            content = json.loads(tif.pages[0].tags["ImageDescription"].value)
        assert content["detector_name"] == NAMES[f"Det{letter}"]
        assert content["header"]["Notes"] == "µ 100 %"
        assert content["header"]["Scaling"] == np.asarray(frame.header["Scaling"]).tolist()
        assert str(tmp_path) not in json.dumps(content)
    assert [p.name for p in path.parent.iterdir()] == ["frame.dat"]
    first = written[0].read_bytes()
    assert frame.save_tif(tmp_path / "new" / "out", "A")[0].read_bytes() == first


def test_jpeg_holds_the_8_bit_image(write_frame: WriteFrame, tmp_path: Path) -> None:
    frame = FIBSEMFrame(write_frame("frame", detectors(), **NAMES))
    plain, inverted = (
        frame.save_jpeg(tmp_path / str(invert), ["B"], invert, quality=95)[0]
        for invert in (False, True)
    )
    assert plain.name == "frame_ESB @ 400 V.jpg"
    with Image.open(plain) as picture, Image.open(inverted) as other:
        assert picture.mode == "L"
        pixels = np.asarray(picture).astype(float)
        np.testing.assert_allclose(pixels, frame.to_8bit("B"), atol=12)
        np.testing.assert_allclose(255 - np.asarray(other), frame.to_8bit("B"), atol=12)
    with pytest.raises(ParameterError):
        frame.save_jpeg(tmp_path, quality=0)


def test_8_bit_pixels_are_taken_as_they_are(write_frame: WriteFrame, tmp_path: Path) -> None:
    image = np.full((16, 16), 100, np.uint8)
    image[0, 0] = 101
    frame = FIBSEMFrame(write_frame("frame", {"A": image}))
    with Image.open(frame.save_jpeg(tmp_path / "out")[0]) as picture:
        assert abs(int(np.median(np.asarray(picture))) - 100) <= 1


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("../../x", "frame__.._x.tif"),
        ("a/b\\c:d", "frame_a_b_c_d.tif"),
        ("x\ny", "frame_x_y.tif"),
        ("", "frame_Detector A.tif"),
        (" . ", "frame_Detector A.tif"),
    ],
)
def test_detector_names_cannot_leave_the_folder(
    write_frame: WriteFrame, tmp_path: Path, name: str, file: str
) -> None:
    frame = FIBSEMFrame(write_frame("frame", {"A": detectors()["A"]}, DetA=name))
    folder = tmp_path / "out"
    written = frame.save_tif(folder)
    assert [path.name for path in folder.iterdir()] == [written[0].name] == [file]
    assert {path.name for path in tmp_path.iterdir()} == {"raw", "out"}


def test_detectors_of_one_name_get_two_files(write_frame: WriteFrame, tmp_path: Path) -> None:
    frame = FIBSEMFrame(write_frame("frame", detectors(), DetA="InLens", DetB="inlens"))
    names = [p.name for p in frame.save_jpeg(tmp_path / "out")]
    assert names == ["frame_InLens.jpg", "frame_inlens B.jpg"]


def test_names_keep_what_is_harmless() -> None:
    assert safe_name("ESB @ 400 V") == "ESB @ 400 V"
    assert safe_name("Détecteur é") == "Détecteur é"
    assert safe_name("a\0b*?<>|\"'") == "a_b_______"
    assert len(safe_name("x" * 500)) == 60


def test_a_frame_is_never_replaced_by_its_export(tmp_path: Path) -> None:
    image = np.arange(400, dtype=np.uint16).reshape(20, 20)
    path = tmp_path / "a_Detector A.tif"
    write_tif(path, image)
    frame = FIBSEMFrame(path)
    link = tmp_path / "a_Detector A_Detector A.tif"
    link.symlink_to(path)
    with pytest.raises(ParameterError, match="replace the frame"):
        frame.save_tif(tmp_path)
    np.testing.assert_array_equal(FIBSEMFrame(path).image(), image)
    with pytest.raises(AccessError):
        frame.save_tif(path / "below a file")
    with pytest.raises(ParameterError, match="does not hold"):
        frame.save_tif(tmp_path / "out", "B")
    assert not (tmp_path / "out").exists()


def test_snapshot_tells_what_the_header_tells(write_frame: WriteFrame, tmp_path: Path) -> None:
    frame = FIBSEMFrame(
        write_frame(
            "frame", detectors(), EHT=1.2, WD=3.5, SEMCurr=2e-9, Sample_ID="brain", ScanRate=2e6
        )
    )
    rows = dict(snapshot_parameters(frame.source))
    assert rows["EHT"] == "1.200 kV"
    assert rows["SEM current"] == "2.000 nA"
    assert rows["Scan rate"] == "2.000 MHz"
    assert rows["Frame size"] == "128 × 96 px"
    assert rows["Format"] == ".dat version 9, 16 bit"
    saved = frame.snapshot(tmp_path / "snap.png", dpi=40)
    with Image.open(saved) as picture:
        assert picture.format == "PNG"
    assert saved.read_bytes() == frame.snapshot(tmp_path / "b.png", dpi=40).read_bytes()
    with pytest.raises(ParameterError):
        frame.snapshot(tmp_path / "snap.gif")


def test_snapshot_of_a_frame_that_tells_little(tmp_path: Path) -> None:
    path = tmp_path / "plain.tif"
    write_tif(path, np.zeros((10, 30), np.uint8))
    frame = FIBSEMFrame(path)
    rows = dict(snapshot_parameters(frame.source))
    assert rows == {
        "Format": "TIFF, 8 bit",
        "Frame size": "30 × 10 px",
        "Pixel size": "8.0 nm (assumed)",
    }
    frame.snapshot(tmp_path / "snap.svg")


def test_one_detector_of_a_dat_frame(write_frame: WriteFrame, tmp_path: Path) -> None:
    frame = FIBSEMFrame(write_frame("frame", {"B": detectors()["B"]}, **NAMES))
    frame.snapshot(tmp_path / "snap.jpg", dpi=40)
    assert [p.name for p in frame.save_tif(tmp_path / "out")] == ["frame_ESB @ 400 V.tif"]


def test_a_frame_without_a_number_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "nan.tif"
    write_tif(path, np.full((20, 30), np.nan, np.float32))
    FIBSEMFrame(path).snapshot(tmp_path / "snap.png", dpi=30)
