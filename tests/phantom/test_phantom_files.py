"""Files of the phantom: formats, header, truth, workers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fibsem_dash.errors import AccessError, ParameterError
from fibsem_dash.io import open_frame
from fibsem_dash.phantom import FrameRenderer, PhantomResult, PhantomSettings, write_phantom
from fibsem_dash.phantom.detector import DETECTORS

SMALL = PhantomSettings(frames=5, size=(48, 65), seed=9, blank=(3,), jump=(2, 4.0))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> PhantomResult:
    return write_phantom(tmp_path_factory.mktemp("phantom") / "new" / "folder", SMALL)


def test_frames_read_back(written: PhantomResult) -> None:
    renderer = FrameRenderer(SMALL)
    assert [path.name for path in written.files] == sorted(p.name for p in written.files)
    for index, path in enumerate(written.files):
        frame = open_frame(path)
        assert frame.shape == (48, 65)
        assert frame.detectors == ("A", "B")
        for letter, image in renderer.frame(index).items():
            np.testing.assert_array_equal(frame.raw(letter), image)


def test_only_whole_files_are_left(written: PhantomResult) -> None:
    names = {path.name for path in written.folder.iterdir()}
    assert names == {path.name for path in written.files} | {"truth.json"}


def test_truth_file(written: PhantomResult) -> None:
    truth = json.loads(written.truth_file.read_text())
    assert truth["frames"] == 5
    np.testing.assert_array_equal(np.array(truth["T"]), written.matrices)
    np.testing.assert_array_equal(truth["T"][0], np.eye(3))
    assert truth["blank"] == [3]
    assert truth["jump"] == [2, 4.0]
    assert truth["seed"] == 9
    assert truth["settings"]["size"] == [48, 65]


def test_scaled_values_are_ten_times_the_electrons(written: PhantomResult) -> None:
    frame = open_frame(written.files[0])
    for detector in DETECTORS:
        counts = frame.raw(detector.letter) - detector.dark
        electrons = counts * detector.electrons_per_count
        np.testing.assert_allclose(frame.scaled(detector.letter), 10 * electrons, rtol=1e-4)
        assert frame.dark_counts[detector.letter] == detector.dark


def test_telemetry_gives_the_slice_thickness(tmp_path: Path) -> None:
    result = write_phantom(tmp_path, frames=40, size=16, slice_nm=12.0, pixel_size_nm=6.0)
    frames = [open_frame(path) for path in result.files]
    headers = [frame.header for frame in frames]
    index = np.arange(40)
    working_distance = [float(str(header["WD"])) for header in headers]
    voltage = [float(str(header["MillingYVoltage"])) for header in headers]
    assert np.polyfit(index, working_distance, 1)[0] * 1e6 == pytest.approx(12.0, rel=0.05)
    thickness = np.polyfit(index, voltage, 1)[0] * 31.235258870176065 * -1e3
    assert thickness == pytest.approx(12.0, rel=0.05)
    assert [header["FIBSliceNum"] for header in headers] == list(range(1, 41))
    assert frames[0].pixel_size_nm == 6.0
    assert headers[0]["Sample_ID"] == "Phantom"
    assert frames[0].detector_names["A"] == "InLens"


def test_version_8(tmp_path: Path) -> None:
    result = write_phantom(tmp_path, SMALL, format="dat8", frames=3, blank=())
    header = open_frame(result.files[1]).header
    assert header["FileVersion"] == 8
    assert header["Sample_ID"] == "Phantom"
    assert "FirstPixelX" not in header
    expected = FrameRenderer(result.settings).frame(1)["B"]
    np.testing.assert_array_equal(open_frame(result.files[1]).raw("B"), expected)


def test_tif(tmp_path: Path) -> None:
    result = write_phantom(tmp_path, SMALL, format="tif", pixel_size_nm=10.0)
    assert {path.suffix for path in result.files} == {".tif"}
    frame = open_frame(result.files[1])
    assert frame.dtype == np.uint16
    assert frame.pixel_size_nm == pytest.approx(10.0, rel=1e-3)
    expected = FrameRenderer(result.settings).frame(1)["A"].astype(int) + 32768
    np.testing.assert_array_equal(frame.raw("A"), expected)


def test_workers_write_the_same_bytes(written: PhantomResult, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    parallel = write_phantom(
        tmp_path, SMALL, workers=2, progress=lambda done, total: calls.append((done, total))
    )
    assert calls == [(k, 5) for k in range(1, 6)]
    for a, b in zip(written.files, parallel.files, strict=True):
        assert a.name == b.name
        assert a.read_bytes() == b.read_bytes()
    assert written.truth_file.read_bytes() == parallel.truth_file.read_bytes()


def test_an_older_phantom_is_replaced_only_on_request(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("keep")
    write_phantom(tmp_path, frames=3, size=16)
    with pytest.raises(ParameterError, match="already holds"):
        write_phantom(tmp_path, frames=2, size=16)
    result = write_phantom(tmp_path, frames=2, size=16, format="tif", overwrite=True)
    assert {path.name for path in tmp_path.iterdir()} == {
        "notes.txt",
        "truth.json",
        *(path.name for path in result.files),
    }


def test_bad_arguments(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no setting 'frame'"):
        write_phantom(tmp_path, frame=3)
    with pytest.raises(ParameterError, match="process"):
        write_phantom(tmp_path, workers=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(AccessError):
        write_phantom(tmp_path / "file", frames=1, size=16)
    assert not list(tmp_path.glob("*.dat"))
