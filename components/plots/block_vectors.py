"""Displacements of the blocks of a pair as arrows over the frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColorBar, ColumnDataSource, HoverTool, LinearColorMapper
from bokeh.palettes import Viridis256

from components.plots.base import map_figure
from components.plots.colours import OUTLIER
from components.plots.export import add_export
from components.plots.residuals import round_length
from fibsem_dash.registration.block_trial import BlockTrial
from fibsem_dash.registration.trial_region import Region

KINDS = ("displacement", "residual")
"""What the arrows show: how a block moved, and what the transform leaves of that."""

ARROW_SHARE = 0.05
"""Length of a typical arrow over the width of the frame."""

MOST_ARROWS = 2000
"""Arrows of one kind that are drawn: more would cover each other."""

COLUMNS = (
    "x0", "y0", "x1", "y1", "dx", "dy", "rx", "ry", "confidence", "angle",
)  # fmt: skip


def block_columns(
    trial: BlockTrial, region: Region, kind: str = KINDS[0]
) -> tuple[dict[str, Any], dict[str, Any], float]:
    """Return the arrows of the blocks that count, of the others, and the length of the scale, px.

    Parameters
    ----------
    trial : BlockTrial
        A trial on a part of the frames.
    region : (yi, ya, xi, xa)
        That part; arrows are placed in the pixels of whole frames.
    kind : {"displacement", "residual"}
        What the arrows show. Without a transform there are no residuals, and no arrows then.
    """
    vectors, left = trial.vectors, trial.residuals
    drawn = vectors if kind == KINDS[0] else left
    lengths = np.hypot(*drawn.T)
    good = lengths[trial.used & np.isfinite(lengths)]
    unit = round_length(float(np.quantile(good, 0.9)) if good.size else 1.0)
    yi, _ya, xi, xa = region
    factor = ARROW_SHARE * (xa - xi) / unit
    start = trial.matches.src + np.array([xi, yi], np.float64)
    end = start + factor * drawn

    def columns(chosen: Any) -> dict[str, Any]:
        places = np.flatnonzero(chosen & np.isfinite(lengths))
        if len(places) > MOST_ARROWS:
            places = places[:: -(-len(places) // MOST_ARROWS)]
        return {
            "x0": start[places, 0], "y0": start[places, 1],
            "x1": end[places, 0], "y1": end[places, 1],
            "dx": vectors[places, 0], "dy": vectors[places, 1],
            "rx": left[places, 0], "ry": left[places, 1],
            "confidence": trial.matches.confidence[places],
            "angle": -np.arctan2(drawn[places, 1], drawn[places, 0]) - np.pi / 2,
        }  # fmt: skip

    return columns(trial.used), columns(~trial.used), unit


class BlockMap:
    """Arrows at the centres of the blocks; those that count are coloured by their confidence."""

    def __init__(self) -> None:
        self.used = ColumnDataSource({name: [] for name in COLUMNS})
        self.unused = ColumnDataSource({name: [] for name in COLUMNS})
        self.extent = ColumnDataSource({n: [] for n in ("left", "right", "top", "bottom")})
        self.mapper = LinearColorMapper(palette=Viridis256, low=0, high=1)
        self.figure = self._build()

    def _build(self) -> Any:
        plot = map_figure("Blocks", self.extent, min_height=300)
        colour = {"field": "confidence", "transform": self.mapper}
        found = []
        for source, tint, dash, centre in (
            (self.unused, OUTLIER, "dashed", "x"), (self.used, colour, "solid", "circle"),
        ):  # fmt: skip
            found.append(
                plot.segment(
                    "x0", "y0", "x1", "y1", source=source, color=tint, line_width=1.4,
                    line_dash=dash,
                )
            )  # fmt: skip
            plot.scatter(
                "x1", "y1", source=source, marker="triangle", angle="angle", size=5, color=tint
            )
            found.append(plot.scatter("x0", "y0", source=source, marker=centre, size=4, color=tint))
        plot.add_layout(
            ColorBar(
                color_mapper=self.mapper, width=8, padding=4, title="confidence",
                background_fill_alpha=0,
            ),
            "right",
        )  # fmt: skip
        tips = [
            ("centre x, y", "@x0{0.0}, @y0{0.0} px"),
            ("displacement", "@dx{0.000}, @dy{0.000} px"),
            ("residual", "@rx{0.000}, @ry{0.000} px"),
            ("confidence", "@confidence{0.000}"),
        ]
        plot.add_tools(HoverTool(tooltips=tips, renderers=found, limit=1))
        titles = {
            "x0": "x (px)", "y0": "y (px)", "dx": "x displacement (px)",
            "dy": "y displacement (px)", "rx": "x residual (px)", "ry": "y residual (px)",
            "x1": "x of the arrow's tip (px)", "y1": "y of the arrow's tip (px)",
        }  # fmt: skip
        self.used.name, self.unused.name = "used", "not used"
        return add_export(plot, "blocks", titles, sources=[self.used, self.unused])

    def show(self, trial: BlockTrial, region: Region, kind: str) -> None:
        """Draw other blocks.

        Parameters
        ----------
        trial, region, kind
            As `block_columns` takes them.
        """
        used, unused, unit = block_columns(trial, region, kind)
        yi, ya, xi, xa = region
        self.extent.data = {"left": [xi], "right": [xa], "top": [yi], "bottom": [ya]}
        confidence = trial.matches.confidence[trial.used]
        high = float(confidence.max()) if confidence.size else 1.0
        self.mapper.update(low=0.0, high=max(high, 1e-3))
        self.used.data, self.unused.data = used, unused
        percent = f"{ARROW_SHARE:.0%} of width = {unit:g} px"
        self.figure.title.text = f"{kind.capitalize()}: {percent}"
