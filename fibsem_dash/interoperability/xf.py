"""Transforms as .xf files of IMOD, one line ``A11 A12 A21 A22 DX DY`` per section.

Convention of IMOD: a line leads from a point of the raw image to the point of the aligned one,

    X' = A11 X + A12 Y + DX,    Y' = A21 X + A22 Y + DY,

with coordinates counted from the centre of each image. A pixel k of n lies at ``k - (n - 1) / 2``
from the centre. ``C_j`` of this package leads the other way, from the result to the frame, from the
centre of the first pixel on; `to_xf` and `from_xf` are the way between.

IMOD counts Y upwards. In the MRC files written here row 0 is the first in the file and so the
lowest in IMOD; nothing has to be turned. Where IMOD turned the images when it read them (tif2mrc
does), ``flip_y=True`` is right.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fibsem_dash.errors import FormatError, ParameterError, RunError
from fibsem_dash.io.atomic import reading, write_text
from fibsem_dash.registration.canvas import Canvas, fit_canvas
from fibsem_dash.registration.stored_run import read_run
from fibsem_dash.transforms import translation

Array = npt.NDArray[np.float64]
LARGEST_FILE = 2**26
"""Bytes of the largest file that is read."""


def to_xf(
    matrices: npt.ArrayLike,
    frame_shape: tuple[int, int],
    canvas: Canvas | None = None,
    *,
    flip_y: bool = False,
) -> Array:
    """Return the lines of an .xf file for the matrices of a registration.

    Parameters
    ----------
    matrices : (n, 3, 3) array-like
        ``C_j``, from the coordinates of the first frame to those of frame j, px.
    frame_shape : (int, int)
        Size (y, x) of a raw frame, px.
    canvas : Canvas, optional
        Size of the aligned images and place of the first frame in them; that of a frame by default.
    flip_y : bool, default False
        Rows are counted from the other end.

    Returns
    -------
    (n, 6) float64 array
        A11 A12 A21 A22 DX DY.

    Raises
    ------
    ParameterError
        For matrices of another shape, or one that cannot be inverted.
    """
    given = np.asarray(matrices, np.float64)
    if given.ndim != 3 or given.shape[1:] != (3, 3):
        raise ParameterError("matrices", expected="(n, 3, 3)", found=given.shape)
    if not np.isfinite(given).all() or (np.abs(np.linalg.det(given)) < 1e-12).any():
        raise ParameterError("matrices", expected="matrices that can be inverted")
    before, after = _centres(frame_shape, canvas or Canvas(frame_shape))
    centred = after @ np.linalg.inv(given) @ before
    if flip_y:
        turn = np.diag([1.0, -1.0, 1.0])
        centred = turn @ centred @ turn
    return centred[:, :2, [0, 1, 2]].reshape(-1, 6)[:, [0, 1, 3, 4, 2, 5]]


def from_xf(
    lines: npt.ArrayLike,
    frame_shape: tuple[int, int],
    canvas: Canvas | None = None,
    *,
    flip_y: bool = False,
) -> Array:
    """Return the matrices ``C_j``, (n, 3, 3), for the lines of an .xf file; see `to_xf`.

    Raises
    ------
    ParameterError
        For lines of another length, or one that cannot be inverted.
    """
    rows = np.asarray(lines, np.float64)
    if rows.ndim != 2 or rows.shape[1] != 6:
        raise ParameterError("lines", expected="(n, 6)", found=rows.shape)
    centred = np.tile(np.eye(3), (len(rows), 1, 1))
    centred[:, :2, :2] = rows[:, :4].reshape(-1, 2, 2)
    centred[:, :2, 2] = rows[:, 4:]
    if not np.isfinite(rows).all() or (np.abs(np.linalg.det(centred)) < 1e-12).any():
        raise ParameterError("lines", expected="transforms that can be inverted")
    if flip_y:
        turn = np.diag([1.0, -1.0, 1.0])
        centred = turn @ centred @ turn
    before, after = _centres(frame_shape, canvas or Canvas(frame_shape))
    return np.asarray(before @ np.linalg.inv(centred) @ after)


def _centres(frame_shape: tuple[int, int], canvas: Canvas) -> tuple[Array, Array]:
    """Return the steps from centred coordinates to a frame, and on to the centred canvas."""
    height, width = frame_shape
    before = translation((width - 1) / 2, (height - 1) / 2)
    size_y, size_x = canvas.shape
    left, top = canvas.offset
    after = translation(left - (size_x - 1) / 2, top - (size_y - 1) / 2)
    return before, after


def read_xf(path: str | os.PathLike[str]) -> Array:
    """Read an .xf file, numbers between any blanks; (n, 6): A11 A12 A21 A22 DX DY.

    Raises
    ------
    FormatError
        For anything else than six numbers in every line.
    AccessError
        When it cannot be read.
    """
    with reading(path):
        content = Path(path).read_bytes()[: LARGEST_FILE + 1]
    expected = "six numbers in every line"
    try:
        lines = [line.split() for line in content.decode("ascii").splitlines() if line.strip()]
        rows = np.array([[float(word) for word in line] for line in lines], dtype=np.float64)
    except ValueError as error:
        raise FormatError("not an .xf file", path=path, expected=expected) from error
    if rows.ndim != 2 or rows.shape[1] != 6 or not np.isfinite(rows).all():
        raise FormatError("not an .xf file", path=path, expected=expected, found=rows.shape)
    return rows


def write_xf(path: str | os.PathLike[str], lines: npt.ArrayLike) -> None:
    """Write an .xf file: four numbers with 7 decimals and two with 3 in every line, as IMOD does.

    Raises
    ------
    ParameterError
        For lines of another length.
    AccessError
        When it cannot be written.
    """
    rows = np.asarray(lines, np.float64)
    if rows.ndim != 2 or rows.shape[1] != 6:
        raise ParameterError("lines", expected="(n, 6)", found=rows.shape)
    text = "".join(
        "".join(f"{value:12.7f}" for value in row[:4])
        + "".join(f"{value:12.3f}" for value in row[4:])
        + "\n"
        for row in rows
    )
    write_text(path, text)


def run_to_xf(folder: str | os.PathLike[str], *, flip_y: bool = False) -> Array:
    """Return the lines of an .xf file for the frames that a run uses, in their order.

    Raises
    ------
    RunError
        Where the run has no transforms yet.
    """
    run = read_run(folder)
    found = run.final_matrices()
    if found is None:
        raise RunError("the run has no transforms yet", path=folder, remedy="Let it finish.")
    numbers, matrices = found
    shape = run.frames[numbers[0]].shape
    output = run.settings.output
    canvas = fit_canvas(matrices, shape, output.pad_mode) if output.pad else Canvas(shape)
    return to_xf(matrices, shape, canvas, flip_y=flip_y != output.flip_y)
