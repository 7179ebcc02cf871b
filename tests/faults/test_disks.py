"""Disks that are full or read-only, in every stage, with processes of their own.

A small tmpfs is mounted where the machine lets us, and remounted read-only in the middle of a run.
Where it does not, a limit on the size of files (RLIMIT_FSIZE) stands in for the full disk.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs mounts and limits of Unix")


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a tmpfs of a size such as "600k" and give its folder."""
    places: list[Path] = []

    def mount(size: str) -> Path:
        place = tmp_path / f"disk{len(places)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no tmpfs can be mounted here: {error}")
        places.append(place)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", "--lazy", str(place)], check=True, capture_output=True)


def remount(place: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(place)], check=True)


def used_by(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.8, 0.95])
def test_a_full_disk_ends_the_run_and_it_goes_on_with_more_space(
    share: float, case: Any, undisturbed: Any, mounted: Callable[[str], Path]
) -> None:
    disk = mounted(f"{int(used_by(undisturbed.folder) * share) // 1024 + 8}k")
    case.folder = disk / "run"
    process = case.start()
    message = process.communicate(timeout=200)[1]
    assert process.returncode == 1, message
    assert "AccessError: " in message
    assert "full" in message or "not enough space" in message
    case.check_nothing_is_half_done()
    remount(disk, "size=64m")
    case.check_it_resumes()


@pytest.mark.slow
def test_files_that_may_not_grow_end_the_run(case: Any) -> None:
    code = (
        "import resource, runpy, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    script = Path(__file__).with_name("registering_process.py")
    done = subprocess.run(
        [sys.executable, "-c", code, str(script), str(case.folder), "0", *map(str, case.paths)],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 1
    assert "AccessError: " in done.stderr
    assert case.record["state"] == "failed"
    case.check_nothing_is_half_done()
    case.check_it_resumes()


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["inspect", "data_range", "keypoints", "pairs", "stack"])
def test_a_disk_that_becomes_read_only_ends_the_run(
    stage: str, case: Any, mounted: Callable[[str], Path], ending: Callable[..., Any]
) -> None:
    disk = mounted("64m")
    case.folder = disk / "run"
    process = case.start()
    with ending(process):
        case.wait_in_stage(stage, process, 0.0)
        # Refused while a file is open for writing: tried until there is a moment without.
        for _ in range(2000):
            done = subprocess.run(["mount", "-o", "remount,ro", str(disk)], capture_output=True)
            if done.returncode == 0 or process.poll() is not None:
                break
        message = process.communicate(timeout=200)[1]
    if done.returncode == 0 and process.returncode:
        assert process.returncode == 1, message
        assert "AccessError: " in message
        assert "read-only" in message
        # The record could not be changed any more: it still names the stage that was running.
        assert case.record["state"] == "running"
    case.check_nothing_is_half_done()
    remount(disk, "rw")
    case.check_it_resumes()
