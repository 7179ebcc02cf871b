"""Key points and matches of a trial as columns for glyphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.features import KeyPoints
from fibsem_dash.registration.trial_result import PairTrial

MOST_DRAWN = 3000
"""Lines or points of one kind that are drawn: more would hide the picture and slow the browser."""

MATCH_COLUMNS = ("x0", "y0", "x1", "y1", "ratio", "residual", "dx", "dy", "size")


def strongest(order: npt.NDArray[Any], limit: int = MOST_DRAWN) -> npt.NDArray[np.intp]:
    """Return the places of the smallest values, at most so many."""
    return np.argsort(order, kind="stable")[:limit]


def match_columns(
    trial: PairTrial,
    chosen: npt.NDArray[np.bool_],
    offset: float | None,
    limit: int = MOST_DRAWN,
) -> dict[str, npt.NDArray[Any]]:
    """Return lines from the first to the second point of some matches, most distinctive first.

    Parameters
    ----------
    trial : PairTrial
        The pair.
    chosen : (n,) bool array
        Which of its candidate matches.
    offset : float or None
        The second frame lies so far to the right, px; None: it lies aligned over the first.
    limit : int
        Most matches that are returned.
    """
    index = np.flatnonzero(chosen)
    index = index[strongest(trial.matches.ratio[index], limit)]
    src = trial.matches.src[index].astype(np.float64)
    dst = trial.matches.dst[index].astype(np.float64)
    delta = np.full_like(src, np.nan)
    end = dst
    if trial:
        matrix = trial.matrix
        delta = src @ matrix[:2, :2].T + matrix[:2, 2] - dst
    if offset is not None:
        end = dst + np.array([offset, 0.0])
    elif trial:
        back = np.linalg.inv(trial.matrix)
        end = dst @ back[:2, :2].T + back[:2, 2]
    sizes = trial.first_points.size[trial.matches.src_index[index]]
    values = (*src.T, *end.T, trial.matches.ratio[index], np.hypot(*delta.T), *delta.T, sizes)
    return dict(zip(MATCH_COLUMNS, values, strict=True))


def outlier_mask(trial: PairTrial, lowe_ratio: float) -> npt.NDArray[np.bool_]:
    """Return the candidates that passed Lowe's test and do not fit the transform, (n,) bool."""
    return trial.matches.below(lowe_ratio) & ~trial.inliers


def point_columns(
    points: KeyPoints, offset: float = 0.0, limit: int = MOST_DRAWN
) -> dict[str, npt.NDArray[Any]]:
    """Return circles of key points as large as what they describe, strongest first."""
    index = strongest(-points.response, limit)
    return {
        "x": points.xy[index, 0] + np.float32(offset),
        "y": points.xy[index, 1],
        "radius": points.size[index] / 2,
        "response": points.response[index],
    }


def drawn_words(name: str, n: int, limit: int = MOST_DRAWN) -> str:
    """Say how many of something are drawn."""
    return f"{n} {name}" if n <= limit else f"{limit} of {n} {name}"
