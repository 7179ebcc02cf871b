"""Vertical axes: numbers of one width, and the ends that fit what is visible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.models import BasicTickFormatter, CustomJSTickFormatter

LABEL_SPACES = 13
"""Width of the numbers at an axis, in spaces: that of -0.005."""


def keep_width(axis: Any) -> None:
    """Give the numbers of a vertical axis one width, unless one of them is long.

    Where they become wider or narrower, Bokeh lays the whole page out anew, which takes longer than
    to draw all curves. A second line of spaces, with no space between the lines, keeps the width.
    """
    numbers = BasicTickFormatter(use_scientific=True, power_limit_high=6)
    code = """
        this.labels ??= numbers.doFormat(ticks, {loc: 0})
        return `${this.labels[index]}\\n${spaces}`
    """
    spaces = "\N{NO-BREAK SPACE}" * LABEL_SPACES
    axis.formatter = CustomJSTickFormatter(args={"numbers": numbers, "spaces": spaces}, code=code)
    axis.major_label_text_line_height = 0


def visible_extremes(
    frames: npt.NDArray[np.int64],
    curves: Mapping[str, npt.NDArray[np.float64]],
    start: float = -np.inf,
    end: float = np.inf,
) -> tuple[float, float] | None:
    """Return the smallest and the largest value of what is visible of some curves.

    Parameters
    ----------
    frames : (n,) int64 array
        The abscissa, rising.
    curves : dict of (n,) float64 arrays
        Values; those that are not finite do not count.
    start, end : float
        Visible range of frames, with both ends.

    Returns
    -------
    (float, float) or None
        None where no value is visible.
    """
    first, last = np.searchsorted(frames, start), np.searchsorted(frames, end, "right")
    parts = [curve[first:last] for curve in curves.values()]
    values = np.concatenate([part[np.isfinite(part)] for part in parts])
    return (float(values.min()), float(values.max())) if len(values) else None
