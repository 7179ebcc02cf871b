"""The tables of a run folder, from result objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fibsem_dash.registration.data_range import StackRange
from fibsem_dash.registration.frames import FOV_COLUMNS, TELEMETRY, FrameInfo
from fibsem_dash.registration.pairs import PairResult
from fibsem_dash.registration.stack import SliceJob, SliceResult
from fibsem_dash.settings import METRICS
from fibsem_dash.transforms.matrices import Array

if TYPE_CHECKING:
    import pandas as pd

MATRIX_COLUMNS = ("T00", "T01", "T02", "T10", "T11", "T12")
"""Columns of a matrix, row by row: Sxx Sxy Tx Syx Syy Ty."""

CENTROID_COLUMNS = ("mean_src_x", "mean_src_y", "mean_dst_x", "mean_dst_y")
"""Columns of pairs.csv with the centroids of the inliers in the first and the second frame, px."""


def frames_table(
    frames: Sequence[FrameInfo],
    levels: StackRange | None,
    excluded: Mapping[int, str],
    n_keypoints: Mapping[int, int] | None = None,
) -> pd.DataFrame:
    """Return frames.csv: one row per file of the input list.

    The number of key points comes last, empty until they are extracted.
    """
    import pandas as pd

    n = len(frames)
    nan = np.full(n, np.nan)
    reasons = [f.reason or excluded.get(f.index, "") for f in frames]
    columns: dict[str, object] = {
        "frame": [f.index for f in frames],
        "file": [f.name for f in frames],
        "status": ["excluded" if reason else "ok" for reason in reasons],
        "min": nan if levels is None else levels.minimum,
        "max": nan if levels is None else levels.maximum,
        "sliding_min": nan if levels is None else levels.sliding_minimum,
        "sliding_max": nan if levels is None else levels.sliding_maximum,
    }
    for name in (*TELEMETRY, *FOV_COLUMNS):
        columns[name] = [f.telemetry.get(name, np.nan) for f in frames]
    columns["reason"] = reasons
    counts = n_keypoints or {}
    columns["n_keypoints"] = pd.array([counts.get(f.index) for f in frames], dtype="Int64")
    return pd.DataFrame(columns)


def pairs_table(
    frames: Sequence[FrameInfo],
    pairs: Sequence[PairResult],
    excluded: Mapping[int, str],
) -> pd.DataFrame:
    """Return pairs.csv: one row per frame but the first, for its pair with the frame before.

    Where frames were taken out, ``previous_frame`` tells which frame the pair reaches back to; the
    rows of frames that were taken out have no matrix. The last columns hold the centroids of the
    inliers in both frames, px, and how the transform came to be (`edits.SOURCES`).
    """
    import pandas as pd

    by_second = {pair.second: pair for pair in pairs}
    rows = []
    for frame in frames[1:]:
        pair = by_second.get(frame.index)
        row: dict[str, object] = {"frame": frame.index, "file": frame.name}
        if pair is None:
            row |= {"status": "excluded", "reason": excluded.get(frame.index, "")}
        else:
            row |= {
                "status": "ok" if pair else "failed",
                "npts": pair.n_inliers,
                "n_matches": pair.n_matches,
                "error_abs_mean": pair.error_abs_mean,
                "fwhm_x": pair.fwhm_x,
                "fwhm_y": pair.fwhm_y,
                "previous_frame": pair.first,
                "reason": pair.reason,
                "estimator": pair.estimator,
                **_matrix_cells(pair.matrix),
                **dict(zip(CENTROID_COLUMNS, [*pair.mean_src, *pair.mean_dst], strict=True)),
                "source": pair.estimator if pair.source == "sift" else pair.source,
            }
        rows.append(row)
    names = ["frame", "file", "status", "npts", "n_matches", "error_abs_mean", "fwhm_x", "fwhm_y"]
    columns = [*names, *MATRIX_COLUMNS, "previous_frame", "reason", "estimator"]
    columns += [*CENTROID_COLUMNS, "source"]
    table = pd.DataFrame(rows, columns=columns)
    whole = dict.fromkeys(("npts", "n_matches", "previous_frame"), "Int64")
    return table.astype(whole)


def _matrix_cells(matrix: Array, prefix: str = "") -> dict[str, float]:
    return dict(
        zip((prefix + name for name in MATRIX_COLUMNS), matrix[:2].ravel().tolist(), strict=True)
    )


def transforms_table(
    frames: Sequence[FrameInfo],
    kept: Sequence[int],
    final: Array,
    original: Array,
    z_bin: int,
    excluded: Mapping[int, str],
) -> pd.DataFrame:
    """Return transforms.csv: the matrix of each frame, before and after the fits, and its slice."""
    import pandas as pd

    position = {frame: k for k, frame in enumerate(kept)}
    rows = []
    for frame in frames:
        k = position.get(frame.index)
        row: dict[str, object] = {"frame": frame.index, "file": frame.name, "status": "excluded"}
        if k is not None:
            row |= {"status": "ok", "slice": k // z_bin, **_matrix_cells(final[k])}
            row |= _matrix_cells(original[k], "orig_")
        rows.append(row)
    matrices = [prefix + name for prefix in ("", "orig_") for name in MATRIX_COLUMNS]
    columns = ["frame", "file", "status", *matrices, "slice"]
    return pd.DataFrame(rows, columns=columns).astype({"slice": "Int64"})


def quality_table(
    jobs: Sequence[SliceJob],
    results: Sequence[SliceResult],
    pairs: Sequence[PairResult],
    z_bin: int,
    metrics: Sequence[str],
) -> pd.DataFrame:
    """Return the quality table: one row per slice but the first, measured against the one before.

    Parameters
    ----------
    jobs, results : sequence
        All slices in order.
    pairs : sequence of PairResult
        Pairs of neighbouring frames that are used, in order.
    z_bin : int
        Frames per slice; the pair of a row is the one that links the two slices.
    metrics : sequence of str
        Measures that were taken.
    """
    import pandas as pd

    rows = []
    for job, result in zip(jobs[1:], results[1:], strict=True):
        xi, xa, yi, ya = job.bounds or (0, 0, 0, 0)
        pair = pairs[job.index * z_bin - 1]
        row: dict[str, object] = {
            "frame": job.index,
            "xi_eval": xi,
            "xa_eval": xa,
            "yi_eval": yi,
            "ya_eval": ya,
            **result.measures,
            "Npts": pair.n_inliers,
            "Mean Abs Error": pair.error_abs_mean,
        }
        rows.append(row)
    measured = [name for name in METRICS if name in metrics]
    bounds = ["xi_eval", "xa_eval", "yi_eval", "ya_eval"]
    return pd.DataFrame(rows, columns=["frame", *bounds, *measured, "Npts", "Mean Abs Error"])
