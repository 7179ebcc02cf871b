"""What the headers of a run tell: milling, scan, field of view, grey levels, transformations.

Every function takes the tables of a run folder and returns a frozen result: arrays to draw, fits,
and facts as (name, value with unit) for people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fibsem_dash.quality.fits import Array, LinearFit, fit_line
from fibsem_dash.registration.chain import fov_trend
from fibsem_dash.registration.frames import FOV_COLUMNS
from fibsem_dash.registration.tables import MATRIX_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

Frames = npt.NDArray[np.int64]
Facts = tuple[tuple[str, str], ...]

MILL_RATE_UM_PER_V = 31.235258870176065
"""Milled thickness per volt of the milling Y deflection, of the microscopes at Janelia, um/V."""


@dataclass(frozen=True)
class MillRate:
    """Milling progress, by the working distance and by the deflection of the ion beam.

    Attributes
    ----------
    frames : (n,) int64 array
    working_distance_mm, milling_y_voltage_v : (n,) float64 array
        As recorded, NaN where missing.
    distance_fit, voltage_fit : LinearFit
        Lines through them.
    distance_nm_per_frame, voltage_nm_per_frame : float
        Slice thickness that each tells, nm; NaN where nothing was recorded.
    um_per_v : float
        Conversion that was used, um/V.
    measured_um_per_v : float
        Conversion by which both would agree, um/V; NaN where the voltage does not change.
    facts : tuple of (str, str)
    """

    frames: Frames
    working_distance_mm: Array
    milling_y_voltage_v: Array
    distance_fit: LinearFit
    voltage_fit: LinearFit
    distance_nm_per_frame: float
    voltage_nm_per_frame: float
    um_per_v: float
    measured_um_per_v: float
    facts: Facts


@dataclass(frozen=True)
class ScanReport:
    """Scan rate, acceleration voltage and specimen current, (n,) float64 arrays by frame."""

    frames: Frames
    scan_rate_khz: Array
    eht_kv: Array
    specimen_current_na: Array
    facts: Facts


@dataclass(frozen=True)
class FieldOfView:
    """Centre of the field of view.

    Attributes
    ----------
    frames : (n,) int64 array
    centre_px : (n, 2) float64 array
        (x, y) as recorded, px.
    shift_px : (n, 2) float64 array
        Smooth displacement since the first frame, px; NaN where nothing was recorded.
    facts : tuple of (str, str)
    """

    frames: Frames
    centre_px: Array
    shift_px: Array
    facts: Facts


@dataclass(frozen=True)
class GreyLevels:
    """Grey levels of the frames.

    Attributes
    ----------
    frames : (n,) int64 array
    minimum, maximum : (n,) float64 array
        Thresholds of each frame, counts.
    sliding_minimum, sliding_maximum : (n,) float64 array
        Their smooth course, counts.
    global_minimum, global_maximum : float
        Extremes over all frames, counts.
    facts : tuple of (str, str)
    """

    frames: Frames
    minimum: Array
    maximum: Array
    sliding_minimum: Array
    sliding_maximum: Array
    global_minimum: float
    global_maximum: float
    facts: Facts


@dataclass(frozen=True)
class TransformationReport:
    """The transformations of a run.

    Attributes
    ----------
    frames : (n,) int64 array
        Frames of the input list.
    pair : (n, 2, 3) float64 array
        Transform from the frame before, NaN for failed and excluded ones and the first frame.
    original, final : (n, 2, 3) float64 array
        Cumulative matrix before the fits were taken out, and what is left after it (residual):
        that which the stack is made with. NaN for excluded frames.
    fit : (n, 2, 3) float64 array
        What was taken out: `original` less `final`, plus identity. In the shifts this holds the
        refit after the scales were changed, too.
    npts, error_px, fwhm_x_px, fwhm_y_px : (n,) float64 array
        Key points that fit, mean absolute error, and width of the residuals, px.
    facts : tuple of (str, str)
    """

    frames: Frames
    pair: Array
    original: Array
    final: Array
    fit: Array
    npts: Array
    error_px: Array
    fwhm_x_px: Array
    fwhm_y_px: Array
    facts: Facts


def mill_rate(frames: pd.DataFrame, um_per_v: float = MILL_RATE_UM_PER_V) -> MillRate:
    """Return the milling progress from frames.csv.

    The slope of the working distance (mm per frame) times 1e6 is the slice thickness in nm. The
    slope of the milling Y voltage (V per frame) times -`um_per_v` times 1e3 is so, too: the beam
    moves towards smaller voltages. Older reports use one conversion whatever they are given; here
    the argument counts.

    Parameters
    ----------
    frames : pandas.DataFrame
        frames.csv.
    um_per_v : float
        Milled thickness per volt, um/V.
    """
    number = _frames(frames)
    distance, voltage = (
        _column(frames, "working_distance_mm"),
        _column(frames, "milling_y_voltage_v"),
    )
    distance_fit, voltage_fit = fit_line(number, distance), fit_line(number, voltage)
    by_distance = distance_fit.slope * 1e6
    by_voltage = -voltage_fit.slope * um_per_v * 1e3
    moves = abs(voltage_fit.slope) > 3 * voltage_fit.slope_error
    measured = -by_distance / 1e3 / voltage_fit.slope if moves else float("nan")
    facts = (
        ("Slice thickness by working distance", _slope(by_distance, distance_fit, 1e6)),
        ("Slice thickness by milling voltage", _slope(by_voltage, voltage_fit, um_per_v * 1e3)),
        ("Conversion used", f"{um_per_v:.4f} µm/V"),
        ("Conversion by which both agree", _number(measured, "µm/V", 4)),
        ("Scatter of working distance", _number(distance_fit.residual_std * 1e6, "nm", 3)),
    )
    return MillRate(
        number, distance, voltage, distance_fit, voltage_fit, by_distance, by_voltage, um_per_v,
        measured, facts,
    )  # fmt: skip


def scan_report(frames: pd.DataFrame) -> ScanReport:
    """Return scan rate, EHT and specimen current from frames.csv."""
    rate = _column(frames, "scan_rate_hz") / 1e3
    eht, current = _column(frames, "eht_kv"), _column(frames, "specimen_current_na")
    facts = tuple(
        (name, _range(values, unit))
        for name, values, unit in (
            ("Scan rate", rate, "kHz"), ("EHT", eht, "kV"), ("Specimen current", current, "nA"),
        )
    )  # fmt: skip
    return ScanReport(_frames(frames), rate, eht, current, facts)


def field_of_view(frames: pd.DataFrame) -> FieldOfView:
    """Return the centre of the field of view and its smooth displacement from frames.csv."""
    number = _frames(frames)
    centre = np.column_stack([_column(frames, name) for name in FOV_COLUMNS])
    shift = np.full(centre.shape, np.nan)
    good = np.isfinite(centre).all(1)
    if good.any():
        shift[good] = fov_trend(centre[good])
    facts = tuple(
        (f"Displacement in {axis}", _range(shift[:, k], "px", ".2f")) for k, axis in enumerate("xy")
    )
    return FieldOfView(number, centre, shift, facts)


def grey_levels(
    frames: pd.DataFrame, thr_min: float | None = None, thr_max: float | None = None
) -> GreyLevels:
    """Return the grey levels from frames.csv.

    Parameters
    ----------
    frames : pandas.DataFrame
        frames.csv.
    thr_min, thr_max : float, optional
        Fractions of pixels below and above, which the levels were taken at; told in the facts.
    """
    low, high = _column(frames, "min"), _column(frames, "max")
    least = float(np.nanmin(low)) if np.isfinite(low).any() else float("nan")
    most = float(np.nanmax(high)) if np.isfinite(high).any() else float("nan")
    facts = [
        ("Global minimum", _number(least, "counts", 6)),
        ("Global maximum", _number(most, "counts", 6)),
    ]
    if thr_min is not None:
        facts.append(("Fraction of pixels below", f"{thr_min:g}"))
    if thr_max is not None:
        facts.append(("Fraction of pixels above", f"{thr_max:g}"))
    return GreyLevels(
        _frames(frames), low, high, _column(frames, "sliding_min"), _column(frames, "sliding_max"),
        least, most, tuple(facts),
    )  # fmt: skip


def transformation_report(pairs: pd.DataFrame, transforms: pd.DataFrame) -> TransformationReport:
    """Return the transformations of a run from pairs.csv and transforms.csv."""
    number = _frames(transforms)
    final, original = _matrices(transforms, ""), _matrices(transforms, "orig_")
    place = np.searchsorted(number, _frames(pairs))
    pair = np.full(final.shape, np.nan)
    pair[place] = _matrices(pairs, "")
    columns = []
    for name in ("npts", "error_abs_mean", "fwhm_x", "fwhm_y"):
        values = np.full(len(number), np.nan)
        values[place] = _column(pairs, name)
        columns.append(values)
    npts, error, fwhm_x, fwhm_y = columns
    facts = (
        ("Key points that fit", _middle(npts, "", 4)),
        ("Mean absolute error", _middle(error, "px", 3)),
        ("FWHM of residuals in x", _middle(fwhm_x, "px", 3)),
        ("FWHM of residuals in y", _middle(fwhm_y, "px", 3)),
        ("Residual shift in x", _range(final[:, 0, 2], "px", ".2f")),
        ("Residual shift in y", _range(final[:, 1, 2], "px", ".2f")),
    )
    fit = original - final + np.eye(2, 3)
    return TransformationReport(
        number, pair, original, final, fit, npts, error, fwhm_x, fwhm_y, facts
    )


def _frames(table: pd.DataFrame) -> Frames:
    return np.asarray(table["frame"], np.int64)


def _column(table: pd.DataFrame, name: str) -> Array:
    if name not in table:
        return np.full(len(table), np.nan)
    import pandas as pd

    values = pd.to_numeric(table[name], errors="coerce")
    return values.to_numpy(np.float64, na_value=np.nan)


def _matrices(table: pd.DataFrame, prefix: str) -> Array:
    columns = [_column(table, prefix + name) for name in MATRIX_COLUMNS]
    return np.column_stack(columns).reshape(-1, 2, 3)


def _number(value: float, unit: str, digits: int) -> str:
    return f"{value:.{digits}g} {unit}".strip() if np.isfinite(value) else "not recorded"


def _slope(value: float, fit: LinearFit, factor: float) -> str:
    if not np.isfinite(value):
        return "not recorded"
    error = fit.slope_error * abs(factor)
    return f"{value:.3f} ± {error:.3f} nm per frame" if np.isfinite(error) else f"{value:.3f} nm"


def _range(values: Array, unit: str, form: str = ".5g") -> str:
    good = values[np.isfinite(values)]
    if not good.size:
        return "not recorded"
    low, high = f"{good.min():{form}}", f"{good.max():{form}}"
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


def _middle(values: Array, unit: str, digits: int) -> str:
    good = values[np.isfinite(values)]
    if not good.size:
        return "not recorded"
    return f"mean {good.mean():.{digits}g}, median {np.median(good):.{digits}g} {unit}".strip()
