"""The run folder: a public contract that scripts and pages read and a run resumes from."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fibsem_dash._version import __version__
from fibsem_dash.errors import AccessError, FormatError, RunError
from fibsem_dash.io.atomic import access_error, write_json
from fibsem_dash.io.stack_files import remove_stack
from fibsem_dash.registration.cache import ResultCache
from fibsem_dash.registration.run_lock import hold_run_lock, is_held, now

SCHEMA_VERSION = 1
"""Version of the run folder's layout."""

STAGES = ("inspect", "data_range", "keypoints", "pairs", "chain", "stack")
"""Stages of a run, in order."""

PACKAGES = (
    "numpy",
    "scipy",
    "opencv-contrib-python-headless",
    "scikit-image",
    "dask",
    "mrcfile",
    "zarr",
    "h5py",
)
"""Packages whose versions a result depends on."""


class RunStore:
    """A run folder.

    Parameters
    ----------
    folder : path-like
        The folder; `create` makes it.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        # Workers may run in another folder.
        self.folder = Path(os.path.abspath(folder))
        self.cache = ResultCache(self.folder / "cache")

    def file(self, name: str) -> Path:
        """Return the path of a file in the run folder."""
        return self.folder / name

    @property
    def exists(self) -> bool:
        """Whether the folder holds a run."""
        return self.file("run.json").is_file()

    def create(self) -> None:
        """Make the folder, or check that it is a run folder or empty.

        Raises
        ------
        RunError
            When it holds other files.
        AccessError
            When it cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            foreign = [n for n in os.listdir(self.folder) if not _may_precede_a_run(n)]
        except OSError as error:
            raise access_error(error, self.folder) from error
        if foreign and not self.exists:
            raise RunError(
                "the folder is neither empty nor a run folder",
                path=self.folder,
                found=", ".join(sorted(foreign)[:3]),
                remedy="Choose a new folder for the run.",
                argument="out",
            )

    def sweep(self) -> None:
        """Remove what killed processes left half written in the folder itself."""
        for leftover in self.folder.glob(".*.partial"):
            with contextlib.suppress(OSError):
                remove_stack(leftover)

    def clear(self) -> None:
        """Remove what an earlier run left: results, cache and record; edits are nobody's result."""
        outputs = [Path(name).name for name in self.read().get("outputs", [])]
        try:
            shutil.rmtree(self.cache.folder, ignore_errors=True)
            tables = ("frames.csv", "pairs.csv", "transforms.csv")
            for name in (*tables, "report.html", *outputs, "run.json"):
                remove_stack(self.file(name))
        except OSError as error:
            raise access_error(error, self.folder) from error

    def read(self) -> dict[str, Any]:
        """Return the content of run.json; empty when there is none.

        Raises
        ------
        FormatError
            When it is not a record of this program, or of a newer one.
        """
        path = self.file("run.json")
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise access_error(error, path) from error
        except ValueError:
            data = None
        if not isinstance(data, dict) or data.get("schema_version") != SCHEMA_VERSION:
            found = data.get("schema_version") if isinstance(data, dict) else "something else"
            raise FormatError(
                "not a run record that this version reads",
                path=path,
                expected=f"schema_version {SCHEMA_VERSION}",
                found=found,
                remedy="Choose another folder, or let the run start afresh.",
                argument="fresh",
            )
        return data

    def write(self, record: Mapping[str, Any]) -> None:
        """Replace run.json."""
        write_json(self.file("run.json"), record)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for one run at a time.

        Raises
        ------
        RunError
            When another process holds it.
        """
        with hold_run_lock(self.folder):
            yield

    @property
    def is_held(self) -> bool:
        """Whether a process works in the folder; one of another machine is believed."""
        return is_held(self.folder)


def _may_precede_a_run(name: str) -> bool:
    """Tell whether a file can be there before the first record: of a killed run, or edits."""
    return name in ("cache", "run.lock", "edits.json") or (
        name.startswith(".") and name.endswith(".partial")
    )


def refuse_raw_folder(folder: Path, paths: Sequence[str]) -> None:
    """Refuse a run folder that lies in or below the folder of raw frames.

    Raises
    ------
    RunError
        Nothing is ever written beside raw data.
    """
    target = folder.resolve()
    for raw in {Path(path).parent.resolve() for path in paths}:
        if target == raw or raw in target.parents:
            raise RunError(
                "the run folder lies in the folder of the raw frames, where nothing is written",
                path=target,
                remedy="Choose a folder elsewhere for the run.",
                argument="out",
            )


def new_record(
    settings: Mapping[str, Any], edits: Mapping[str, Any], old: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the content of run.json at the start of a run.

    Parameters
    ----------
    settings, edits : mapping
        As plain data.
    old : mapping
        What it held before; empty for a new run.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "software": software_versions(),
        "settings": settings,
        "edits": edits,
        "created": old.get("created", now()),
        "finished": None,
        "state": "running",
        "stages": {name: {"state": "pending"} for name in STAGES},
        "messages": [],
        "outputs": old.get("outputs", []),
        "input": [],
    }


def software_versions() -> dict[str, str]:
    """Return the versions of the software that results depend on."""
    versions = {"fibsem-dash": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def check_space(folder: Path, needed_bytes: int) -> None:
    """Refuse to start what the disk cannot hold.

    Raises
    ------
    AccessError
        When less than `needed_bytes` are free.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise access_error(error, folder) from error
    if free < needed_bytes:
        raise AccessError(
            "not enough space on the disk",
            path=folder,
            expected=f"{needed_bytes / 1e9:.2f} GB",
            found=f"{free / 1e9:.2f} GB free",
            remedy="Free some space or choose another disk, then start the run again.",
        )
