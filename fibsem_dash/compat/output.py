"""Where results go and how they are shown: never beside raw data, and in a notebook as pictures."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibsem_dash.compute.notebook import in_notebook
from fibsem_dash.errors import ParameterError
from fibsem_dash.figures import save_figure
from fibsem_dash.io.atomic import access_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULTS = "fibsem_dash_results"
"""Folder below the current one that takes what old versions wrote beside raw data."""


def results_folder(folder: str | os.PathLike[str] | None, raw: Iterable[Path]) -> Path:
    """Return the folder for results, made where it is missing.

    Parameters
    ----------
    folder : path-like, optional
        What the user gave; ``fibsem_dash_results`` in the current folder by default.
    raw : iterable of pathlib.Path
        Folders of raw frames, in and below which nothing is written.

    Raises
    ------
    ParameterError
        Where it lies in or below one of those.
    AccessError
        When it cannot be made.
    """
    chosen = Path(os.path.abspath(folder or RESULTS))
    if beside_raw(chosen, raw):
        raise ParameterError(
            "The folder for results lies in that of the raw frames, where nothing is written",
            path=chosen,
            remedy="Give another one: out_dir='...' (frames) or data_dir='...' (data sets)",
        )
    try:
        chosen.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise access_error(error, chosen) from error
    return chosen


def beside_raw(folder: Path, raw: Iterable[Path]) -> bool:
    """Tell whether a folder is, or lies below, one of the folders of raw frames."""
    target = folder.resolve()
    return any(target == place or place in target.parents for place in (p.resolve() for p in raw))


def output_file(
    given: str | os.PathLike[str] | None, default: str, folder: Callable[[], Path]
) -> Path:
    """Return the file to write: that which was given, else `default` in the folder for results.

    A given file follows the current folder, as it did.
    """
    if not given:
        return folder() / default
    path = Path(os.path.abspath(given))
    folder_of_given = results_folder(path.parent, ())
    return folder_of_given / path.name


def show_and_save(
    draw: Callable[[], Figure], options: Any, path: Callable[[], Path] | None = None
) -> Path | None:
    """Draw a figure where somebody sees it: in a notebook, or in a file.

    Parameters
    ----------
    draw : callable
        Makes the figure; not called where neither is wanted.
    options : object
        ``disp_res``, ``save_res_png`` and ``dpi`` of the call; missing ones count as off.
    path : callable, optional
        The file to write.

    Returns
    -------
    pathlib.Path or None
        The file, where one was written.
    """
    wanted = bool(getattr(options, "disp_res", False)) and in_notebook()
    save = bool(getattr(options, "save_res_png", False)) and path is not None
    if not wanted and not save:
        return None
    figure = draw()
    if wanted:
        show(figure)
    if not save or path is None:
        return None
    return save_figure(figure, path(), int(getattr(options, "dpi", 300)))


def show(figure: Figure) -> None:
    """Show a figure in a notebook as a picture."""
    from IPython.display import Image, display

    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=80)
    display(Image(data=content.getvalue()))
