"""Both detectors along the stack: signal-to-noise ratios, and the share that B should have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fibsem_dash.figures.style import (
    DETECTOR_COLOURS,
    RESULT,
    SMALL,
    Y_LIGHT,
    Y,
    add_legend,
    draw_notes,
    format_number,
    new_figure,
    set_figure_title,
    set_title,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARKERS = (("x", "o", "-"), ("y", "s", "--"), ("radial", "^", ":"))


def draw_snr_estimates(result: Any, *, title: str = "") -> Figure:
    """Draw the signal-to-noise ratios of both detectors and of their mixture against the frame.

    Parameters
    ----------
    result : SnrEstimates
        See `fibsem_dash.registration.snr_estimates`.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        Lines are labelled with detector and direction, such as "A, x".
    """
    figure = new_figure(8.5, 5.0)
    set_figure_title(figure, title)
    axes = figure.subplots()
    sets = (
        ("A", result.a, DETECTOR_COLOURS["A"]),
        ("B", result.b, DETECTOR_COLOURS["B"]),
        (f"mixture, {format_number(result.fused_fraction, 3)} of B", result.fused, RESULT),
    )
    for name, results, colour in sets:
        for direction, marker, dash in _MARKERS if results else ():
            axes.plot(
                result.frames,
                [getattr(one, direction).snr for one in results],
                color=colour,
                marker=marker,
                linestyle=dash,
                linewidth=1.2,
                markersize=5,
                label=f"{name}, {direction}",
            )
    style_axes(axes, "Frame", "Signal / noise power")
    if result.b:
        shares = ", ".join(
            f"{direction} {format_number(float(share), 3)}"
            for (direction, _, _), share in zip(_MARKERS, result.fractions, strict=True)
        )
        set_title(axes, f"Share of detector B by the ratios: {shares}")
    add_legend(axes, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    draw_notes(figure, result.notes)
    return figure


def draw_fractions(result: Any, *, title: str = "") -> Figure:
    """Draw how well registered slices agree against the share of detector B.

    Parameters
    ----------
    result : FractionEvaluation
        See `fibsem_dash.registration.fractions`.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        Lines are labelled with the share, "mean improvement" and "parabola".
    """
    figure = new_figure(9, 7.5)
    set_figure_title(figure, title)
    along, against = figure.subplots(2, 1)
    import matplotlib as mpl

    colours = mpl.colormaps["viridis"](np.linspace(0, 0.92, len(result.fractions)))
    for share, ratios, colour in zip(result.fractions, result.snr, colours, strict=True):
        along.plot(
            result.slices, ratios, color=colour, linewidth=1.0, marker=".", label=f"{share:.3g}"
        )
    style_axes(along, "Slice (compared with the one before)", "SNR = NCC / (1 − NCC)")
    add_legend(
        along,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
        title="Share of B",
        title_fontsize=SMALL,
    )
    against.plot(
        result.fractions, result.improvement, "o", color=Y, markersize=5, label="mean improvement"
    )
    if result.fit_fractions.size:
        against.plot(
            result.fit_fractions,
            result.fit_improvement,
            color=Y_LIGHT,
            linestyle="--",
            linewidth=1.6,
            label="parabola",
        )
    if np.isfinite(result.best_fraction):
        share, value = (format_number(v) for v in (result.best_fraction, result.best_improvement))
        against.plot(
            [result.best_fraction],
            [result.best_improvement],
            "*",
            color=RESULT,
            markersize=13,
            label=f"best share {share}: {value} times the SNR",
        )
    style_axes(against, "Share of detector B", "SNR relative to the first share")
    add_legend(against, loc="best")
    draw_notes(figure, result.notes)
    return figure
