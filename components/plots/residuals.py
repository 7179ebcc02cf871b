"""Where and how far matches miss: a map of vectors, and their histograms."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import (
    ColorBar,
    ColumnDataSource,
    HoverTool,
    LinearColorMapper,
    Range1d,
)
from bokeh.palettes import Viridis256
from bokeh.plotting import figure

from components.plots.base import hold_ranges, map_figure
from components.plots.colours import X, Y
from components.plots.export import add_export
from fibsem_dash.registration.trial_result import PairTrial

BINS = 64
"""Bins of the histograms: those that the FWHM is taken from."""

ARROW_SHARE = 0.06
"""Length of the scale arrow over the width of the frame."""


MOST_ARROWS = 600
"""Arrows that are drawn: more would cover each other."""


def round_length(value: float) -> float:
    """Return 1, 2 or 5 times a power of ten, the largest that is not above a value."""
    if not (np.isfinite(value) and value > 0):
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(max(f for f in (1, 2, 5) if f <= value / power * (1 + 1e-9)) * power)


def vector_columns(trial: PairTrial) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arrows of the residuals and the scale arrow below the frame."""
    vectors = trial.residual_vectors
    src = trial.matches.src[trial.inliers].astype(np.float64)[: len(vectors)]
    lengths = np.hypot(*vectors.T)
    index = np.arange(len(lengths))
    if len(index) > MOST_ARROWS:
        # A sample without a choice shows how residuals are spread; the longest would be noise.
        index = np.sort(np.random.default_rng(0).choice(index, MOST_ARROWS, replace=False))
    src, vectors, lengths = src[index], vectors[index], lengths[index]
    yi, ya, xi, xa = trial.first.region
    typical = float(np.quantile(lengths, 0.9)) if len(lengths) else 1.0
    unit = round_length(typical)
    factor = ARROW_SHARE * (xa - xi) / unit
    end = src + factor * vectors
    arrows = {
        "x0": src[:, 0], "y0": src[:, 1], "x1": end[:, 0], "y1": end[:, 1],
        "dx": vectors[:, 0], "dy": vectors[:, 1], "length": lengths,
        "angle": -np.arctan2(vectors[:, 1], vectors[:, 0]) - np.pi / 2,
    }  # fmt: skip
    y = ya + 0.045 * (ya - yi)
    x = xi + 0.02 * (xa - xi)
    scale = {
        "x0": [x], "x1": [x + factor * unit], "y": [y], "tip": [x + factor * unit],
        "angle": [-np.pi / 2], "text": [f"  {unit:g} px"],
    }  # fmt: skip
    return arrows, scale


def histogram_columns(values: Any) -> dict[str, Any]:
    """Return the bars of a histogram."""
    if len(values) < 2 or np.ptp(values) == 0:
        return {"left": [], "right": [], "count": []}
    counts, edges = np.histogram(values, BINS)
    return {"left": edges[:-1], "right": edges[1:], "count": counts}


class VectorMap:
    """Residuals as arrows over the frame, coloured by their length."""

    def __init__(self) -> None:
        names = ("x0", "y0", "x1", "y1", "dx", "dy", "length", "angle")
        self.source = ColumnDataSource({name: [] for name in names})
        self.scale = ColumnDataSource({n: [] for n in ("x0", "x1", "y", "tip", "angle", "text")})
        self.extent = ColumnDataSource({n: [] for n in ("left", "right", "top", "bottom")})
        self.mapper = LinearColorMapper(palette=Viridis256, low=0, high=1)
        self.figure = self._build()

    def _build(self) -> Any:
        plot = map_figure("Residuals (px)", self.extent)
        plot.toolbar.autohide = True
        for axis in (plot.xaxis[0], plot.yaxis[0]):
            axis.ticker.desired_num_ticks = 4
        colour = {"field": "length", "transform": self.mapper}
        lines = plot.segment(
            "x0", "y0", "x1", "y1", source=self.source, color=colour, line_width=1.2
        )
        plot.scatter(
            "x1", "y1", source=self.source, marker="triangle", angle="angle", size=3.5, color=colour
        )
        grey = "#808080"
        plot.segment("x0", "y", "x1", "y", source=self.scale, color=grey, line_width=2.5)
        plot.scatter(
            "tip", "y", source=self.scale, marker="triangle", angle="angle", size=9, color=grey
        )
        plot.text(
            "tip", "y", "text", source=self.scale, text_baseline="middle", text_color=grey,
            text_font_size="10pt",
        )  # fmt: skip
        bar = ColorBar(color_mapper=self.mapper, width=8, padding=4)
        bar.background_fill_alpha = 0
        plot.add_layout(bar, "right")
        tips = [("x, y", "@x0{0.0}, @y0{0.0} px"), ("residual", "@dx{0.000}, @dy{0.000} px")]
        plot.add_tools(
            HoverTool(tooltips=[*tips, ("length", "@length{0.000} px")], renderers=[lines])
        )
        titles = {"x0": "x (px)", "y0": "y (px)", "dx": "x residual (px)", "dy": "y residual (px)"}
        titles |= {"length": "residual (px)", "x1": "x of the arrow's tip (px)"}
        titles |= {"y1": "y of the arrow's tip (px)"}
        return add_export(plot, "residuals", titles, sources=[self.source])

    def show(self, trial: PairTrial) -> None:
        """Draw other residuals."""
        arrows, scale = vector_columns(trial)
        yi, ya, xi, xa = trial.first.region
        below = 0.09 * (ya - yi)
        self.extent.data = {"left": [xi], "right": [xa], "top": [yi], "bottom": [ya + below]}
        longest = float(arrows["length"].max()) if len(arrows["length"]) else 1.0
        self.mapper.update(low=0, high=max(longest, 1e-6))
        self.source.data, self.scale.data = arrows, scale
        drawn, found = len(arrows["length"]), len(trial.residual_vectors)
        self.figure.title.text = "Residuals (px)" + (
            f": {drawn} of {found}" if drawn < found else ""
        )


