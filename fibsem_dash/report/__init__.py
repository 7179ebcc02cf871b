"""Reports as single HTML files: of one run, and of several compared."""

from fibsem_dash.report.comparison import (
    read_tables,
    statistics_frame,
    write_comparison,
    write_statistics_csv,
    write_statistics_xlsx,
)
from fibsem_dash.report.run_report import write_run_report

__all__ = [
    "read_tables",
    "statistics_frame",
    "write_comparison",
    "write_run_report",
    "write_statistics_csv",
    "write_statistics_xlsx",
]
