"""Runs that write other formats than MRC: same voxels, whole or absent, resumed to the byte."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fibsem_dash.compute.cluster import open_executor
from fibsem_dash.compute.progress import Cancelled
from fibsem_dash.dataset import FIBSEMDataset
from fibsem_dash.errors import AccessError, ParameterError
from fibsem_dash.io import bdv, ome_zarr, open_stack, pyramid
from fibsem_dash.io.ome_zarr_read import OmeZarrStack
from fibsem_dash.phantom import PhantomResult
from fibsem_dash.registration.run_store import RunStore
from fibsem_dash.settings import RunSettings, update

ROOT = Path(__file__).resolve().parents[2]
ALL = ("mrc", "zarr", "h5", "tif")

SMALL = """
from fibsem_dash.io import bdv, ome_zarr, pyramid
ome_zarr.DEEPEST_SLAB, bdv.DEEPEST_SLAB = 4, 2
ome_zarr.SHARD_YX = bdv.BLOCK_YX = ome_zarr.CHUNK_YX = bdv.CHUNK_YX = 64
pyramid.pyramid_levels.__defaults__ = (32,)
"""
"""Blocks so small that twelve small slices make many of them."""


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ome_zarr, "DEEPEST_SLAB", 4)
    monkeypatch.setattr(bdv, "DEEPEST_SLAB", 2)
    for module, name in ((ome_zarr, "SHARD_YX"), (bdv, "BLOCK_YX")):
        monkeypatch.setattr(module, name, 64)
        monkeypatch.setattr(module, "CHUNK_YX", 64)
    monkeypatch.setattr(pyramid.pyramid_levels, "__defaults__", (32,))


def tree(folder: Path) -> dict[str, str]:
    """Digest of every result below a run folder, by its relative path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.relative_to(folder).parts[0] not in ("cache", "run.json", "run.lock")
    }


def finished(folder: Path) -> list[str]:
    return sorted(
        p.suffix for p in folder.iterdir() if p.suffix in (".mrc", ".zarr", ".h5", ".tif")
    )


def voxels(path: Path) -> np.ndarray:
    with open_stack(path) as stack:
        return np.stack([stack[k] for k in range(len(stack))])


def stack_of(folder: Path, suffix: str) -> Path:
    return next(folder.glob(f"*{suffix}"))


def test_every_format_holds_the_same_voxels(
    reference: Any, phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files)
    summary = run.start(output__formats=",".join(ALL))
    expected = voxels(stack_of(reference.folder, ".mrc"))
    for name in ALL:
        np.testing.assert_array_equal(voxels(stack_of(run.folder, f".{name}")), expected)
    kept = {k: v for k, v in run.contents.items() if k in reference.contents}
    assert kept == reference.contents
    assert [Path(n).suffix for n in summary.stack.stacks] == [f".{n}" for n in ALL]
    outputs = run.record["outputs"]
    assert [Path(n).suffix for n in outputs] == [".mrc", ".zarr", ".h5", ".xml", ".tif", ".csv"]
    assert all((run.folder / name).exists() for name in outputs)
    assert not list((run.folder / "cache").rglob("*.partial"))


@pytest.mark.parametrize("formats", ["zarr", "h5", "tif", "h5,zarr"])
@pytest.mark.usefixtures("small_blocks")
def test_a_run_without_mrc_measures_the_same_quality(
    formats: str, reference: Any, phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files)
    run.start(output__formats=formats)
    assert finished(run.folder) == sorted(f".{name}" for name in formats.split(","))
    table = next(name for name in reference.contents if name.endswith("Quality.csv"))
    assert run.contents[table] == reference.contents[table]
    expected = voxels(stack_of(reference.folder, ".mrc"))
    for name in formats.split(","):
        np.testing.assert_array_equal(voxels(stack_of(run.folder, f".{name}")), expected)


@pytest.mark.usefixtures("small_blocks")
def test_another_format_is_added_without_making_the_first_again(
    phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files)
    run.start(output__formats="mrc")
    before = {p.name: p.stat().st_mtime_ns for p in run.folder.glob("*.mrc")}
    run.start(output__formats="mrc,zarr,h5")
    assert {p.name: p.stat().st_mtime_ns for p in run.folder.glob("*.mrc")} == before
    run.start(output__formats="mrc,zarr,h5")
    assert run.counts["stack"] == (12, 0)


@pytest.mark.parametrize(
    ("stage", "n_items"), [("stack", 0), ("stack", 4), ("pyramid", 0), ("pyramid", 3)]
)
@pytest.mark.usefixtures("small_blocks")
def test_a_cancelled_run_leaves_no_stack_and_resumes_to_the_same_bytes(
    stage: str,
    n_items: int,
    phantom: PhantomResult,
    new_run: Callable[..., Any],
    cancel_after: Callable[..., Any],
) -> None:
    whole, run = new_run(phantom.files), new_run(phantom.files)
    formats = "zarr,h5,tif"
    whole.start(output__formats=formats)
    with pytest.raises(Cancelled):
        run.start(monitor=cancel_after(stage, n_items), output__formats=formats)
    assert finished(run.folder) == []
    run.start(output__formats=formats)
    assert tree(run.folder) == tree(whole.folder)
    if stage == "pyramid":
        assert run.counts["stack"] == (12, 0)


