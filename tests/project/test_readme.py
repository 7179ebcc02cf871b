"""What the README tells people to type is understood, and what it names exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from fibsem_dash.cli.entry import EXIT_FAILED_PAIRS, EXIT_STOPPED, build_parser
from fibsem_dash.settings import resolve_name, update
from fibsem_dash.settings.stages import RunSettings


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def commands(text: str, program: str) -> list[list[str]]:
    """Command lines of a program in the code blocks, without comments."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    lines = [
        re.split(r"  #| > ", line)[0].strip() for block in blocks for line in block.splitlines()
    ]
    return [shlex.split(line)[1:] for line in lines if line.startswith(f"{program} ")]


def test_every_command_of_the_readme_parses(readme: str) -> None:
    found = commands(readme, "fibsem-dash")
    assert {line[0] for line in found} >= {"demo", "register", "evaluate", "info", "settings"}
    for line in found:
        parsed = build_parser().parse_args(line)
        assert parsed.command == line[0]
        for change in getattr(parsed, "changes", []):
            key, _, value = change.partition("=")
            update(RunSettings(), {key: value})


def test_every_make_target_of_the_readme_exists(root: Path, readme: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(), re.MULTILINE))
    found = [word for line in commands(readme, "make") for word in line]
    found += [w for text in re.findall(r"`make ([a-z -]+)`", readme) for w in text.split()]
    assert "test" in found
    assert set(found) <= targets


def test_ci_runs_the_readmes_command(root: Path, readme: str) -> None:
    assert "`make lint test`" in readme
    assert "exec make lint test" in (root / ".ci" / "run").read_text()


def test_exit_codes_and_settings_of_the_readme(readme: str) -> None:
    for code in (0, 1, 2, EXIT_FAILED_PAIRS, EXIT_STOPPED):
        assert re.search(rf"^\| {code} \|", readme, re.MULTILINE), code
    named = re.findall(r"--set ([\w.]+)=", readme)
    assert len(named) >= 4
    for name in named:
        assert resolve_name(name)[1] == name.rpartition(".")[2]
