"""Static figures, one module each: result objects and arrays in, a Matplotlib figure out.

Matplotlib is imported when the first figure is drawn. Figures belong to their caller: no window, no
global state, nothing to close.
"""

from __future__ import annotations

from fibsem_dash.figures.background import draw_background
from fibsem_dash.figures.box import draw_box
from fibsem_dash.figures.fsc import draw_fsc
from fibsem_dash.figures.mixture import draw_fractions, draw_snr_estimates
from fibsem_dash.figures.noise import draw_noise, draw_noise_rois
from fibsem_dash.figures.quality import draw_quality
from fibsem_dash.figures.save import FIGURE_SUFFIXES, save_figure
from fibsem_dash.figures.snapshot import draw_snapshot
from fibsem_dash.figures.snr import draw_snr
from fibsem_dash.figures.thresholds import draw_thresholds
from fibsem_dash.figures.trial import draw_residuals

__all__ = [
    "FIGURE_SUFFIXES",
    "draw_background",
    "draw_box",
    "draw_fractions",
    "draw_fsc",
    "draw_noise",
    "draw_noise_rois",
    "draw_quality",
    "draw_residuals",
    "draw_snapshot",
    "draw_snr",
    "draw_snr_estimates",
    "draw_thresholds",
    "save_figure",
]
