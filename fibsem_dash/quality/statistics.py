"""Statistics of a quality table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fibsem_dash.image import spread
from fibsem_dash.quality.metrics import METRICS
from fibsem_dash.quality.tables import QualityTable

STATISTICS = ("mean", "median", "std", "spread", "min", "max")
"""Statistics of a measure, by the names that gates use."""


@dataclass(frozen=True)
class MetricStatistics:
    """Statistics of one measure along a stack.

    Attributes
    ----------
    metric : str
        Name of the measure.
    n, n_missing : int
        Frames with a finite value, and those without one (an SNR of perfect matches is infinite).
    mean, median, std : float
        Over the finite values; `std` is that of the population. NaN where there are none.
    spread : float
        Scatter about the smooth course, see `fibsem_dash.image.spread`; NaN for a short stack.
    min, max : float
        Extremes of the finite values.
    worst_frames : tuple of int
        Frames with the worst values, the worst first.
    """

    metric: str
    n: int
    n_missing: int
    mean: float
    median: float
    std: float
    spread: float
    min: float
    max: float
    worst_frames: tuple[int, ...]


def summarise(table: QualityTable, n_worst: int = 10) -> dict[str, MetricStatistics]:
    """Return the statistics of every measure of a table, by its name.

    Parameters
    ----------
    table : QualityTable
    n_worst : int, default 10
        How many of the worst frames are named.

    Returns
    -------
    dict of str to MetricStatistics
        "SNR" is that of every pair, NCC / (1 - NCC), so its mean is the mean of the ratios.
    """
    return {name: _statistics(table, name, n_worst) for name in table.metrics}


def _statistics(table: QualityTable, metric: str, n_worst: int) -> MetricStatistics:
    values = table.columns[metric]
    finite = np.isfinite(values)
    good = values[finite]
    if not good.size:
        nan = float("nan")
        return MetricStatistics(metric, 0, len(values), nan, nan, nan, nan, nan, nan, ())
    badness = good if METRICS[metric].better == "low" else -good
    worst = np.argsort(-badness, kind="stable")[:n_worst]
    return MetricStatistics(
        metric=metric,
        n=int(good.size),
        n_missing=int(values.size - good.size),
        mean=float(good.mean()),
        median=float(np.median(good)),
        std=float(good.std()),
        spread=spread(good),
        min=float(good.min()),
        max=float(good.max()),
        worst_frames=tuple(table.frames[finite][worst].tolist()),
    )
