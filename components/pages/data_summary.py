"""What the Data page says about a folder: numbers, curves as a table, code, progress."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from components.command_line import quoted_command
from components.plots.telemetry import CURVES
from fibsem_dash.registration.frames import FrameInfo
from fibsem_dash.registration.listing import FolderSummary, format_time, telemetry
from fibsem_dash.units import format_bytes, format_duration


def telemetry_frame(frames: Sequence[FrameInfo]) -> pd.DataFrame:
    """Return the curves as a table, for a file."""
    columns = telemetry(frames)
    curves = {CURVES[name].title: columns[name] for name in CURVES if name in columns}
    names = {"frame": [f.index for f in frames], "file": [f.name for f in frames]}
    return pd.DataFrame(names | curves)


def folder_code(folder: str, pattern: str) -> tuple[str, str]:
    """Return the Python lines and the command line that register a folder."""
    name = Path(folder).name or "frames"
    options = f", pattern={pattern!r}" if pattern else ""
    python = (
        "from fibsem_dash.dataset import FIBSEMDataset\n"
        f"dataset = FIBSEMDataset.from_folder({folder!r}, {name + '_run'!r}{options})\n"
        "frames = dataset.inspect()"
    )
    parts = ["fibsem-dash", "register", folder, "--out", f"{name}_run"]
    return python, quoted_command([*parts, *(["--pattern", pattern] if pattern else [])])


def progress_line(name: str, done: int, total: int, rate: float, left_s: float) -> str:
    """Return what stands above the bar: count, rate and time left, as far as they are known."""
    if not total:
        return f"{name} ..."
    text = f"{name}: {done} of {total}"
    if done and np.isfinite(left_s):
        text += f"  ·  {rate:.3g} per second  ·  {format_duration(left_s)} left"
    return text


def summary_tiles(summary: FolderSummary) -> list[tuple[str, str, bool]]:
    """Return label, value and whether it deserves attention for each number of a summary."""
    height, width = summary.shape
    n_bad = len({problem.index for problem in summary.problems})
    gaps = f"{len(summary.gaps)} ({summary.n_missing} missing)" if summary.gaps else "none"
    known = np.isfinite(summary.duration_s)
    return [
        ("Frames found", str(summary.n_frames), False),
        ("Total size", format_bytes(summary.total_bytes), False),
        ("Frame size", f"{width} × {height} px" if width else "–", not width),
        ("Pixel size", _pixel_size(summary), summary.pixel_size_assumed),
        ("Detectors", ", ".join(summary.detectors) or "–", False),
        ("Sample", summary.sample_id or "–", False),
        ("First file saved", format_time(summary.first_time_s)[:16], False),
        ("Last file saved", format_time(summary.last_time_s)[:16], False),
        ("Duration", format_duration(summary.duration_s) if known else "–", False),
        ("Gaps in numbering", gaps if summary.numbered else "no numbers", bool(summary.gaps)),
        ("Problems", f"{n_bad} frame{'s' * (n_bad > 1)}" if n_bad else "none", bool(n_bad)),
    ]


def _pixel_size(summary: FolderSummary) -> str:
    if not np.isfinite(summary.pixel_size_nm):
        return "–"
    return f"{summary.pixel_size_nm:.4g} nm" + ", assumed" * summary.pixel_size_assumed