class ResidualHistograms:
    """Histograms of the x and the y residuals with their widths at half maximum."""

    def __init__(self) -> None:
        self.sources = {axis: ColumnDataSource(histogram_columns([])) for axis in "xy"}
        self.widths = {axis: ColumnDataSource({"x0": [], "x1": [], "y": []}) for axis in "xy"}
        self.range = Range1d(-1, 1)
        self.figures = {axis: self._build(axis, c) for axis, c in (("x", X), ("y", Y))}

    def _build(self, axis: str, colour: str) -> Any:
        plot = figure(
            x_range=self.range,
            x_axis_label=f"{axis} residual (px)",
            y_axis_label="matches",
            title=" ",
            tools="save",
            output_backend="canvas",
            sizing_mode="stretch_both",
            min_height=90,
            toolbar_location="above",
        )
        plot.toolbar.logo = None
        plot.toolbar.autohide = True
        plot.y_range.start = 0
        plot.yaxis.ticker.desired_num_ticks = 4
        bars = plot.quad(
            left="left", right="right", top="count", bottom=0, source=self.sources[axis],
            color=colour, fill_alpha=0.75, line_alpha=0, hatch_pattern="/" if axis == "y" else " ",
            hatch_color="white", hatch_alpha=0.35,
        )  # fmt: skip
        hold_ranges(plot, self.sources[axis])
        width = self.widths[axis]
        plot.segment("x0", "y", "x1", "y", source=width, color="#808080", line_width=2.5)
        plot.scatter(
            "x0", "y", source=width, marker="dash", angle=np.pi / 2, size=12, color="#808080"
        )
        plot.scatter(
            "x1", "y", source=width, marker="dash", angle=np.pi / 2, size=12, color="#808080"
        )
        tips = [("residual", "@left{0.000} to @right{0.000} px"), ("matches", "@count")]
        plot.add_tools(HoverTool(tooltips=tips, renderers=[bars]))
        titles = {"left": "from (px)", "right": "to (px)", "count": "matches"}
        return add_export(plot, f"residuals {axis}", titles, sources=[self.sources[axis]])

    def show(self, trial: PairTrial) -> None:
        """Draw other residuals."""
        vectors = trial.residual_vectors
        reach = float(np.abs(vectors).max()) * 1.05 if len(vectors) else 1.0
        self.range.update(start=-reach, end=reach, reset_start=-reach, reset_end=reach)
        found = {"x": trial.estimate.fwhm_x, "y": trial.estimate.fwhm_y}
        for column, axis in enumerate("xy"):
            values = vectors[:, column]
            bars = histogram_columns(values)
            self.sources[axis].data = bars
            self.widths[axis].data = width_columns(bars, found[axis])
            width = f"FWHM {found[axis]:.3g} px" if np.isfinite(found[axis]) else "no FWHM"
            self.figures[axis].title.text = f"{axis}: {width}"


def width_columns(bars: dict[str, Any], fwhm: float) -> dict[str, Any]:
    """Return the line of the width at half maximum, from the first to the last bin above half."""
    counts = np.asarray(bars["count"])
    if not np.isfinite(fwhm) or counts.size == 0:
        return {"x0": [], "x1": [], "y": []}
    # The maximum is that of `fibsem_dash.transforms.fwhm`: a mean of five bins.
    start = int(np.clip(counts.argmax() - 2, 0, counts.size - 5))
    half = counts[start : start + 5].mean() / 2
    inside = np.flatnonzero(counts > half)
    x0 = float(bars["left"][inside[0]])
    return {"x0": [x0], "x1": [x0 + fwhm], "y": [float(half)]}
