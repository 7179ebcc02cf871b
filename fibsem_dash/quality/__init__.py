"""The quality of registered stacks: tables of any form, statistics, differences, gates, pairs."""

from fibsem_dash.quality.differences import Difference, Interval, compare_tables
from fibsem_dash.quality.gates import (
    EXIT_GATES,
    Gate,
    GateResult,
    check_gates,
    parse_gates,
    read_gates,
)
from fibsem_dash.quality.metrics import METRICS, Metric
from fibsem_dash.quality.pair_view import PairView, pair_view
from fibsem_dash.quality.run_stack import find_run_stack
from fibsem_dash.quality.sample_region import RegionMatch, match_sample_region
from fibsem_dash.quality.statistics import MetricStatistics, summarise
from fibsem_dash.quality.tables import QualityTable, find_quality_file, read_quality_table

__all__ = [
    "EXIT_GATES",
    "METRICS",
    "Difference",
    "Gate",
    "GateResult",
    "Interval",
    "Metric",
    "MetricStatistics",
    "PairView",
    "QualityTable",
    "RegionMatch",
    "check_gates",
    "compare_tables",
    "find_quality_file",
    "find_run_stack",
    "match_sample_region",
    "pair_view",
    "parse_gates",
    "read_gates",
    "read_quality_table",
    "summarise",
]
