"""Statistics of the runs and their differences, as rows for tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fibsem_dash.quality import (
    METRICS,
    Difference,
    MetricStatistics,
    QualityTable,
    compare_tables,
    summarise,
)

RESAMPLES = 1000
"""Of the intervals."""

STATISTICS = ("mean", "median", "std", "spread")
"""Columns of the table in which the best run is marked by `best_of`."""

SMALL_IS_BEST = ("std", "spread")
"""Statistics of which less is better, whatever the measure."""


@dataclass(frozen=True)
class Summary:
    """Statistics of several tables.

    Attributes
    ----------
    tables : tuple of QualityTable
    statistics : tuple of mapping
        Of each table, by the names of the measures.
    """

    tables: tuple[QualityTable, ...]
    statistics: tuple[Mapping[str, MetricStatistics], ...]

    @property
    def metrics(self) -> list[str]:
        """Measures that any table has, in the order in which they are shown."""
        return [name for name in METRICS if any(name in s for s in self.statistics)]

    def best_of(self, metric: str, statistic: str) -> int | None:
        """Return the place of the best table in one statistic; None for less than two values."""
        low = statistic in SMALL_IS_BEST or METRICS[metric].better == "low"
        values = [
            (getattr(told[metric], statistic) * (1 if low else -1), k)
            for k, told in enumerate(self.statistics)
            if metric in told
        ]
        finite = [pair for pair in values if pair[0] == pair[0]]
        return min(finite)[1] if len(finite) > 1 else None


def summarise_all(tables: Sequence[QualityTable]) -> Summary:
    """Return the statistics of several tables."""
    return Summary(tuple(tables), tuple(summarise(table) for table in tables))


DifferenceKey = tuple[str, str, str]
"""(key of the baseline, key of the other run, measure)."""


def wanted_differences(
    baseline: tuple[str, QualityTable], others: Sequence[tuple[str, QualityTable]]
) -> list[DifferenceKey]:
    """Return what can be compared: the measures that a run shares with the baseline.

    SNR is left out: it is NCC on another scale, so its verdict would be the same.
    """
    key, table = baseline
    return [
        (key, other, name)
        for name in table.metrics
        if name != "SNR"
        for other, candidate in others
        if other != key and name in candidate.columns
    ]


def compute_differences(
    keys: Sequence[DifferenceKey], tables: Mapping[str, QualityTable], stop: Callable[[], bool]
) -> Iterator[tuple[DifferenceKey, Difference]]:
    """Compare the runs one measure after the other, until `stop` says so."""
    for key in keys:
        if stop():
            return
        first, second, metric = key
        yield (
            key,
            compare_tables(tables[first], tables[second], metric, n_resamples=RESAMPLES),
        )


def verdict_words(found: Difference) -> str:
    """Return a verdict as a sentence."""
    if not found.n_common:
        return "No common frames"
    share = 100 * max(found.n_better, found.n_worse) / found.n_common
    if found.verdict == "no difference":
        return f"No difference: the interval of the median holds 0 ({found.n_common} frames)"
    which = "better" if found.verdict == "better" else "worse"
    count = found.n_better if which == "better" else found.n_worse
    share = 100 * count / found.n_common
    return f"{which.capitalize()} than {found.first}; {which} in {share:.0f} % of the frames"
