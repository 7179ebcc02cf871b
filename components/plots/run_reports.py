"""What headers and transforms of a run tell, as figures: one group of them for each report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.events import RangesUpdate, Reset, Tap
from bokeh.models import (
    BasicTickFormatter,
    BoxZoomTool,
    ColumnDataSource,
    GridBox,
    HoverTool,
    Range1d,
    WheelZoomTool,
)
from bokeh.plotting import figure

from components.plots.axes import visible_extremes
from components.plots.colours import (
    INLIER,
    OUTLIER,
    TELEMETRY,
    THRESHOLD,
    X_LIGHT,
    Y_LIGHT,
    X,
    Y,
)
from components.plots.export import add_export
from components.plots.telemetry import cursor_line
from components.plots.trend_curves import visible_columns
from fibsem_dash.quality import telemetry_reports as reports

Series = npt.NDArray[np.float64]
Frames = npt.NDArray[np.int64]


LEAST_HEIGHT, SCREEN_HEIGHT, SPACING = 230, 480, 4
"""Least height of a figure, height that a report fills at least, and gap between figures, px."""


@dataclass(frozen=True, eq=False)
class ReportCurve:
    """One curve: its words, its values by frame, colour and dash."""

    label: str
    values: Series
    colour: str
    dash: str = "solid"


@dataclass(frozen=True, eq=False)
class ReportPanel:
    """One figure: title, quantity with its unit, curves."""

    title: str
    quantity: str
    curves: tuple[ReportCurve, ...]

    @property
    def recorded(self) -> bool:
        """Whether there is any value to draw."""
        return any(np.isfinite(curve.values).any() for curve in self.curves)


@dataclass(frozen=True, eq=False)
class ReportGroup:
    """One report: its frames, its figures in rows of `columns`, and facts with units."""

    frames: Frames
    panels: tuple[ReportPanel, ...]
    facts: tuple[tuple[str, str], ...]
    columns: int = 1

    @property
    def recorded(self) -> tuple[ReportPanel, ...]:
        """Figures with values; those of columns that the files do not have are left out."""
        return tuple(panel for panel in self.panels if panel.recorded)

    def table(self) -> dict[str, Series | Frames]:
        """Return all curves by their headings, the frames first."""
        curves = {
            f"{panel.title}: {curve.label}, {panel.quantity}": curve.values
            for panel in self.recorded
            for curve in panel.curves
        }
        return {"frame": self.frames, **curves}


def _pair(values: Series, words: tuple[str, str] = ("x", "y")) -> tuple[ReportCurve, ...]:
    return tuple(
        ReportCurve(word, values[:, k], colour)
        for k, (word, colour) in enumerate(zip(words, (X, Y), strict=True))
    )


def _with_line(label: str, values: Series, line: Series) -> tuple[ReportCurve, ...]:
    return (
        ReportCurve(label, values, TELEMETRY),
        ReportCurve("linear fit", line, THRESHOLD, "dashed"),
    )


def mill_group(told: reports.MillRate) -> ReportGroup:
    """Return working distance and milling voltage with their fits."""
    distance = _with_line("recorded", told.working_distance_mm, told.distance_fit.line)
    voltage = _with_line("recorded", told.milling_y_voltage_v, told.voltage_fit.line)
    panels = (
        ReportPanel("Working distance", "distance (mm)", distance),
        ReportPanel("Milling Y voltage", "voltage (V)", voltage),
    )
    return ReportGroup(told.frames, panels, told.facts)


def scan_group(told: reports.ScanReport) -> ReportGroup:
    """Return scan rate, EHT and specimen current."""
    panels = tuple(
        ReportPanel(title, quantity, (ReportCurve(title.lower(), values, TELEMETRY),))
        for title, quantity, values in (
            ("Scan rate", "rate (kHz)", told.scan_rate_khz),
            ("EHT", "voltage (kV)", told.eht_kv),
            ("Specimen current", "current (nA)", told.specimen_current_na),
        )
    )
    return ReportGroup(told.frames, panels, told.facts)


def view_group(told: reports.FieldOfView) -> ReportGroup:
    """Return the centre of the field of view and its smooth displacement."""
    panels = (
        ReportPanel("Centre of the field of view", "position (px)", _pair(told.centre_px)),
        ReportPanel("Smooth displacement", "displacement (px)", _pair(told.shift_px)),
    )
    return ReportGroup(told.frames, panels, told.facts)


def level_group(told: reports.GreyLevels) -> ReportGroup:
    """Return the grey levels of the frames, their smooth course and their extremes."""
    constant = np.ones(len(told.frames))
    curves = (
        ReportCurve("minimum", told.minimum, Y),
        ReportCurve("maximum", told.maximum, X),
        ReportCurve("sliding minimum", told.sliding_minimum, Y_LIGHT, "dashed"),
        ReportCurve("sliding maximum", told.sliding_maximum, X_LIGHT, "dashed"),
        ReportCurve("global minimum", told.global_minimum * constant, OUTLIER, "dotted"),
        ReportCurve("global maximum", told.global_maximum * constant, OUTLIER, "dotted"),
    )
    panel = ReportPanel("Data minimum and maximum", "grey level (counts)", curves)
    return ReportGroup(told.frames, (panel,), told.facts)


KINDS = (
    ("Scale", "scale", (0, 0), (1, 1), ("Sxx", "Syy")),
    ("Shear", "shear", (0, 1), (1, 0), ("Sxy", "Syx")),
    ("Shift", "shift (px)", (0, 2), (1, 2), ("Tx", "Ty")),
)
"""Title, quantity, places in the matrix and names of both directions."""


def transformation_group(told: reports.TransformationReport) -> ReportGroup:
    """Return how well pairs fit, and scale, shear and shift in all stages of the chain."""
    widths = _pair(np.column_stack([told.fwhm_x_px, told.fwhm_y_px]))
    panels = [
        ReportPanel("Key points that fit", "key points", (
            ReportCurve("inliers", told.npts, INLIER),)),
        ReportPanel("Mean absolute error", "error (px)", (
            ReportCurve("error", told.error_px, TELEMETRY),)),
        ReportPanel("Width of the residuals", "FWHM (px)", widths),
    ]  # fmt: skip
    stages = (
        ("frame to frame", told.pair), ("cumulative", told.original), ("residual", told.final),
    )  # fmt: skip
    for stage, matrices in stages:
        for title, quantity, first, second, words in KINDS:
            curves = _pair(_elements(matrices, first, second), words)
            if stage == "cumulative":
                fits = _elements(told.fit, first, second)
                curves += tuple(
                    ReportCurve(f"{word} fit", fits[:, k], colour, "dashed")
                    for k, (word, colour) in enumerate(zip(words, (X_LIGHT, Y_LIGHT), strict=True))
                )
            panels.append(ReportPanel(f"{title}, {stage}", quantity, curves))
    return ReportGroup(told.frames, tuple(panels), told.facts, columns=3)


def _elements(matrices: Series, first: tuple[int, int], second: tuple[int, int]) -> Series:
    return np.column_stack([matrices[:, *first], matrices[:, *second]])


class ReportFigures:
    """The figures of a report with one axis of frames.

    Parameters
    ----------
    group : ReportGroup
        What is drawn; figures without values are left out.
    name : str
        Begins the names of saved files.
    frame : int
        The frame under the cursor.
    on_frame : callable
        Takes the frame that was clicked.
    """

    def __init__(self, group: ReportGroup, name: str, frame: int, on_frame: Any) -> None:
        self.group, self.name = group, name
        self._on_frame = on_frame
        self.x_range = Range1d(*_frame_ends(group.frames))
        self.x_range.update(reset_start=self.x_range.start, reset_end=self.x_range.end)
        self.sources: list[ColumnDataSource] = []
        rows = -(-len(group.recorded) // group.columns)
        self.row_height = max(LEAST_HEIGHT, SCREEN_HEIGHT // max(rows, 1))
        self.min_height = rows * (self.row_height + SPACING)
        self.plots = [self._draw(panel, frame) for panel in group.recorded]
        self.refine(-np.inf, np.inf)
        n = group.columns
        children = [(plot, k // n, k % n) for k, plot in enumerate(self.plots)]
        self.grid = GridBox(children=children, sizing_mode="stretch_both", spacing=SPACING)

    def _draw(self, panel: ReportPanel, frame: int) -> Any:
        plot = figure(
            title=panel.title, x_range=self.x_range, y_range=Range1d(-1, 1),
            min_height=self.row_height, max_height=2 * self.row_height,
            sizing_mode="stretch_both",
            x_axis_label="frame", y_axis_label=panel.quantity, tools="xpan,reset,save",
            active_drag="xpan", output_backend="canvas", toolbar_location="above",
            min_border_left=64, lod_threshold=None,
        )  # fmt: skip
        # Without a key the wheel scrolls the page.
        wheel = WheelZoomTool(dimensions="width", modifiers={"ctrl": True})
        plot.add_tools(wheel, BoxZoomTool(dimensions="width"))
        plot.toolbar.active_scroll = wheel
        plot.toolbar.logo, plot.toolbar.autohide = None, True
        plot.title.text_font_size = "12px"
        plot.yaxis.formatter = BasicTickFormatter(
            use_scientific=True, power_limit_low=-6, power_limit_high=6
        )
        plot.yaxis.ticker.desired_num_ticks = 5
        keys = [f"y{k}" for k in range(len(panel.curves))]
        source = ColumnDataSource({"frame": [], **{key: [] for key in keys}})
        several = len(panel.curves) > 1
        lines = [
            plot.line(
                "frame", key, source=source, color=curve.colour, line_dash=curve.dash,
                line_width=1.4, **({"legend_label": curve.label} if several else {}),
            )
            for key, curve in zip(keys, panel.curves, strict=True)
        ]  # fmt: skip
        if several:
            _place_legend(plot, 3 if self.group.columns == 1 else 2)
        tips = [
            (curve.label, f"@{key}{{0.[00000]}}")
            for key, curve in zip(keys, panel.curves, strict=True)
        ]
        plot.add_tools(
            HoverTool(tooltips=[("frame", "@frame{0}"), *tips], renderers=lines[:1], mode="vline")
        )
        plot.add_layout(cursor_line(frame))
        plot.on_event(Tap, self._on_tap)
        plot.on_event(RangesUpdate, lambda event: self.refine(event.x0, event.x1))
        plot.on_event(Reset, lambda _event: self.refine(-np.inf, np.inf))
        titles = {"frame": "frame"}
        titles |= {
            key: f"{curve.label}: {panel.quantity}"
            for key, curve in zip(keys, panel.curves, strict=True)
        }
        self.sources.append(source)
        return add_export(plot, f"{self.name} {panel.title}", titles, sources=[source])

    def refine(self, start: float, end: float) -> None:
        """Send what is visible of all curves, at the resolution of a screen."""
        if start is None or end is None:
            return
        frames = self.group.frames
        for plot, source, panel in zip(self.plots, self.sources, self.group.recorded, strict=True):
            curves = {f"y{k}": curve.values for k, curve in enumerate(panel.curves)}
            columns = visible_columns(frames, curves, start, end)
            if not _same(source.data, columns):
                source.data = columns
            low, high = _value_ends(frames, curves, start, end)
            plot.y_range.update(start=low, end=high, reset_start=low, reset_end=high)

    def _on_tap(self, event: Any) -> None:
        frames = self.group.frames
        if event.x is not None and np.isfinite(event.x) and len(frames):
            self._on_frame(int(frames[np.abs(frames - event.x).argmin()]))

    def move_cursor(self, frame: int) -> None:
        """Put the line at another frame."""
        for plot in self.plots:
            for line in plot.center:
                if hasattr(line, "location"):
                    line.location = frame


def _place_legend(plot: Any, columns: int) -> None:
    legend = plot.legend[0]
    legend.update(
        orientation="horizontal", ncols=columns, label_text_font_size="11px", glyph_width=18,
        label_height=14, glyph_height=14, padding=0, margin=2, spacing=8, border_line_color=None,
        background_fill_alpha=0.0, click_policy="hide",
    )  # fmt: skip
    # Above the curves rather than on them.
    plot.add_layout(legend, "above")


def _value_ends(
    frames: Frames, curves: Mapping[str, Series], start: float, end: float
) -> tuple[float, float]:
    """Return the ends of the vertical axis; narrow, where values hardly differ."""
    extremes = visible_extremes(frames, curves, start, end)
    if extremes is None:
        return -1.0, 1.0
    low, high = extremes
    # A course of nanometres in a distance of millimetres must fill the figure; what does not
    # change at all is a line in its middle.
    margin = 0.06 * (high - low) or 1e-3 * abs(low) or 1e-3
    return low - margin, high + margin


def _frame_ends(frames: Sequence[int] | Frames) -> tuple[float, float]:
    low, high = (float(frames[0]), float(frames[-1])) if len(frames) else (0.0, 1.0)
    margin = max((high - low) * 0.01, 0.5)
    return low - margin, high + margin


def _same(before: Mapping[Any, Any], after: Mapping[str, Series]) -> bool:
    return len(before["frame"]) == len(after["frame"]) and np.array_equal(
        before["frame"], after["frame"]
    )
