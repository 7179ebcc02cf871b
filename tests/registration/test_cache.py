"""Results on disk and their keys."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fibsem_dash.errors import AccessError, RunError
from fibsem_dash.features import extract_keypoints
from fibsem_dash.registration.cache import ResultCache, as_float, content_key, file_identity
from fibsem_dash.registration.data_range import range_key
from fibsem_dash.registration.frames import FrameInfo
from fibsem_dash.registration.keypoints import keypoint_job, load_keypoints
from fibsem_dash.registration.pairs import PairBatch, estimate_batch, pair_job
from fibsem_dash.settings import DataRangeSettings, MatchingSettings, SiftSettings, SolverSettings

FRAME = FrameInfo(3, "/data/a.dat", ("a.dat", 100, 5), shape=(9, 9), dtype="int16")


@pytest.fixture
def cache(tmp_path: Path) -> ResultCache:
    return ResultCache(tmp_path / "cache")


def changed_fields(settings: Any) -> list[Any]:
    """Settings that each differ from the given ones in one field."""
    results = []
    for item in dataclasses.fields(settings):
        value = getattr(settings, item.name)
        if item.name == "l2_matrix":
            new: Any = ((1.0,) * 6,) * 6
        elif isinstance(value, bool):
            new = not value
        elif isinstance(value, str):
            new = next(c for c in item.metadata["choices"] if c != value)
        elif isinstance(value, tuple):
            new = tuple(v + 1 for v in value)
        else:
            new = value + 1
        results.append(dataclasses.replace(settings, **{item.name: new}))
    return results


def test_a_key_is_the_same_for_the_same_content() -> None:
    parts = [1, 2.5, "a", np.arange(3), Path("x"), SiftSettings()]
    assert content_key(*parts) == content_key(1, 2.5, "a", np.arange(3), Path("x"), SiftSettings())
    assert len(content_key()) == 32


def test_a_key_tells_values_apart() -> None:
    values = [1, 2, 1.5, "1", [1], None, True, {"a": 1}, {"a": 2}, np.arange(2), "a"]
    assert len({content_key(v) for v in values}) == len(values)
    assert content_key("a", "b") != content_key("ab") != content_key(["a", "b"])


def test_what_has_no_fixed_form_cannot_be_part_of_a_key() -> None:
    with pytest.raises(TypeError, match="cannot be part of a key"):
        content_key(object())


def test_identity_is_name_size_and_time_and_survives_a_move(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    path = tmp_path / "old" / "frame.dat"
    path.write_bytes(b"1234")
    os.utime(path, ns=(0, 5_000_000_001))
    assert file_identity(path) == ("frame.dat", 4, 5_000_000_001)
    before = file_identity(path)
    shutil.move(tmp_path / "old", tmp_path / "new")
    assert file_identity(tmp_path / "new" / "frame.dat") == before


def test_the_key_of_a_range_depends_on_what_is_measured() -> None:
    base = range_key(FRAME, "A", DataRangeSettings())
    other = dataclasses.replace
    assert range_key(other(FRAME, identity=("a.dat", 100, 6)), "A", DataRangeSettings()) != base
    assert range_key(FRAME, "B", DataRangeSettings()) != base
    for changes in ({"thr_min": 0.1}, {"thr_max": 0.1}, {"method": "histogram"}):
        assert range_key(FRAME, "A", DataRangeSettings(**changes)) != base  # type: ignore[arg-type]
    binned = DataRangeSettings(method="histogram")
    assert range_key(FRAME, "A", binned) != range_key(FRAME, "A", other(binned, nbins=64))


def test_the_key_of_a_range_depends_on_nothing_else() -> None:
    base = range_key(FRAME, "A", DataRangeSettings())
    moved = dataclasses.replace(FRAME, index=9, path="/else/a.dat")
    assert range_key(moved, "A", DataRangeSettings()) == base
    # The smoothing comes later, and quantiles need no bins.
    for changes in ({"sliding": False}, {"window": 7}, {"order": 1}, {"nbins": 64}):
        assert range_key(FRAME, "A", DataRangeSettings(**changes)) == base  # type: ignore[arg-type]


def test_the_key_of_key_points_depends_on_image_levels_and_every_setting() -> None:
    base = keypoint_job(FRAME, 1.0, 2.0, "A", SiftSettings()).key
    others = [
        keypoint_job(
            dataclasses.replace(FRAME, identity=("b", 1, 1)), 1.0, 2.0, "A", SiftSettings()
        ),
        keypoint_job(FRAME, 1.1, 2.0, "A", SiftSettings()),
        keypoint_job(FRAME, 1.0, 2.1, "A", SiftSettings()),
        keypoint_job(FRAME, 1.0, 2.0, "B", SiftSettings()),
        *(keypoint_job(FRAME, 1.0, 2.0, "A", s) for s in changed_fields(SiftSettings())),
    ]
    assert len({base, *(job.key for job in others)}) == 1 + len(others)
    moved = dataclasses.replace(FRAME, index=9, path="/else/a.dat")
    assert keypoint_job(moved, 1.0, 2.0, "A", SiftSettings()).key == base


def test_the_key_of_a_pair_depends_on_both_frames_their_order_and_every_setting() -> None:
    a, b, c = (0, "a"), (1, "b"), (1, "c")
    matching, solver = MatchingSettings(), SolverSettings()
    base = pair_job(a, b, matching, solver).key
    others = [
        pair_job(b, a, matching, solver),
        pair_job(a, c, matching, solver),
        pair_job(c, b, matching, solver),
        *(pair_job(a, b, m, solver) for m in changed_fields(matching)),
        *(pair_job(a, b, matching, s) for s in changed_fields(solver)),
    ]
    assert len({base, *(job.key for job in others)}) == 1 + len(others)
    assert pair_job((7, "a"), (8, "b"), matching, solver).key == base


def test_records_come_back_with_nan_as_null(cache: ResultCache) -> None:
    cache.save_record("kind", "abc", {"x": np.float64(1.5), "y": [np.nan, 2], "z": np.arange(2)})
    found = cache.load_record("kind", "abc")
    assert found == {"x": 1.5, "y": [None, 2], "z": [0, 1]}
    assert np.isnan(as_float(found["y"][0]))


def test_arrays_come_back_whole_or_by_name(cache: ResultCache) -> None:
    arrays = {"a": np.arange(6).reshape(2, 3), "b": np.zeros((0, 2), np.float32)}
    cache.save_arrays("kind", "abc", **arrays)
    found = cache.load_arrays("kind", "abc")
    assert found is not None
    assert list(found) == ["a", "b"]
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    assert list(cache.load_arrays("kind", "abc", "b") or {}) == ["b"]
    assert cache.load_arrays("kind", "abc", "missing") is None


def test_what_was_never_stored_is_none(cache: ResultCache) -> None:
    assert cache.load_record("kind", "abc") is None
    assert cache.load_arrays("kind", "abc") is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1, 2]", b"\x00" * 40, b"\xff\xfe", b"[" * 50_000]
)
def test_torn_records_are_taken_as_missing(content: bytes, cache: ResultCache) -> None:
    cache.save_record("kind", "abc", {"x": 1})
    cache.path("kind", "abc", ".json").write_bytes(content)
    assert cache.load_record("kind", "abc") is None


def test_arrays_that_are_cut_or_zeroed_are_taken_as_missing(cache: ResultCache) -> None:
    cache.save_arrays("kind", "abc", size=np.arange(5.0), data=np.arange(1, 41, dtype=np.uint8))
    path = cache.path("kind", "abc", ".npz")
    good = path.read_bytes()
    for length in range(0, len(good), 3):
        path.write_bytes(good[:length])
        assert cache.load_arrays("kind", "abc") is None
        zeroed = good[:length] + bytes(len(good) - length)
        if zeroed != good:
            path.write_bytes(zeroed)
            assert cache.load_arrays("kind", "abc") is None


def test_a_wrong_byte_never_gives_other_arrays(cache: ResultCache) -> None:
    data = np.arange(1, 41, dtype=np.uint8)
    cache.save_arrays("kind", "abc", data=data)
    path = cache.path("kind", "abc", ".npz")
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    for position in range(len(good)):
        torn = bytearray(good)
        torn[position] ^= int(rng.integers(1, 256))
        path.write_bytes(torn)
        found = cache.load_arrays("kind", "abc", "data")
        if found is not None:
            np.testing.assert_array_equal(found["data"], data)


def test_pickled_objects_are_neither_read_nor_written(cache: ResultCache) -> None:
    path = cache.path("kind", "abc", ".npz")
    path.parent.mkdir(parents=True)
    with path.open("wb") as stream:
        np.savez(stream, a=np.array([{"x": 1}], object))
    assert cache.load_arrays("kind", "abc") is None
    with pytest.raises(ValueError, match="allow_pickle"):
        cache.save_arrays("kind", "abd", a=np.array([{"x": 1}], object))


def test_a_full_disk_is_reported_and_leaves_nothing_behind(
    cache: ResultCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    cache.save_record("kind", "abc", {"x": 1})
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(AccessError, match="disk is full"):
        cache.save_record("kind", "abc", {"x": 2})
    with pytest.raises(AccessError, match="disk is full"):
        cache.save_arrays("kind", "abc", a=np.arange(3))
    assert cache.load_record("kind", "abc") == {"x": 1}
    names = [p.name for p in cache.folder.rglob("*") if p.is_file()]
    assert names == ["abc.json"]


def test_torn_key_points_are_extracted_anew_by_the_next_run(cache: ResultCache) -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 60)).astype(np.uint8)
    points = extract_keypoints(image)
    cache.save_arrays("keypoints", "abc", **points.to_arrays())
    path = cache.path("keypoints", "abc", ".npz")
    data = bytearray(path.read_bytes())
    data[data.find(b"descriptors.npy") + 250] ^= 255
    path.write_bytes(data)
    assert cache.load_arrays("keypoints", "abc", "size") is not None
    assert load_keypoints(cache, "abc") is None
    settings = MatchingSettings(), SolverSettings()
    job = pair_job((0, "abc"), (1, "abc"), *settings)
    with pytest.raises(RunError, match="Start the run again"):
        estimate_batch(PairBatch((job,), *settings, str(cache.folder)))
    assert cache.load_arrays("keypoints", "abc", "size") is None
