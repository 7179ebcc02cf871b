"""The quality of a registration along the stack, of one run or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from fibsem_dash.errors import ParameterError
from fibsem_dash.figures.style import (
    REGIONS,
    add_legend,
    format_number,
    new_figure,
    set_figure_title,
    style_axes,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

AXIS_LABELS = {
    "NSAD": "NSAD (lower is better)",
    "NCC": "NCC (higher is better)",
    "NMI": "NMI (higher is better)",
    "FSC": "FSC bandwidth (cycles per pixel)",
}
"""Labels of the measures."""
_DASHES = ("-", "--", "-.", ":")


def draw_quality(
    runs: Mapping[str, Mapping[str, ArrayLike] | pd.DataFrame], *, title: str = ""
) -> Figure:
    """Draw each measure against the slice, one line per run.

    Parameters
    ----------
    runs : mapping of str to mapping of str to array-like, (slices,)
        Columns of a quality table by name of the run: "frame" and some of "NSAD", "NCC", "NMI",
        "FSC". A table of pandas will do.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        Lines are labelled with run, mean and standard deviation.

    Raises
    ------
    ParameterError
        Where no run holds a measure.
    """
    names = [name for name in AXIS_LABELS if any(name in table for table in runs.values())]
    if not names:
        raise ParameterError("No measure of quality", expected=" or ".join(AXIS_LABELS))
    figure = new_figure(9, 1.0 + 2.2 * len(names))
    set_figure_title(figure, title)
    panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(panels, names, strict=True):
        for k, (run, table) in enumerate(runs.items()):
            if name in table:
                values = np.asarray(table[name], dtype=np.float64)
                axes.plot(
                    np.asarray(table["frame"]),
                    values,
                    color=REGIONS[(k + 4) % len(REGIONS)],
                    linestyle=_DASHES[k // len(REGIONS) % len(_DASHES)],
                    linewidth=1.0,
                    label=f"{run}: {_summary(values)}",
                )
        style_axes(axes, "", AXIS_LABELS[name])
        axes.margins(x=0.01)
        add_legend(axes, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, frameon=False)
    panels[-1].set_xlabel("Slice (compared with the one before)", fontsize=9)
    return figure


def _summary(values: np.ndarray) -> str:
    finite: Sequence[float] = values[np.isfinite(values)]
    if not len(finite):
        return "no value"
    return f"{format_number(float(np.mean(finite)))} ± {format_number(float(np.std(finite)), 2)}"
