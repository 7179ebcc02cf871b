"""Conversion of stacks: every format into every other, cropped, binned, in other types."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fibsem_dash.cli import main
from fibsem_dash.compute.progress import Cancelled
from fibsem_dash.errors import AccessError, FormatError, ParameterError, RunError
from fibsem_dash.io import open_stack
from fibsem_dash.io.mrc import MrcStackWriter
from fibsem_dash.registration.stack_conversion import StackChange, convert_stack

VOXEL = (8.0, 4.0, 4.0)
KINDS = ("mrc", "zarr", "h5", "tif", "folder")


def make_mrc(path: Path, voxels: np.ndarray) -> Path:
    shape = (voxels.shape[0], voxels.shape[1], voxels.shape[2])
    writer = MrcStackWriter.create(path, shape, voxels.dtype, VOXEL)
    writer.write_slices(0, voxels)
    return path


@pytest.fixture
def voxels() -> np.ndarray:
    return np.random.default_rng(5).integers(-3000, 3000, (37, 41, 52)).astype(np.int16)


@pytest.fixture
def source(tmp_path: Path, voxels: np.ndarray) -> Path:
    return make_mrc(tmp_path / "source.mrc", voxels)


def name_of(kind: str, stem: str) -> str:
    return stem if kind == "folder" else f"{stem}.{kind}"


def read(path: Path) -> np.ndarray:
    with open_stack(path) as stack:
        return np.stack([stack[k] for k in range(len(stack))])


@pytest.mark.parametrize(("first", "second"), list(itertools.product(KINDS, KINDS)))
def test_every_format_becomes_every_other(
    first: str, second: str, source: Path, voxels: np.ndarray, tmp_path: Path
) -> None:
    one, two = tmp_path / name_of(first, "one"), tmp_path / name_of(second, "two")
    convert_stack([source], one)
    result = convert_stack([one], two, voxel_size_nm=VOXEL)
    assert result.shape == voxels.shape
    assert result.n_clipped == 0
    np.testing.assert_array_equal(read(two), voxels)
    with open_stack(two) as stack:
        known = stack.voxel_size_nm if second != "folder" else (8.0, *stack.voxel_size_nm[1:])
        assert known == pytest.approx(VOXEL)
    left = [p.name for p in tmp_path.iterdir() if p.name.startswith(".")]
    assert left == []
    if second == "h5":
        assert (tmp_path / "two.xml").is_file()


def test_every_source_slice_counts_and_no_other(tmp_path: Path) -> None:
    # With one level per slice, a bin that takes a slice too many or too few shows.
    levels = np.arange(0, 800, 100, dtype=np.int16)
    path = make_mrc(tmp_path / "a.mrc", np.broadcast_to(levels[:, None, None], (8, 4, 4)).copy())
    convert_stack([path], tmp_path / "b.mrc")
    assert read(tmp_path / "b.mrc")[:, 0, 0].tolist() == levels.tolist()
    convert_stack([path], tmp_path / "c.mrc", StackChange((0, 6, 0, 4, 0, 4), (4, 1, 1)))
    assert read(tmp_path / "c.mrc")[:, 0, 0].tolist() == [150]
    convert_stack([path], tmp_path / "d.mrc", StackChange(bins=(4, 1, 1)))
    assert read(tmp_path / "d.mrc")[:, 0, 0].tolist() == [150, 550]


@given(data=st.data())
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_crop_and_bin_give_the_rounded_mean(data: Any, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("bin")
    shape = data.draw(st.tuples(*[st.integers(1, 20)] * 3))
    cube = np.random.default_rng(1).integers(-500, 500, shape).astype(np.int16)
    crop: list[int] = []
    for n in shape:
        low = data.draw(st.integers(0, n - 1))
        crop += [low, data.draw(st.integers(low + 1, n))]
    sizes = [b - a for a, b in zip(crop[::2], crop[1::2], strict=True)]
    bins = tuple(data.draw(st.integers(1, n)) for n in sizes)
    path = make_mrc(folder / "a.mrc", cube)
    result = convert_stack([path], folder / "b.zarr", StackChange(tuple(crop), bins))
    new = [n // b for n, b in zip(sizes, bins, strict=True)]
    assert list(result.shape) == new
    assert result.voxel_size_nm == tuple(v * b for v, b in zip(VOXEL, bins, strict=True))
    z, y, x = (slice(a, a + n * b) for a, n, b in zip(crop[::2], new, bins, strict=True))
    parts = cube[z, y, x].reshape(new[0], bins[0], new[1], bins[1], new[2], bins[2])
    np.testing.assert_array_equal(read(result.path), np.rint(parts.mean((1, 3, 5))))


def test_a_type_that_is_too_narrow_clips_and_says_so(
    source: Path, voxels: np.ndarray, tmp_path: Path
) -> None:
    result = convert_stack([source], tmp_path / "a.tif", StackChange(dtype="uint8"))
    np.testing.assert_array_equal(read(result.path), np.clip(voxels, 0, 255))
    assert result.n_clipped == ((voxels < 0) | (voxels > 255)).sum()


def test_grey_levels_are_scaled_to_the_whole_type(
    source: Path, voxels: np.ndarray, tmp_path: Path
) -> None:
    change = StackChange(scale=(-1000, 1000), dtype="uint8")
    result = convert_stack([source], tmp_path / "a.zarr", change)
    expected = np.rint(np.clip((voxels + 1000) / 2000, 0, 1) * 255)
    np.testing.assert_array_equal(read(result.path), expected)
    assert result.n_clipped == (np.abs(voxels) > 1000).sum()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (StackChange((0, 38, 0, 41, 0, 52)), "order is z0 z1 y0 y1 x0 x1"),
        (StackChange((5, 5, 0, 41, 0, 52)), "outside of the stack"),
        (StackChange((-1, 5, 0, 41, 0, 52)), "outside of the stack"),
        (StackChange(bins=(38, 1, 1)), "bins do not fit"),
        (StackChange(bins=(0, 1, 1)), "bins do not fit"),
        (StackChange(scale=(5, 5)), "LOW below HIGH"),
        (StackChange(dtype="float32"), "BigDataViewer HDF5 cannot hold"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_nothing(
    change: StackChange, message: str, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(ParameterError, match=message):
        convert_stack([source], tmp_path / "a.h5", change)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["source.mrc"]


def test_nothing_is_replaced_unless_allowed(
    source: Path, voxels: np.ndarray, tmp_path: Path
) -> None:
    for name in ("a.zarr", "a.tif"):
        convert_stack([source], tmp_path / name, StackChange(bins=(2, 2, 2)))
        with pytest.raises(RunError, match="already"):
            convert_stack([source], tmp_path / name)
        convert_stack([source], tmp_path / name, overwrite=True)
        np.testing.assert_array_equal(read(tmp_path / name), voxels)
    with pytest.raises(ParameterError, match="over itself"):
        convert_stack([source], source, overwrite=True)
    (tmp_path / "photos").mkdir()
    with pytest.raises(RunError, match="not a stack of ours"):
        convert_stack([source], tmp_path / "photos", overwrite=True)
    with pytest.raises(AccessError):
        convert_stack([source], tmp_path / "gone" / "a.mrc")


@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_or_failed_conversion_leaves_nothing(
    kind: str, source: Path, tmp_path: Path, cancel_after: Callable[..., Any]
) -> None:
    target = tmp_path / name_of(kind, "a")
    with pytest.raises(Cancelled):
        convert_stack([source], target, monitor=cancel_after("convert", 1))
    content = source.read_bytes()
    source.write_bytes(content[: len(content) // 2])
    with pytest.raises(FormatError):
        convert_stack([source], target)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["source.mrc"]


def test_mrc_asks_for_a_voxel_size_that_is_not_known(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 4, 5), np.uint8), photometric="minisblack")
    with pytest.raises(ParameterError, match="voxel size"):
        convert_stack([tmp_path / "a.tif"], tmp_path / "b.mrc")
    convert_stack([tmp_path / "a.tif"], tmp_path / "b.mrc", voxel_size_nm=VOXEL)
    with open_stack(tmp_path / "b.mrc") as stack:
        assert stack.voxel_size_nm == pytest.approx(VOXEL)


def test_the_command_joins_crops_bins_and_reports(
    source: Path, voxels: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for n, image in enumerate(voxels[:6]):
        tifffile.imwrite(tmp_path / f"s{n}.tif", image)
    files = [str(tmp_path / f"s{n}.tif") for n in range(6)]
    target = str(tmp_path / "joined.zarr")
    options = ["--voxel", "8", "4", "4", "--workers", "0"]
    command = ["convert", *files, target, "--bin", "2", "2", "2", "--crop", "0", "6", "0", "40"]
    assert main([*command, "0", "50", *options]) == 0
    assert "3 x 20 x 25 voxels (z, y, x), int16, 16 x 8 x 8 nm" in capsys.readouterr().out
    expected = voxels[:6, :40, :50].reshape(3, 2, 20, 2, 25, 2).mean((1, 3, 5))
    np.testing.assert_array_equal(read(Path(target)), np.rint(expected))
    assert main(["evaluate", target, "--workers", "0", "--out", str(tmp_path / "q.csv")]) == 0
    assert main(["info", target]) == 0
    assert "ome-zarr, 3 x 20 x 25 int16" in capsys.readouterr().out


def test_the_command_says_which_options_go_together(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", str(source)]) == 2
    assert "SRC ... DST" in capsys.readouterr().err
    out = ["--out", str(tmp_path / "t")]
    assert main(["convert", str(tmp_path), *out, "--bin", "2", "2", "2"]) == 2
    assert "--bin goes with stacks" in capsys.readouterr().err
    assert main(["convert", str(source), str(tmp_path / "a.xyz")]) == 2
    assert ".mrc or .zarr or .h5 or .tif" in capsys.readouterr().err
