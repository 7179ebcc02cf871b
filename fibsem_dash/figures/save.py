"""Figures as files: PNG, JPEG and SVG, the same bytes every time."""

from __future__ import annotations

import os
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibsem_dash.errors import ParameterError
from fibsem_dash.io.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".svg")
"""Suffixes of the kinds of files that a figure can be saved as, lower case."""

_OPTIONS: dict[str, dict[str, Any]] = {
    "png": {"metadata": {"Software": None}},
    "jpeg": {"pil_kwargs": {"quality": 92}},
    "svg": {"metadata": {"Date": None, "Creator": None}},
}
_LOCK = threading.Lock()


def save_figure(figure: Figure, path: str | os.PathLike[str], dpi: int = 200) -> Path:
    """Save a figure, whole or not at all; the suffix says how.

    The file holds neither time nor version, so that equal figures give equal bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What a function of this package drew.
    path : path-like
        Ends in .png, .jpg, .jpeg or .svg. An existing file is replaced.
    dpi : int, default 200
        Dots per inch, 10 to 2400; for the images inside an SVG, too.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ParameterError
        For another suffix or a resolution out of range.
    AccessError
        When the file cannot be written.
    """
    kind = check_figure_path(path)
    if not 10 <= dpi <= 2400:
        raise ParameterError("Resolution of a figure", expected="10 to 2400 dpi", found=dpi)
    import matplotlib as mpl

    target = Path(path)
    # The names inside an SVG come from a setting that the whole process shares.
    with (
        _LOCK,
        mpl.rc_context({"svg.hashsalt": "fibsem-dash"}),
        warnings.catch_warnings(),
        atomic_path(target) as temporary,
    ):
        # Notes of an operator may hold any sign; one that the font lacks becomes a box.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(temporary, format=kind, dpi=dpi, **_OPTIONS[kind])
    return target


def check_figure_path(path: str | os.PathLike[str]) -> str:
    """Return the kind of figure file that a path asks for: "png", "jpeg" or "svg".

    Raises
    ------
    ParameterError
        For another suffix.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FIGURE_SUFFIXES:
        raise ParameterError(
            "A figure cannot be saved as this kind of file",
            path=path,
            expected=", ".join(FIGURE_SUFFIXES),
            found=suffix or "no suffix",
        )
    return "jpeg" if suffix in (".jpg", ".jpeg") else suffix[1:]
