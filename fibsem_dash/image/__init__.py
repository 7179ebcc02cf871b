"""Analyses of one image: contrast, noise, signal-to-noise ratio, radial profiles, background."""

from __future__ import annotations

from fibsem_dash.image.contrast import to_8bit
from fibsem_dash.image.thresholds import (
    HistogramCdf,
    IntensityRange,
    histogram_and_cdf,
    intensity_range,
)

__all__ = [
    "HistogramCdf",
    "IntensityRange",
    "histogram_and_cdf",
    "intensity_range",
    "to_8bit",
]
