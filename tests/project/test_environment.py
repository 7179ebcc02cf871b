"""The conda environment, the lock and the list of dependencies say what pyproject.toml says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

CONDA_NAMES = {"dask": "dask-core"}
"""conda-forge names that differ from those of PyPI; conda's `dask` would bring much more."""

FROM_PIP = {"opencv-contrib-python-headless"}
"""Packages that the conda environment takes from PyPI."""

PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = ("linux", "darwin", "win32")


def bounds(requirements: list[str]) -> dict[str, str]:
    parsed = [Requirement(text) for text in requirements]
    return {canonicalize_name(r.name): str(r.specifier) for r in parsed}


def locked(root: Path) -> list[tuple[Requirement, list[str]]]:
    """Every pin of the lock with its hashes."""
    text = (root / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [
        (Requirement(line.split(" --hash")[0]), re.findall(r"--hash=sha256:[0-9a-f]{64}", line))
        for line in lines
    ]


def test_conda_environment_equals_pyproject(root: Path, pyproject: dict[str, Any]) -> None:
    environment = yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))
    entries = environment["dependencies"]
    conda = bounds([entry for entry in entries if isinstance(entry, str)])
    (from_pip,) = [bounds(entry["pip"]) for entry in entries if isinstance(entry, dict)]
    project = pyproject["project"]
    assert conda.pop("python") == project["requires-python"]
    assert conda.pop("pip") == ""
    wanted = bounds(project["dependencies"])
    assert from_pip == {name: wanted.pop(name) for name in FROM_PIP}
    assert conda == {CONDA_NAMES.get(name, name): bound for name, bound in wanted.items()}


def test_conda_environment_takes_conda_forge_only(root: Path) -> None:
    environment = yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))
    assert environment["channels"] == ["conda-forge", "nodefaults"]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_lock_satisfies_pyproject(
    root: Path, pyproject: dict[str, Any], python: str, platform: str
) -> None:
    system = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[platform]
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": platform,
        "platform_system": system,
    }
    pins = {
        canonicalize_name(pin.name): Version(str(pin.specifier).removeprefix("=="))
        for pin, _ in locked(root)
        if pin.marker is None or pin.marker.evaluate(environment)
    }
    project = pyproject["project"]
    for text in project["dependencies"] + project["optional-dependencies"]["test"]:
        wanted = Requirement(text)
        name = canonicalize_name(wanted.name)
        assert name in pins, f"{name} is not in requirements.lock: run `make lock`"
        assert pins[name] in wanted.specifier, f"{name} {pins[name]}: run `make lock`"


def test_lock_holds_names_versions_and_hashes_only(root: Path) -> None:
    text = (root / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    for pin, hashes in locked(root):
        assert str(pin.specifier).startswith("=="), pin
        assert hashes, f"{pin} has no hash"


def test_every_dependency_has_a_reason(root: Path, pyproject: dict[str, Any]) -> None:
    document = (root / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = [line for line in document.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    listed = {name for row in cells for name in re.findall(r"`([^`]+)`", row[0])}
    project = pyproject["project"]
    wanted = set(bounds(pyproject["build-system"]["requires"]))
    wanted |= set(bounds(project["dependencies"]))
    for extra in project["optional-dependencies"].values():
        wanted |= set(bounds(extra))
    assert listed == wanted
    for row in cells:
        assert len(row) == 3, row
        assert len(row[1]) > 10, f"{row[0]}: the reason is missing"
