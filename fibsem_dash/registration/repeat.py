"""What a run record says about how to make the same result again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fibsem_dash.errors import FormatError, RunError
from fibsem_dash.registration.edits import RunEdits
from fibsem_dash.registration.run_store import RunStore, software_versions
from fibsem_dash.settings import RunSettings, from_dict


@dataclass(frozen=True)
class RunRecipe:
    """Everything that a run was made from.

    Attributes
    ----------
    folder : pathlib.Path
        The run folder that it was read from.
    paths : tuple of str
        The frames in order.
    settings : RunSettings
        All settings.
    edits : RunEdits
        Frames left out and pairs changed by hand.
    versions : dict
        Software by name.
    inputs : tuple of (str, int, int)
        Path, size in bytes and modification time in ns of the frames, and of the files that the
        settings name.
    """

    folder: Path
    paths: tuple[str, ...]
    settings: RunSettings
    edits: RunEdits
    versions: dict[str, str]
    inputs: tuple[tuple[str, int, int], ...]

    def other_versions(self) -> list[str]:
        """Name the software whose version differs from that of the run, one line each."""
        present = software_versions()
        names = sorted(self.versions.keys() | present.keys())
        return [
            f"{name} {self.versions.get(name, 'was absent')} then, "
            f"{present.get(name, 'absent')} now"
            for name in names
            if self.versions.get(name) != present.get(name)
        ]

    def changed_inputs(self) -> list[str]:
        """Name the files that are not as they were, one line each."""
        found = []
        for path, size, mtime_ns in self.inputs:
            try:
                status = os.stat(path)
            except OSError as error:
                # A file that was unreadable then has no size, and takes no part now either.
                if size or mtime_ns:
                    found.append(f"{path}: {error.strerror}")
                continue
            if status.st_size != size:
                found.append(f"{path}: {size} bytes then, {status.st_size} now")
            elif status.st_mtime_ns != mtime_ns:
                found.append(f"{path}: written again since")
        return found

    def require_same_inputs(self) -> None:
        """Refuse to repeat a run whose files changed.

        Raises
        ------
        RunError
            Names up to five of them.
        """
        changed = self.changed_inputs()
        if changed:
            more = f"; and {len(changed) - 5} more" if len(changed) > 5 else ""
            raise RunError(
                f"{len(changed)} files are not as they were in that run",
                path=self.folder,
                found="; ".join(changed[:5]) + more,
                remedy="Bring them back, or force the repetition with the files as they are.",
                argument="force",
            )


def read_recipe(path: str | os.PathLike[str]) -> RunRecipe:
    """Read how a run was made.

    Parameters
    ----------
    path : path-like
        The file run.json of a run folder, or the folder.

    Raises
    ------
    FormatError
        Not the record of a run, or of one that ended before it had listed its frames.
    ParameterError
        Settings that this version does not know.
    AccessError
        It cannot be read.
    """
    folder = Path(os.path.abspath(path))
    if folder.name == "run.json":
        folder = folder.parent
    store = RunStore(folder)
    record = store.read()
    entries = [*_entries(record, "input"), *_entries(record, "other_files")]
    paths = tuple(entry[0] for entry in _entries(record, "input"))
    if not paths:
        raise FormatError(
            "the record does not list the frames of a run",
            path=store.file("run.json"),
            remedy="Give the run.json of a run that has begun.",
        )
    versions = record.get("software")
    try:
        settings = from_dict(record.get("settings") or {})
        edits = RunEdits.from_dict(record.get("edits") or {})
    except (TypeError, AttributeError) as error:
        raise FormatError("settings that make no sense", path=store.file("run.json")) from error
    return RunRecipe(
        folder=folder,
        paths=paths,
        settings=settings,
        edits=edits,
        versions={str(k): str(v) for k, v in versions.items()}
        if isinstance(versions, dict)
        else {},
        inputs=tuple(entries),
    )


def _entries(record: dict[str, Any], name: str) -> list[tuple[str, int, int]]:
    entries = record.get(name)
    found = []
    for entry in entries if isinstance(entries, list) else []:
        try:
            path, size, mtime_ns = entry["path"], int(entry["size"]), int(entry["mtime_ns"])
        except (TypeError, KeyError, ValueError) as error:
            raise FormatError("a run record that lists no files", found=str(entry)[:80]) from error
        if not isinstance(path, str) or not os.path.isabs(path):
            raise FormatError("a run record that lists no absolute paths", found=str(path)[:80])
        found.append((path, size, mtime_ns))
    return found


def other_files(settings: RunSettings) -> list[dict[str, object]]:
    """List the files that settings name, with size and time; those that are missing are left out.

    Parameters
    ----------
    settings : RunSettings
        Of the run.
    """
    names: Sequence[str] = (settings.output.flatten_file, settings.output.brightness_file)
    found: list[dict[str, object]] = []
    for name in filter(None, names):
        path = os.path.abspath(name)
        try:
            status = os.stat(path)
        except OSError:
            continue
        found.append({"path": path, "size": status.st_size, "mtime_ns": status.st_mtime_ns})
    return found