def start_process(paths: list[Path], folder: Path, formats: str) -> subprocess.Popen[bytes]:
    code = (
        "import sys\n"
        + SMALL
        + "from fibsem_dash.registration.pipeline import Registration\n"
        + "from fibsem_dash.settings import RunSettings, update\n"
        + "settings = update(RunSettings(), {'output.formats': sys.argv[1]})\n"
        + "Registration(sys.argv[3:], sys.argv[2], settings).run()\n"
    )
    arguments = [formats, str(folder), *map(str, paths)]
    return subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.parametrize(
    ("formats", "kind", "n_files"),
    [
        ("zarr", "stacks", 1),
        ("zarr", "slices", 1),
        ("zarr", "blocks", 1),
        ("zarr", "blocks", 9),
        ("h5", "stacks", 1),
        ("h5", "slices", 3),
        ("h5", "blocks", 9),
        ("mrc,zarr,h5,tif", "slices", 3),
        ("mrc,zarr,h5,tif", "blocks", 3),
    ],
)
@pytest.mark.usefixtures("small_blocks")
def test_a_killed_run_resumes_to_the_same_bytes(
    formats: str,
    kind: str,
    n_files: int,
    phantom: PhantomResult,
    new_run: Callable[..., Any],
) -> None:
    whole, run = new_run(phantom.files), new_run(phantom.files)
    whole.start(output__formats=formats)
    process = start_process(list(phantom.files), run.folder, formats)
    folder = run.folder / "cache" / kind
    deadline = time.monotonic() + 60
    while len(list(folder.rglob("*.json"))) < n_files and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert finished(run.folder) == []
    run.start(output__formats=formats)
    assert tree(run.folder) == tree(whole.folder)


@pytest.mark.slow
@pytest.mark.usefixtures("small_blocks")
def test_worker_processes_write_the_same_bytes(
    phantom: PhantomResult, new_run: Callable[..., Any], tmp_path: Path
) -> None:
    # Workers are new processes with blocks of the usual size, so this process must have them too.
    ome_zarr.DEEPEST_SLAB, bdv.DEEPEST_SLAB = 32, 16
    ome_zarr.SHARD_YX = bdv.BLOCK_YX = 1024
    ome_zarr.CHUNK_YX = bdv.CHUNK_YX = 128
    pyramid.pyramid_levels.__defaults__ = (256,)
    one, two = new_run(phantom.files), new_run(phantom.files)
    formats = ",".join(ALL)
    one.start(output__formats=formats)
    with open_executor(2) as executor:
        two.start(executor, output__formats=formats)
    assert tree(one.folder) == tree(two.folder)


@pytest.mark.usefixtures("small_blocks")
def test_a_finished_stack_follows_its_new_name(
    phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files)
    run.start(output__formats="zarr,h5")
    first = voxels(stack_of(run.folder, ".h5"))
    run.start(output__formats="zarr,h5", output__file_name="other")
    assert finished(run.folder) == [".h5", ".zarr"]
    assert (run.folder / "other.zarr").is_dir()
    assert b"other.h5" in (run.folder / "other.xml").read_bytes()
    np.testing.assert_array_equal(voxels(run.folder / "other.h5"), first)
    assert run.counts["stack"] == (12, 0)


@pytest.mark.usefixtures("small_blocks")
def test_a_lost_shard_or_xml_is_made_again(
    phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files)
    run.start(output__formats="zarr,h5")
    before = tree(run.folder)
    shard = next(p for p in stack_of(run.folder, ".zarr").glob("0/c/*/*/*") if p.is_file())
    shard.unlink()
    stack_of(run.folder, ".xml").unlink()
    run.start(output__formats="zarr,h5")
    assert tree(run.folder) == before


@pytest.mark.usefixtures("small_blocks")
def test_other_settings_replace_a_finished_folder(
    phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run, fresh = new_run(phantom.files), new_run(phantom.files)
    run.start(output__formats="zarr,h5")
    run.start(output__formats="zarr,h5", output__order=0)
    fresh.start(output__formats="zarr,h5", output__order=0)
    assert tree(run.folder) == tree(fresh.folder)


@pytest.mark.usefixtures("small_blocks")
def test_a_fresh_start_removes_folders_too(
    phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files)
    run.start(output__formats="mrc,zarr,h5")
    RunStore(run.folder).clear()
    assert not list(run.folder.iterdir())


def test_a_format_that_cannot_hold_the_voxels_is_found_before_the_work(
    phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files)
    with pytest.raises(ParameterError, match="BigDataViewer HDF5 cannot hold this type"):
        run.start(output__formats="h5", output__dtype="float32")
    assert run.record["stages"]["data_range"]["state"] == "pending"
    with pytest.raises(ParameterError, match="at least one format"):
        run.start(output__formats=())


def test_the_disk_is_asked_for_all_formats(
    phantom: PhantomResult, new_run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    run = new_run(phantom.files)
    usage = shutil.disk_usage(phantom.folder)
    n_bytes = 12 * 192 * 192 * 2
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=int(2.2 * n_bytes)))
        run.start(output__formats="mrc")
        with pytest.raises(AccessError, match="not enough space on the disk"):
            run.start(output__formats="mrc,zarr,h5,tif")
    assert finished(run.folder) == [".mrc"]


def test_a_dataset_opens_whatever_was_written(phantom: PhantomResult, tmp_path: Path) -> None:
    dataset = FIBSEMDataset(phantom.files[:3], tmp_path / "run", **{"output.formats": "zarr,tif"})
    dataset.register()
    with dataset.open_stack() as stack:
        assert isinstance(stack, OmeZarrStack)
        assert len(stack) == 3


def test_formats_are_named_in_the_settings() -> None:
    settings = update(RunSettings(), {"output.formats": "zarr,h5"})
    assert settings.output.formats == ("zarr", "h5")
    with pytest.raises(ParameterError):
        update(RunSettings(), {"output.formats": "n5"})
