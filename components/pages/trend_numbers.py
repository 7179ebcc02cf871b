"""The numbers of a trend as a table."""

from __future__ import annotations

from html import escape

import numpy as np
import numpy.typing as npt

from components.pages.sift_results import grouped, significant
from fibsem_dash.registration.canvas import fit_canvas
from fibsem_dash.registration.trend import Trend


def trend_numbers(
    trend: Trend, shape: tuple[int, int], pad_mode: str = "exact"
) -> list[tuple[str, str, str]]:
    """Return (name, value, unit) of what sums up a trend.

    Parameters
    ----------
    trend : Trend
        The curves.
    shape : (int, int)
        Size (y, x) of a frame, px; (0, 0) where it is not known.
    pad_mode : str
        How the canvas is enlarged.
    """
    data = trend.data
    statuses = np.array(data.statuses)
    rows = [
        ("Frames", grouped(len(data)), ""),
        ("Failed pairs", grouped(int((statuses == "failed").sum())), ""),
        ("Pairs not computed yet", grouped(int((statuses == "pending").sum())), ""),
        ("Median error", significant(_median(trend.errors)), "px"),
        ("Largest error", significant(_largest(trend.errors)), "px"),
    ]
    for name, k in (("x", 4), ("y", 5)):
        rows.append((f"Largest residual {name}", significant(_largest(trend.residual[:, k])), "px"))
    deviation = np.abs(trend.residual[:, :2] - 1) * 1e3
    rows.append(("Largest residual scale", significant(_largest(deviation)), "‰"))
    shear = np.abs(trend.residual[:, 2:4]) * 1e3
    rows.append(("Largest residual shear", significant(_largest(shear)), "‰"))
    for name, k in (("x", 4), ("y", 5)):
        taken = trend.fit[:, k]
        rows.append((f"Line taken out of {name}", significant(float(np.ptp(taken))), "px"))
    if shape[0] and len(data):
        height, width = fit_canvas(trend.chain.final, shape, pad_mode).shape
        rows.append(("Canvas", f"{grouped(width)} × {grouped(height)}", "px"))
    return rows


def _largest(values: npt.ArrayLike) -> float:
    found = np.abs(np.asarray(values, np.float64))
    return float(np.nanmax(found)) if np.isfinite(found).any() else float("nan")


def _median(values: npt.ArrayLike) -> float:
    found = np.asarray(values, np.float64)
    return float(np.nanmedian(found)) if np.isfinite(found).any() else float("nan")


def numbers_html(rows: list[tuple[str, str, str]], warnings: tuple[str, ...] = ()) -> str:
    """Return the numbers as HTML; everything in it is escaped."""
    lines = ["<table>"]
    lines += [
        f'<tr><td>{escape(name)}</td><td class="n">{escape(value)}</td>'
        f'<td class="u">{escape(unit)}</td></tr>'
        for name, value, unit in rows
    ]
    lines.append("</table>")
    lines += [f'<p class="note">{escape(text)}</p>' for text in warnings]
    return "".join(lines)
