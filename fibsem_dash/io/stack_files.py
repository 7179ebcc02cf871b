"""Stacks in all formats that are written: begun, gone on with, and given their final names."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fibsem_dash.errors import ParameterError
from fibsem_dash.io.atomic import reading
from fibsem_dash.io.bdv import BdvStackWriter, check_bdv_type
from fibsem_dash.io.bdv_xml import write_bdv_xml
from fibsem_dash.io.mrc import MrcStackWriter
from fibsem_dash.io.ome_zarr import OmeZarrStackWriter, folder_identity
from fibsem_dash.io.stack import StackWriter
from fibsem_dash.io.tif_stack_write import TifStackWriter

Shape = tuple[int, int, int]
Voxel = tuple[float, float, float]

WRITERS: dict[str, Any] = {
    ".mrc": MrcStackWriter,
    ".zarr": OmeZarrStackWriter,
    ".h5": BdvStackWriter,
    ".tif": TifStackWriter,
}
"""Writers by suffix."""


def create_stack(
    suffix: str,
    path: Path,
    shape: Shape,
    dtype: np.dtype[Any],
    voxel_size_nm: Voxel,
    labels: Sequence[str] = (),
) -> StackWriter:
    """Begin a stack under a temporary name.

    Parameters
    ----------
    suffix : {".mrc", ".zarr", ".h5", ".tif"}
        Format.
    path : pathlib.Path
        The temporary name, of any suffix.
    shape : (int, int, int)
        (z, y, x).
    dtype : numpy.dtype
        Type of a voxel.
    voxel_size_nm : (float, float, float)
        (z, y, x), nm.
    labels : sequence of str
        Lines for those formats that have a place for them.

    Raises
    ------
    ParameterError
        When the format cannot hold the stack.
    AccessError
        When it cannot be written.
    """
    writer: StackWriter = WRITERS[suffix].create(path, shape, dtype, voxel_size_nm, labels)
    return writer


def attach_stack(
    suffix: str, path: Path, shape: Shape, dtype: np.dtype[Any], voxel_size_nm: Voxel
) -> StackWriter:
    """Go on with a stack that `create_stack` began; parameters as there."""
    if suffix == ".mrc":
        return MrcStackWriter(path, shape, dtype)
    if suffix == ".tif":
        return TifStackWriter.attach(path, shape, dtype)
    kind = OmeZarrStackWriter if suffix == ".zarr" else BdvStackWriter
    return kind(path, shape, dtype, voxel_size_nm)


def check_stack_type(suffix: str, dtype: np.dtype[Any]) -> None:
    """Find out before the work whether a format holds a type.

    Raises
    ------
    ParameterError
        When it does not.
    """
    if suffix == ".h5":
        check_bdv_type(dtype)


def companions(suffix: str, final: Path) -> tuple[Path, ...]:
    """Return the files beside a finished stack that belong to it."""
    return (final.with_suffix(".xml"),) if suffix == ".h5" else ()


def write_companions(suffix: str, final: Path, shape: Shape, voxel_size_nm: Voxel) -> None:
    """Write the files beside a stack, before the stack gets its final name."""
    for path in companions(suffix, final):
        write_bdv_xml(path, shape, voxel_size_nm)


def stack_identity(path: Path) -> list[int] | None:
    """Return numbers that change with the content of a file or folder; None where it is not."""
    try:
        status = path.stat()
    except OSError:
        return None
    if path.is_dir():
        return list(folder_identity(path))
    return [status.st_size, status.st_mtime_ns]


def remove_stack(path: Path) -> None:
    """Remove a file or folder if it is there.

    Raises
    ------
    AccessError
        When it cannot be removed.
    """
    with reading(path):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def publish_stack(partial: Path, final: Path) -> None:
    """Give a finished stack its final name, in place of an older one.

    Raises
    ------
    AccessError
        When it cannot be renamed.
    """
    with reading(final):
        if final.is_dir() and not final.is_symlink():
            # A folder cannot be replaced in one step: for a moment there is none, never half a one.
            old = final.with_name(f".{final.stem[:40]}-{uuid.uuid4().hex[:12]}.partial")
            os.replace(final, old)
            os.replace(partial, final)
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(partial, final)


def suffix_of(path: str | os.PathLike[str]) -> str:
    """Return the suffix of the format that a name asks for.

    Raises
    ------
    ParameterError
        For one that is not written.
    """
    suffix = Path(path).suffix.lower()
    suffix = {".tiff": ".tif", ".hdf5": ".h5"}.get(suffix, suffix)
    if suffix not in WRITERS:
        raise ParameterError(
            "Stacks are not written under this name",
            path=path,
            expected=" or ".join(WRITERS),
            found=suffix or "no suffix",
            remedy="Change the suffix",
        )
    return suffix
