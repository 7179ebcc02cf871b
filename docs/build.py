"""Build the documentation as a site: `python docs/build.py [OUT]`, warnings are errors.

The command-line and API references are made from the code, the examples from their scripts.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "docs"
PACKAGES = (
    "dataset",
    "frame",
    "io",
    "image",
    "compare",
    "transforms",
    "figures",
    "flattening",
    "settings",
    "registration.pipeline",
    "registration.evaluation",
    "quality",
    "report",
    "jobs",
    "interoperability",
    "phantom",
    "compute.executor",
    "compute.notebook",
    "errors",
    "compat",
)
"""Modules of the API reference."""

NAVIGATION: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("", ("index.md", "tutorial.md")),
    (
        "Pages of the dashboard",
        tuple(
            f"pages/{name}.md"
            for name in (
                "data",
                "header",
                "data-range",
                "sift",
                "registration",
                "quality",
                "stack",
            )
        ),
    ),
    (
        "Guides",
        (
            "choosing.md",
            "estimators.md",
            "metrics.md",
            "formats.md",
            "interoperability.md",
            "cluster.md",
            "gpu.md",
            "scaling.md",
            "performance.md",
            "reliability.md",
            "security.md",
            "migration.md",
        ),
    ),
    ("Notebooks", ()),
    ("Reference", ("reference/cli.md", "reference/settings.md", "reference/api.md")),
    ("Project", ("contributing.md", "architecture.md", "dependencies.md")),
)
"""Sections with their pages; pages that are not there are left out."""


def main() -> int:
    """Build the site; return the exit code of mkdocs."""
    parser = argparse.ArgumentParser(description="Build the documentation as a site.")
    parser.add_argument("out", nargs="?", default=str(ROOT / "build" / "site"))
    out = Path(parser.parse_args().out).resolve()
    pages = ROOT / "build" / "docs"
    shutil.rmtree(pages, ignore_errors=True)
    write_pages(pages)
    config = ROOT / "build" / "mkdocs.yml"
    config.write_text(yaml.safe_dump(configuration(pages, out), sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-f", str(config)]
    done = subprocess.run(command, check=False, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    if done.returncode == 0:
        sys.stdout.write(f"{out / 'index.html'}\n")
    return done.returncode


def configuration(pages: Path, out: Path) -> dict[str, object]:
    """Return the settings of mkdocs: nothing is loaded from other hosts."""
    sections: list[object] = []
    for title, names in NAVIGATION:
        listed = list(names)
        if title == "Notebooks":
            listed = sorted(str(p.relative_to(pages)) for p in pages.glob("examples/*.md"))
        found = [name for name in listed if (pages / name).exists()]
        sections += [{title: found}] if title else found
    return {
        "site_name": "fibsem-dash",
        "docs_dir": str(pages),
        "site_dir": str(out),
        "use_directory_urls": False,
        "theme": {
            "name": "readthedocs",
            "highlightjs": False,
            "include_homepage_in_sidebar": False,
        },
        "markdown_extensions": ["tables", "fenced_code", "toc"],
        "plugins": ["search"],
        "validation": {"omitted_files": "warn", "links": {"anchors": "warn"}},
        "nav": sections,
    }


def write_pages(pages: Path) -> None:
    """Gather and make all pages below a folder."""
    shutil.copytree(SOURCE, pages, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shutil.copytree(ROOT / "assets", pages / "assets")
    (pages / "contributing.md").write_text(contributing(), encoding="utf-8")
    for folder in ("examples", "reference"):
        (pages / folder).mkdir(exist_ok=True)
    for path in (SOURCE / "examples").glob("*.py"):
        (pages / "examples" / f"{path.stem}.md").write_text(example(path), encoding="utf-8")
    reference = {"cli": command_line(), "settings": settings(), "api": api()}
    for name, text in reference.items():
        (pages / "reference" / f"{name}.md").write_text(text, encoding="utf-8")
    for path in pages.rglob("*.md"):
        depth = "../" * (len(path.relative_to(pages).parts) - 1)
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"(?:\.\./)+assets/", f"{depth}assets/", text), encoding="utf-8")


def contributing() -> str:
    """Return CONTRIBUTING.md with links that fit the site, and the picture of the layers."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    text = text.replace("](docs/", "](").replace("[CHANGELOG.md](CHANGELOG.md)", "CHANGELOG.md")
    return text + (
        "\n## Architecture in one picture\n\n"
        "```text\n"
        "   browser            terminal            notebook             old notebook\n"
        "      |                   |                   |                     |\n"
        " components/             cli/         dataset.py, frame.py       compat/\n"
        " (Panel, Bokeh)           |                   |                     |\n"
        "      |                   |        interoperability/                |\n"
        "      +---------+---------+---------+---------+---------------------+\n"
        "                |                   |\n"
        "        report/, quality/         jobs/            what is found out, and where it runs\n"
        "                |                   |\n"
        "          registration/        compute/            stages of a run; this process or Dask\n"
        "                |\n"
        "   image/  compare/  features/  transforms/        arrays in, results out\n"
        "                |\n"
        "              io/                                  files\n"
        "```\n\n"
        "Imports go downwards only; a test checks it. See [architecture](architecture.md).\n"
    )


def example(path: Path) -> str:
    """Return a script with cells as a page."""
    parts = []
    for part in re.split(r"^# %%", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        kind, _, text = part.partition("\n")
        if "[markdown]" in kind:
            lines = [line.removeprefix("#").removeprefix(" ") for line in text.strip().splitlines()]
            parts.append("\n".join(lines))
        else:
            parts.append(f"```python\n{text.strip()}\n```")
    return "\n\n".join(parts) + f"\n\nFile: `docs/examples/{path.name}`\n"


def command_line() -> str:
    """Return the help of every command, 80 columns wide."""
    os.environ["COLUMNS"] = "80"
    from fibsem_dash.cli.entry import build_parser

    parser = build_parser()
    (action,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    parts = ["# Command line", f"```text\n{parser.format_help()}```"]
    parts += [
        f"## fibsem-dash {name}\n\n```text\n{sub.format_help()}```"
        for name, sub in action.choices.items()
    ]
    return "\n\n".join(parts) + "\n"


def settings() -> str:
    """Return all settings as tables."""
    from fibsem_dash.settings import setting_fields

    groups: dict[str, list[str]] = {}
    for name, field in setting_fields():
        group, _, key = name.rpartition(".")
        meta = field.metadata
        default = repr(field.default).replace("|", "\\|")
        text = str(meta["doc"]).replace("|", "\\|")
        row = f"| `{key or name}` | `{default}` | {meta['unit']} | {text} |"
        groups.setdefault(group or name.partition(".")[0], []).append(row)
    head = "| setting | default | unit | meaning |\n|---|---|---|---|\n"
    tables = [f"## {group}\n\n{head}" + "\n".join(rows) for group, rows in groups.items()]
    return "# Settings\n\n" + "\n\n".join(tables) + "\n"


def api() -> str:
    """Return signature and docstring of every public name."""
    parts = ["# API", "What a name is called here is how it is imported."]
    for package in PACKAGES:
        module = importlib.import_module(f"fibsem_dash.{package}")
        parts.append(f"## fibsem_dash.{package}\n\n{_plain(inspect.getdoc(module))}")
        parts += [_entry(name, getattr(module, name)) for name in public_names(module)]
    return "\n\n".join(part for part in parts if part) + "\n"


def public_names(module: object) -> list[str]:
    """Return the names that a module offers: its ``__all__``, else what is defined there."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return [str(name) for name in listed]
    own = vars(module).items()
    name_of_module = getattr(module, "__name__", "")
    return [
        name
        for name, value in own
        if not name.startswith("_") and getattr(value, "__module__", "") == name_of_module
    ]


def _entry(name: str, value: object) -> str:
    if not callable(value):
        return ""
    try:
        signature = str(inspect.signature(value))
    except (TypeError, ValueError):
        signature = "(...)"
    parts = [f"### {name}\n\n{_plain(f'{name}{signature}')}", _plain(inspect.getdoc(value))]
    if inspect.isclass(value):
        methods = [
            (key, method)
            for key, method in vars(value).items()
            if not key.startswith("_") and inspect.isfunction(method)
        ]
        for key, method in methods:
            first = (inspect.getdoc(method) or "").partition("\n")[0]
            parts.append(_plain(f"{name}.{key}{inspect.signature(method)}\n    {first}"))
    return "\n\n".join(parts)


def _plain(text: str | None) -> str:
    return f"```text\n{text}\n```" if text else ""


if __name__ == "__main__":
    sys.exit(main())
