"""Comparison of the quality tables of several runs, as old notebooks called it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fibsem_dash.compare import snr_from_ncc
from fibsem_dash.compat.keywords import take
from fibsem_dash.compat.output import output_file, results_folder, show_and_save
from fibsem_dash.errors import ParameterError
from fibsem_dash.figures import draw_quality
from fibsem_dash.figures.style import REGIONS, add_legend, new_figure, set_figure_title, style_axes
from fibsem_dash.image import spread
from fibsem_dash.io.tables import write_xlsx
from fibsem_dash.quality.tables import QualityTable, read_quality_table

if TYPE_CHECKING:
    import pandas as pd

METRICS = ("NSAD", "NCC", "NMI")


def plot_registrtion_quality_csvs(
    data_files: Sequence[str | os.PathLike[str]], labels: Sequence[str], **kwargs: Any
) -> str:
    """Compare the quality tables of several runs.

    Parameters
    ----------
    data_files : sequence of path-like
        CSV or XLSX tables of any generation. Names without a folder are looked for in that of the
        first file, as they were.
    labels : sequence of str
        One per file.
    **kwargs : object
        ``save_res_png`` True, ``save_filename`` ``Regstration_Summary.png`` in
        ``fibsem_dash_results``, ``nsad_bounds``, ``ncc_bounds``, ``nmi_bounds`` [0, 0] (automatic),
        ``colors``, ``linewidths``, ``disp_res``, ``dpi``; of 2025 ``frame_inds``: rows to keep.

    Returns
    -------
    str
        Path of the workbook: sheet Summary with mean and spread of every measure, then one sheet
        per run. The figures lie beside it: ``<stem>.png`` and ``<stem>_fig_and_table.png``.
    """
    accepted = {
        "save_res_png": True,
        "save_filename": None,
        "nsad_bounds": [0.0, 0.0],
        "ncc_bounds": [0.0, 0.0],
        "nmi_bounds": [0.0, 0.0],
        "colors": None,
        "linewidths": None,
        "disp_res": True,
        "dpi": 300,
        "frame_inds": None,
    }
    options = take("plot_registrtion_quality_csvs", kwargs, accepted, ("frame_inds",))
    if len(data_files) != len(labels) or not data_files:
        raise ParameterError(
            "labels", expected=f"one for each of {len(data_files)} files", found=len(labels)
        )
    first = Path(data_files[0]).parent
    tables = [
        read_quality_table(_located(path, first), label=label)
        for path, label in zip(data_files, labels, strict=True)
    ]
    runs = {table.label: _rows(table, options.frame_inds) for table in tables}
    summary = summarise_runs(runs, [os.fspath(path) for path in data_files], options.generation)
    image = output_file(
        options.save_filename, "Regstration_Summary.png", lambda: results_folder(None, ())
    )
    show_and_save(lambda: _curves(runs, options), options, lambda: image.with_suffix(".png"))
    show_and_save(
        lambda: _table_figure(runs, summary, options),
        options,
        lambda: image.with_name(f"{image.stem}_fig_and_table.png"),
    )
    book = image.with_suffix(".xlsx")
    write_xlsx(book, {"Summary": summary, **runs})
    return str(book)


plot_registrtion_quality_xlsx = plot_registrtion_quality_csvs


def _located(path: str | os.PathLike[str], first: Path) -> Path:
    given = Path(path)
    return given if given.exists() or given.is_absolute() else first / given.name


def _rows(table: QualityTable, wanted: Any) -> pd.DataFrame:
    frame = table.to_frame()
    return frame if wanted is None or not len(wanted) else frame.iloc[list(wanted)]


def summarise_runs(
    runs: dict[str, pd.DataFrame], paths: Sequence[str], generation: Any = "2025"
) -> pd.DataFrame:
    """Return one row per run: mean and spread of every measure, and the mean of NCC / (1 - NCC)."""
    import pandas as pd

    rows = []
    for (label, table), path in zip(runs.items(), paths, strict=True):
        row: dict[str, Any] = {" ": label, "Path": path}
        for name in METRICS:
            values = np.asarray(table[name], np.float64) if name in table else np.array([np.nan])
            values = values[np.isfinite(values)]
            row[f"{name} Mean"] = float(values.mean()) if values.size else np.nan
            row[f"{name} Spread"] = spread(values, reference=generation) if values.size else np.nan
            if name == "NCC":
                ratios = [snr_from_ncc(float(value)) for value in values]
                row["Mean SNR"] = float(np.mean(ratios)) if ratios else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def _colours(count: int, given: Any) -> list[Any]:
    return list(given) if given else [REGIONS[k % len(REGIONS)] for k in range(count)]


def _restyle(lines: Sequence[Any], options: Any) -> None:
    colours = _colours(len(lines), options.colors)
    widths = list(options.linewidths or [])
    for k, line in enumerate(lines):
        if options.colors:
            line.set_color(colours[k % len(colours)])
        if widths:
            line.set_linewidth(widths[k % len(widths)])


def _curves(runs: dict[str, pd.DataFrame], options: Any) -> Any:
    figure = draw_quality(runs, title="Registration quality")
    shown = [name for name in METRICS if any(name in table for table in runs.values())]
    for axes, name in zip(figure.axes, shown, strict=False):
        low, high = getattr(options, f"{name.lower()}_bounds")
        if low != high:
            axes.set_ylim(low, high)
        _restyle(axes.get_lines(), options)
    return figure


def _table_figure(runs: dict[str, pd.DataFrame], summary: pd.DataFrame, options: Any) -> Any:
    columns = [name for name in summary if name not in (" ", "Path")]
    figure = new_figure(11, 4 + 0.25 * len(runs))
    upper, lower = figure.subplots(2, 1, height_ratios=[0.4 + 0.25 * len(runs), 3.5])
    set_figure_title(figure, "Registration comparison")
    upper.axis("off")
    text = [[f"{value:.4f}" for value in row] for row in summary[columns].to_numpy(float)]
    table = upper.table(cellText=text, rowLabels=list(runs), colLabels=columns, loc="center")
    table.auto_set_font_size(False)
    table.set_fontsize(8)
    for label, values in runs.items():
        if "NCC" in values:
            lower.plot(values["frame"], values["NCC"], label=label)
    _restyle(lower.get_lines(), options)
    add_legend(lower)
    style_axes(lower, "Frame", "NCC (higher is better)")
    return figure
