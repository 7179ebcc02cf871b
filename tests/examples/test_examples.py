"""The examples run from top to bottom; one of them in a real kernel."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
NAMES = sorted(path.name for path in EXAMPLES.glob("*.py"))


def as_notebook(path: Path):
    """Make a notebook of a script with cells that begin with ``# %%``."""
    cells = []
    for part in re.split(r"^# %%", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
        kind, _, text = part.partition("\n")
        if "[markdown]" in kind:
            lines = [line.removeprefix("#").removeprefix(" ") for line in text.strip().splitlines()]
            cells.append(nbformat.v4.new_markdown_cell("\n".join(lines)))
        else:
            cells.append(nbformat.v4.new_code_cell(text.strip()))
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.filterwarnings("ignore:Both .variant.:PendingDeprecationWarning")
@pytest.mark.filterwarnings("ignore:The inplace keyword")
@pytest.mark.parametrize("name", NAMES)
def test_example_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def test_there_are_the_five_examples():
    assert NAMES == [
        "compare_with_another_alignment.py",
        "evaluate_stacks.py",
        "look_at_frames.py",
        "migrate.py",
        "register_a_stack.py",
    ]


def outputs_of(notebook, kind):
    """Outputs of all cells that have a form of this kind, cell by cell."""
    return [
        [o["data"][kind] for o in cell.get("outputs", []) if kind in o.get("data", {})]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def executed(name, folder, monkeypatch):
    """Execute an example as a notebook in a kernel of its own."""
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES.parents[1]))
    notebook = as_notebook(EXAMPLES / name)
    client = NotebookClient(
        notebook, timeout=200, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    client.execute()
    return notebook


@pytest.mark.slow
def test_a_kernel_shows_tables_and_progress(tmp_path, monkeypatch):
    notebook = executed("register_a_stack.py", tmp_path, monkeypatch)
    shown = [text for cell in outputs_of(notebook, "text/html") for text in cell]
    assert sum("<progress" in text for text in shown) >= 5
    assert any("Registration" in text and "Median NCC" in text for text in shown)
    assert any("<table" in text and "Pixel size" in text for text in shown)
    bars = [text for text in shown if "<progress" in text]
    assert any("10/10" in text for text in bars)


@pytest.mark.slow
def test_pages_and_settings_show_themselves_with_all_that_they_need(tmp_path, monkeypatch):
    notebook = executed("look_at_frames.py", tmp_path, monkeypatch)
    shown = outputs_of(notebook, "text/html")
    header, form, sift = shown[1][0], shown[3][0], shown[5][0]
    assert "Grey level (counts)" in header
    assert "MachineID" in header
    assert "Contrast threshold" in form
    assert "Inliers" in sift or "inliers" in sift
    # The work is done when the page is shown: nothing is under way, nothing is empty.
    assert "The result appears here once" not in sift
    scripts = [text for cell in outputs_of(notebook, "application/javascript") for text in cell]
    assert sum("fibsem_dash_widgets" in text for text in scripts) == 1
    # Every widget would bring the script of all of them.
    assert max(map(len, (header, form, sift))) < 6_000_000
    for text in (header, form, sift):
        assert "cdn." not in text.replace("cdn.bokeh.org/bokeh/release", "")
