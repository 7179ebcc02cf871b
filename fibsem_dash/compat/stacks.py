"""Quality of existing stacks, with the names, arguments, files and numbers of old notebooks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fibsem_dash.compat.keywords import take
from fibsem_dash.compat.output import output_file, results_folder, show_and_save
from fibsem_dash.compute.executor import DaskExecutor, Executor, InProcessExecutor
from fibsem_dash.figures import draw_box, draw_quality
from fibsem_dash.io import open_stack
from fibsem_dash.io.tables import write_csv, write_xlsx
from fibsem_dash.registration.boxes import box_bounds
from fibsem_dash.registration.evaluation import evaluate_stack
from fibsem_dash.registration.snr_estimates import default_frames
from fibsem_dash.settings import QualitySettings

if TYPE_CHECKING:
    import pandas as pd

_BOX = [0, 0, 0, 0]
_BOXES: dict[str, Any] = {
    "evaluation_box": _BOX,
    "sliding_evaluation_box": False,
    "start_evaluation_box": _BOX,
    "stop_evaluation_box": _BOX,
}
OLD_COLUMNS = {
    "frame": "Frame",
    "NSAD": "Image NSAD",
    "NCC": "Image NCC",
    "NMI": "Image MI",
    "FSC": "Image FSC",
}
"""Names of 2022 of the columns of a quality table."""


def executor_of(client: Any) -> Executor:
    """Return where work runs: on the given Dask client, in this process without one.

    Anything else, such as the empty text of old notebooks, counts as none.
    """
    return DaskExecutor(client) if hasattr(client, "submit") else InProcessExecutor()


def quality_settings(options: Any, **changes: Any) -> QualitySettings:
    """Return the box of a call as settings."""
    sliding = bool(options.sliding_evaluation_box)
    box = options.start_evaluation_box if sliding else options.evaluation_box
    return QualitySettings(
        box=_four(box), sliding=sliding, stop_box=_four(options.stop_evaluation_box), **changes
    )


def _four(box: Sequence[int]) -> tuple[int, int, int, int]:
    top, height, left, width = (int(value) for value in box)
    return top, height, left, width


def analyze_mrc_stack_registration(
    mrc_filename: str | os.PathLike[str], DASK_client: Any = "", **kwargs: Any
) -> Any:
    """Measure how well neighbouring slices of a stack fit.

    Parameters
    ----------
    mrc_filename : path-like
        MRC, or any stack that `fibsem_dash.io.open_stack` opens.
    DASK_client : distributed.Client, optional
        Runs the work; this process without one, or with ``use_DASK=False``.
    **kwargs : object
        ``frame_inds`` (second slices; all), ``invert_data`` False, ``evaluation_box``,
        ``sliding_evaluation_box``, ``start_evaluation_box``, ``stop_evaluation_box``,
        ``save_res_png`` True, ``save_filename``, ``Sample_ID``, ``disp_res``, ``dpi``; of 2025
        ``DASK_client_retries``, ``save_sample_frames_png``.

    Returns
    -------
    pandas.DataFrame
        Columns Image NSAD, Image NCC, Image MI. With ``generation="2025"`` or its arguments
        (table, path of the workbook): Frame, the box, NSAD, NCC, NMI.

    Notes
    -----
    Writes ``<stem>_RegistrationQuality.csv`` (2025: ``.xlsx``) and a figure, into
    ``fibsem_dash_results`` where no ``save_filename`` is given. NSAD is by the formula of each
    generation. The rows of 2025 were turned by one without Dask; here they are not. A list of
    frames that begins with 0 is moved on by one, as it was, and cut where the stack ends.
    """
    later = {"DASK_client_retries": 3, "save_sample_frames_png": True}
    accepted = {
        "DASK_client": None,
        "use_DASK": True,
        "frame_inds": None,
        "invert_data": False,
        **_BOXES,
        "save_res_png": True,
        "disp_res": True,
        "dpi": 300,
        "save_filename": None,
        "Sample_ID": "",
        **later,
    }
    options = take("analyze_mrc_stack_registration", kwargs, accepted, later)
    old = options.generation == "2022"
    table = evaluate_stack(
        mrc_filename,
        quality_settings(options),
        slices=_second_slices(options.frame_inds, mrc_filename),
        invert=options.invert_data,
        executor=executor_of((DASK_client or options.DASK_client) if options.use_DASK else None),
        nsad_mode="signed" if old else "abs",
    )
    stem = _stem(options.save_filename, mrc_filename)
    show_and_save(
        lambda: draw_quality({options.Sample_ID or stem.name: table}, title=str(mrc_filename)),
        options,
        lambda: Path(f"{stem}_RegistrationQuality.png"),
    )
    table = table.rename(columns={"frame": "Frame"})
    if old:
        result = table.rename(columns=OLD_COLUMNS)[["Image NSAD", "Image NCC", "Image MI"]]
        write_csv(f"{stem}_RegistrationQuality.csv", result)
        return result
    path = f"{stem}_RegistrationQuality.xlsx"
    write_xlsx(path, quality_sheets(table, mrc_filename, options))
    return table, path


def _second_slices(frame_inds: Any, path: str | os.PathLike[str]) -> list[int] | None:
    if frame_inds is None or not len(frame_inds):
        return None
    chosen = [int(k) for k in frame_inds]
    if chosen[0] != 0:
        return chosen
    with open_stack(path) as stack:
        return [k + 1 for k in chosen if k + 1 < len(stack)]


def _stem(given: Any, source: str | os.PathLike[str]) -> Path:
    """Path of the files of a result without suffix."""
    path = output_file(given, Path(source).name, lambda: results_folder(None, ()))
    return path.with_suffix("")


def quality_sheets(
    table: pd.DataFrame, source: str | os.PathLike[str], options: Any
) -> dict[str, pd.DataFrame]:
    """Return the sheets of a workbook of 2025: the statistics, and facts in two columns."""
    import pandas as pd

    facts = {
        "Stack Filename": os.fspath(source),
        "Sample_ID": options.Sample_ID,
        "invert_data": options.invert_data,
    }
    rows = pd.DataFrame({"Name": list(facts), "Value": [str(v) for v in facts.values()]})
    return {"Registration Quality Statistics": table, "Stack Info": rows}


def show_eval_box_mrc_stack(mrc_filename: str | os.PathLike[str], **kwargs: Any) -> list[Any]:
    """Draw slices of a stack with the evaluation box, one figure each, and return the figures.

    Parameters
    ----------
    mrc_filename : path-like
    **kwargs : object
        ``frame_inds`` (a tenth, the middle and nine tenths), ``evaluation_box``,
        ``sliding_evaluation_box``, ``start_evaluation_box``, ``stop_evaluation_box``,
        ``invert_data`` False, ``save_res_png`` True, ``save_filename``, ``Sample_ID``,
        ``disp_res``, ``dpi``, ``ax`` (one axis of Matplotlib: the slice is drawn there, nothing is
        saved); of 2025 ``box_linewidth`` 1, ``box_color`` 'yellow'.
    """
    accepted = {
        "frame_inds": None,
        **_BOXES,
        "invert_data": False,
        "save_res_png": True,
        "disp_res": True,
        "dpi": 300,
        "save_filename": None,
        "Sample_ID": "",
        "ax": None,
        "box_linewidth": 1.0,
        "box_color": "yellow",
    }
    options = take("show_eval_box_mrc_stack", kwargs, accepted)
    settings = quality_settings(options)
    figures = []
    with open_stack(mrc_filename) as stack:
        n, height, width = stack.shape
        stop = settings.stop_box if settings.sliding else None
        bounds = box_bounds(n, (height, width), settings.box, stop_box=stop)
        chosen = default_frames(n) if options.frame_inds is None else options.frame_inds
        for k in (int(index) for index in chosen):
            image = stack[k]
            title = f"{options.Sample_ID} {Path(mrc_filename).name}, frame={k}".strip()
            if options.ax:
                _draw_on(options, image, bounds[k], title)
                continue
            figure = draw_box(
                [image],
                bounds[k],
                title=title,
                colour=options.box_color,
                line_width=options.box_linewidth,
                high_is_dark=not options.invert_data,
            )
            figures.append(figure)
            _show(figure, options, k, mrc_filename)
    return figures


def _show(figure: Any, options: Any, k: int, source: str | os.PathLike[str]) -> None:
    def path() -> Path:
        return Path(f"{_stem(options.save_filename, source)}_frame_{k}_evaluation_box.png")

    show_and_save(lambda: figure, options, path)


def _draw_on(options: Any, image: np.ndarray[Any, Any], bounds: Any, title: str) -> None:
    from matplotlib.patches import Rectangle

    xi, xa, yi, ya = (int(value) for value in bounds)
    options.ax.imshow(image, cmap="Greys_r" if options.invert_data else "Greys")
    options.ax.set_title(title, parse_math=False)
    box = Rectangle(
        (xi, yi),
        xa - xi,
        ya - yi,
        fill=False,
        edgecolor=options.box_color,
        linewidth=options.box_linewidth,
    )
    options.ax.add_patch(box)
