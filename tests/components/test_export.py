"""Files and code that every figure and table offers."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("panel_material_ui", reason="the dashboard's packages are not installed")

from bokeh.models import CustomAction, SaveTool
from bokeh.plotting import figure

from components.pages import header_code
from components.pages.data_summary import folder_code
from components.pages.header_analysis import Scope, fsc_of_rows
from components.plots.export import add_export, name_figures, safe_name
from components.widgets.figure_tools import CopyAsCode, table_download
from fibsem_dash.cli import main
from fibsem_dash.frame import FIBSEMFrame
from fibsem_dash.image.snr import autocorrelation_snr


@pytest.fixture(scope="module")
def scope(frames_root: Path) -> Scope:
    path = sorted((frames_root / "stack").glob("*.dat"))[0]
    return Scope(FIBSEMFrame(path), "A", (8, 40, 12, 48))


def run_python(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(code, "copied", "exec"), names)
    return names


def test_a_figure_offers_png_svg_and_csv_under_its_name() -> None:
    plot = add_export(figure(tools="pan,save"), "noise")
    assert plot.select_one(SaveTool).filename == "noise"
    tools = list(plot.select({"type": CustomAction}))
    assert {tool.description for tool in tools} == {"Save as SVG", "Save the data as CSV"}
    name_figures(plot, "frame 7/A")
    assert {tool.tags[0] for tool in tools} == {plot.select_one(SaveTool).filename}
    assert plot.select_one(SaveTool).filename == "frame_7_A_noise"


def test_an_image_offers_no_csv_and_gets_a_save_button() -> None:
    plot = add_export(figure(tools="pan"), "frame", data=False)
    assert plot.select_one(SaveTool) is not None
    assert [tool.description for tool in plot.select({"type": CustomAction})] == ["Save as SVG"]


@pytest.mark.parametrize("text", ["", "../../etc/passwd", "a b/c:d", "x" * 500])
def test_file_names_hold_no_folder(text: str) -> None:
    name = safe_name(text)
    assert name
    assert len(name) <= 120
    assert "/" not in name
    assert not name.startswith(".")


def test_a_saved_table_is_safe_for_spreadsheets() -> None:
    table = pd.DataFrame(
        {"file": ["=1+2", "-x.dat", "@a", "+b", "plain"], "size": [1, -2, 3, 4, 5]}
    )
    button = table_download("frames of ../x", lambda: table)
    lines = button.callback().read().decode().splitlines()
    assert lines == ["file,size", "'=1+2,1", "'-x.dat,-2", "'@a,3", "'+b,4", "plain,5"]
    assert button.filename == "frames_of_.._x.csv"


def test_code_is_asked_for_when_it_is_copied() -> None:
    texts = ["first", "second"]
    copy = CopyAsCode(lambda: texts[0], "the command")
    texts[0] = "newest"
    assert copy.copy("Python") == copy.bridge.text == "newest"
    assert copy.copy("Command line") == copy.bridge.text == "the command"


def test_copied_python_gives_the_shown_snr(scope: Scope) -> None:
    python, command = header_code.snr_code(scope, "nearest", True)
    shown = autocorrelation_snr(scope.image(), "nearest", detrend=True)
    np.testing.assert_allclose(run_python(python)["result"].values, shown.values)
    assert main(shlex.split(command)[1:]) == 0


def test_copied_python_gives_the_shown_fsc(scope: Scope) -> None:
    python, command = header_code.fsc_code(scope, "even and odd rows", 0.2)
    shown = fsc_of_rows(scope.image(), 0.2, 8.0)
    assert run_python(python)["result"].bandwidth == pytest.approx(shown.bandwidth / 2)
    assert main(shlex.split(command)[1:]) == 0


def test_copied_commands_run(
    scope: Scope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    path = str(scope.frame.path)
    codes = [
        header_code.noise_code(scope, 60, 0.03, 0.02),
        header_code.flatten_code(scope, 1, 8, True),
        header_code.snapshot_code(path),
        header_code.header_code(path),
    ]
    for python, command in codes:
        run_python(python)
        assert main(shlex.split(command)[1:]) == 0, command
    assert (tmp_path / "flatten.npz").is_file()
    assert (tmp_path / "snapshot.png").is_file()


def test_code_of_a_folder_quotes_its_name(tmp_path: Path) -> None:
    python, command = folder_code(str(tmp_path / "it's a stack"), "*_0-0-0.dat")
    assert shlex.split(command)[2] == str(tmp_path / "it's a stack")
    compile(python, "copied", "exec")
