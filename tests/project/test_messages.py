"""Messages of the library make sense on the command line and in a browser."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "fibsem_dash"
OF_THE_COMMAND_LINE = {PACKAGE / "cli"}
SHOWN = {"what", "expected", "found", "remedy"}
OPTION = re.compile(r"(?<!\S)--[a-z]")


def texts_of_errors(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of what the errors of a module tell a user."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        parts = [k.value for k in node.keywords if k.arg in SHOWN]
        parts += node.args if name.endswith("Error") else []
        for part in parts:
            for piece in ast.walk(part):
                if isinstance(piece, ast.Constant) and isinstance(piece.value, str):
                    yield piece.lineno, piece.value


def modules() -> list[Path]:
    return [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        if not OF_THE_COMMAND_LINE.intersection(path.parents)
    ]


def test_errors_outside_the_command_line_name_no_option_of_it() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {text}"
        for path in modules()
        for line, text in texts_of_errors(path)
        if OPTION.search(text)
    ]
    assert not found, "\n".join(found)


def test_an_option_in_a_remedy_is_noticed(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("raise RunError('no', remedy=f'Check {1} or give --pattern.')\n")
    assert [bool(OPTION.search(text)) for _, text in texts_of_errors(module)].count(True) == 1
    assert len(modules()) > 100
