"""Whether one registration is better than another, frame by frame and on the whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fibsem_dash.errors import ParameterError
from fibsem_dash.quality.bootstrap import block_length, resampled_statistics
from fibsem_dash.quality.metrics import METRICS
from fibsem_dash.quality.tables import QualityTable


@dataclass(frozen=True)
class Interval:
    """A difference with the range in which it lies with the stated confidence.

    Attributes
    ----------
    value, low, high : float
        Second table minus first.
    """

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole range is on one side of zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Difference:
    """What changes from a first table (the baseline) to a second one, in one measure.

    Attributes
    ----------
    metric : str
        The measure.
    first, second : str
        Labels of the tables; differences are second minus first.
    n_common : int
        Frames that both have a finite value for; all numbers are over these.
    mean, median : Interval
        Difference of the means, and of the medians.
    n_better, n_worse, n_equal : int
        Frames in which the second is better, worse, or the same.
    block_length : int
        Frames per block of the bootstrap.
    confidence : float
        Of the intervals, 0 to 1.
    verdict : {"better", "worse", "no difference"}
        By the interval of the median: what the second is, compared with the first.
    notes : tuple of str
        What makes the comparison doubtful.
    """

    metric: str
    first: str
    second: str
    n_common: int
    mean: Interval
    median: Interval
    n_better: int
    n_worse: int
    n_equal: int
    block_length: int
    confidence: float
    verdict: str
    notes: tuple[str, ...] = ()


def compare_tables(
    a: QualityTable,
    b: QualityTable,
    metric: str,
    *,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Difference:
    """Compare two tables in one measure over the frames that both have.

    The intervals are percentiles of a paired circular block bootstrap (Efron, Annals of Statistics
    7, 1, 1979; Politis and Romano, 1992): blocks of neighbouring frames are drawn with
    replacement, the same ones from both tables. Pairing takes out what both have in common, such
    as a stretch of noisy frames; blocks keep the correlation of neighbours, without which the
    interval would be too narrow. The length of a block follows the correlation of the difference,
    see `fibsem_dash.quality.bootstrap.block_length`.

    Parameters
    ----------
    a, b : QualityTable
        Baseline and what is compared with it.
    metric : str
        Name of the measure.
    n_resamples : int, default 1000
        At least 100.
    confidence : float, default 0.95
        Above 0.5, below 1.
    seed : int, default 0
        The same seed gives the same interval.

    Returns
    -------
    Difference
        Without common frames `n_common` is 0 and all differences are NaN.

    Raises
    ------
    ParameterError
        For a measure that one of them does not have, or settings out of range.
    """
    if n_resamples < 100 or not 0.5 < confidence < 1:
        raise ParameterError(
            "settings of the bootstrap",
            expected="at least 100 resamples and a confidence between 0.5 and 1",
            found=(n_resamples, confidence),
        )
    values_a, values_b = a.column(metric), b.column(metric)
    _, in_a, in_b = np.intersect1d(a.frames, b.frames, assume_unique=True, return_indices=True)
    both = np.stack([values_a[in_a], values_b[in_b]])
    both = both[:, np.isfinite(both).all(0)]
    change = both[1] - both[0]
    gain = change if METRICS[metric].better == "high" else -change
    counts = int((gain > 0).sum()), int((gain < 0).sum()), int((gain == 0).sum())
    notes = tuple(_notes(a, b, metric, change.size))
    if not change.size:
        nothing = Interval(*[float("nan")] * 3)
        return Difference(
            metric, a.label, b.label, 0, nothing, nothing, *counts, 1, confidence,
            "no difference", notes,
        )  # fmt: skip
    length = block_length(change)
    means, medians = resampled_statistics(both, length, n_resamples, seed)
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    mean = Interval(float(change.mean()), *np.quantile(np.diff(means)[:, 0], tails).tolist())
    centre = np.median(both, axis=1)
    median = Interval(
        float(centre[1] - centre[0]), *np.quantile(np.diff(medians)[:, 0], tails).tolist()
    )
    return Difference(
        metric, a.label, b.label, change.size, mean, median, *counts, length, confidence,
        _verdict(median, metric), notes,
    )  # fmt: skip


def _verdict(interval: Interval, metric: str) -> str:
    if not interval.excludes_zero:
        return "no difference"
    return "better" if (interval.value > 0) == (METRICS[metric].better == "high") else "worse"


def _notes(a: QualityTable, b: QualityTable, metric: str, n_common: int) -> list[str]:
    notes = []
    if not n_common:
        notes.append("the tables have no frame in common")
    elif n_common < 0.9 * min(len(a), len(b)):
        notes.append(f"only {n_common} frames are common")
    if a.boxes is not None and b.boxes is not None and len(a) and len(b):
        areas = [
            float(np.median((t[:, 1] - t[:, 0]) * (t[:, 3] - t[:, 2]))) for t in (a.boxes, b.boxes)
        ]
        if max(areas) > 1.1 * min(areas) and metric in ("NMI", "FSC"):
            notes.append(f"{metric} depends on the size of the box, and the boxes differ in size")
    return notes
