"""The recipes of docs/scaling.md are valid for the shell, for Python, for Dask and for us."""

import ast
import re
import shlex
import shutil
import subprocess
import textwrap
from importlib import import_module
from pathlib import Path

import pytest

from fibsem_dash.cli.entry import build_parser

COMMANDS = re.compile(r"(?:^|&& |srun |blaunch \$host )((?:dask|fibsem-dash) [^&\n]*)", re.M)


def blocks(root: Path) -> list[str]:
    """Return the indented parts of the section on clusters."""
    text = (root / "docs" / "scaling.md").read_text(encoding="utf-8")
    section = text[text.index("\n## On a cluster") :]
    parts = re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", section, re.M)
    return [textwrap.dedent(part) for part in parts]


def scripts(root: Path) -> list[str]:
    return [block for block in blocks(root) if not block.startswith("import")]


def commands(root: Path) -> list[list[str]]:
    text = "\n".join(line.strip() for block in scripts(root) for line in block.splitlines())
    return [shlex.split(found, comments=True) for found in COMMANDS.findall(text)]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_the_batch_scripts_are_valid(root: Path) -> None:
    found = scripts(root)
    assert sum("#SBATCH" in script for script in found) == 1
    assert sum("#BSUB" in script for script in found) == 1
    for script in found:
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_the_commands_have_options_that_exist(root: Path) -> None:
    seen = set()
    for name, *arguments in commands(root):
        if name == "fibsem-dash":
            build_parser().parse_args(arguments)
            seen.add("register")
            continue
        command = import_module(f"distributed.cli.dask_{arguments[0]}").main
        context = command.make_context("dask", [], resilient_parsing=True)
        # Dask's commands keep what they do not know for programs that they start.
        context.ignore_unknown_options = context.resilient_parsing = False
        command.make_parser(context).parse_args(arguments[1:])
        seen.add(arguments[0])
    assert seen == {"register", "scheduler", "worker"}


def test_the_program_for_batch_jobs_calls_what_exists(root: Path) -> None:
    from distributed.deploy import SpecCluster

    (program,) = (block for block in blocks(root) if block.startswith("import"))
    calls = {
        node.attr
        for node in ast.walk(ast.parse(program))
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "cluster"
    }
    assert calls == {"adapt", "wait_for_workers", "scheduler_address"}
    assert all(hasattr(SpecCluster, name) for name in calls)
    command = next(
        [element.value for element in node.elts if isinstance(element, ast.Constant)]
        for node in ast.walk(ast.parse(program))
        if isinstance(node, ast.List) and getattr(node.elts[0], "value", "") == "fibsem-dash"
    )
    build_parser().parse_args([*command[1:], "--scheduler", "tcp://host:8786"])
