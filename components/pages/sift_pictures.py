"""The pair of frames with its key points and matches: beside each other or aligned."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.models import ColumnDataSource, HoverTool, TapTool

from components.locked import when_locked
from components.plots.colours import INLIER, OUTLIER
from components.plots.matches import (
    MATCH_COLUMNS,
    MOST_DRAWN,
    drawn_words,
    match_columns,
    outlier_mask,
    point_columns,
)
from components.plots.paint import difference, grey, overlay, robust_levels
from components.widgets.layer_view import Layer, LayerView
from fibsem_dash.registration.trial_alignment import aligned_pair
from fibsem_dash.registration.trial_region import Region
from fibsem_dash.registration.trial_result import PairTrial

MODES = ("beside", "overlay", "difference", "flicker")
SHOWN = ("inliers", "outliers", "key points")
POINT_COLOUR = "#E69F00"


class PairPicture(pn.viewable.Viewer):  # type: ignore[misc]
    """Shows one trial."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.trial: PairTrial | None = None
        self.lowe_ratio = 0.7
        self.box: tuple[int, int, int, int] = (0, 0, 0, 0)
        self.numbers = (0, 1)
        self.second_on_top = False
        self.stretched = False
        self.view = LayerView()
        narrow = {"& .MuiToggleButton-root": {"whiteSpace": "nowrap", "padding": "4px 6px"}}
        self.mode = pmui.RadioButtonGroup(
            options=list(MODES), value=MODES[0], size="small", sx=narrow
        )
        self.shown = pmui.CheckButtonGroup(
            options=list(SHOWN), value=["inliers", "outliers"], size="small", sx=narrow
        )
        self.limit = pmui.Select(
            label="At most", options=[30, 100, 300, 1000, MOST_DRAWN], value=100, size="small",
            width=90, description="Lines or circles of one kind that are drawn, strongest first",
        )  # fmt: skip
        self.at_box = pmui.Switch(label="at the box", value=False, visible=False, margin=(8, 4))
        self.words = pmui.Typography("", variant="caption", sizing_mode="stretch_width")
        # Its place is kept, so that the picture does not move when a match is tapped.
        self.match_words = pmui.Typography(
            "", variant="caption", sizing_mode="stretch_width", height=20, margin=(0, 10)
        )
        self.lines = {name: ColumnDataSource({c: [] for c in MATCH_COLUMNS}) for name in SHOWN[:2]}
        self.points = ColumnDataSource({"x": [], "y": [], "radius": [], "response": []})
        self.renderers = self._add_glyphs()
        for widget in (self.mode, self.shown, self.at_box, self.limit):
            widget.param.watch(lambda *_e: self.draw(), "value")

    def _add_glyphs(self) -> dict[str, list[Any]]:
        plot = self.view.figure
        circles = plot.circle(
            "x", "y", radius="radius", source=self.points, line_color=POINT_COLOUR, fill_alpha=0,
            line_width=1,
        )  # fmt: skip
        found: dict[str, list[Any]] = {"key points": [circles]}
        hits = []
        for name, colour, dash in (("outliers", OUTLIER, "dashed"), ("inliers", INLIER, "solid")):
            source = self.lines[name]
            lines = plot.segment(
                "x0", "y0", "x1", "y1", source=source, color=colour, line_width=0.9,
                line_dash=dash, line_alpha=0.5, selection_line_width=3, selection_line_alpha=1,
                nonselection_line_alpha=0.35,
            )  # fmt: skip
            ends = [
                plot.scatter(x, y, source=source, size=3.5, color=colour, marker=marker)
                for x, y in (("x0", "y0"), ("x1", "y1"))
                for marker in ["circle" if name == "inliers" else "x"]
            ]
            found[name] = [lines, *ends]
            hits.append(lines)
            source.selected.on_change(
                "indices", lambda _a, _o, new, name=name: self.tell(name, new)
            )
        tips = [("ratio", "@ratio{0.000}"), ("residual", "@residual{0.00} px")]
        plot.add_tools(TapTool(renderers=hits), HoverTool(tooltips=tips, renderers=hits, limit=1))
        tips = [("response", "@response{0.0000}")]
        plot.add_tools(HoverTool(tooltips=tips, renderers=[circles], limit=1))
        return found

    def show(self, trial: PairTrial, numbers: tuple[int, int], lowe_ratio: float) -> None:
        """Show another trial."""
        self.trial, self.numbers, self.lowe_ratio = trial, numbers, lowe_ratio
        self.match_words.object = ""
        self.draw()

    def set_box(self, box: tuple[int, int, int, int]) -> None:
        """Offer the evaluation box [top, height, left, width] as the place to look at."""
        self.box = box
        self.at_box.visible = any(box)
        if self.at_box.value:
            self.draw()

    def stretch(self) -> None:
        """Stretch the contrast of the pictures to their grey levels, or show them as they are."""
        self.stretched = not self.stretched
        self.draw()

    def grey(self, image: Any) -> Any:
        """Paint a grey image in the contrast that was chosen."""
        return grey(image, *robust_levels(image)) if self.stretched else grey(image)

    def flick(self) -> None:
        """Show the other frame of the aligned pair."""
        self.second_on_top = not self.second_on_top
        if self.mode.value == "flicker":
            self.draw()
        else:
            self.mode.value = "flicker"

    @property
    def offset(self) -> float | None:
        """How far right the second frame lies, px; None where it lies over the first."""
        if self.trial is None or self.mode.value != "beside":
            return None
        width = self.trial.first.image.shape[1]
        return float(width + max(width // 40, 2))

    def layers(self) -> list[Layer]:
        """Return what is shown now."""
        trial = self.trial
        assert trial is not None
        first, second = trial.first.image, trial.second.image
        y, x = float(trial.first.region[0]), float(trial.first.region[2])
        if self.offset is not None:
            shape = first.shape[0], first.shape[1]
            return [
                Layer(shape, self.grey(first), x, y),
                Layer(shape, self.grey(second), x + self.offset, y),
            ]
        inner = first.shape[0], first.shape[1]
        if trial:
            first, second, place = aligned_pair(trial, self.box_region())
            top, bottom, left, right = place
            if bottom > top:
                yi, xi = trial.first.region[0], trial.first.region[2]
                part = slice(top - yi, bottom - yi), slice(left - xi, right - xi)
                first, second, y, x = first[part], second[part], float(top), float(left)
                inner = bottom - top, right - left
        if self.mode.value == "overlay":
            return [Layer(inner, overlay(first, second), x, y)]
        if self.mode.value == "difference":
            return [Layer(inner, difference(first, second), x, y)]
        return [Layer(inner, self.grey(second if self.second_on_top else first), x, y)]

    def box_region(self) -> Region | None:
        """Return the evaluation box as a region, or None where all is looked at."""
        if self.trial is None or not (self.at_box.value and any(self.box)):
            return None
        top, height, left, width = self.box
        full = self.trial.first.shape
        return top, top + (height or full[0]), left, left + (width or full[1])

    def draw(self) -> None:
        """Draw what is shown now."""
        when_locked(self._draw)

    def _draw(self) -> None:
        if self.trial is None:
            return
        trial, offset = self.trial, self.offset
        self.view.set_layers(*self.layers())
        masks = {"inliers": trial.inliers, "outliers": outlier_mask(trial, self.lowe_ratio)}
        for name, mask in masks.items():
            self.lines[name].selected.indices = []
            self.lines[name].data = match_columns(trial, mask, offset, self.limit.value)
        points = point_columns(trial.first_points, 0.0, self.limit.value)
        if offset is not None:
            other = point_columns(trial.second_points, offset, self.limit.value)
            points = {name: np.concatenate([points[name], other[name]]) for name in points}
        self.points.data = points
        for name, renderers in self.renderers.items():
            for renderer in renderers:
                renderer.visible = name in self.shown.value
        self.words.object = self.describe(masks)

    def describe(self, masks: dict[str, Any]) -> str:
        """Return in words what is drawn."""
        first, second = self.numbers
        where = {
            "beside": f"Frame {first} left, frame {second} right",
            "overlay": f"Frame {first} red, frame {second} cyan, aligned: grey where they agree",
            "difference": f"Frame {second} minus {first}, aligned: blue darker, red brighter",
            "flicker": f"Frame {second if self.second_on_top else first}, aligned (space: other)",
        }[self.mode.value]
        if not self.trial and self.mode.value != "beside":
            where += " (not aligned: there is no transform)"
        if self.stretched and self.mode.value in ("beside", "flicker"):
            where += ", contrast stretched (c)"
        trial = self.trial
        assert trial is not None
        limit = self.limit.value
        drawn = [drawn_words(n, int(masks[n].sum()), limit) for n in masks if n in self.shown.value]
        if "key points" in self.shown.value:
            sides = (trial.first_points, trial.second_points)[: 2 if self.offset else 1]
            n = max(len(side) for side in sides)
            drawn.append(drawn_words("key points per frame", n, limit))
        cut = any(" of " in words for words in drawn)
        tail = " (the strongest)" if cut else ""
        return f"{where}. Drawn: {', '.join(drawn)}{tail}." if drawn else f"{where}."

    def tell(self, name: str, chosen: list[int]) -> None:
        """Show the numbers of a tapped match."""
        if not chosen or self.trial is None:
            self.match_words.object = ""
            return
        data, i = self.lines[name].data, chosen[0]
        value = {column: float(data[column][i]) for column in MATCH_COLUMNS}
        self.match_words.object = (
            f"{name[:-1].capitalize()} at x {value['x0']:.1f}, y {value['y0']:.1f} px: ratio "
            f"{value['ratio']:.3f}, residual {value['dx']:.2f}, {value['dy']:.2f} px "
            f"(length {value['residual']:.2f}), size {value['size']:.1f} px"
        )

    def __panel__(self) -> Any:
        head = pn.Row(self.mode, self.shown, self.at_box, sizing_mode="stretch_width")
        words = pn.Row(self.words, self.limit, sizing_mode="stretch_width")
        return pn.Column(head, words, self.match_words, self.view, sizing_mode="stretch_both")
