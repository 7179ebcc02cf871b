"""What an installation gets: every file of the packages that Python does not find by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PACKAGES = ("fibsem_dash", "components")


def declared(root: Path, pyproject: dict[str, Any]) -> set[Path]:
    data = pyproject["tool"]["setuptools"]["package-data"]
    return {
        file
        for package, patterns in data.items()
        for pattern in patterns
        for file in (root / package.replace(".", "/")).glob(pattern)
    }


def test_every_file_that_is_no_module_is_declared_as_package_data(
    root: Path, pyproject: dict[str, Any]
) -> None:
    found = {
        file
        for package in PACKAGES
        for file in (root / package).rglob("*")
        if file.is_file() and file.suffix not in (".py", ".pyc")
    }
    assert found
    assert found == declared(root, pyproject)


def test_every_folder_with_modules_is_a_package(root: Path) -> None:
    folders = {file.parent for package in PACKAGES for file in (root / package).rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []
