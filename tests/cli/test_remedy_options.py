"""The command line names the option by which an error is mended."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
import tifffile

import fibsem_dash
from fibsem_dash.cli.entry import build_parser, main

PACKAGE = Path(fibsem_dash.__file__).parent


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A TIFF stack that does not say how large its voxels are."""
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.zeros((3, 16, 16), np.uint8), photometric="minisblack")
    return path


def test_a_folder_without_frames_leads_to_the_pattern(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["register", str(tmp_path), "--out", str(tmp_path / "run")]) == 1
    assert capsys.readouterr().err.rstrip().endswith("Option: --pattern.")


def test_a_file_that_is_there_leads_to_overwrite(
    stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "there.mrc"
    target.touch()
    assert main(["convert", str(stack), str(target), "--voxel", "8", "8", "8"]) == 1
    assert capsys.readouterr().err.rstrip().endswith("Option: --overwrite.")


def test_an_error_without_an_argument_or_of_another_command_names_no_option(
    stack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.write_bytes(b"nothing")
    assert main(["info", str(stack)]) == 1
    assert "Option:" not in capsys.readouterr().err


def test_every_argument_that_an_error_names_is_an_option_of_some_command() -> None:
    named = {
        keyword.value.value
        for path in PACKAGE.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "").endswith("Error")
        for keyword in call.keywords
        if keyword.arg == "argument" and isinstance(keyword.value, ast.Constant)
    }
    assert len(named) > 3
    commands = build_parser()._subparsers._group_actions[0].choices.values()
    options = {option for command in commands for option in command._option_string_actions}
    assert {f"--{name}" for name in named} <= options
