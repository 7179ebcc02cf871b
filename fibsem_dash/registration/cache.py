"""Results on disk under a key that is made from everything they depend on.

A result is looked up by its key, so a changed file or setting never meets a stale result, and a
rerun computes what is missing and nothing else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.io.atomic import access_error

SCHEMA = 1
"""Part of every key: raise it when the meaning of a stored result changes."""


def content_key(*parts: Any) -> str:
    """Return the key (32 hexadecimal digits) of everything that a result depends on.

    Parameters
    ----------
    *parts : object
        Plain data, dataclasses, paths and arrays.
    """
    text = json.dumps([SCHEMA, *parts], sort_keys=True, default=_plain, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} cannot be part of a key")


def file_identity(path: str | os.PathLike[str]) -> tuple[str, int, int]:
    """Return (name, size in bytes, modification time in ns) of a file.

    The folder is left out on purpose: results survive when a data set is moved.
    """
    status = os.stat(path)
    return os.path.basename(path), status.st_size, status.st_mtime_ns


class ResultCache:
    """Records (JSON) and arrays (NPZ) by kind and key below one folder.

    Parameters
    ----------
    folder : path-like
        Where results are kept; made when the first one is stored.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def path(self, kind: str, key: str, suffix: str) -> Path:
        """Return where a result is or would be."""
        return self.folder / kind / key[:2] / f"{key}{suffix}"

    def load_record(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return a stored record, or None when there is none that is whole."""
        try:
            data = json.loads(self.path(kind, key, ".json").read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        return data if isinstance(data, dict) else None

    def save_record(self, kind: str, key: str, record: Mapping[str, Any]) -> None:
        """Store a record; NaN becomes null.

        Raises
        ------
        AccessError
            When it cannot be written.
        """
        text = json.dumps(_without_nan(record), sort_keys=True, allow_nan=False, default=_plain)
        path = self.path(kind, key, ".json")
        self._replace(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))

    def load_arrays(self, kind: str, key: str, *names: str) -> dict[str, npt.NDArray[Any]] | None:
        """Return stored arrays (all, or those named), or None when they are not there and whole."""
        try:
            # NumPy leaves a file open that it finds broken, so it is opened and closed here.
            with (
                self.path(kind, key, ".npz").open("rb") as stream,
                np.load(stream, allow_pickle=False) as stored,
            ):
                arrays = {name: stored[name] for name in names or stored.files}
        except (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile):
            return None
        # A torn directory of the archive can read as that of an empty one.
        return arrays or None

    def discard_arrays(self, kind: str, key: str) -> None:
        """Remove stored arrays, for instance broken ones, so that they are computed anew."""
        with contextlib.suppress(OSError):
            self.path(kind, key, ".npz").unlink()

    def save_arrays(self, kind: str, key: str, **arrays: npt.NDArray[Any]) -> None:
        """Store arrays by name.

        Raises
        ------
        AccessError
            When they cannot be written.
        """

        def write(temporary: Path) -> None:
            with temporary.open("wb") as stream:
                np.savez(stream, allow_pickle=False, **arrays)

        self._replace(self.path(kind, key, ".npz"), write)

    def _replace(self, path: Path, write: Any) -> None:
        # Rename without fsync: a crash of the process cannot leave half a file, and one that a
        # power cut tore is found broken when it is read, and computed again.
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(temporary)
            os.replace(temporary, path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise access_error(error, path) from error


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _without_nan(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(v) for v in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _without_nan(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def as_float(value: float | None) -> float:
    """Return a number from a record, where null stands for NaN."""
    return float("nan") if value is None else float(value)
