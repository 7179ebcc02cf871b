"""Readers and writers, one module per file format."""

from __future__ import annotations

import os
from pathlib import Path

from fibsem_dash.errors import FormatError
from fibsem_dash.io.dat import open_dat
from fibsem_dash.io.mrc import MrcStack
from fibsem_dash.io.raw_frame import RawFrame
from fibsem_dash.io.stack import Stack
from fibsem_dash.io.tif import open_tif
from fibsem_dash.io.tif_folder import JoinedStack, TifFolder
from fibsem_dash.io.tif_stack import TifStack

TIFF_SUFFIXES = (".tif", ".tiff")
FRAME_SUFFIXES = (".dat", *TIFF_SUFFIXES)
"""Suffixes of single frames, lower case."""
MRC_SUFFIXES = (".mrc", ".mrcs", ".rec", ".st")
ZARR_SUFFIXES = (".zarr",)
HDF5_SUFFIXES = (".h5", ".hdf5")
STACK_SUFFIXES = (*MRC_SUFFIXES, *TIFF_SUFFIXES, *ZARR_SUFFIXES, *HDF5_SUFFIXES)
"""Suffixes of stacks, lower case."""

__all__ = [
    "FRAME_SUFFIXES",
    "HDF5_SUFFIXES",
    "MRC_SUFFIXES",
    "STACK_SUFFIXES",
    "TIFF_SUFFIXES",
    "ZARR_SUFFIXES",
    "JoinedStack",
    "MrcStack",
    "RawFrame",
    "Stack",
    "TifFolder",
    "TifStack",
    "is_zarr",
    "open_frame",
    "open_stack",
]


def open_frame(path: str | os.PathLike[str], strict: bool = True) -> RawFrame:
    """Open one frame by its suffix, in upper or lower case.

    Parameters
    ----------
    path : path-like
        A .dat, .tif or .tiff file.
    strict : bool, default True
        As in `fibsem_dash.io.dat.open_dat`; TIFF frames are always read strictly.

    Returns
    -------
    RawFrame

    Raises
    ------
    FormatError
        Another suffix, or content that is not what the suffix says.
    AccessError
        The file is missing or may not be read.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".dat":
        return open_dat(path, strict)
    if suffix in TIFF_SUFFIXES:
        return open_tif(path)
    raise FormatError(
        "This is not a frame that can be opened",
        path=path,
        expected=" or ".join(FRAME_SUFFIXES),
        found=suffix or "no suffix",
        remedy="Open it as a stack" if suffix in MRC_SUFFIXES else "Convert it first",
    )


def open_stack(path: str | os.PathLike[str]) -> Stack:
    """Open a stack by its suffix, in upper or lower case.

    Parameters
    ----------
    path : path-like
        A .mrc, .mrcs, .rec, .st, .tif, .tiff, .h5 or .hdf5 (BigDataViewer) file, a .zarr folder
        (OME-Zarr), or a folder of TIFF files with one slice each, in the order of their names.

    Returns
    -------
    Stack
        Slices are read when asked for.

    Raises
    ------
    FormatError
        Another suffix, or content that is not what the suffix says.
    AccessError
        The file is missing or may not be read.
    """
    # zarr and h5py take a while to load, and most callers need neither.
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in MRC_SUFFIXES:
        return MrcStack(path)
    if path.is_dir() and not is_zarr(path):
        return TifFolder(path)
    if suffix in TIFF_SUFFIXES:
        return TifStack(path)
    if suffix in ZARR_SUFFIXES or path.is_dir():
        from fibsem_dash.io.ome_zarr_read import OmeZarrStack

        return OmeZarrStack(path)
    if suffix in HDF5_SUFFIXES:
        from fibsem_dash.io.bdv_read import BdvStack

        return BdvStack(path)
    raise FormatError(
        "This is not a stack that can be opened",
        path=path,
        expected=" or ".join((*STACK_SUFFIXES, "a folder of TIFF files")),
        found=suffix or "no suffix",
        remedy="Open it as a frame" if suffix == ".dat" else "Convert it first",
    )


def is_zarr(path: Path) -> bool:
    """Tell whether a folder is a Zarr group, by its name or its metadata."""
    return path.suffix.lower() in ZARR_SUFFIXES or any(
        (path / name).is_file() for name in ("zarr.json", ".zgroup")
    )
