"""A run is repeated from its record."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fibsem_dash.cli import main
from fibsem_dash.errors import FormatError
from fibsem_dash.phantom import PhantomResult
from fibsem_dash.registration.edits import RunEdits
from fibsem_dash.registration.pipeline import Registration
from fibsem_dash.registration.repeat import read_recipe
from fibsem_dash.settings import RunSettings, update
from tests.run_files import results_without_report

CHANGES = {"solver.transform": "affine", "output.z_bin": 2, "quality.fsc_threshold": 0.2}


@pytest.fixture
def first(copied_phantom: list[Path], tmp_path: Path) -> Path:
    """Folder of a run with settings and edits of its own."""
    edits = RunEdits().exclude(copied_phantom[5].name)
    folder = tmp_path / "first"
    Registration(copied_phantom, folder, update(RunSettings(), CHANGES), edits=edits).run()
    return folder


def repeat(first: Path, out: Path, *more: str) -> int:
    arguments = ["register", "--from", str(first / "run.json"), "--out", str(out)]
    return main([*arguments, "--workers", "0", *more])


def test_a_record_is_enough_to_make_the_same_bytes(first: Path, tmp_path: Path) -> None:
    assert repeat(first, tmp_path / "again") == 0
    assert results_without_report(tmp_path / "again") == results_without_report(first)
    one, two = (json.loads((f / "run.json").read_text()) for f in (first, tmp_path / "again"))
    for name in ("software", "settings", "edits", "input", "outputs"):
        assert one[name] == two[name], name


def test_other_versions_are_named(
    first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = json.loads((first / "run.json").read_text())
    record["software"] |= {"numpy": "1.0.0", "gone": "7"}
    (first / "run.json").write_text(json.dumps(record))
    assert repeat(first, tmp_path / "again") == 0
    told = capsys.readouterr().err
    assert f"numpy 1.0.0 then, {np.__version__} now" in told
    assert "gone 7 then, absent now" in told
    assert "scipy" not in told


def test_changed_inputs_are_named_and_refused(
    first: Path, copied_phantom: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.utime(copied_phantom[2], (1e9, 1e9))
    copied_phantom[3].write_bytes(copied_phantom[3].read_bytes() + b"more")
    copied_phantom[4].unlink()
    assert repeat(first, tmp_path / "again") == 1
    told = capsys.readouterr().err
    assert f"{copied_phantom[2].name}: written again since" in told
    assert f"{copied_phantom[3].name}: " in told
    assert f"{copied_phantom[4].name}: No such file" in told
    assert "force the repetition" in told
    assert not (tmp_path / "again").exists()
    assert repeat(first, tmp_path / "again", "--force", "--max-failed", "1") == 0
    assert f"{copied_phantom[2].name}: written again since" in capsys.readouterr().err


def test_files_that_settings_name_count_as_inputs(
    copied_phantom: list[Path], tmp_path: Path, write_factors: Callable[[Path], None]
) -> None:
    factors = tmp_path / "flat.npz"
    write_factors(factors)
    settings = update(RunSettings(), {"output.flatten_file": str(factors)})
    Registration(copied_phantom, tmp_path / "first", settings).run()
    assert read_recipe(tmp_path / "first").changed_inputs() == []
    os.utime(factors, (1e9, 1e9))
    assert read_recipe(tmp_path / "first").changed_inputs() == [f"{factors}: written again since"]


@pytest.fixture
def write_factors() -> Callable[[Path], None]:
    """Write flattening factors for the frames."""

    def write(path: Path) -> None:
        from fibsem_dash.io.flatten_file import write_flatten

        write_flatten(path, {"A": np.ones((192, 192))})

    return write


@pytest.mark.parametrize(
    "extra", [["--set", "output.order=0"], ["--exclude", "0"], ["--transform", "shift"]]
)
def test_what_the_record_says_cannot_be_changed_in_passing(
    extra: list[str], first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert repeat(first, tmp_path / "again", *extra) != 0
    assert "--from repeats a run" in capsys.readouterr().err


def test_a_run_is_not_repeated_into_itself(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = results_without_report(first)
    assert repeat(first, first) != 0
    assert "that is to be repeated" in capsys.readouterr().err
    assert results_without_report(first) == before


@pytest.mark.parametrize(
    "change",
    [
        {"input": []},
        {"input": [{"path": "relative.dat", "size": 1, "mtime_ns": 1}]},
        {"input": [{"size": 1}]},
        {"settings": {"solver": 3}},
        {"settings": [1]},
        {"edits": 5},
    ],
    ids=str,
)
def test_a_record_that_makes_no_sense_is_refused(
    change: dict[str, Any], reference: Any, tmp_path: Path
) -> None:
    record = json.loads((reference.folder / "run.json").read_text()) | change
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises((FormatError, ValueError)) as caught:
        read_recipe(tmp_path / "run.json")
    assert type(caught.value).__module__ == "fibsem_dash.errors"


def test_without_frames_and_without_a_record_there_is_nothing_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], phantom: PhantomResult
) -> None:
    assert main(["register", "--out", str(tmp_path / "run")]) != 0
    assert "--from RUN/run.json" in capsys.readouterr().err
