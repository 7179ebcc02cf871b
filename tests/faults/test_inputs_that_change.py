"""Raw files that vanish, shrink or change while a run reads them, and a clock that is set back."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fibsem_dash.compute.progress import SilentMonitor
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.io.dat import write_dat
from fibsem_dash.registration import run_lock
from fibsem_dash.registration.pipeline import Registration

VICTIM = 6


class AtStage(SilentMonitor):
    """Does something when a stage begins."""

    def __init__(self, stage: str, act: Callable[[], None]) -> None:
        self.stage, self.act, self.done = stage, act, False

    def start(self, stage: str, total: int) -> None:
        if stage == self.stage and not self.done:
            self.done = True
            self.act()


def vanish(path: Path) -> None:
    path.unlink()


def shrink(path: Path) -> None:
    with path.open("rb+") as file:
        file.truncate(path.stat().st_size // 2)


def change(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for k in range(2000, len(content) - 2000, 2):
        content[k : k + 2] = content[k + 1 : k + 3]
    time.sleep(0.01)
    path.write_bytes(content)


def restore(case: Any, undisturbed: Any) -> None:
    source = undisturbed.paths[VICTIM]
    target = case.raw / source.name
    target.write_bytes(source.read_bytes())
    os.utime(target, ns=(source.stat().st_mtime_ns, source.stat().st_mtime_ns))


@pytest.mark.parametrize("stage", ["data_range", "keypoints", "stack"])
@pytest.mark.parametrize("act", [vanish, shrink, change])
def test_a_file_that_does_not_stay_is_noticed_and_leaves_no_trace(
    act: Callable[[Path], None], stage: str, own_case: Any, undisturbed: Any
) -> None:
    case = own_case
    paths = case.paths
    victim = paths[VICTIM]
    others = {name: value for name, value in case.before.items() if name != victim.name}
    run = Registration(paths, case.folder, monitor=AtStage(stage, lambda: act(victim)))
    if stage == "stack":
        # Nothing can be left out any more: its place in the stack is planned.
        with pytest.raises(FibsemDashError, match=victim.name):
            run.run()
        assert case.record["state"] == "failed"
        assert victim.name in case.record["stages"]["stack"]["error"]
        assert not list(case.folder.glob("*.mrc"))
    else:
        summary = run.run()
        assert list(summary.excluded) == [VICTIM]
        assert summary.n_problems == 1
        assert any(victim.name in text for text in case.record["messages"])
    # The program itself has changed nothing.
    for name, value in others.items():
        assert (case.raw / name).stat().st_mtime_ns == value[1]
    # With the old file back (size and time included) nothing made of the other one comes back.
    restore(case, undisturbed)
    Registration(paths, case.folder).run()
    found = {
        p.name: p.read_bytes() for p in case.folder.glob("*.*") if p.suffix in (".mrc", ".csv")
    }
    assert found == {n: b for n, b in undisturbed.expected.items() if n.endswith((".mrc", ".csv"))}


def test_a_stack_with_every_kind_of_bad_frame_is_registered_without_them(
    own_case: Any, tmp_path: Path
) -> None:
    case = own_case
    paths = case.paths
    shape = (64, 64)
    import numpy as np

    blank = np.zeros((128, 128), np.int16)
    bad = {
        "blank": case.raw / "zz_0900_blank.dat",
        "mis-sized": case.raw / "zz_0901_small.dat",
        "foreign": case.raw / "zz_0902_foreign.dat",
        "truncated": case.raw / "zz_0903_short.dat",
        "empty": case.raw / "zz_0904_empty.dat",
    }
    write_dat(bad["blank"], {"A": blank, "B": blank})
    write_dat(bad["mis-sized"], {"A": np.ones(shape, np.int16), "B": np.ones(shape, np.int16)})
    bad["foreign"].write_bytes(b"<html>no frame</html>" * 100)
    bad["truncated"].write_bytes(paths[3].read_bytes()[:-3000])
    bad["empty"].write_bytes(b"")
    summary = Registration(case.paths, case.folder).run()
    names = [path.name for path in case.paths]
    assert {names[k] for k in summary.excluded} == {path.name for path in bad.values()}
    assert all(summary.excluded.values())
    assert summary.n_slices == len(paths)
    assert case.record["state"] == "done"


def test_a_duplicated_frame_is_registered_at_the_place_of_its_original(
    own_case: Any,
) -> None:
    case = own_case
    original = case.paths[4]
    copy = original.with_name(original.stem + "_copy.dat")
    copy.write_bytes(original.read_bytes())
    run = Registration(case.paths, case.folder)
    summary = run.run()
    assert summary.n_slices == len(case.paths)
    assert not summary.excluded
    a = case.paths.index(original)
    pair = next(p for p in run.pairs if p.first == a)
    assert abs(pair.matrix[:2, 2]).max() < 0.1


@pytest.mark.parametrize("years", [-20, 20])
def test_a_clock_that_is_set_between_two_runs_changes_nothing(
    years: int, case: Any, cancelled_after: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(cancelled_after.exception):  # type: ignore[attr-defined]
        Registration(case.paths, case.folder, monitor=cancelled_after("pairs", 4)).run()
    # A torn lock of a killed run, from before the clock was set.
    (case.folder / "run.lock").write_text("")
    real = time.time
    shift = years * 365.25 * 86400
    monkeypatch.setattr(time, "time", lambda: real() + shift)
    then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=shift)
    monkeypatch.setattr(run_lock, "now", lambda: then.isoformat(timespec="seconds"))
    case.check_it_resumes()
    assert case.record["stages"]["pairs"]["reused"] >= 4


def test_a_clock_that_is_set_back_does_not_open_a_folder_that_is_held(
    case: Any, ending: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = case.start()
    with ending(process):
        case.wait_in_stage("keypoints", process, 0.0)
        os.kill(process.pid, 19)  # SIGSTOP: it holds the folder until we look
        import psutil

        # As psutil tells it after the clock was set by an hour.
        real = psutil.Process.create_time
        monkeypatch.setattr(psutil.Process, "create_time", lambda self: real(self) - 3600)
        with pytest.raises(FibsemDashError, match=f"another run.*process {process.pid}"):
            case.run()
        monkeypatch.undo()
    case.check_nothing_is_half_done()
    case.check_it_resumes()
