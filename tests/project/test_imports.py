"""Imports go one way, stay light, and never reach the libraries of the screens."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import fibsem_dash
from fibsem_dash.phantom import write_phantom

HEAVY = ("dask", "distributed", "matplotlib", "cupy", "skimage", "pandas", "scipy", "cv2", "numba")
SCREENS = ("panel", "bokeh", "holoviews", "datashader")


def loaded_after(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_import_contracts_are_kept(root: Path) -> None:
    code = "import sys; from importlinter.cli import lint_imports_command as run; run()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-logo", "--no-cache"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


def test_importing_the_package_is_light() -> None:
    assert loaded_after("import fibsem_dash").isdisjoint(HEAVY + SCREENS)


@pytest.mark.parametrize("module", ["settings", "errors", "units"])
def test_light_modules_stay_light(module: str) -> None:
    assert loaded_after(f"import fibsem_dash.{module}").isdisjoint(HEAVY + SCREENS)


def test_no_module_loads_a_screen_library() -> None:
    modules = pkgutil.walk_packages(fibsem_dash.__path__, "fibsem_dash.")
    names = [m.name for m in modules if not m.name.endswith("__main__")]
    assert len(names) > 50
    loaded = loaded_after("\n".join(f"import {name}" for name in names))
    assert loaded.isdisjoint(SCREENS)
    assert loaded.isdisjoint({"matplotlib", "cupy", "distributed"})


@pytest.mark.parametrize("estimator", ["blocks", "sift"])
def test_a_run_imports_no_library_that_it_does_not_need(tmp_path: Path, estimator: str) -> None:
    write_phantom(tmp_path / "raw", frames=3, size=256)
    arguments = ["register", str(tmp_path / "raw"), "--out", str(tmp_path / "run")]
    arguments += ["--workers", "0", "--estimator", estimator]
    loaded = loaded_after(
        f"from fibsem_dash.cli.entry import main\nassert main({arguments!r}) == 0"
    )
    unneeded = {"dask", "distributed", "matplotlib", "skimage", "numba", "scipy"}
    assert loaded.isdisjoint(unneeded | set(SCREENS))
