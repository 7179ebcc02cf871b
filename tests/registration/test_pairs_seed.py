"""The seed of a pair follows from its content."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from fibsem_dash.errors import ParameterError
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.frames import find_frames
from fibsem_dash.registration.pipeline import Registration
from fibsem_dash.settings import RunSettings, from_dict, update


def test_a_copy_of_the_data_gives_the_same_tables_and_stack(tmp_path: Path) -> None:
    write_phantom(tmp_path / "raw", frames=4, size=160)
    shutil.copytree(tmp_path / "raw", tmp_path / "copy")
    for path in (tmp_path / "copy").glob("*.dat"):
        os.utime(path, ns=(1, 1))
    for name in ("raw", "copy"):
        Registration(find_frames(tmp_path / name), tmp_path / f"run_{name}").run()
    first, second = tmp_path / "run_raw", tmp_path / "run_copy"
    names = {p.name for p in first.iterdir() if p.is_file()} - {"run.json"}
    assert {"pairs.csv", "transforms.csv"} < names
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_a_box_outside_the_frames_is_refused_before_the_key_points(tmp_path: Path) -> None:
    write_phantom(tmp_path / "raw", frames=2, size=160)
    settings = update(RunSettings(), {"quality.box": "500,10,0,10"})
    run = Registration(find_frames(tmp_path / "raw"), tmp_path / "run", settings)
    with pytest.raises(ParameterError, match="evaluation box"):
        run.run()
    assert not (tmp_path / "run" / "cache" / "keypoints").exists()


def test_an_empty_group_in_a_file_keeps_its_defaults() -> None:
    assert from_dict({"sift": None, "solver": {"drmax": 2}}).solver.drmax == 2.0
