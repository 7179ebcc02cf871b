"""How well two frames fit after one was registered to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fibsem_dash.figures.style import (
    X,
    Y,
    new_figure,
    set_figure_title,
    set_title,
    show_image,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_residuals(trial: Any, *, title: str = "") -> Figure:
    """Draw the residuals of a trial: as vectors on the second frame, and their distributions.

    Parameters
    ----------
    trial : fibsem_dash.registration.trial_result.PairTrial
        Residual vectors are shown 40 times as long as they are.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    vectors = np.asarray(trial.residual_vectors)
    places = trial.matches.dst[trial.inliers]
    yi, _, xi, _ = trial.second.region
    figure = new_figure(11, 5)
    set_figure_title(figure, title)
    left, right = figure.subplots(1, 2, width_ratios=[1.4, 1])
    show_image(left, trial.second.image)
    set_title(left, f"{len(vectors)} matches that fit, residuals × 40")
    if len(vectors):
        x, y = (places - [xi, yi]).T
        u, v = (40 * vectors).T
        left.quiver(x, y, u, v, color=X, angles="xy", scale_units="xy", scale=1, width=0.002)
        for values, name, colour in ((vectors[:, 0], "x", X), (vectors[:, 1], "y", Y)):
            label = f"{name}: mean {values.mean():.3f}, median {np.median(values):.3f} px"
            right.hist(values, bins=64, histtype="step", color=colour, label=label)
        right.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False, fontsize=8)
    style_axes(right, "Residual (px)", "Matches")
    return figure
