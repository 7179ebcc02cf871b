"""Files that are either whole or not there.

Everything is written under a temporary name beside the target, forced to disk and then renamed, so
a crash or a full disk never leaves half a file under the final name.
"""

from __future__ import annotations

import errno
import json
import math
import os
import uuid
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from fibsem_dash.errors import AccessError, FibsemDashError, FormatError

_CAUSES: dict[int, tuple[str, str]] = {
    errno.ENOENT: ("The file or its folder does not exist", "Check the path"),
    errno.EACCES: ("Access is denied", "Check the permissions of the file and its folder"),
    errno.EPERM: ("Access is denied", "Check the permissions of the file and its folder"),
    errno.EROFS: ("The disk is mounted read-only", "Choose a folder on a writable disk"),
    errno.ENOSPC: ("The disk is full", "Free some space or choose another disk"),
    errno.EDQUOT: ("The disk quota is used up", "Free some space or choose another disk"),
    errno.EISDIR: ("A folder was given where a file is needed", "Give the path of a file"),
    errno.ENOTDIR: ("A part of the path is not a folder", "Check the path"),
    errno.ENAMETOOLONG: ("The file name is too long", "Choose a shorter name"),
    errno.EMFILE: ("Too many files are open", "Raise the limit of open files (ulimit -n)"),
}


def access_error(error: OSError, path: str | os.PathLike[str]) -> AccessError:
    """Turn an error of the operating system into one with a remedy.

    Parameters
    ----------
    error : OSError
        What the operating system reported; an ``AccessError`` is returned unchanged.
    path : path-like
        File that it happened with.

    Returns
    -------
    AccessError
        The error to raise, with ``errno`` of the original.
    """
    if isinstance(error, AccessError):
        return error
    what, remedy = _CAUSES.get(
        error.errno or 0, (error.strerror or str(error), "Check the path and the disk")
    )
    result = AccessError(what, path=path, remedy=remedy)
    result.errno = error.errno
    return result


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """Report any operating system error inside the block as an ``AccessError`` on `path`."""
    try:
        yield
    except OSError as error:
        raise access_error(error, path) from error


@contextmanager
def decoding(
    path: str | os.PathLike[str],
    what: str,
    remedy: str = "Copy it again completely",
    access: type[OSError] | tuple[type[OSError], ...] = OSError,
) -> Iterator[None]:
    """Report whatever goes wrong inside the block as an error on `path` that a user can act on.

    Parameters
    ----------
    path : path-like
        What is read.
    what : str
        What to say where its content cannot be read.
    remedy : str
        What the user can do then.
    access : OSError or tuple of its subclasses
        Errors of the operating system that mean that there is no access; others mean that the
        content is damaged, for a library of formats reports that in the same words.

    Raises
    ------
    FormatError
        The content cannot be read.
    AccessError
        An error of the kinds in `access`.
    """
    try:
        yield
    except FibsemDashError:
        raise
    except access as error:
        raise access_error(error, path) from error
    except Exception as error:
        # Readers and codecs let errors of every kind through: zlib, lzma, struct, memory.
        text = str(error).strip().splitlines()
        raise FormatError(
            what,
            path=path,
            found=f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__,
            remedy=remedy,
        ) from error


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path that becomes `path` when the block ends well.

    Parameters
    ----------
    path : path-like
        The file to make or replace. Its folder must exist.

    Yields
    ------
    pathlib.Path
        Where to write: a hidden name in the same folder that ends in ``.partial``, so that no
        listing of frames picks up a leftover. The block must create this file.

    Raises
    ------
    AccessError
        Folder missing or not writable, disk full, and so on. The temporary file is removed and an
        older file under the final name is left as it was.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.stem[:40]}-{uuid.uuid4().hex[:12]}.partial")
    try:
        yield temporary
        _force_to_disk(temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise access_error(error, target) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    _force_folder_to_disk(target.parent)


def _force_to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _force_folder_to_disk(folder: Path) -> None:
    # Not every operating system or network disk can do this; the rename itself has happened.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` to `path`, whole or not at all; raise ``AccessError`` where impossible."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` as UTF-8 with LF line ends, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: str | os.PathLike[str], value: object) -> None:
    """Write `value` as JSON with sorted keys, indented by two, whole or not at all.

    Parameters
    ----------
    path : path-like
        The file to make or replace.
    value : object
        Anything that `json_safe` understands. NaN and infinities become ``null``, because JSON has
        no word for them.

    Raises
    ------
    AccessError
        The file cannot be written.
    TypeError
        The value holds something that has no form in JSON.
    """
    text = json.dumps(
        json_safe(value), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False
    )
    write_text(path, text + "\n")


def json_safe(value: object) -> Any:
    """Turn NumPy values, paths, sets and mappings into what JSON can hold; NaN becomes None.

    Parameters
    ----------
    value : object
        Nested mappings, sequences, sets, arrays, NumPy scalars, paths, bytes (as hexadecimal text)
        and plain values. Keys of mappings become text.

    Returns
    -------
    object
        Only dict, list, str, int, float (finite), bool and None.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | np.floating):
        number = float(value)
        return number if math.isfinite(number) else None
    if isinstance(value, np.generic | np.ndarray):
        return json_safe(value.tolist())
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex()
    if isinstance(value, Mapping):
        return {str(key): json_safe(item) for key, item in value.items()}
    if isinstance(value, Set):
        return sorted((json_safe(item) for item in value), key=repr)
    if isinstance(value, list | tuple):
        return [json_safe(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no form in JSON")
