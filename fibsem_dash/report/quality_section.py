"""Quality of one run or several as plots, statistics, differences and gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fibsem_dash.quality import METRICS, GateResult, MetricStatistics, QualityTable, compare_tables
from fibsem_dash.quality.differences import Difference, Interval
from fibsem_dash.report.markup import RUN_COLOURS, Cell, details, empty, number, paragraph, table
from fibsem_dash.report.plots import Curve, Panel, PlotGroup, on_frames, union_of_frames

Statistics = Mapping[str, MetricStatistics]

ROBUST_OPTION = (
    '<label class="option"><input type="checkbox" class="robust" checked> '
    "Leave outliers out of the y range</label>"
)
RESAMPLES = 400
"""Of the intervals in a report, which holds many; their ends vary by a few percent."""
HOW_TO_ZOOM = "Drag to zoom all plots along x, double-click to see everything."


def run_colour(k: int) -> str:
    """Return the colour of the k-th run."""
    return RUN_COLOURS[k % len(RUN_COLOURS)]


def quality_plots(tables: Sequence[QualityTable]) -> PlotGroup | None:
    """Return one panel per measure with a curve per table; None where nothing was measured."""
    frames = union_of_frames([item.frames for item in tables])
    panels = []
    for name, metric in METRICS.items():
        curves = tuple(
            Curve(
                item.label,
                on_frames(frames, item.frames, item.columns[name]),
                run_colour(k),
                dash=k >= len(RUN_COLOURS),
            )
            for k, item in enumerate(tables)
            if name in item.columns
        )
        if curves:
            panels.append(Panel(f"{name}: {metric.title}", _axis(name), curves))
    if not panels or not len(frames):
        return None
    return PlotGroup(
        "quality", frames, tuple(panels), shared=len(tables) > 1, xlabel="Slice", link="slice"
    )


def _axis(name: str) -> str:
    units = {"error": "Error (px)", "npts": "Key points", "FSC": "FSC (cycles per pixel)"}
    return units.get(name, name)


def quality_html(group: PlotGroup | None) -> str:
    """Return the place of the plots with their option, or why there are none."""
    if group is None:
        return empty("No slice was measured, so there is nothing to draw.")
    hint = f'<span class="soft">{HOW_TO_ZOOM}</span>'
    return f'<div class="bar-line">{hint}{ROBUST_OPTION}</div>{group.html()}'


def overview_table(tables: Sequence[QualityTable], told: Sequence[Statistics]) -> str:
    """Return the median and spread of every measure, one row per table, the best in bold."""
    names = [name for name in METRICS if any(name in statistics for statistics in told)]
    best = {
        name: _best([s[name].median if name in s else float("nan") for s in told], metric.better)
        for name, metric in METRICS.items()
        if name in names
    }
    rows = []
    for k, (item, statistics) in enumerate(zip(tables, told, strict=True)):
        row = [Cell(item.label, "text", colour=run_colour(k)), Cell(str(len(item)), "num")]
        for name in names:
            chosen = len(tables) > 1 and best[name] == k
            known = statistics.get(name)
            row.append(Cell(number(known.median) if known else "–", "num", best=chosen))
            row.append(Cell(number(known.spread, 3) if known else "–", "num"))
        rows.append(row)
    heading = ["Run", "Slices"]
    for name in names:
        heading += [f"{name} median", "spread"]
    return table(heading, rows)


def statistics_table(tables: Sequence[QualityTable], told: Sequence[Statistics]) -> str:
    """Return the statistics of every measure of every table, the best of each in bold."""
    rows = []
    for name, metric in METRICS.items():
        present = [k for k, statistics in enumerate(told) if name in statistics]
        best = _best([told[k][name].median for k in present], metric.better)
        for place, k in enumerate(present):
            item = told[k][name]
            values = (item.mean, item.median, item.std, item.spread, item.min, item.max)
            chosen = len(present) > 1 and place == best
            rows.append(
                [
                    Cell(name if place == 0 else ""),
                    Cell(tables[k].label, "text", colour=run_colour(k)),
                    *(Cell(number(v), "num", best=chosen and j == 1) for j, v in enumerate(values)),
                    Cell(str(item.n), "num"),
                    Cell(", ".join(map(str, item.worst_frames[:5])), "text"),
                ]
            )
    heading = ["Measure", "Run", "Mean", "Median", "Std", "Spread", "Min", "Max", "Slices", "Worst"]
    if not rows:
        return empty("There are no measures.")
    note = "Std: population. Spread: std about the smooth course. Lower is better for " + ", ".join(
        name for name, metric in METRICS.items() if metric.better == "low"
    )
    return table(heading, rows) + paragraph(note + "; higher for the others.", "soft")


def _best(values: Sequence[float], better: str) -> int:
    known = [(value if better == "low" else -value, k) for k, value in enumerate(values)]
    finite = [pair for pair in known if pair[0] == pair[0]]
    return min(finite)[1] if finite else -1


def differences_table(tables: Sequence[QualityTable], baseline: int) -> str:
    """Return the difference of every table to the baseline in every measure that both have."""
    first = tables[baseline]
    rows, notes = [], []
    # The order of SNR is that of NCC.
    for name in (name for name in first.metrics if name not in ("SNR", "npts")):
        for k, other in enumerate(tables):
            if k == baseline or name not in other.columns:
                continue
            found = compare_tables(first, other, name, n_resamples=RESAMPLES)
            rows.append(_difference_row(found, run_colour(k)))
            notes += [f"{other.label}: {note}." for note in found.notes]
    if not rows:
        return empty("There is nothing to compare: one table, or no measure in common.")
    heading = [
        "Measure", "Run", "Median difference", "95 % interval", "Mean difference",
        "95 % interval", "Better", "Worse", "Common", "Verdict",
    ]  # fmt: skip
    told = paragraph(
        f"Differences to {first.label} over common slices; intervals by a paired block bootstrap, "
        "since neighbouring slices correlate. The verdict is that of the median.",
        "soft",
    )
    return told + table(heading, rows) + "".join(paragraph(n) for n in dict.fromkeys(notes))


def _difference_row(found: Difference, colour: str) -> list[Cell]:
    kind = {"better": "good", "worse": "bad"}.get(found.verdict, "")
    return [
        Cell(found.metric),
        Cell(found.second, "text", colour=colour),
        Cell(number(found.median.value, 3), "num"),
        Cell(_interval(found.median), "num"),
        Cell(number(found.mean.value, 3), "num"),
        Cell(_interval(found.mean), "num"),
        Cell(str(found.n_better), "num"),
        Cell(str(found.n_worse), "num"),
        Cell(str(found.n_common), "num"),
        Cell(found.verdict, kind),
    ]


def _interval(item: Interval) -> str:
    if item.low != item.low:
        return "–"
    return f"{number(item.low, 3)} … {number(item.high, 3)}"


def gates_html(results: Sequence[GateResult]) -> str:
    """Return the gates with what became of them."""
    rows = [
        [
            Cell("passed" if r.passed else "failed", "good" if r.passed else "bad", best=True),
            Cell(r.label, "text"),
            Cell(r.gate.name),
            Cell(number(r.value) if r.value == r.value else "not known", "num"),
            Cell(r.gate.limits),
        ]
        for r in results
    ]
    n_failed = sum(not r.passed for r in results)
    word = (
        "All gates are passed." if not n_failed else f"{n_failed} of {len(results)} gates failed."
    )
    return paragraph(word, "bad" if n_failed else "good") + table(
        ["Result", "Run", "Gate", "Value", "Wanted"], rows
    )


def sources_html(tables: Sequence[QualityTable]) -> str:
    """Return where the tables came from."""
    rows = [
        [
            Cell(t.label, "text", colour=run_colour(k)), Cell(str(len(t)), "num"),
            Cell(_box(t)), Cell(t.form), Cell(t.source, "text"),
        ]
        for k, t in enumerate(tables)
    ]  # fmt: skip
    heading = ["Run", "Slices", "Evaluation box (px)", "Form", "File"]
    return details("Where the tables came from", table(heading, rows), opened=True)


def _box(item: QualityTable) -> str:
    if item.boxes is None or not len(item):
        return "not recorded"
    xi, xa, yi, ya = (int(v) for v in item.boxes[len(item) // 2])
    moving = " (middle slice)" if len(item) > 1 and (item.boxes != item.boxes[0]).any() else ""
    return f"{xa - xi} x {ya - yi} at x {xi}, y {yi}{moving}"
