"""Writing and measuring slices: batches, resuming, statistics."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from fibsem_dash.compare import compare_images
from fibsem_dash.errors import AccessError, RunError
from fibsem_dash.registration.cache import ResultCache
from fibsem_dash.registration.canvas import Canvas
from fibsem_dash.registration.run_store import check_space
from fibsem_dash.registration.stack import (
    SliceJob,
    SliceResult,
    StackBatch,
    finish_target,
    slice_key,
    write_batch,
)
from fibsem_dash.registration.stack_target import StackTarget, open_target
from fibsem_dash.registration.warp import RenderSettings, SourceFrame
from fibsem_dash.settings import QualitySettings

SHAPE = (20, 26)


@dataclasses.dataclass
class Case:
    """A stack to write, in batches of any size."""

    folder: Path
    jobs: list[SliceJob]
    dtype: str

    @property
    def cache(self) -> ResultCache:
        return ResultCache(self.folder / "cache")

    def target(self, name: str = "stack.mrc", key: str = "k" * 32) -> StackTarget:
        shape = (len(self.jobs), *SHAPE)
        dtype = np.dtype(self.dtype)
        return open_target(
            self.cache, self.folder / name, key, shape, dtype, (4.0, 8.0, 8.0), ["x"]
        )

    def write(self, target: StackTarget, first: int, last: int) -> list[SliceResult]:
        batch = StackBatch(
            jobs=tuple(self.jobs[first:last]),
            previous=self.jobs[first - 1] if first else None,
            render=RenderSettings(Canvas(SHAPE), self.dtype),
            quality=QualitySettings(nmi_bins=64),
            targets=(target,),
            cache_folder=str(self.cache.folder),
        )
        return write_batch(batch)

    def run(self, size: int) -> list[SliceResult]:
        target = self.target()
        results = []
        for first in range(0, len(self.jobs), size):
            results += self.write(target, first, min(first + size, len(self.jobs)))
        finish_target(self.cache, target, results)
        return results


@pytest.fixture
def make_case(tmp_path: Path, write_frame: Callable[..., str]) -> Callable[..., Case]:
    def make(n: int = 7, dtype: str = "int16", folder: str = "out") -> Case:
        rng = np.random.default_rng(1)
        jobs = []
        for k in range(n):
            image = rng.integers(0, 256, SHAPE).astype(np.uint8 if dtype == "uint8" else np.int16)
            path = write_frame(image)
            jobs.append(
                SliceJob(
                    k, (SourceFrame(path, np.eye(3)),), f"key {k}", (2, 20, 3, 19) if k else None
                )
            )
        return Case(tmp_path / folder, jobs, dtype)

    return make


@pytest.fixture
def case(make_case: Callable[..., Case]) -> Case:
    return make_case()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100])
def test_batches_of_any_size_give_the_same_bytes_and_measures(size: int, case: Case) -> None:
    whole = dataclasses.replace(case, folder=case.folder / "whole")
    expected = whole.run(len(case.jobs))
    found = case.run(size)
    assert (case.folder / "stack.mrc").read_bytes() == (whole.folder / "stack.mrc").read_bytes()
    assert found == expected


@pytest.mark.parametrize("dtype", ["int16", "uint8", "uint16", "float32"])
def test_mrcfile_reads_every_slice_and_the_statistics(
    dtype: str, make_case: Callable[..., Case]
) -> None:
    case = make_case(dtype=dtype)
    case.run(2)
    with mrcfile.open(case.folder / "stack.mrc") as file:
        voxels, header = file.data.copy(), file.header
        known = [render_of(job) for job in case.jobs]
        np.testing.assert_array_equal(voxels.astype(np.uint8), known)
        size = file.voxel_size
        assert (float(size.x), float(size.y), float(size.z)) == (80.0, 80.0, 40.0)
        if dtype != "uint8":
            statistics = [float(header[name]) for name in ("dmin", "dmax", "dmean", "rms")]
            expected = [voxels.min(), voxels.max(), voxels.mean(), voxels.std()]
            np.testing.assert_allclose(statistics, expected, rtol=1e-6)


def render_of(job: SliceJob) -> np.ndarray:
    from fibsem_dash.io import open_frame

    return open_frame(job.sources[0].path).raw("A")


def test_measures_are_taken_inside_the_bounds(case: Case) -> None:
    results = case.run(3)
    assert results[0].measures == {}
    first, second = (render_of(job)[3:19, 2:20] for job in case.jobs[4:6])
    known = compare_images(first, second, ("NSAD", "NCC", "NMI"), nmi_bins=64, fsc_threshold=0.143)
    assert results[5].measures == pytest.approx(dict(known))


def test_bounds_without_pixels_give_nan(case: Case) -> None:
    case.jobs[1] = dataclasses.replace(case.jobs[1], bounds=(5, 6, 3, 19))
    assert all(np.isnan(v) for v in case.run(7)[1].measures.values())


def test_slices_that_are_written_are_not_written_again(case: Case) -> None:
    target = case.target()
    case.write(target, 0, 3)
    again = case.target()
    assert again.token == target.token
    assert [r.written for r in case.write(again, 0, 5)] == [False, False, False, True, True]


def test_a_finished_stack_is_found_again(case: Case) -> None:
    case.run(3)
    before = (case.folder / "stack.mrc").stat().st_mtime_ns
    target = case.target()
    assert target.complete
    assert not any(r.written for r in case.write(target, 0, 7))
    finish_target(case.cache, target, [])
    assert (case.folder / "stack.mrc").stat().st_mtime_ns == before


def test_a_finished_stack_follows_its_new_name(case: Case) -> None:
    case.run(3)
    assert case.target("other.mrc").complete
    assert not (case.folder / "stack.mrc").exists()
    assert case.target("other.mrc").complete


def test_a_changed_or_lost_stack_is_made_again(case: Case) -> None:
    case.run(3)
    path = case.folder / "stack.mrc"
    good = path.read_bytes()
    path.write_bytes(good + b"x")
    assert all(r.written for r in case.run(3))
    assert path.read_bytes() == good
    path.unlink()
    assert all(r.written for r in case.run(3))
    assert path.read_bytes() == good


def test_a_stack_with_missing_slices_is_not_finished(case: Case) -> None:
    target = case.target()
    results = case.write(target, 0, 6)
    with pytest.raises(RunError, match="slices are missing"):
        finish_target(case.cache, target, results)
    assert not (case.folder / "stack.mrc").exists()


def test_a_crash_before_the_last_rename_is_made_good(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = case.target()
    results = case.write(target, 0, 7)
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", fail_on(target.final))
        with pytest.raises(AccessError):
            finish_target(case.cache, target, results)
    assert not any(r.written for r in case.run(3))
    assert (case.folder / "stack.mrc").exists()


def fail_on(final: Path) -> Callable[[Any, Any], None]:
    import os

    real = os.replace

    def replace(source: Any, target: Any) -> None:
        if Path(target) == final:
            raise OSError(28, "No space left on device")
        real(source, target)

    return replace


def test_another_key_leaves_no_remains_of_the_old_stack(case: Case) -> None:
    old = case.target(key="a" * 32)
    case.write(old, 0, 3)
    new = case.target(key="b" * 32)
    assert new.token != old.token
    assert not old.writer.path.exists()
    assert all(r.written for r in case.write(new, 0, 7))


def test_the_space_that_is_missing_shrinks_while_slices_are_written(case: Case) -> None:
    target = case.target()
    empty = target.missing_bytes
    assert 0 <= empty <= target.writer.path.stat().st_size
    results = case.write(target, 0, 7)
    assert target.missing_bytes <= empty
    finish_target(case.cache, target, results)
    assert case.target().missing_bytes == 0


def test_a_disk_that_is_too_small_is_found_before_writing(tmp_path: Path) -> None:
    check_space(tmp_path, 1)
    with pytest.raises(AccessError, match="not enough space") as caught:
        check_space(tmp_path, 10**18)
    assert "Free some space" in caught.value.remedy


def test_the_key_of_a_slice_changes_with_what_its_voxels_depend_on() -> None:
    source = SourceFrame("a", np.eye(3), 1.0, 0.0)
    identity = {"a": ("a", 5, 7), "b": ("b", 5, 7)}.__getitem__
    base = slice_key([source], identity, "render")
    shifted = np.eye(3)
    shifted[0, 2] = 1e-9
    changed = [
        slice_key([dataclasses.replace(source, path="b")], identity, "render"),
        slice_key([dataclasses.replace(source, matrix=shifted)], identity, "render"),
        slice_key([dataclasses.replace(source, scale=1.1)], identity, "render"),
        slice_key([dataclasses.replace(source, offset=1.0)], identity, "render"),
        slice_key([source, source], identity, "render"),
        slice_key([source], identity, "other"),
        slice_key([source], lambda _: ("a", 5, 8), "render"),
    ]
    assert len({base, *changed}) == 8
    assert slice_key([source], identity, "render") == base
