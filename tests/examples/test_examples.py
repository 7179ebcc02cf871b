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


@pytest.mark.parametrize("name", NAMES)
def test_example_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def test_there_are_the_four_examples():
    assert NAMES == [
        "compare_with_another_alignment.py",
        "evaluate_stacks.py",
        "migrate.py",
        "register_a_stack.py",
    ]


@pytest.mark.slow
def test_a_kernel_shows_tables_and_progress(tmp_path, monkeypatch):
    root = str(EXAMPLES.parents[1])
    monkeypatch.setenv("PYTHONPATH", root)
    notebook = as_notebook(EXAMPLES / "register_a_stack.py")
    client = NotebookClient(
        notebook, timeout=200, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    shown = [
        output["data"]["text/html"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "text/html" in output.get("data", {})
    ]
    assert sum("<progress" in text for text in shown) >= 5
    assert any("Registration" in text and "Median NCC" in text for text in shown)
    assert any("<table" in text and "Pixel size" in text for text in shown)
    bars = [text for text in shown if "<progress" in text]
    assert any("10/10" in text for text in bars)
