"""Files and code that say what the page shows."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from components.command_line import quoted_command
from components.quality.runs import RunEntry
from fibsem_dash.quality import QualityTable
from fibsem_dash.report import write_comparison, write_statistics_xlsx


def report_bytes(tables: Sequence[QualityTable], baseline: int) -> bytes:
    """Return the comparison as one HTML file."""
    with tempfile.TemporaryDirectory() as folder:
        path, _ = write_comparison(tables, Path(folder) / "comparison.html", baseline=baseline)
        return path.read_bytes()


def workbook_bytes(tables: Sequence[QualityTable]) -> bytes:
    """Return statistics and tables as an XLSX file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "comparison.xlsx"
        write_statistics_xlsx(tables, path)
        return path.read_bytes()


def comparison_code(entries: Sequence[RunEntry], baseline: str) -> tuple[str, str]:
    """Return the Python lines and the command line that compare the same runs.

    Parameters
    ----------
    entries : sequence of RunEntry
        Visible runs, in their order. Offsets are part of the Python code only.
    baseline : str
        Label of the baseline.
    """
    paths = [entry.table.run_folder or entry.table.source for entry in entries]
    labels = [entry.label for entry in entries]
    place = labels.index(baseline) if baseline in labels else 0
    python = (
        "from fibsem_dash.report import read_tables, write_comparison\n"
        f"tables = read_tables({paths!r},\n                     labels={labels!r})\n"
    )
    if any(entry.offset for entry in entries):
        offsets = [entry.offset for entry in entries]
        python += (
            "from dataclasses import replace\n"
            "tables = [replace(t, frames=t.frames + k) for t, k in zip(tables, "
            f"{offsets!r}, strict=True)]\n"
        )
    python += f'write_comparison(tables, "comparison.html", baseline={place})'
    command = quoted_command(
        ["fibsem-dash", "compare", *paths, "--label", *labels, "--baseline", baseline, "--out",
         "comparison.html"]
    )  # fmt: skip
    return python, command
