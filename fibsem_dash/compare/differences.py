"""Normalized sum of absolute differences of two images."""

from __future__ import annotations

from typing import Literal

import numpy as np

from fibsem_dash.backend import Backend, array_module
from fibsem_dash.compare.sums import AbsoluteSums, absolute_sums
from fibsem_dash.errors import ParameterError
from fibsem_dash.numerics.arguments import as_pair, check_choice
from fibsem_dash.numerics.notes import warn_once_per_call

NsadMode = Literal["abs", "signed", "offset"]
NSAD_MODES: tuple[str, ...] = ("abs", "signed", "offset")


def nsad(
    previous: object,
    current: object,
    mode: NsadMode = "abs",
    offset: float | None = None,
    backend: Backend = "auto",
) -> float:
    """Mean absolute difference of two images relative to the mean level above their minimum.

    With ``M = (previous + current) / 2`` it is ``mean|current - previous|`` divided by

    * ``"abs"``: ``mean|M| - min|M|``, the value found in newer reports. For data on both sides of
      zero ``|M|`` folds at zero, the denominator collapses and the result means little: a warning
      says so.
    * ``"signed"``: ``mean(M) - min(M)``, the formula of 2022; no folding.
    * ``"offset"``: ``mean(M) - offset`` with a level common to all pairs, which makes pairs of a
      stack comparable.

    Parameters
    ----------
    previous, current : array-like, (y, x)
        Any real type, equal shapes. Pixels that are not finite in both are left out.
    mode : {"abs", "signed", "offset"}
    offset : float, optional
        Zero level in the units of the pixels; needed by, and only used by, ``"offset"``.
    backend : {"numpy", "cupy", "auto"}

    Returns
    -------
    float
        0 for equal images, about 1 for unrelated ones; lower is better. NaN where the denominator
        is not positive (constant images) or no pixel is left.

    Raises
    ------
    ParameterError
        For different shapes, an unknown mode, or ``"offset"`` without an offset.
    """
    first, second = as_pair(previous, current)
    xp = array_module(backend, first, second)
    sums = absolute_sums(xp, xp.asarray(first), xp.asarray(second))
    if mode == "abs" and sums.folds:
        note = "the data lies on both sides of zero, where mode 'abs' folds; use mode 'signed'"
        warn_once_per_call((note,), "NSAD")
    return nsad_of_sums(sums, mode, offset)


def nsad_of_sums(sums: AbsoluteSums, mode: NsadMode = "abs", offset: float | None = None) -> float:
    """`nsad` from the sums over the pixels, without the warning."""
    check_choice(mode, "mode of NSAD", NSAD_MODES)
    if mode == "offset" and offset is None:
        raise ParameterError("NSAD of mode 'offset' needs the offset")
    if sums.count == 0:
        return np.nan
    if mode == "abs":
        level = (sums.absolute_total / sums.count - sums.absolute_minimum) / 2
    elif mode == "signed":
        level = (sums.total / sums.count - sums.total_minimum) / 2
    else:
        level = sums.total / sums.count / 2 - float(offset or 0.0)
    # A constant image leaves only what rounding leaves of its level.
    noise = 4 * np.finfo(float).eps * sums.absolute_total / sums.count
    return sums.difference / sums.count / level if level > noise else np.nan
