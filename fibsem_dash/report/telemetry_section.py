"""Transformations, grey levels and telemetry of a run as plots and facts."""

from __future__ import annotations

import numpy as np

from fibsem_dash.quality import telemetry_reports as reports
from fibsem_dash.report.markup import Section, details, empty, facts
from fibsem_dash.report.plots import Curve, Panel, PlotGroup
from fibsem_dash.report.run_facts import RunFacts

X, Y, X_LIGHT, Y_LIGHT = "#D55E00", "#0072B2", "#E69F00", "#56B4E9"
"""Colours of x and y and of their fits."""
RECORDED, FIT = "#5B7DB1", "#E69F00"
GREEN, PURPLE = "#009E73", "#CC79A7"


def transformation_section(run: RunFacts) -> tuple[Section, list[PlotGroup]]:
    """Return frame-to-frame, cumulative and residual scale, shear and shift of a run."""
    title = "Transformations"
    if run.pairs is None or run.transforms is None or run.transforms.empty:
        return Section("transforms", title, empty("The run has not come to the transforms.")), []
    told = reports.transformation_report(run.pairs, run.transforms)
    panels = [
        Panel("Key points that fit", "Key points", (Curve("inliers", told.npts, GREEN),)),
        Panel("Mean absolute error", "Error (px)", (Curve("error", told.error_px, PURPLE),)),
        Panel(
            "Width of the residuals", "FWHM (px)",
            (Curve("x", told.fwhm_x_px, X), Curve("y", told.fwhm_y_px, Y)),
        ),
    ]  # fmt: skip
    kinds = (
        ("Scale", "Scale", (0, 0), (1, 1), ("Sxx", "Syy")),
        ("Shear", "Shear", (0, 1), (1, 0), ("Sxy", "Syx")),
        ("Shift", "Shift (px)", (0, 2), (1, 2), ("Tx", "Ty")),
    )
    for stage, values in (("frame to frame", told.pair), ("cumulative", told.original)):
        for name, label, first, second, keys in kinds:
            curves = [
                Curve(key, values[:, r, c], colour)
                for key, (r, c), colour in zip(keys, (first, second), (X, Y), strict=True)
            ]
            if stage == "cumulative":
                curves += [
                    Curve(f"{key} taken out", told.fit[:, r, c], colour, dash=True)
                    for key, (r, c), colour in zip(
                        keys, (first, second), (X_LIGHT, Y_LIGHT), strict=True
                    )
                ]
            panels.append(Panel(f"{name}, {stage}", label, tuple(curves), robust=False))
    for name, label, first, second, keys in kinds:
        curves = [
            Curve(key, told.final[:, r, c], colour)
            for key, (r, c), colour in zip(keys, (first, second), (X, Y), strict=True)
        ]
        panels.append(Panel(f"{name}, residual", label, tuple(curves), robust=False))
    group = PlotGroup("transforms", told.frames, tuple(panels), columns="three")
    return Section("transforms", title, facts(told.facts) + group.html()), [group]


def telemetry_section(run: RunFacts) -> tuple[Section, list[PlotGroup]]:
    """Return grey levels, milling, scan and field of view of a run."""
    title = "Telemetry"
    if run.frames is None or run.frames.empty:
        return Section("telemetry", title, empty("The run has not read its frames.")), []
    settings = {row.name: row.value for row in run.settings()}
    levels = reports.grey_levels(
        run.frames, _number(settings, "data_range.thr_min"), _number(settings, "data_range.thr_max")
    )
    mill, scan = reports.mill_rate(run.frames), reports.scan_report(run.frames)
    view = reports.field_of_view(run.frames)
    constant = np.ones(len(levels.frames))
    parts = [
        ("levels", "Grey levels", levels.facts, [Panel("Grey levels", "Counts", (
            Curve("minimum", levels.minimum, Y), Curve("maximum", levels.maximum, X),
            Curve("sliding minimum", levels.sliding_minimum, Y_LIGHT, dash=True),
            Curve("sliding maximum", levels.sliding_maximum, X_LIGHT, dash=True),
            Curve("global minimum", levels.global_minimum * constant, "#9E9E9E", dash=True),
            Curve("global maximum", levels.global_maximum * constant, "#9E9E9E", dash=True),
        ), robust=False)]),
        ("mill", "Milling rate", mill.facts, [
            Panel("Working distance", "Distance (mm)", (
                Curve("recorded", mill.working_distance_mm, RECORDED),
                Curve("linear fit", mill.distance_fit.line, FIT, dash=True))),
            Panel("Milling Y voltage", "Voltage (V)", (
                Curve("recorded", mill.milling_y_voltage_v, RECORDED),
                Curve("linear fit", mill.voltage_fit.line, FIT, dash=True))),
        ]),
        ("scan", "Scan rate, EHT and specimen current", scan.facts, [
            Panel("Scan rate", "Rate (kHz)", (Curve("scan rate", scan.scan_rate_khz, RECORDED),)),
            Panel("EHT", "Voltage (kV)", (Curve("EHT", scan.eht_kv, RECORDED),)),
            Panel("Specimen current", "Current (nA)",
                  (Curve("current", scan.specimen_current_na, RECORDED),)),
        ]),
        ("fov", "Centre of the field of view", view.facts, [
            Panel("Centre", "Position (px)",
                  (Curve("x", view.centre_px[:, 0], X), Curve("y", view.centre_px[:, 1], Y))),
            Panel("Smooth displacement", "Displacement (px)",
                  (Curve("x", view.shift_px[:, 0], X), Curve("y", view.shift_px[:, 1], Y))),
        ]),
    ]  # fmt: skip
    html, groups = "", []
    for anchor, name, told, panels in parts:
        recorded = [panel for panel in panels if _has_values(panel)]
        if recorded:
            group = PlotGroup(anchor, levels.frames, tuple(recorded))
            groups.append(group)
            content = facts(told) + group.html()
        else:
            content = empty("The headers of these frames do not record it.")
        html += details(name, content, opened=anchor in ("levels", "mill"))
    return Section("telemetry", title, html), groups


def _has_values(panel: Panel) -> bool:
    return any(np.isfinite(curve.values).any() for curve in panel.curves)


def _number(settings: dict[str, str], name: str) -> float | None:
    try:
        return float(settings[name])
    except (KeyError, ValueError):
        return None
