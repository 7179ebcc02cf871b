"""Frames that are blank, broken, odd or few, and folders that must not be used."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from fibsem_dash.errors import AccessError, FormatError, ParameterError, RunError
from fibsem_dash.io import open_frame
from fibsem_dash.io.dat import write_dat
from fibsem_dash.io.tables import read_csv
from fibsem_dash.io.tif import write_tif
from fibsem_dash.phantom import PhantomResult, PhantomSettings, write_phantom
from fibsem_dash.registration.run_store import RunStore

SMALL = PhantomSettings(frames=7, size=192, seed=3)


def phantom_files(tmp_path: Path, **changes: Any) -> PhantomResult:
    return write_phantom(tmp_path / "raw", dataclasses.replace(SMALL, **changes))


def table_of(run: Any, name: str) -> Any:
    return read_csv(run.folder / name).set_index("frame")


def test_a_blank_frame_is_left_out_and_bridged(tmp_path: Path, new_run: Callable[..., Any]) -> None:
    result = phantom_files(tmp_path, blank=(3,))
    run = new_run(result.files)
    summary = run.start()
    assert list(summary.excluded) == [3]
    assert summary.failed == ()
    assert summary.n_slices == 6
    pairs = table_of(run, "pairs.csv")
    assert pairs.loc[3, "status"] == "excluded"
    assert pairs.loc[3, "reason"]
    assert pairs.loc[4, "previous_frame"] == 2
    assert table_of(run, "frames.csv").loc[3, "status"] == "excluded"
    assert table_of(run, "transforms.csv").loc[3, "status"] == "excluded"
    # The frames behind the gap lie where the truth says.
    true = result.matrices[4] @ np.linalg.inv(result.matrices[2])
    found = pairs.loc[4, ["T02", "T12"]].astype(float)
    centre = true[:2, :2] @ [95.5, 95.5] + true[:2, 2]
    matrix = pairs.loc[4, ["T00", "T01", "T10", "T11"]].astype(float).to_numpy().reshape(2, 2)
    assert np.abs(matrix @ [95.5, 95.5] + found.to_numpy() - centre).max() < 1.0


def test_frames_that_the_user_excludes_are_left_out_and_bridged(
    tmp_path: Path, new_run: Callable[..., Any]
) -> None:
    files = phantom_files(tmp_path).files
    names = {"input.exclude": [Path(files[2]).name, "not_there.dat"]}
    run = new_run(files)
    summary = run.start(**names)
    assert summary.excluded == {2: "excluded by the user"}
    assert summary.n_slices == 6
    pairs = table_of(run, "pairs.csv")
    assert pairs.loc[2, "status"] == "excluded"
    assert pairs.loc[2, "reason"] == "excluded by the user"
    assert pairs.loc[3, "previous_frame"] == 1


def test_excluding_every_frame_is_refused(tmp_path: Path, new_run: Callable[..., Any]) -> None:
    files = phantom_files(tmp_path, frames=3).files
    with pytest.raises(RunError, match="excluded by the user"):
        new_run(files).start(**{"input.exclude": [Path(f).name for f in files]})


def test_a_jump_is_kept(tmp_path: Path, new_run: Callable[..., Any]) -> None:
    run = new_run(phantom_files(tmp_path, jump=(4, 25.0)).files)
    summary = run.start()
    assert summary.n_problems == 0
    shift = table_of(run, "transforms.csv")["orig_T02"]
    assert shift[4] - shift[3] == pytest.approx(25, abs=4)


def test_a_failed_pair_is_reported_and_its_position_passed_on(
    phantom: PhantomResult, new_run: Callable[..., Any], cancel_after: Callable[..., Any]
) -> None:
    run, monitor = new_run(phantom.files[:4]), cancel_after("never", 0)
    summary = run.start(solver__min_matches=10_000, monitor=monitor)
    assert len(summary.failed) == 3
    pairs = table_of(run, "pairs.csv")
    assert (pairs["status"] == "failed").all()
    assert pairs["T00"].isna().all()
    assert pairs["reason"].str.contains("10000 are needed").all()
    assert (table_of(run, "transforms.csv")[["orig_T02", "orig_T12"]] == 0).all(axis=None)
    assert sum("failed" in text for text in monitor.messages) == 3


def test_a_truncated_frame_is_left_out_with_its_reason(
    copied_phantom: list[Path], new_run: Callable[..., Any]
) -> None:
    data = copied_phantom[5].read_bytes()
    copied_phantom[5].write_bytes(data[: len(data) // 2])
    run = new_run(copied_phantom)
    summary = run.start()
    assert list(summary.excluded) == [5]
    assert table_of(run, "frames.csv").loc[5, "reason"] == summary.excluded[5] != ""
    assert summary.n_slices == 11
    assert table_of(run, "pairs.csv").loc[6, "previous_frame"] == 4


@pytest.mark.parametrize("content", [b"", b"no frame", b"\0" * 5000])
def test_a_file_that_is_no_frame_is_left_out(
    content: bytes, copied_phantom: list[Path], new_run: Callable[..., Any]
) -> None:
    copied_phantom[0].write_bytes(content)
    summary = new_run(copied_phantom[:4]).start()
    assert list(summary.excluded) == [0]
    assert summary.n_slices == 3


def test_a_frame_that_vanished_is_left_out(
    copied_phantom: list[Path], new_run: Callable[..., Any]
) -> None:
    copied_phantom[1].unlink()
    assert list(new_run(copied_phantom[:4]).start().excluded) == [1]


def test_a_frame_of_another_size_is_left_out(
    copied_phantom: list[Path], new_run: Callable[..., Any]
) -> None:
    write_dat(copied_phantom[2], np.zeros((2, 50, 60), np.int16))
    summary = new_run(copied_phantom[:5]).start()
    assert summary.excluded == {2: "60 x 50 int16, the others are 192 x 192 int16"}


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_frames_are_enough(n: int, phantom: PhantomResult, new_run: Callable[..., Any]) -> None:
    run = new_run(phantom.files[:n])
    summary = run.start(output__file_name="s")
    assert summary.n_slices == n
    assert summary.n_problems == 0
    assert len(read_csv(run.folder / "pairs.csv")) == n - 1
    assert len(read_csv(run.folder / "s_RegistrationQuality.csv")) == n - 1
    with mrcfile.open(run.folder / "s.mrc") as file:
        assert np.atleast_3d(file.data).size >= n * 192 * 192


@pytest.mark.parametrize("size", [(171, 193), (64, 257)])
def test_frames_of_odd_sizes(
    size: tuple[int, int], tmp_path: Path, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom_files(tmp_path, size=size, frames=4).files)
    summary = run.start(solver__transform="shift")
    assert summary.n_problems == 0
    assert summary.stack.shape[1] >= size[0]
    assert summary.stack.shape[2] >= size[1]


@pytest.fixture
def eight_bit(phantom: PhantomResult) -> list[np.ndarray]:
    images = [open_frame(path).raw("A").astype(float) for path in phantom.files[:4]]
    low, high = images[0].min(), images[0].max()
    return [((i - low) / (high - low) * 255).clip(0, 255).astype(np.uint8) for i in images]


@pytest.mark.parametrize("suffix", ["dat", "tif"])
def test_8_bit_frames_with_one_detector(
    suffix: str, eight_bit: list[np.ndarray], tmp_path: Path, new_run: Callable[..., Any]
) -> None:
    paths = [tmp_path / "raw" / f"f{k}.{suffix}" for k in range(4)]
    paths[0].parent.mkdir()
    for path, image in zip(paths, eight_bit, strict=True):
        if suffix == "dat":
            write_dat(path, {"A": image})
        else:
            write_tif(path, image, pixel_size_nm=8.0)
    run = new_run(paths)
    summary = run.start()
    assert summary.n_problems == 0
    assert summary.stack.dtype == "uint8"
    assert (table_of(run, "frames.csv")["max"] == 255).all()
    with pytest.raises(ParameterError, match="no detector B"):
        run.start(output__detector_b_fraction=0.5)


def test_16_bit_tiff_frames(tmp_path: Path, new_run: Callable[..., Any]) -> None:
    run = new_run(phantom_files(tmp_path, format="tif", frames=4).files)
    summary = run.start()
    assert summary.n_problems == 0
    assert summary.stack.dtype == "uint16"


def test_blank_frames_alone_leave_nothing_and_the_reasons(
    tmp_path: Path, new_run: Callable[..., Any]
) -> None:
    paths = [tmp_path / "raw" / f"{k}.dat" for k in range(3)]
    paths[0].parent.mkdir()
    for path in paths:
        write_dat(path, {"A": np.full((40, 40), 7, np.int16)})
    run = new_run(paths)
    with pytest.raises(RunError, match="no frame is left"):
        run.start()
    frames = table_of(run, "frames.csv")
    assert (frames["status"] == "excluded").all()
    assert frames["reason"].str.contains("featureless").all()
    assert run.record["state"] == "failed"


def test_no_frames_at_all_are_refused(new_run: Callable[..., Any]) -> None:
    with pytest.raises(RunError, match="none of 0 frames"):
        new_run([]).start()


@pytest.mark.parametrize("place", ["", "run", "deep/run"])
def test_a_run_folder_among_the_raw_frames_is_refused(
    place: str, copied_phantom: list[Path], new_run: Callable[..., Any], fingerprint: Any
) -> None:
    raw = copied_phantom[0].parent
    before = fingerprint(raw)
    run = new_run(copied_phantom)
    run.folder = raw / place
    with pytest.raises(RunError, match="where nothing is written"):
        run.start()
    assert fingerprint(raw) == before
    assert not (raw / "run").exists()
    assert not (raw / "deep").exists()


def test_a_link_into_the_raw_folder_is_refused(
    copied_phantom: list[Path], new_run: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(copied_phantom[0].parent)
    run = new_run(copied_phantom)
    run.folder = tmp_path / "link" / "run"
    with pytest.raises(RunError, match="where nothing is written"):
        run.start()


def test_a_foreign_folder_is_refused(
    phantom: PhantomResult, new_run: Callable[..., Any], fingerprint: Any
) -> None:
    run = new_run(phantom.files[:2])
    run.folder.mkdir()
    (run.folder / "letter.txt").write_text("dear")
    before = fingerprint(run.folder)
    with pytest.raises(RunError, match="neither empty nor a run folder"):
        run.start()
    assert fingerprint(run.folder) == before


def test_a_record_that_is_not_ours_is_refused(
    phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files[:2])
    run.folder.mkdir()
    (run.folder / "run.json").write_text("{}")
    with pytest.raises(FormatError, match="afresh"):
        run.start()


def test_a_second_run_in_the_same_folder_is_refused(
    phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files[:2])
    run.start()
    with (
        RunStore(run.folder).lock(),
        pytest.raises(RunError, match=f"process {os.getpid()}"),
    ):
        run.start()
    run.start()
    assert run.record["state"] == "done"


def test_the_lock_of_a_dead_run_is_ignored(
    phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files[:2])
    run.folder.mkdir()
    store = RunStore(run.folder)
    with store.lock():
        holder = json.loads(store.file("run.lock").read_text())
    store.file("run.lock").write_text(json.dumps(holder | {"pid": 2**22 + 1}))
    run.start()
    assert run.record["state"] == "done"


@pytest.mark.parametrize("name", ["a/b", "../up", ".hidden", "/root"])
def test_a_name_that_leaves_the_run_folder_is_refused(
    name: str, phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files[:2])
    with pytest.raises(ParameterError, match=r"output\.file_name"):
        run.start(output__file_name=name)
    assert not run.folder.exists()


def test_a_wrong_regularization_is_refused_at_once(
    phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files[:2])
    with pytest.raises(ParameterError, match="regularization"):
        run.start(solver__l2_matrix=[[1.0, 2.0]])
    assert not run.folder.exists()


@pytest.mark.parametrize("box", [(192, 0, 0, 0), (0, 0, 500, 0)])
def test_a_box_outside_the_frames_is_refused(
    box: tuple[int, ...], phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files[:2])
    with pytest.raises(ParameterError, match="inside 192 rows and 192 columns"):
        run.start(quality__box=box)
    assert run.record["state"] == "failed"


def test_a_missing_flattening_file_is_reported(
    phantom: PhantomResult, new_run: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(AccessError, match=r"gone\.npz"):
        new_run(phantom.files[:2]).start(output__flatten_file=str(tmp_path / "gone.npz"))


def test_frames_of_equal_name_size_and_time_are_told_apart(
    phantom: PhantomResult, new_run: Callable[..., Any], tmp_path: Path
) -> None:
    paths = [tmp_path / "raw" / f"day{k}" / "frame.dat" for k in range(4)]
    for path, source in zip(paths, phantom.files, strict=False):
        path.parent.mkdir(parents=True)
        path.write_bytes(source.read_bytes())
        os.utime(path, ns=(0, 10**18))
    run = new_run(paths)
    run.start()
    known = new_run(phantom.files[:4])
    known.start()
    columns = ["T02", "T12"]
    found, expected = (table_of(r, "pairs.csv")[columns].to_numpy() for r in (run, known))
    np.testing.assert_allclose(found, expected, atol=1.0)
    assert np.abs(found).max() > 1
    before = run.contents
    run.paths = [Path(str(p).replace("raw", "moved")) for p in paths]
    (tmp_path / "raw").rename(tmp_path / "moved")
    run.start()
    assert run.counts["pairs"] == (3, 0)
    assert run.contents == before
