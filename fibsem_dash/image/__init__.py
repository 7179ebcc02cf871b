"""Analyses of one image: contrast, noise, signal-to-noise ratio, radial profiles, background."""

from __future__ import annotations

from fibsem_dash.image.contrast import to_8bit
from fibsem_dash.image.flatten import (
    BackgroundFit,
    fit_background,
    fit_backgrounds,
    flatten_image,
)
from fibsem_dash.image.noise import NoiseStatistics, noise_statistics
from fibsem_dash.image.noise_rois import NoiseRois, noise_roi_statistics
from fibsem_dash.image.radial import RadialProfile, radial_profile
from fibsem_dash.image.smooth import smooth_curve
from fibsem_dash.image.snr import DirectionSnr, SnrResult, autocorrelation_snr
from fibsem_dash.image.statistics import spread
from fibsem_dash.image.thresholds import (
    HistogramCdf,
    IntensityRange,
    histogram_and_cdf,
    intensity_range,
)

__all__ = [
    "BackgroundFit",
    "DirectionSnr",
    "HistogramCdf",
    "IntensityRange",
    "NoiseRois",
    "NoiseStatistics",
    "RadialProfile",
    "SnrResult",
    "autocorrelation_snr",
    "fit_background",
    "fit_backgrounds",
    "flatten_image",
    "histogram_and_cdf",
    "intensity_range",
    "noise_roi_statistics",
    "noise_statistics",
    "radial_profile",
    "smooth_curve",
    "spread",
    "to_8bit",
]
