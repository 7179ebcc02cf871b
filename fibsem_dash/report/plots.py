"""Curves of a report as compact data for its plots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

ROBUST_TAILS = (0.002, 0.998)
"""Quantiles between which a curve is drawn at first."""


@dataclass(frozen=True)
class Curve:
    """A curve: name, (n,) values, colour, and whether it is a fit, which is drawn dashed."""

    name: str
    values: npt.NDArray[np.float64]
    colour: str
    dash: bool = False


@dataclass(frozen=True)
class Panel:
    """Curves with one y axis; the label names the unit."""

    title: str
    ylabel: str
    curves: tuple[Curve, ...]
    robust: bool = True


@dataclass(frozen=True)
class PlotGroup:
    """Panels over the same frames, which are zoomed together.

    Attributes
    ----------
    anchor : str
        Part of the id of the place where they are drawn.
    frames : (n,) int64 array
        Common x values of all curves, increasing.
    panels : tuple of Panel
    shared : bool
        One legend for all panels: their curves are the same runs.
    xlabel : str
    link : str
        Groups with the same link are zoomed together.
    columns : {"", "three"}
        Layout on a wide screen.
    """

    anchor: str
    frames: npt.NDArray[np.int64]
    panels: tuple[Panel, ...]
    shared: bool = False
    xlabel: str = "Frame"
    link: str = "frame"
    columns: str = ""

    def html(self) -> str:
        """Return the place where the panels are drawn."""
        return f'<div class="plots {self.columns}" id="plots-{self.anchor}"></div>'

    def data(self) -> dict[str, Any]:
        """Return what the script of the report needs to draw."""
        return {
            "id": self.anchor,
            "x": compact_frames(self.frames),
            "xlabel": self.xlabel,
            "shared": self.shared,
            "link": self.link,
            "panels": [_panel_data(panel) for panel in self.panels],
        }


def _panel_data(panel: Panel) -> dict[str, Any]:
    values = np.concatenate([curve.values for curve in panel.curves])
    finite = values[np.isfinite(values)]
    bounds = None
    decimals = 0
    if finite.size:
        low, high = np.quantile(finite, ROBUST_TAILS)
        decimals = useful_decimals(float(low), float(high))
        margin = 0.15 * (high - low)
        if panel.robust and high > low:
            bounds = [float(low - margin), float(high + margin)]
    series = [
        {"name": c.name, "colour": c.colour, "dash": c.dash, "y": compact(c.values, decimals)}
        for c in panel.curves
    ]
    return {"title": panel.title, "ylabel": panel.ylabel, "limits": bounds, "series": series}


def useful_decimals(low: float, high: float) -> int:
    """Return how many decimals show a 20 000th of a range: finer than a screen has rows."""
    size = high - low if high > low else abs(high) or 1.0
    return max(0, min(15, math.ceil(math.log10(20_000 / size))))


def compact(values: npt.NDArray[np.float64], decimals: int) -> list[float | int | None]:
    """Return rounded values for JSON; None where one is not finite."""
    rounded = np.round(values, decimals)
    finite = np.isfinite(rounded)
    if decimals == 0:
        numbers: list[Any] = np.where(finite, rounded, 0).astype(np.int64).tolist()
    else:
        numbers = rounded.tolist()
    if finite.all():
        return numbers
    return [number if good else None for number, good in zip(numbers, finite.tolist(), strict=True)]


def compact_frames(frames: npt.NDArray[np.int64]) -> dict[str, int] | list[int]:
    """Return start and number of frames without gaps, else all of them."""
    if len(frames) and frames[-1] - frames[0] == len(frames) - 1:
        return {"start": int(frames[0]), "n": len(frames)}
    numbers: list[int] = frames.tolist()
    return numbers


def on_frames(
    frames: npt.NDArray[np.int64],
    own: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return values, given at the frames `own`, at `frames`; NaN where there is none."""
    result = np.full(len(frames), np.nan)
    result[np.searchsorted(frames, own)] = values
    return result


def union_of_frames(lists: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Return all frames that occur, increasing."""
    return np.unique(np.concatenate([*lists, np.empty(0, np.int64)]).astype(np.int64))
