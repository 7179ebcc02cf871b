"""Autocorrelation near lag 0, with the peak as it would be without noise."""

from __future__ import annotations

from typing import Any

from bokeh.models import ColumnDataSource

from components.plots.base import curve_figure, finish_curves, number
from components.plots.colours import X, Y
from components.plots.export import add_export
from fibsem_dash.image.snr import SnrResult

RADIAL = "#009E73"
"""Green: over rings, in every direction."""

DIRECTIONS = (("x", X, "circle"), ("y", Y, "square"), ("radial", RADIAL, "triangle"))
"""Name of each direction with its colour and marker."""


def snr_figure(result: SnrResult, lags: int = 12, pixel_size_nm: float = 0.0) -> Any:
    """Draw the autocorrelation in three directions.

    Parameters
    ----------
    result : SnrResult
        What `autocorrelation_snr` gives.
    lags : int
        Lags to show on either side of 0.
    pixel_size_nm : float
        Named in the axis when it is known.
    """
    step = f" of {number(pixel_size_nm, 4, 'nm')}" if pixel_size_nm > 0 else ""
    plot = curve_figure("", f"Lag (px{step})", "Autocorrelation", height=300)
    for name, colour, marker in DIRECTIONS:
        direction = getattr(result, name)
        near = abs(direction.lags) <= lags
        source = ColumnDataSource(
            {"lag": direction.lags[near], "value": direction.autocorrelation[near]}, name=name
        )
        label = f"{name}: SNR {number(direction.snr, 3)}"
        style: dict[str, Any] = {"color": colour, "legend_label": label}
        plot.line("lag", "value", source=source, line_width=1.5, **style)
        plot.scatter("lag", "value", source=source, size=5, marker=marker, **style)
        peak = ColumnDataSource(
            {"lag": [0.0], "value": [direction.noise_free]}, name=f"{name}_peak"
        )
        plot.scatter(
            "lag", "value", source=peak, size=13, marker="x", line_width=2.5, **style
        )  # the peak without noise
    finish_curves(plot, [("lag", "@lag px"), ("autocorrelation", "@value{0.0000}")])
    return add_export(plot, "snr", {"lag": "lag (px)", "value": "autocorrelation"})
