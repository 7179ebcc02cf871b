"""Many frames as TIFF: round trip, going on, failures that stop nothing, names that clash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fibsem_dash.compute.progress import Cancelled
from fibsem_dash.dataset import FIBSEMDataset
from fibsem_dash.errors import ParameterError
from fibsem_dash.frame import FIBSEMFrame
from fibsem_dash.io.dat import write_dat
from fibsem_dash.registration.conversion import convert_to_tif
from tests.frame_cases import detectors
from tests.registration.conftest import CancelAfter


@pytest.fixture
def paths(write_frame: Callable[..., str]) -> list[str]:
    pairs = [detectors(k, (24, 32)) for k in range(4)]
    return [write_frame(pair["A"], pair["B"]) for pair in pairs]


def test_pixels_come_back(paths: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "tif"
    result = FIBSEMDataset(paths, tmp_path / "run").convert_to_tif(folder)
    assert len(result.written) == 8
    assert result.failed == {}
    assert sorted(map(str, folder.iterdir())) == sorted(result.written)
    for k, path in enumerate(paths):
        frame = FIBSEMFrame(path)
        for n, letter in enumerate("AB"):
            back = FIBSEMFrame(result.written[2 * k + n])
            np.testing.assert_array_equal(back.image(), frame.image(letter))
            assert back.pixel_size_nm == pytest.approx(frame.pixel_size_nm)
    assert not (tmp_path / "run").exists()


def test_a_stopped_conversion_goes_on(paths: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "tif"
    with pytest.raises(Cancelled):
        convert_to_tif(paths, folder, ["A"], monitor=CancelAfter("convert", 2))
    there = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(there) == 2
    result = convert_to_tif(paths, folder)
    assert len(result.existing) == 2
    assert len(result.written) == 6
    assert all(path.stat().st_mtime_ns == time for path, time in there.items())
    assert convert_to_tif(paths, folder).written == ()


def test_a_broken_frame_does_not_stop_the_others(paths: list[str], tmp_path: Path) -> None:
    Path(paths[1]).write_bytes(b"no frame")
    result = convert_to_tif(paths, tmp_path / "tif", ["B"])
    assert len(result.written) == 3
    assert list(result.failed) == [paths[1]]
    assert "\n" not in result.failed[paths[1]]


def test_a_missing_detector_is_a_failure_of_its_frame(
    paths: list[str], write_frame: Callable[..., str], tmp_path: Path
) -> None:
    single = write_frame(detectors(0, (24, 32))["A"])
    result = convert_to_tif([*paths, single], tmp_path / "tif", ["B"])
    assert list(result.failed) == [single]
    assert "does not hold" in result.failed[single]


def test_clashing_names_and_tiff_frames_are_refused(paths: list[str], tmp_path: Path) -> None:
    other = tmp_path / "other" / Path(paths[0]).name.upper()
    other.parent.mkdir()
    write_dat(other, detectors(9, (24, 32)))
    with pytest.raises(ParameterError, match="one file"):
        convert_to_tif([*paths, other], tmp_path / "tif")
    with pytest.raises(ParameterError, match="already"):
        convert_to_tif([tmp_path / "a.TIF"], tmp_path / "tif")
    assert not (tmp_path / "tif").exists()
