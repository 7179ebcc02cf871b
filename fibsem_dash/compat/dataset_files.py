"""Tables and figures that a data set of old notebooks leaves, and its parameters on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.compat.transform_types import TYPES, LibraryTransform, model_name
from fibsem_dash.errors import FormatError
from fibsem_dash.figures.style import X, Y, add_legend, new_figure, set_figure_title, style_axes
from fibsem_dash.io.atomic import atomic_path, json_safe, reading, write_json

if TYPE_CHECKING:
    import pandas as pd

    from fibsem_dash.registration.chain import ChainResult
    from fibsem_dash.registration.data_range import StackRange
    from fibsem_dash.registration.frames import FrameInfo
    from fibsem_dash.registration.pairs import PairResult

MATRIX_COLUMNS = (
    "T00 (Sxx)",
    "T01 (Sxy)",
    "T02 (Tx)",
    "T10 (Syx)",
    "T11 (Syy)",
    "T12 (Ty)",
    "T20 (0.0)",
    "T21 (0.0)",
    "T22 (1.0)",
)
TELEMETRY_COLUMNS = {
    "Working Distance (mm)": "working_distance_mm",
    "Milling Y Voltage (V)": "milling_y_voltage_v",
    "FOV X Center (Pix)": "fov_centre_x_px",
    "FOV Y Center (Pix)": "fov_centre_y_px",
    "Scan Rate (Hz)": "scan_rate_hz",
    "EHT (kV)": "eht_kv",
    "SEMSpecimenI (nA)": "specimen_current_na",
}


def statistics_table(frames: Sequence[FrameInfo], levels: StackRange) -> pd.DataFrame:
    """Return the sheet "FIBSEM Data" of 2025."""
    import pandas as pd

    columns: dict[str, Any] = {
        "Frame": [frame.index for frame in frames],
        "Min": levels.minimum,
        "Max": levels.maximum,
        "Sliding Min": levels.sliding_minimum,
        "Sliding Max": levels.sliding_maximum,
    }
    for title, name in TELEMETRY_COLUMNS.items():
        columns[title] = [frame.telemetry.get(name, np.nan) for frame in frames]
    columns["Error Code"] = [frame.reason for frame in frames]
    return pd.DataFrame(columns)


def matrix_sheets(
    pairs: Sequence[PairResult], chain: ChainResult, facts: Mapping[str, Any]
) -> dict[str, pd.DataFrame]:
    """Return the sheets of the workbook of transforms of 2025."""
    import pandas as pd

    def matrices(values: Any) -> pd.DataFrame:
        return pd.DataFrame(np.asarray(values).reshape(-1, 9), columns=list(MATRIX_COLUMNS))

    statistics = {
        "Npts": [pair.n_inliers for pair in pairs],
        "Mean Abs Error": [pair.error_abs_mean for pair in pairs],
        "Xerror_FWHM": [pair.fwhm_x for pair in pairs],
        "Yerror_FWHM": [pair.fwhm_y for pair in pairs],
    }
    rows = {"Name": list(facts), "Value": [str(json_safe(plain(v))) for v in facts.values()]}
    return {
        "Orig. Transformation Matrix": matrices([pair.matrix for pair in pairs]),
        "Cum. Transformation Matrix": matrices(chain.final),
        "Reg. Stat. Info": pd.DataFrame(statistics),
        "kwargs Info": pd.DataFrame(rows),
    }


def draw_data_bounds(levels: StackRange, title: str) -> Any:
    """Draw the grey levels of every frame and their smooth course."""
    figure = new_figure(7, 4)
    set_figure_title(figure, title)
    axes = figure.subplots()
    parts = (
        ("Minima", levels.minimum, levels.sliding_minimum, levels.global_minimum, Y),
        ("Maxima", levels.maximum, levels.sliding_maximum, levels.global_maximum, X),
    )
    for name, values, smooth, overall, colour in parts:
        axes.plot(values, color=colour, linewidth=1, label=name)
        axes.plot(smooth, color=colour, linestyle=":", linewidth=2, label=f"{name}, sliding")
        axes.axhline(overall, color=colour, linestyle="--", label=f"{overall:.1f}")
    style_axes(axes, "Frame", "Grey level (counts)")
    add_legend(axes)
    return figure


def draw_transforms(pairs: Sequence[PairResult], chain: ChainResult, title: str) -> Any:
    """Draw scales, shears and shifts from frame to frame, cumulative, and as they are used."""
    figure = new_figure(13, 9)
    set_figure_title(figure, title)
    rows = (
        ("frame to frame", np.array([pair.matrix for pair in pairs]).reshape(-1, 3, 3)),
        ("cumulative", chain.original),
        ("used", chain.final),
    )
    columns = (
        ("Scale", ("Sxx", 0, 0), ("Syy", 1, 1)),
        ("Shear", ("Sxy", 0, 1), ("Syx", 1, 0)),
        ("Shift (px)", ("Tx", 0, 2), ("Ty", 1, 2)),
    )
    panels = figure.subplots(3, 3, sharex=True)
    for line, (kind, matrices) in zip(panels, rows, strict=True):
        for axes, (label, *entries) in zip(line, columns, strict=True):
            for (name, i, j), colour in zip(entries, (X, Y), strict=True):
                axes.plot(matrices[:, i, j], color=colour, label=name)
            style_axes(axes, "Frame" if kind == "used" else "", f"{label}, {kind}")
            add_legend(axes)
    return figure


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it; transform types by their names."""
    if isinstance(value, type) and issubclass(value, LibraryTransform):
        return value.__name__
    if isinstance(value, type):
        return np.dtype(value).name
    if isinstance(value, np.dtype):
        return value.name
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def write_parameters(
    path: Path, parameters: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Write parameters as JSON and arrays as NPZ beside it; no pickle."""
    content = {"schema_version": 1, "parameters": {k: plain(v) for k, v in parameters.items()}}
    write_json(path, json_safe(content))
    with atomic_path(path.with_suffix(".npz")) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def read_parameters(path: Path) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Read what `write_parameters` wrote.

    Raises
    ------
    FormatError
        For anything else, a pickle of old versions among them: loading one can run any code.
    """
    expected = "parameters that save_parameters wrote (.json)"
    try:
        with reading(path):
            content = json.loads(path.read_bytes())
        parameters = dict(content["parameters"])
        with np.load(path.with_suffix(".npz"), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (ValueError, KeyError, TypeError, FileNotFoundError) as error:
        if isinstance(error, FileNotFoundError) and not path.exists():
            raise
        raise FormatError(
            "The parameters cannot be read", path=path, expected=expected, found=str(error)[:80]
        ) from error
    if "TransformType" in parameters:
        parameters["TransformType"] = TYPES[model_name(parameters["TransformType"])]
    return parameters, arrays
