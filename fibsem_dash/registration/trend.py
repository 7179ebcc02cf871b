"""The chain of a run seen as curves: what each setting of the fits would make of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.io.tables import read_csv
from fibsem_dash.registration.chain import (
    ChainResult,
    PairTable,
    build_chain,
    cumulate,
    fov_trend,
)
from fibsem_dash.registration.estimation import stored_pair
from fibsem_dash.registration.frames import FOV_COLUMNS
from fibsem_dash.registration.pair_tasks import PairTask, pair_tasks
from fibsem_dash.registration.pairs import PairResult
from fibsem_dash.registration.stored_run import StoredRun, read_run
from fibsem_dash.registration.tables import CENTROID_COLUMNS, MATRIX_COLUMNS
from fibsem_dash.settings import ChainSettings
from fibsem_dash.transforms.matrices import Array

if TYPE_CHECKING:
    import pandas as pd

QUANTITIES = ("scale_x", "scale_y", "shear_xy", "shear_yx", "shift_x", "shift_y")
"""Columns of the curves: ``Sxx, Syy, Sxy, Syx`` and the shifts, px."""

_ROWS, _COLUMNS = (0, 1, 0, 1, 0, 1), (0, 1, 1, 0, 2, 2)


@dataclass(frozen=True, eq=False)
class TrendData:
    """What the chain of a run rests on; no setting of the chain changes it.

    Attributes
    ----------
    frames : (n,) int64 array
        Frames of the input list that are used.
    files : tuple of str
        Their file names.
    matrices : (n-1, 3, 3) float64 array
        Pair matrices; NaN where a pair failed or is not computed yet.
    mean_src, mean_dst : (n-1, 2) float64 array
        Centroids of the inliers in both frames, px.
    n_inliers, n_matches : (n-1,) float64 array
        Matches the matrix rests on, and matches found; NaN where not computed yet.
    errors : (n-1,) float64 array
        Mean residual of the inliers, px.
    statuses, sources : tuple of str
        Of each pair: ok | failed | pending; sift | blocks | manual | retried | accepted.
    n_keypoints : (n,) float64 array
        NaN where not known.
    fov_centres : (n, 2) float64 array
        Centre of the field of view (x, y), px; NaN where the headers do not tell.
    """

    frames: npt.NDArray[np.int64]
    files: tuple[str, ...]
    matrices: Array
    mean_src: Array
    mean_dst: Array
    n_inliers: Array
    n_matches: Array
    errors: Array
    statuses: tuple[str, ...]
    sources: tuple[str, ...]
    n_keypoints: Array
    fov_centres: Array

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def complete(self) -> bool:
        """Whether every pair is computed."""
        return "pending" not in self.statuses

    @cached_property
    def pairs(self) -> PairTable:
        """Matrices and centroids, as the chain takes them."""
        return PairTable(self.matrices, self.mean_src, self.mean_dst)

    @cached_property
    def cumulative(self) -> Array:
        """Products of the pair matrices, (n, 3, 3)."""
        return cumulate(self.matrices)

    @cached_property
    def fov_trend(self) -> Array | None:
        """Smoothed displacement of the field of view, (n, 2) px; None where not all are known."""
        return fov_trend(self.fov_centres) if np.isfinite(self.fov_centres).all() else None


@dataclass(frozen=True, eq=False)
class Trend:
    """Curves over the frames; every array has one row per frame and the columns `QUANTITIES`.

    Attributes
    ----------
    data : TrendData
        Frames, key points, errors.
    settings : ChainSettings
        What the curves belong to.
    chain : ChainResult
        The matrices behind the curves; `chain.final` are those that the stack is written with.
    frame_to_frame : (n, 6) float64 array
        Pair matrix with the frame before; NaN in the first row and where there is none.
    cumulative : (n, 6) float64 array
        Before the fits.
    fit : (n, 6) float64 array
        What the fits take out of `before_fit`. Identity and 0 where nothing is taken out.
    before_fit : (n, 6) float64 array
        What the fits are laid through: scales and shears of `cumulative`, and the shifts that
        belong to the corrected scales.
    residual : (n, 6) float64 array
        After the fits.
    """

    data: TrendData
    settings: ChainSettings
    chain: ChainResult
    frame_to_frame: Array
    cumulative: Array
    before_fit: Array
    fit: Array
    residual: Array

    @property
    def frames(self) -> npt.NDArray[np.int64]:
        """Frames of the input list: the abscissa of every curve."""
        return self.data.frames

    @property
    def errors(self) -> Array:
        """Mean residual of each frame's pair with the one before, px, (n,); NaN for the first."""
        return np.concatenate([[np.nan], self.data.errors])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was adapted to the length of the stack."""
        return self.chain.warnings

    def to_table(self) -> pd.DataFrame:
        """Return all curves as a table, one row per frame."""
        import pandas as pd

        first = [np.nan]
        columns: dict[str, object] = {"frame": self.frames, "file": self.data.files}
        columns["pair_status"] = ["", *self.data.statuses]
        columns["pair_source"] = ["", *self.data.sources]
        columns["n_keypoints"] = self.data.n_keypoints
        columns["n_matches"] = [*first, *self.data.n_matches]
        columns["npts"] = [*first, *self.data.n_inliers]
        columns["error_abs_mean"] = self.errors
        for name in ("frame_to_frame", "cumulative", "before_fit", "fit", "residual"):
            values = getattr(self, name)
            columns |= {f"{name}_{q}": values[:, k] for k, q in enumerate(QUANTITIES)}
        return pd.DataFrame(columns)


def compute_trend(data: TrendData, settings: ChainSettings | None = None) -> Trend:
    """Compute all curves for some settings of the chain, as the run would.

    What does not depend on the settings is kept in `data`, so that a second call is cheaper.

    Parameters
    ----------
    data : TrendData
        As `read_trend` returns it.
    settings : ChainSettings, optional
        Fits and subtractions.
    """
    settings = settings or ChainSettings()
    chain = build_chain(data.pairs, settings, data.fov_trend, data.cumulative)
    n = len(data)
    between = np.full((n, 6), np.nan)
    between[1:] = quantities(data.matrices)
    original, final = quantities(chain.original), quantities(chain.final)
    before = np.concatenate([original[:, :4], chain.shift], axis=1)
    linear = chain.linear_fit[:, _ROWS[:4], _COLUMNS[:4]]
    # The first frame stays in place, whatever the trend is there.
    trend = chain.shift_trend - chain.shift_trend[0]
    fit = np.concatenate([linear, trend], axis=1)
    return Trend(data, settings, chain, between, original, before, fit, final)


def quantities(matrices: Array) -> Array:
    """Return scales, shears and shifts of (n, 3, 3) matrices as (n, 6), columns `QUANTITIES`."""
    chosen: Array = np.asarray(matrices)[:, _ROWS, _COLUMNS]
    return chosen


def read_trend(run_folder: str | os.PathLike[str]) -> TrendData:
    """Read what the chain of a run rests on, also of one that is running or was stopped.

    Raises
    ------
    RunError
        When the folder is no run, or its frames are not measured yet.
    FormatError
        When its files are not what a run writes.
    """
    return trend_of(read_run(run_folder))


def trend_of(run: StoredRun) -> TrendData:
    """Do what `read_trend` does for a run that was read already."""
    if run.stage_done("pairs") and run.store.file("pairs.csv").exists():
        table = read_csv(run.store.file("pairs.csv"))
        if set(CENTROID_COLUMNS) <= set(table):
            return _from_table(run, table)
    return _from_cache(run)


def _from_table(run: StoredRun, table: pd.DataFrame) -> TrendData:
    used = table[table["status"] != "excluded"]
    kept = run.kept

    def numbers(*names: str) -> Array:
        return np.column_stack([used[n].to_numpy(np.float64, na_value=np.nan) for n in names])

    matrices = np.zeros((len(used), 3, 3))
    matrices[:, 2, 2] = 1.0
    matrices[:, :2] = numbers(*MATRIX_COLUMNS).reshape(-1, 2, 3)
    matrices[np.isnan(matrices).any((1, 2))] = np.nan
    centroids = numbers(*CENTROID_COLUMNS)
    return TrendData(
        **_frame_part(run, kept),
        matrices=matrices,
        mean_src=centroids[:, :2],
        mean_dst=centroids[:, 2:],
        n_inliers=numbers("npts")[:, 0],
        n_matches=numbers("n_matches")[:, 0],
        errors=numbers("error_abs_mean")[:, 0],
        statuses=tuple(used["status"].astype(str)),
        sources=tuple(used["source"].astype(str)),
    )


def _from_cache(run: StoredRun) -> TrendData:
    """Look up every pair of neighbours; what is not there yet is pending."""
    kept = [k for k in run.kept if k in set(run.measured)]
    jobs = run.keypoint_jobs(run.levels(), run.settings)
    tasks = pair_tasks(list(pairwise(kept)), jobs, run.settings, run.edits, run.paths)
    found = [stored_pair(task, run.settings, run.cache) for task in tasks]
    n = len(found)
    nan = float("nan")
    matrices, src, dst = np.full((n, 3, 3), nan), np.full((n, 2), nan), np.full((n, 2), nan)
    for k, pair in enumerate(found):
        if pair is not None:
            matrices[k], src[k], dst[k] = pair.matrix, pair.mean_src, pair.mean_dst
    return TrendData(
        **_frame_part(run, kept),
        matrices=matrices,
        mean_src=src,
        mean_dst=dst,
        n_inliers=np.array([nan if p is None else p.n_inliers for p in found], np.float64),
        n_matches=np.array([nan if p is None else p.n_matches for p in found], np.float64),
        errors=np.array([nan if p is None else p.error_abs_mean for p in found], np.float64),
        statuses=tuple("pending" if p is None else "ok" if p else "failed" for p in found),
        sources=tuple(_source(t, p) for t, p in zip(tasks, found, strict=True)),
    )


def _source(task: PairTask, found: PairResult | None) -> str:
    if task.edit is not None:
        return task.edit.source
    return found.estimator if found is not None else "sift"


def _frame_part(run: StoredRun, kept: list[int]) -> dict[str, Any]:
    centres = np.full((len(kept), 2), np.nan)
    for k, name in enumerate(FOV_COLUMNS):
        if name in run.table:
            centres[:, k] = run.table[name].to_numpy(np.float64)[kept]
    return {
        "frames": np.array(kept, np.int64),
        "files": tuple(run.frames[k].name for k in kept),
        "n_keypoints": run.n_keypoints()[kept],
        "fov_centres": centres,
    }
