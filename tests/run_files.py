"""What is in a folder, for tests that compare it before and after."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path


def results(folder: Path, but: Collection[str] = ("run.json",)) -> dict[str, bytes]:
    """Bytes of the results in a run folder: everything but the record and the cache."""
    return {
        path.name: path.read_bytes()
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name not in but
    }


def named_results(folder: Path) -> dict[str, bytes]:
    """Bytes of the results that have their final names."""
    found = results(folder, but=("run.json", "run.lock"))
    return {name: content for name, content in found.items() if not name.startswith(".")}


def results_without_report(folder: Path) -> dict[str, bytes]:
    """Bytes of the results but for the report, which tells of folders and times."""
    return results(folder, but=("run.json", "report.html"))


def fingerprints(folder: Path) -> dict[str, tuple[str, int]]:
    """Hash and modification time of every file below a folder."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
