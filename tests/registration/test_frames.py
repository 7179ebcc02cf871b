"""Which files are frames, in which order, and which can be used."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fibsem_dash.errors import AccessError, ParameterError, RunError
from fibsem_dash.registration.data_range import combine_ranges
from fibsem_dash.registration.frames import (
    FrameInfo,
    exclude_odd_frames,
    find_frames,
    inspect_frame,
    natural_key,
    slice_distance_nm,
)
from fibsem_dash.settings import DataRangeSettings


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names_of(folder: Path, pattern: str = "") -> list[str]:
    return [p.relative_to(folder).as_posix() for p in find_frames(folder, pattern)]


def test_numbers_in_names_count_by_value(tmp_path: Path) -> None:
    touch(tmp_path, "f_10.dat", "f_9.dat", "f_100.dat", "F_11.DAT", "notes.txt")
    assert names_of(tmp_path) == ["f_9.dat", "f_10.dat", "F_11.DAT", "f_100.dat"]


@pytest.mark.parametrize("name", ["a²", "½", "x³y", "٣", "", "a1²b2"])
def test_any_name_can_be_sorted(name: str) -> None:
    assert sorted([name, "a1"], key=natural_key)


def test_dat_files_come_before_tiff_files(tmp_path: Path) -> None:
    touch(tmp_path, "a.tif", "b.tiff")
    assert names_of(tmp_path) == ["a.tif", "b.tiff"]
    touch(tmp_path, "c.dat")
    assert names_of(tmp_path) == ["c.dat"]
    assert names_of(tmp_path, "*.tif*") == ["a.tif", "b.tiff"]


def test_subfolders_are_searched_one_level_down(tmp_path: Path) -> None:
    touch(tmp_path, "day2/b.dat", "day10/a.dat", "day1/c.dat", "day1/deeper/d.dat")
    assert names_of(tmp_path) == ["day1/c.dat", "day2/b.dat", "day10/a.dat"]


def test_a_folder_without_frames_is_reported(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="found an empty folder"):
        find_frames(tmp_path)
    touch(tmp_path, "a.txt", "b.txt")
    with pytest.raises(AccessError, match="found 2 other files") as caught:
        find_frames(tmp_path)
    assert "pattern" in caught.value.remedy


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="cannot be read"):
        find_frames(tmp_path / "gone")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this user may read everything")
def test_an_unreadable_folder_is_reported(tmp_path: Path) -> None:
    tmp_path.chmod(0)
    try:
        with pytest.raises(AccessError, match="cannot be read"):
            find_frames(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_a_frame_is_described_by_its_header(write_frame: Callable[..., str]) -> None:
    image = np.zeros((5, 7), np.int16)
    info = inspect_frame(4, write_frame(image, image))
    assert info.usable
    assert (info.index, info.shape, info.dtype, info.detectors) == (4, (5, 7), "int16", ("A", "B"))
    assert info.pixel_size_nm == 8.0
    assert info.telemetry["working_distance_mm"] == pytest.approx(3.0)


def test_a_file_that_is_no_frame_carries_the_reason(tmp_path: Path) -> None:
    touch(tmp_path, "a.dat")
    info = inspect_frame(0, str(tmp_path / "a.dat"))
    assert not info.usable
    assert info.reason
    assert info.identity[:2] == ("a.dat", 1)
    gone = inspect_frame(0, str(tmp_path / "gone.dat"))
    assert not gone.usable
    assert gone.identity == ("gone.dat", 0, 0)


def frame(index: int, shape: tuple[int, int] = (9, 8), **changes: object) -> FrameInfo:
    base = FrameInfo(
        index, f"/d/{index}.dat", ("", 0, 0), shape=shape, dtype="int16", detectors=("A", "B")
    )
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def test_frames_unlike_the_majority_are_marked() -> None:
    frames = [frame(0), frame(1), frame(2, (4, 4)), frame(3, dtype="uint8"), frame(4), frame(5)]
    checked = exclude_odd_frames(frames, "A")
    assert [f.usable for f in checked] == [True, True, False, False, True, True]
    assert checked[2].reason == "4 x 4 int16, the others are 8 x 9 int16"


def test_unreadable_frames_keep_their_reason_and_do_not_vote() -> None:
    broken = [frame(k, (0, 0), reason="torn") for k in range(5)]
    checked = exclude_odd_frames([*broken, frame(5)], "A")
    assert [f.reason for f in checked] == ["torn"] * 5 + [""]


def test_no_majority_is_refused() -> None:
    with pytest.raises(RunError, match=r"different sizes.*2 of 8 x 9 int16, 2 of 4 x 4 int16"):
        exclude_odd_frames([frame(0), frame(1), frame(2, (4, 4)), frame(3, (4, 4))], "A")


def test_no_usable_frame_is_refused_with_the_first_reason() -> None:
    with pytest.raises(RunError, match=r"none of 1 frames can be used.*0\.dat: torn"):
        exclude_odd_frames([frame(0, reason="torn")], "A")
    with pytest.raises(RunError, match="an empty list"):
        exclude_odd_frames([], "A")


def test_a_detector_that_no_frame_has_is_refused() -> None:
    with pytest.raises(ParameterError, match="no detector C; expected one of A, B"):
        exclude_odd_frames([frame(0)], "AC")


def test_a_frame_without_the_detector_is_marked() -> None:
    checked = exclude_odd_frames([frame(0), frame(1, detectors=("A",)), frame(2)], "AB")
    assert [f.reason for f in checked] == ["", "has detectors A only", ""]


def at_distance(index: int, millimetres: float, **changes: object) -> FrameInfo:
    return frame(index, telemetry={"working_distance_mm": millimetres}, **changes)


def test_the_recipe_tells_the_distance_of_slices() -> None:
    frames = [at_distance(k, 5 + 4e-6 * k, z_step_nm=6.0) for k in range(20)]
    assert slice_distance_nm(frames, 8.0) == (6.0, "the recipe in the frames")


@pytest.mark.parametrize("sign", [1, -1])
def test_the_working_distance_tells_the_distance_of_slices(sign: int) -> None:
    frames = [at_distance(k, 5 + sign * 4e-6 * k) for k in range(20)]
    distance, source = slice_distance_nm([*frames[:5], *frames[8:]], 8.0)
    assert distance == pytest.approx(4.0)
    assert source == "the drift of the working distance"


@pytest.mark.parametrize(
    "distances",
    [
        [5.0] * 20,
        [0.0] * 20,
        [np.nan] * 20,
        [5 + 4e-6 * k for k in range(9)],
        [5 + 4e-3 * k for k in range(20)],
        [5 + 4e-6 * (k % 2) for k in range(20)],
    ],
    ids=["constant", "zero", "unknown", "too few", "implausible", "no line"],
)
def test_else_slices_are_as_far_apart_as_pixels(distances: list[float]) -> None:
    frames = [at_distance(k, d) for k, d in enumerate(distances)]
    distance, source = slice_distance_nm(frames, 8.0)
    assert distance == 8.0
    assert "pixel size" in source


def test_the_range_of_the_stack_is_smooth_where_frames_are_used() -> None:
    low = np.linspace(-100, -90, 40) + np.tile([0, 1.0], 20)
    low[7] = np.nan
    found = combine_ranges(low, low + 500, DataRangeSettings())
    assert np.isnan(found.sliding_minimum[7])
    good = np.isfinite(low)
    assert np.abs(np.diff(found.sliding_minimum[good])).max() < np.abs(np.diff(low[good])).max()
    assert found.global_minimum == pytest.approx(np.quantile(low[good], 1e-3))
    assert found.global_maximum == pytest.approx(np.quantile(low[good] + 500, 1 - 1e-3))


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 24, 300])
def test_the_range_of_a_stack_of_any_length(n: int) -> None:
    low = np.random.default_rng(0).normal(size=n)
    found = combine_ranges(low, low + 10, DataRangeSettings())
    assert (found.sliding_maximum > found.sliding_minimum).all()
    if n < 8:
        np.testing.assert_array_equal(found.sliding_minimum, low)


def test_a_smooth_range_is_still_a_range_where_it_jumps() -> None:
    low = np.r_[np.zeros(40), np.full(40, 1e4)]
    found = combine_ranges(low, low + 1, DataRangeSettings(window=9))
    assert (found.sliding_maximum > found.sliding_minimum).all()
