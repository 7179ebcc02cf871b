"""One report on several registrations."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fibsem_dash.errors import ParameterError
from fibsem_dash.io.atomic import write_text
from fibsem_dash.io.tables import write_csv, write_xlsx
from fibsem_dash.quality import (
    Gate,
    GateResult,
    QualityTable,
    check_gates,
    read_quality_table,
    summarise,
)
from fibsem_dash.report.markup import Cell, Section, details, empty, table
from fibsem_dash.report.page import render_page
from fibsem_dash.report.quality_section import (
    differences_table,
    gates_html,
    overview_table,
    quality_html,
    quality_plots,
    sources_html,
    statistics_table,
)
from fibsem_dash.report.run_facts import read_run

LARGEST_NUMBER = 50
"""Most tables that one report compares."""


def read_tables(
    paths: Sequence[str | os.PathLike[str]], labels: Sequence[str] = ()
) -> tuple[QualityTable, ...]:
    """Read several quality tables and give each a label of its own.

    Parameters
    ----------
    paths : sequence of path-like
        Quality tables and run folders.
    labels : sequence of str, optional
        Names in the same order; none, or one for each.

    Raises
    ------
    ParameterError
        When the labels do not match the files in number, or there are none or too many files.
    FormatError, AccessError
        For a file that cannot be read.
    """
    if not 1 <= len(paths) <= LARGEST_NUMBER:
        raise ParameterError(
            "tables to compare", expected=f"1 to {LARGEST_NUMBER}", found=len(paths)
        )
    if labels and len(labels) != len(paths):
        raise ParameterError(
            "labels", expected=f"one for each of {len(paths)} files", found=len(labels)
        )
    names = list(labels) or [""] * len(paths)
    tables = [read_quality_table(p, label=n) for p, n in zip(paths, names, strict=True)]
    taken: set[str] = set()
    result = []
    for item in tables:
        label, k = item.label, 2
        while label in taken:
            label, k = f"{item.label} ({k})", k + 1
        taken.add(label)
        result.append(item.renamed(label))
    return tuple(result)


def check_all_gates(
    tables: Sequence[QualityTable], gates: Sequence[Gate]
) -> tuple[GateResult, ...]:
    """Hold every table against the gates, with what its run folder knows of frames and pairs."""
    results: list[GateResult] = []
    for item in tables if gates else ():
        known = read_run(item.run_folder).gate_facts if item.run_folder else {}
        results += check_gates(gates, item.label, summarise(item), known)
    return tuple(results)


def write_comparison(
    tables: Sequence[QualityTable],
    out: str | os.PathLike[str],
    *,
    baseline: int = 0,
    gates: Sequence[Gate] = (),
    title: str = "Comparison of registrations",
) -> tuple[Path, tuple[GateResult, ...]]:
    """Write a report that compares quality tables: one HTML file that works without a network.

    Parameters
    ----------
    tables : sequence of QualityTable
        At least one, with different labels; see `read_tables`.
    out : path-like
        File to write.
    baseline : int, default 0
        Place of the table that the others are compared with.
    gates : sequence of Gate, optional
    title : str

    Returns
    -------
    path : Path
    results : tuple of GateResult

    Raises
    ------
    ParameterError
        For a baseline that is not there.
    AccessError
        The file cannot be written.
    """
    if not 0 <= baseline < len(tables):
        raise ParameterError("baseline", expected=f"0 to {len(tables) - 1}", found=baseline)
    told = [summarise(item) for item in tables]
    results = check_all_gates(tables, gates)
    group = quality_plots(tables)
    sections = [Section("quality", "Along the stack", quality_html(group))]
    overview = overview_table(tables, told)
    everything = details("All statistics", statistics_table(tables, told))
    sections.append(Section("statistics", "Statistics", overview + everything))
    if len(tables) > 1:
        sections.append(Section("differences", "Differences", differences_table(tables, baseline)))
    if results:
        sections.insert(0, Section("gates", "Gates", gates_html(results)))
    settings = _settings_html(tables)
    if settings:
        sections.append(Section("settings", "Settings that differ", settings))
    sections.append(Section("sources", "Sources", sources_html(tables)))
    data = {"groups": [group.data()] if group else [], "inputs": None}
    longest = max(len(item) for item in tables)
    subtitle = f"{len(tables)} stacks, up to {longest} pairs of slices"
    path = Path(out)
    write_text(path, render_page(title, subtitle, sections, data))
    return path, results


def statistics_frame(tables: Sequence[QualityTable]) -> pd.DataFrame:
    """Return the statistics of all tables, one row per table and measure."""
    rows = [
        {
            "run": item.label, "measure": name, "mean": s.mean, "median": s.median, "std": s.std,
            "spread": s.spread, "min": s.min, "max": s.max, "slices": s.n, "missing": s.n_missing,
            "source": item.source,
        }
        for item in tables
        for name, s in summarise(item).items()
    ]  # fmt: skip
    columns = ["run", "measure", "mean", "median", "std", "spread", "min", "max", "slices"]
    return pd.DataFrame(rows, columns=[*columns, "missing", "source"])


def write_statistics_csv(tables: Sequence[QualityTable], path: str | os.PathLike[str]) -> None:
    """Write the statistics of all tables as CSV."""
    write_csv(path, statistics_frame(tables))


def write_statistics_xlsx(tables: Sequence[QualityTable], path: str | os.PathLike[str]) -> None:
    """Write statistics and tables as XLSX: the sheet Summary, then one sheet per table."""
    sheets = {"Summary": statistics_frame(tables)}
    for k, item in enumerate(tables):
        # Labels may be equal in the 31 characters of a sheet name; write_xlsx numbers those.
        name = item.label if item.label.lower() != "summary" else f"{item.label} {k + 1}"
        sheets[name] = item.to_frame()
    write_xlsx(path, sheets)


def _settings_html(tables: Sequence[QualityTable]) -> str:
    """Return the settings that are not the same in all run folders among the tables."""
    runs = {k: read_run(t.run_folder) for k, t in enumerate(tables) if t.run_folder}
    if len(runs) < 2:
        return ""
    columns = {k: run.settings() for k, run in runs.items()}
    rows = [
        [Cell(group[0].name), *(Cell(row.value, "text") for row in group)]
        for group in zip(*columns.values(), strict=True)
        if len({row.value for row in group}) > 1
    ]
    if not rows:
        return empty("The runs have the same settings.")
    heading = ["Setting", *(tables[k].label for k in columns)]
    return table(heading, rows)
