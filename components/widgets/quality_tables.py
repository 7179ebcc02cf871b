"""Statistics and differences of runs as tables; all text is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import panel as pn

from components.plots.base import number
from components.quality.statistics import STATISTICS, Summary, verdict_words
from components.widgets.plain import one_line
from fibsem_dash.quality import METRICS, Difference

STYLE = """
:host { display: block; overflow: auto; color: var(--mui-palette-text-primary, inherit); }
table { border-collapse: collapse; font: 13px Roboto, sans-serif; width: 100%; }
th, td { padding: 3px 10px; text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
th { font-weight: 500; opacity: 0.75; border-bottom: 1px solid rgba(128,128,128,0.5); }
th.text, td.text { text-align: left; }
tr.first td { border-top: 1px solid rgba(128,128,128,0.35); }
td.best { font-weight: 700; }
td.name { max-width: 260px; overflow: hidden; text-overflow: ellipsis; }
td.metric { font-weight: 500; }
td .swatch { display: inline-block; width: 10px; height: 10px; border-radius: 2px;
  margin-right: 6px; }
td.verdict { white-space: normal; min-width: 150px; }
td.better::before { content: "▲ "; color: #009E73; }
td.worse::before { content: "▼ "; color: #D55E00; }
p { font: 12px Roboto, sans-serif; opacity: 0.8; margin: 6px 10px; white-space: normal; }
"""

COLUMNS = (*STATISTICS, "min", "max")

HEADINGS = {"std": "Std", "min": "Min", "max": "Max"}


def statistics_html(summary: Summary, colours: Sequence[str]) -> str:
    """Return the statistics of every measure and run, the best of each in bold."""
    head = "".join(f"<th>{HEADINGS.get(c, c.capitalize())}</th>" for c in COLUMNS)
    rows = []
    for metric in summary.metrics:
        best = {name: summary.best_of(metric, name) for name in STATISTICS}
        first = True
        for k, told in enumerate(summary.statistics):
            if metric not in told:
                continue
            item = told[metric]
            cells = "".join(
                _cell(getattr(item, name), "best" if best.get(name) == k else "")
                for name in COLUMNS
            )
            rows.append(
                f'<tr class="{"first" if first else ""}">{_metric_cell(metric, first)}'
                f"{_run_cell(summary.tables[k].label, colours[k])}{cells}"
                f"<td>{item.n}</td><td>{item.n_missing or ''}</td></tr>"
            )
            first = False
    low = ", ".join(name for name, metric in METRICS.items() if metric.better == "low")
    note = (
        f"Best in bold: lower for {low}, std and spread; higher for the rest. Std is that of the "
        "population, spread the std about the smooth course. SNR is NCC / (1 − NCC) of each pair."
    )
    return (
        f'<table><tr><th class="text">Measure</th><th class="text">Run</th>{head}'
        f"<th>Pairs</th><th>Missing</th></tr>{''.join(rows)}</table><p>{note}</p>"
    )


def differences_html(found: Sequence[Difference], colours: Mapping[str, str], baseline: str) -> str:
    """Return the differences of runs to the baseline with their intervals and verdicts.

    Parameters
    ----------
    found : sequence of Difference
    colours : mapping of str to str
        By the label of the run.
    baseline : str
        Label of the baseline.
    """
    rows, last = [], ""
    for item in found:
        first, last = item.metric != last, item.metric
        interval = (
            f"{number(item.median.low, 3)} … {number(item.median.high, 3)}"
            if item.n_common
            else "–"
        )
        kind = item.verdict if item.verdict in ("better", "worse") else ""
        rows.append(
            f'<tr class="{"first" if first else ""}">{_metric_cell(item.metric, first)}'
            f"{_run_cell(item.second, colours.get(item.second, '#888'))}"
            f"{_cell(item.median.value)}<td>{interval}</td>{_cell(item.mean.value)}"
            f"<td>{item.n_common}</td>"
            f'<td class="text verdict {kind}">{escape(one_line(verdict_words(item)))}</td></tr>'
        )
    notes = dict.fromkeys(f"{d.second}: {note}." for d in found for note in d.notes)
    told = "".join(f"<p>{escape(one_line(note))}</p>" for note in notes)
    note = (
        f"Differences to {escape(one_line(baseline))} over common frames. The 95 % interval comes "
        "from a paired block bootstrap, since neighbouring pairs correlate; the verdict is that of "
        "the median."
    )
    return (
        '<table><tr><th class="text">Measure</th><th class="text">Run</th><th>Median '
        "difference</th><th>95 % interval</th><th>Mean difference</th><th>Common</th>"
        f'<th class="text">Verdict</th></tr>{"".join(rows)}</table><p>{note}</p>{told}'
    )


def _metric_cell(metric: str, first: bool) -> str:
    title = escape(METRICS[metric].title, quote=True)
    name = "Error (px)" if metric == "error" else "Points" if metric == "npts" else metric
    return f'<td class="text metric" title="{title}">{name if first else ""}</td>'


def _run_cell(label: str, colour: str) -> str:
    text = escape(one_line(label), quote=True)
    swatch = f'<span class="swatch" style="background:{escape(colour, quote=True)}"></span>'
    return f'<td class="text name" title="{text}">{swatch}{text}</td>'


def _cell(value: float, kind: str = "") -> str:
    # The full precision is under the mouse.
    return f'<td class="{kind}" title="{value!r}">{number(value, 5)}</td>'


class HtmlTable(pn.viewable.Viewer):  # type: ignore[misc]
    """A table that scrolls inside its place."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.pane = pn.pane.HTML("", stylesheets=[STYLE], sizing_mode="stretch_both", margin=0)

    @property
    def html(self) -> str:
        """What is shown."""
        return str(self.pane.object)

    def show(self, html: str) -> None:
        """Show a table; its text must be escaped."""
        self.pane.object = html

    def __panel__(self) -> Any:
        return self.pane
