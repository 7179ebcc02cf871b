"""Stacks that are being written: found again after an interruption, or begun."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fibsem_dash.io.atomic import access_error
from fibsem_dash.io.mrc import MrcStack
from fibsem_dash.io.stack import Stack, StackWriter
from fibsem_dash.io.stack_files import (
    attach_stack,
    companions,
    create_stack,
    publish_stack,
    remove_stack,
    stack_identity,
    write_companions,
)
from fibsem_dash.io.tif_stack import TifStack
from fibsem_dash.registration.cache import ResultCache, content_key

STACKS = "stacks"
"""Kind of these results in the cache."""


@dataclass(frozen=True)
class StackTarget:
    """One format of the stack that is being written, and the token of its finished parts.

    Attributes
    ----------
    writer : StackWriter
        Of the file or folder under its temporary or, when complete, its final name.
    token : str
        A new file gets a new token, so no slice of a lost file counts as written.
    final : pathlib.Path
        Name of the finished stack; its suffix is that of the format.
    key : str
        Key of everything that the stack's bytes depend on.
    """

    writer: StackWriter
    token: str
    final: Path
    key: str

    @property
    def suffix(self) -> str:
        """Suffix of the format, with its dot."""
        return self.final.suffix

    @property
    def complete(self) -> bool:
        """Whether the stack has its final name already."""
        return self.writer.path == self.final

    @property
    def missing_bytes(self) -> int:
        """Space that the stack still needs at most: what is written of it needs no more."""
        if self.complete:
            return 0
        return max(self.writer.expected_bytes - self.writer.written_bytes(), 0)


STACK_READERS: dict[str, Callable[[Path], Stack]] = {".mrc": MrcStack, ".tif": TifStack}
"""Readers of the formats that hold single slices, by suffix; the name of the file is free."""


def open_target(
    cache: ResultCache,
    final: Path,
    key: str,
    shape: tuple[int, int, int],
    dtype: np.dtype[Any],
    voxel_size_nm: tuple[float, float, float],
    labels: Sequence[str],
) -> StackTarget:
    """Find the stack that an earlier run finished or began, or begin a new one.

    Parameters
    ----------
    cache : ResultCache
        Of the run folder.
    final : pathlib.Path
        Name of the finished stack; the suffix chooses the format: .mrc, .zarr, .h5 or .tif.
    key : str
        Key of everything that the stack's bytes depend on.
    shape : (int, int, int)
        (z, y, x).
    dtype : numpy.dtype
        Type of a voxel.
    voxel_size_nm : (float, float, float)
        (z, y, x), nm.
    labels : sequence of str
        Lines for the file's header.

    Raises
    ------
    AccessError
        When the file cannot be made, for instance on a full disk.
    ParameterError
        When the format cannot hold the stack.
    """
    suffix = final.suffix
    found = find_target(cache, final, key, shape, dtype, voxel_size_nm)
    if found is not None and found.writer.path.parent == final.parent:
        if found.writer.path != final:
            # The XML names its HDF5 file.
            for path in companions(suffix, found.writer.path):
                remove_stack(path)
            publish_stack(found.writer.path, final)
            record = cache.load_record(STACKS, found.key) or {}
            cache.save_record(STACKS, found.key, record | {"file": final.name})
            writer = attach_stack(suffix, final, shape, dtype, voxel_size_nm)
            found = replace(found, writer=writer)
        if not all(path.exists() for path in companions(suffix, final)):
            write_companions(suffix, final, shape, voxel_size_nm)
    if found is not None:
        return found
    key = _key_of_format(suffix, key)
    folder = cache.folder / STACKS
    partial = folder / f"{key}{suffix}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise access_error(error, folder) from error
    for stale in folder.glob(f"*{suffix}.partial"):
        remove_stack(stale)
    token = uuid.uuid4().hex
    # It gets its name when it is whole: what a crash leaves half made is never gone on with.
    fresh = folder / f"{key}-{token}{suffix}.partial"
    create_stack(suffix, fresh, shape, dtype, voxel_size_nm, labels)
    cache.save_record(STACKS, key, {"token": token})
    publish_stack(fresh, partial)
    writer = attach_stack(suffix, partial, shape, dtype, voxel_size_nm)
    return StackTarget(writer, token, final, key)


def find_target(
    cache: ResultCache,
    final: Path,
    key: str,
    shape: tuple[int, int, int],
    dtype: np.dtype[Any],
    voxel_size_nm: tuple[float, float, float],
) -> StackTarget | None:
    """Find a stack that an earlier run finished, maybe under another name, or began.

    Nothing is written; parameters as for `open_target`.
    """
    suffix = final.suffix
    key = _key_of_format(suffix, key)
    record = cache.load_record(STACKS, key) or {}
    token = str(record.get("token", ""))
    finished = final.with_name(str(record.get("file") or final.name))
    path = cache.folder / STACKS / f"{key}{suffix}.partial"
    if record.get("identity") and stack_identity(finished) == record["identity"]:
        path = finished
    if not token or not path.exists():
        return None
    writer = attach_stack(suffix, path, shape, dtype, voxel_size_nm)
    return StackTarget(writer, token, final, key)


def _key_of_format(suffix: str, key: str) -> str:
    # The key of an MRC stack is that of the plan, as it always was.
    return key if suffix == ".mrc" else content_key("format", suffix, key)


def discard_partials(cache: ResultCache, targets: Sequence[StackTarget]) -> None:
    """Remove what earlier runs began in formats or with settings that are not asked for now."""
    wanted = {target.writer.path for target in targets}
    for partial in (cache.folder / STACKS).glob("*.partial"):
        if partial not in wanted:
            remove_stack(partial)
