"""The documentation builds without a warning, is whole, and loads nothing from other hosts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import fibsem_dash
import fibsem_dash.compat
from fibsem_dash.cli.entry import build_parser


@pytest.fixture(scope="module")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("documentation") / "site"
    done = subprocess.run(
        [sys.executable, str(root / "docs" / "build.py"), str(out)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        env=None,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_every_page_is_there(root: Path, site: Path) -> None:
    pages = [p.relative_to(root / "docs") for p in (root / "docs").rglob("*.md")]
    assert len(pages) > 15
    for page in pages:
        assert (site / page.with_suffix(".html")).exists(), page
    for name in ("cli", "settings", "api"):
        assert (site / "reference" / f"{name}.html").exists()


def test_the_references_name_all_commands_and_public_functions(site: Path) -> None:
    commands = (site / "reference" / "cli.html").read_text(encoding="utf-8")
    actions = [a for a in build_parser()._actions if hasattr(a, "choices") and a.choices]
    for name in actions[-1].choices:
        assert f"fibsem-dash {name}" in commands
    names = (site / "reference" / "api.html").read_text(encoding="utf-8")
    for name in ("open_stack", "FIBSEMDataset", "autocorrelation_snr", "evaluate_stack"):
        assert f">{name}</h3>" in names


def test_nothing_is_loaded_from_other_hosts(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=\"(https?:[^\"]+)", text)
        assert not loaded, page


def test_migration_names_every_old_name(root: Path) -> None:
    text = (root / "docs" / "migration.md").read_text(encoding="utf-8")
    methods = [m for m in vars(fibsem_dash.compat.FIBSEM_dataset) if not m.startswith("_")]
    shared = {"mutual_information_2d_cp": "_cp", "plot_registrtion_quality_xlsx": "csvs"}
    types = {"XScaleShiftTransform", "ScaleShiftTransform", "AffineTransform"}
    for name in [*fibsem_dash.compat.__all__, *methods]:
        if name not in types:
            assert shared.get(name, name) in text, name


def test_the_citation_names_this_version(root: Path) -> None:
    content = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert content["version"] == fibsem_dash.__version__
    assert content["license"] == "BSD-3-Clause"


def test_help_fits_in_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    parser = build_parser()
    actions = [a for a in parser._actions if hasattr(a, "choices") and a.choices]
    for name, command in {"": parser, **actions[-1].choices}.items():
        lines = command.format_help().splitlines()
        too_long = [line for line in lines if len(line) > 80]
        assert not too_long, (name, too_long)
        assert command.description, name


def test_the_shell_completes_commands_and_options() -> None:
    argcomplete = pytest.importorskip("argcomplete", reason="argcomplete is not installed")
    finder = argcomplete.CompletionFinder(build_parser(), always_complete_options=True)
    found = finder._get_completions(["fibsem-dash"], "reg", "", None)
    assert [text.strip() for text in found] == ["register"]
    found = finder._get_completions(["fibsem-dash", "transforms"], "--x", "", None)
    assert [text.strip() for text in found] == ["--xf"]
