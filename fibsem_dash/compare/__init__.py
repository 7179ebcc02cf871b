"""Measures of how alike two images are: NSAD, NCC, mutual information, Fourier ring correlation."""

from __future__ import annotations

from fibsem_dash.compare.bandwidth import Bandwidth, find_bandwidth, threshold_curve
from fibsem_dash.compare.correlation import ncc, snr_from_ncc
from fibsem_dash.compare.differences import nsad
from fibsem_dash.compare.halves import even_and_odd_rows, in_pixels_of_the_frame
from fibsem_dash.compare.information import mutual_information, nmi
from fibsem_dash.compare.pair import METRICS, compare_images
from fibsem_dash.compare.resolution import FscResult, fsc

__all__ = [
    "METRICS",
    "Bandwidth",
    "FscResult",
    "compare_images",
    "even_and_odd_rows",
    "find_bandwidth",
    "fsc",
    "in_pixels_of_the_frame",
    "mutual_information",
    "ncc",
    "nmi",
    "nsad",
    "snr_from_ncc",
    "threshold_curve",
]
