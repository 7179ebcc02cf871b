"""Flattening factors in a file: what an analysis finds and a registration applies."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.errors import FormatError, ParameterError
from fibsem_dash.io.atomic import access_error, atomic_path

LETTERS = ("A", "B", "C", "D")
"""Names that an array in the file may have: letters of detectors."""


def write_flatten(path: str | os.PathLike[str], factors: Mapping[str, NDArray[Any]]) -> None:
    """Write flattening factors, whole or not at all.

    Parameters
    ----------
    path : path-like
        The NPZ file to make or replace.
    factors : mapping of str to ndarray, (y, x)
        Multiplicative factors by detector letter; kept as float32.

    Raises
    ------
    ParameterError
        For another name than a detector letter, or something that is not (y, x).
    AccessError
        When the file cannot be written.
    """
    wrong = [name for name, array in factors.items() if name not in LETTERS or array.ndim != 2]
    if wrong or not factors:
        raise ParameterError(
            "These are not flattening factors",
            expected="arrays (y, x) by detector letter",
            found=", ".join(wrong) or "none",
        )
    arrays: dict[str, Any] = {name: factors[name].astype(np.float32) for name in sorted(factors)}
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def read_flatten(path: str | os.PathLike[str]) -> dict[str, NDArray[np.float32]]:
    """Read flattening factors.

    Parameters
    ----------
    path : path-like
        NPZ file with arrays named by detector letters; other arrays in it are passed over.

    Returns
    -------
    dict of str to ndarray, (y, x), float32

    Raises
    ------
    FormatError
        When it is not such a file.
    AccessError
        When it cannot be read.
    """
    expected = "an NPZ file with arrays A, B, ..."
    try:
        with np.load(path, allow_pickle=False) as stored:
            names = [name for name in stored.files if name in LETTERS]
            factors = {name: stored[name].astype(np.float32) for name in names}
    except OSError as error:
        raise access_error(error, path) from error
    except (ValueError, zipfile.BadZipFile, AttributeError, EOFError):
        raise FormatError("no flattening factors", path=path, expected=expected) from None
    if not factors or any(f.ndim != 2 for f in factors.values()):
        raise FormatError("no flattening factors", path=path, expected=expected)
    return factors
