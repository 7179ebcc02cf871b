"""The numbers of a trial as a table."""

from __future__ import annotations

from html import escape

import numpy as np

from fibsem_dash.registration.trial_result import PARTS, PairTrial

STYLE = """
:host { color: inherit; }
table { border-collapse: collapse; font-size: 13px; width: 100%; }
td { white-space: nowrap; padding: 1px 4px; border-bottom: 1px solid rgba(128,128,128,.25); }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.u { opacity: .7; white-space: nowrap; }
table.m { font-size: 11px; }
table.m td { padding: 1px 2px; border: 0; }
p.note { font-size: 11px; opacity: .7; margin: 6px 4px; }
tr.head td { font-weight: 600; border-bottom: none; padding-top: 5px; }
"""


NOTE = (
    "Matches pass the ratio test. Key points that missed it (up to the grow ratio) but agree with "
    "the transform are added. * kept from before, time as it was then."
)


def significant(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits; a dash for NaN."""
    if not np.isfinite(value):
        return "–"
    if value == 0 or abs(value) >= 10 ** (digits - 1):
        return f"{value:.0f}"
    decimals = digits - 1 - int(np.floor(np.log10(abs(value))))
    return f"{value:.{decimals}f}"


def grouped(value: int) -> str:
    """Return a whole number with thin spaces between its thousands."""
    return f"{value:,}".replace(",", "\u2009")


def inliers_of_the_ratio_test(trial: PairTrial) -> int:
    """Return how many of the matches that passed Lowe's test agree with the transform."""
    if not trial.n_matches:
        return 0
    ratio = trial.matches.ratio
    last = np.partition(ratio, trial.n_matches - 1)[trial.n_matches - 1]
    return int(np.count_nonzero(trial.inliers & (ratio <= last)))


def number_rows(trial: PairTrial) -> list[tuple[str, str, str]]:
    """Return (name, value, unit) of the numbers of a trial."""
    e, kept = trial.estimate, inliers_of_the_ratio_test(trial)
    return [
        ("Key points, first", grouped(len(trial.first_points)), ""),
        ("Key points, second", grouped(len(trial.second_points)), ""),
        ("Matches", grouped(trial.n_matches), ""),
        ("− outliers", grouped(trial.n_matches - kept), ""),
        ("+ added by agreement", grouped(trial.n_inliers - kept), ""),
        ("= inliers", grouped(trial.n_inliers), ""),
        ("Mean error", significant(e.error_abs_mean), "px"),
        ("FWHM x", significant(e.fwhm_x), "px"),
        ("FWHM y", significant(e.fwhm_y), "px"),
        ("Solver trials", grouped(e.n_trials), ""),
    ]


def time_rows(trial: PairTrial) -> list[tuple[str, str, str]]:
    """Return (name, value, unit) of the times; parts that were kept say so."""
    return [
        (name.capitalize(), significant(trial.seconds[name] * 1e3), "ms" + (
            " *" if name in trial.kept else ""
        ))
        for name in PARTS
    ]  # fmt: skip


def results_html(trial: PairTrial) -> str:
    """Return the numbers of a trial as HTML; nothing in it comes from a file."""
    lines = ["<table>"]
    for title, rows in (("", number_rows(trial)), ("Time (both frames)", time_rows(trial))):
        if title:
            lines.append(f'<tr class="head"><td colspan="3">{escape(title)}</td></tr>')
        lines += [
            f'<tr><td>{escape(name)}</td><td class="n">{escape(value)}</td>'
            f'<td class="u">{escape(unit)}</td></tr>'
            for name, value, unit in rows
        ]
    lines.append('<tr class="head"><td colspan="3">Matrix, first to second frame (px)</td></tr>')
    lines.append('<tr><td colspan="3"><table class="m">')
    for row in trial.matrix[:2]:
        cells = "".join(
            f'<td class="n">{_matrix_number(value, k)}</td>' for k, value in enumerate(row)
        )
        lines.append(f"<tr>{cells}</tr>")
    lines.append(f'</table></td></tr></table><p class="note">{NOTE}</p>')
    return "".join(lines)


def _matrix_number(value: float, column: int) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:.3f}" if column == 2 else f"{value:.6f}"
