"""What is fuzzed: each target takes the bytes of a file and reads all that a page would read.

A target returns quietly for bytes that it can read and for those that a reader refuses with one of
our errors; anything else leaves it as an exception, which is a finding.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fibsem_dash.cli.options import load_config
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.io import open_frame, open_stack
from fibsem_dash.io.describe import describe, render_description
from fibsem_dash.io.mrc import MrcStack
from fibsem_dash.io.recipe import decode_recipe
from fibsem_dash.io.stack import PartReader
from fibsem_dash.io.tables import csv_text, read_csv, read_quality
from fibsem_dash.quality.gates import read_gates
from fibsem_dash.settings import from_dict, to_dict

LARGEST_PIXELS = 2**22
"""Frames that claim more are opened and described, but their pixels are not unpacked."""

_FOLDER = Path(
    tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
)


def _file(data: bytes, suffix: str) -> Path:
    path = _FOLDER / f"case-{os.getpid()}{suffix}"
    path.write_bytes(data)
    return path


def _frame(path: Path, strict: bool = True) -> None:
    frame = open_frame(path, strict)
    decode_recipe(frame.trailer[: 2**20])
    if np.prod(frame.shape, dtype=object) > LARGEST_PIXELS:
        return
    for letter in frame.detectors:
        image = frame.raw(letter)
        assert image.shape == frame.shape
        assert image.dtype == frame.dtype
        for reading in (frame.scaled, frame.electrons, frame.samples):
            _refused_or_not(lambda read=reading, name=letter: read(name))


def _stack(path: Path) -> None:
    with open_stack(path) as stack:
        if np.prod(stack.shape, dtype=object) <= LARGEST_PIXELS:
            assert stack[len(stack) - 1].shape == stack.shape[1:]


def _refused_or_not(read: Callable[[], object]) -> None:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        with contextlib.suppress(FibsemDashError):
            read()


def dat(data: bytes) -> None:
    """A .dat frame, strictly and not, its recipe included."""
    path = _file(data, ".dat")
    _refused_or_not(lambda: _frame(path))
    if len(data) < LARGEST_PIXELS:
        _refused_or_not(lambda: open_frame(path, strict=False))
    _refused_or_not(lambda: render_description(describe(path)))


def recipe(data: bytes) -> None:
    """The recipe behind the pixels of a .dat frame."""
    decode_recipe(data)


def tif(data: bytes) -> None:
    """A TIFF as a frame and as a stack."""
    path = _file(data, ".tif")
    _refused_or_not(lambda: _frame(path))
    _refused_or_not(lambda: _stack(path))
    _refused_or_not(lambda: render_description(describe(path)))


def mrc(data: bytes) -> None:
    """An MRC stack, with labels and statistics."""
    path = _file(data, ".mrc")
    _refused_or_not(lambda: _stack(path))
    _refused_or_not(lambda: render_description(describe(path)))

    def words() -> None:
        with MrcStack(path) as stack:
            assert stack.statistics is None or stack.statistics
            assert all(stack.labels)

    _refused_or_not(words)


def csv(data: bytes) -> None:
    """A CSV table; what is read is written and read back alike."""
    path = _file(data, ".csv")

    def back() -> None:
        table = read_csv(path)
        text = csv_text(table)
        assert read_csv(path, text.encode()).shape == table.shape

    _refused_or_not(back)
    _refused_or_not(lambda: read_quality(path))


def xlsx(data: bytes) -> None:
    """A quality table as XLSX."""
    _refused_or_not(lambda: read_quality(_file(data, ".xlsx")))


def yaml(data: bytes) -> None:
    """A file of settings, and one of gates."""
    path = _file(data, ".yaml")
    _refused_or_not(lambda: to_dict(from_dict(load_config(str(path)))))
    _refused_or_not(lambda: read_gates(path))


def _all_levels(path: Path) -> None:
    """Read a stack slice by slice and level by level, as the Stack page does."""
    with open_stack(path) as stack:
        assert len(stack.voxel_size_nm) == 3
        if np.prod(stack.shape, dtype=object) <= LARGEST_PIXELS:
            assert stack[len(stack) - 1].shape == stack.shape[1:]
            assert stack[0].dtype == stack.dtype
        assert isinstance(stack, PartReader)
        for number, (shape, _factors, _chunk) in enumerate(stack.part_levels):
            z, y, x = (slice(n // 2, min(n // 2 + 4, n)) for n in shape)
            part = stack.read_part(z, y, x, number)
            assert part.shape == tuple(s.stop - s.start for s in (z, y, x))


def h5(data: bytes) -> None:
    """A BigDataViewer file, all levels."""
    path = _file(data, ".h5")
    _refused_or_not(lambda: _all_levels(path))


ZARR_FILE = b"\n=====>"
"""What separates the files of a Zarr folder in a case; the rest of its line is the name."""

ZARR_NAMES = re.compile(
    r"([012]/)?(zarr\.json|\.zattrs|\.zgroup|\.zarray|(c/)?[012]([./][012]){2})"
)
"""Names that a case may give its files: no other path is written."""


def pack_zarr(folder: Path) -> bytes:
    """Put the files of a small Zarr folder into one case."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in files]
    assert all(ZARR_NAMES.fullmatch(name) for name in names), names
    parts = zip(names, files, strict=True)
    return b"".join(ZARR_FILE + n.encode() + b"\n" + f.read_bytes() for n, f in parts)


def zarr(data: bytes) -> None:
    """An OME-Zarr folder: metadata of the group and of the arrays, and a few chunks."""
    path = _FOLDER / f"case-{os.getpid()}.zarr"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    for part in data.split(ZARR_FILE)[1:20]:
        name, _, content = part.partition(b"\n")
        text = name.decode("ascii", "replace")
        if ZARR_NAMES.fullmatch(text):
            file = path / text
            with contextlib.suppress(OSError):  # a name may be a file and a folder
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
    _refused_or_not(lambda: _all_levels(path))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "dat": dat,
    "recipe": recipe,
    "tif": tif,
    "mrc": mrc,
    "csv": csv,
    "xlsx": xlsx,
    "yaml": yaml,
    "h5": h5,
    "zarr": zarr,
}
