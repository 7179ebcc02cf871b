"""What a quality table measures: names, units, and which way is better. Said once, here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One measure of a quality table.

    Attributes
    ----------
    name : str
        Name in this package, and in gates in lower case.
    column : str
        Column of the file; empty for a measure that is computed from another one.
    title : str
        Full name with its unit, for an axis.
    better : {"low", "high"}
        Which way is better.
    """

    name: str
    column: str
    title: str
    better: Literal["low", "high"]


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("NSAD", "NSAD", "Normalized sum of absolute differences", "low"),
        Metric("NCC", "NCC", "Normalized cross-correlation", "high"),
        Metric("NMI", "NMI", "Normalized mutual information", "high"),
        Metric("FSC", "FSC", "FSC bandwidth (cycles per pixel)", "high"),
        Metric("SNR", "", "Signal-to-noise ratio NCC / (1 − NCC)", "high"),
        Metric("error", "Mean Abs Error", "Mean absolute error of key points (px)", "low"),
        Metric("npts", "Npts", "Key points that fit", "high"),
    )
}
"""All measures by name, in the order in which they are shown."""
