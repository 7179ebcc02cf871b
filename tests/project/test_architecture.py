"""The map of modules in docs/architecture.md shows what is there, and all of it."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import pytest

import fibsem_dash

PRIVATE = {"__init__.py", "__main__.py", "_version.py", "napari.yaml"}


def table(root: Path) -> list[tuple[list[str], list[str]]]:
    """Rows of the table of modules: (paths, names)."""
    text = (root / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    cells = [row.split("|")[1:3] for row in rows]
    return [(re.findall(r"`([^`]+)`", a), re.findall(r"`(\w+)[^`]*`", b)) for a, b in cells]


def module_of(path: str) -> ModuleType:
    name = path.removesuffix(".py").removesuffix("/__init__").rstrip("/").replace("/", ".")
    root = Path(__file__).resolve().parents[2]
    package = "fibsem_dash" if (root / "fibsem_dash" / path).exists() else "components"
    return importlib.import_module(f"{package}.{name}")


def knows(module: ModuleType, name: str) -> bool:
    """Whether the module, or the package's submodule, defines the name or is called so."""
    if hasattr(module, name):
        return True
    submodules = [m.name for m in pkgutil.iter_modules(getattr(module, "__path__", []))]
    if name in submodules:
        return True
    return any(
        hasattr(importlib.import_module(f"{module.__name__}.{submodule}"), name)
        for submodule in submodules
    )


def test_the_table_names_only_what_exists(root: Path) -> None:
    rows = table(root)
    assert rows
    for paths, names in rows:
        for path in paths:
            places = [root / package / path for package in ("fibsem_dash", "components")]
            assert any(place.exists() for place in places), f"there is no {path}"
        modules = [module_of(path) for path in paths]
        for name in names:
            assert any(knows(module, name) for module in modules), f"{name} is not in {paths}"


def test_the_table_names_every_module(root: Path) -> None:
    package = root / "fibsem_dash"
    listed = {path.rstrip("/") for paths, _ in table(root) for path in paths}
    for path in package.iterdir():
        if path.name in PRIVATE or path.name == "__pycache__":
            continue
        if path.is_dir() and not any(path.glob("*.py")):
            continue
        shown = path.name in listed or any(name.startswith(f"{path.name}/") for name in listed)
        assert shown, f"fibsem_dash/{path.name} is not in docs/architecture.md"


@pytest.mark.parametrize(
    "package", [m.name for m in pkgutil.iter_modules(fibsem_dash.__path__) if m.ispkg]
)
def test_every_package_says_what_it_is(package: str) -> None:
    module = importlib.import_module(f"fibsem_dash.{package}")
    assert module.__doc__


def test_nothing_is_left_to_be_written_later(root: Path) -> None:
    modules = [
        path for name in ("fibsem_dash", "components") for path in (root / name).rglob("*.py")
    ]
    assert len(modules) > 200
    unfinished = re.compile(r"raise NotImplementedError|\bTODO\b|\bFIXME\b")
    assert [str(p) for p in modules if unfinished.search(p.read_text(encoding="utf-8"))] == []
