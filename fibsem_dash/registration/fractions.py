"""Which share of detector B makes neighbouring registered slices most alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.compare.correlation import snr_from_ncc
from fibsem_dash.compute.executor import Executor, InProcessExecutor, batch_size, batches_of
from fibsem_dash.compute.progress import Monitor, SilentMonitor
from fibsem_dash.errors import ParameterError
from fibsem_dash.numerics.notes import warn_once_per_call
from fibsem_dash.registration.stack import SliceJob
from fibsem_dash.registration.stack_stage import StackPlan
from fibsem_dash.registration.warp import Image, RenderSettings, render_slice

STAGE = "fractions"
_FIT_POINTS = 6


@dataclass(frozen=True)
class FractionEvaluation:
    """Quality of a registration against the share of detector B.

    Attributes
    ----------
    fractions : ndarray, (fractions,)
    slices : tuple of int
        Second slice of each pair.
    ncc, snr : ndarray, (fractions, pairs)
        Normalized cross-correlation of the pair and ``ncc / (1 - ncc)``.
    improvement : ndarray, (fractions,)
        Mean over the pairs of the SNR over that of the first fraction.
    best_fraction, best_improvement : float
        Vertex of the parabola where there is one, else the best of the fractions.
    from_fit : bool
        Whether they are the vertex.
    fit_fractions, fit_improvement : ndarray, (n,)
        The parabola, empty without one.
    notes : tuple of str
        Why a number is missing or doubtful.
    """

    fractions: NDArray[np.float64]
    slices: tuple[int, ...]
    ncc: NDArray[np.float64]
    snr: NDArray[np.float64]
    improvement: NDArray[np.float64]
    best_fraction: float
    best_improvement: float
    from_fit: bool
    fit_fractions: NDArray[np.float64]
    fit_improvement: NDArray[np.float64]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class FractionBatch:
    """Consecutive slices; each but the first is compared with the one before."""

    jobs: tuple[SliceJob, ...]
    render: RenderSettings


def product_batch(batch: FractionBatch) -> list[tuple[int, NDArray[np.float64]]]:
    """Return (slice, covariances) of the pairs of a batch.

    The covariances, (4, 4), are those of A and B of the slice before and A and B of the slice: a
    mixture is linear, so they hold its correlation for every share.
    """
    results = []
    before = _detectors(batch.jobs[0], batch.render)
    for job in batch.jobs[1:]:
        current = _detectors(job, batch.render)
        assert job.bounds is not None
        xi, xa, yi, ya = job.bounds
        crops = np.array([part[yi:ya, xi:xa].ravel() for part in (*before, *current)], np.float64)
        if crops.shape[1]:
            crops -= crops.mean(axis=1, keepdims=True)
        results.append((job.index, crops @ crops.T))
        before = current
    return results


def _detectors(job: SliceJob, render: RenderSettings) -> tuple[Image, Image]:
    plain = replace(render, backend="numpy")
    a, b = (render_slice(job.sources, replace(plain, detector=letter)) for letter in ("A", "B"))
    return a, b


def evaluate_detector_b_fractions(
    fractions: Sequence[float],
    plan: StackPlan,
    slices: Sequence[int] | None = None,
    *,
    executor: Executor | None = None,
    monitor: Monitor | None = None,
) -> FractionEvaluation:
    """Find the share of detector B for which neighbouring registered slices agree best.

    Parameters
    ----------
    fractions : sequence of float
        Shares of B to try, 0 to 1, increasing. Improvements are relative to the first, which
        should be 0; three or more are needed for a parabola.
    plan : StackPlan
        Places, rendering and evaluation boxes of a run, see
        `fibsem_dash.registration.stack_stage.plan_stack`.
    slices : sequence of int, optional
        Second slices of the pairs to compare; all by default.
    executor : Executor, optional
        Where work runs; this process by default.
    monitor : Monitor, optional
        What hears of progress and may cancel.

    Returns
    -------
    FractionEvaluation
        Every slice is rendered once per detector and batch, however many shares are tried.

    Warns
    -----
    AnalysisWarning
        Once, where pairs are left out or no share can be told.

    Raises
    ------
    ParameterError
        For shares out of order or bounds, or a slice without one before it.
    """
    shares = np.asarray(fractions, dtype=np.float64)
    ordered = shares.ndim == 1 and shares.size > 0 and bool((np.diff(shares) > 0).all())
    if not ordered or not (shares[0] >= 0 and shares[-1] <= 1):
        raise ParameterError(
            "Shares of detector B",
            expected="increasing numbers from 0 to 1",
            found=list(fractions),
        )
    wanted = sorted({int(k) for k in (range(1, len(plan.jobs)) if slices is None else slices)})
    if not wanted or not 0 < wanted[0] <= wanted[-1] < len(plan.jobs):
        raise ParameterError(
            "slices", expected=f"numbers from 1 to {len(plan.jobs) - 1}", found=wanted
        )
    executor, monitor = executor or InProcessExecutor(), monitor or SilentMonitor()
    covariances: dict[int, NDArray[np.float64]] = {}
    monitor.start(STAGE, len(wanted))
    for part in executor.run(product_batch, _batches(plan, wanted, executor.n_workers), monitor):
        covariances.update(part)
        monitor.advance(STAGE, len(part))
    monitor.finish(STAGE)
    ncc = np.array([[_mixed_ncc(covariances[k], f) for k in wanted] for f in shares])
    result = summarise(shares, tuple(wanted), ncc)
    warn_once_per_call(result.notes, "Shares of detector B")
    return result


def _batches(plan: StackPlan, wanted: Sequence[int], n_workers: int) -> list[FractionBatch]:
    """Cut the pairs into runs of neighbours, so that few slices are rendered twice."""
    # Voxels stay as they are warped: rounding to whole counts would add noise.
    render = replace(plan.render, dtype="float32", grey_range=None, detector_b_fraction=0.0)
    batches = []
    for part in batches_of(wanted, batch_size(len(wanted), n_workers)):
        start = 0
        for stop in range(1, len(part) + 1):
            if stop == len(part) or part[stop] != part[stop - 1] + 1:
                jobs = plan.jobs[part[start] - 1 : part[stop - 1] + 1]
                batches.append(FractionBatch(tuple(jobs), render))
                start = stop
    return batches


def _mixed_ncc(covariance: NDArray[np.float64], fraction: float) -> float:
    weights = np.array([1.0 - fraction, fraction])
    first = weights @ covariance[:2, :2] @ weights
    second = weights @ covariance[2:, 2:] @ weights
    if not (first > 0 and second > 0):
        return float("nan")
    common = weights @ covariance[:2, 2:] @ weights
    return float(np.clip(common / np.sqrt(first * second), -1.0, 1.0))


def summarise(
    fractions: NDArray[np.float64], slices: tuple[int, ...], ncc: NDArray[np.float64]
) -> FractionEvaluation:
    """Turn correlations into improvements and find the best share.

    Parameters
    ----------
    fractions : ndarray, (fractions,)
        Increasing.
    slices : tuple of int
        Second slice of each pair.
    ncc : ndarray, (fractions, pairs)

    Returns
    -------
    FractionEvaluation
    """
    snr = np.array([[snr_from_ncc(float(value)) for value in row] for row in ncc])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = snr / snr[0]
    usable = np.isfinite(ratios).all(axis=0)
    notes = []
    if not usable.all():
        names = ", ".join(str(k) for k, good in zip(slices, usable, strict=True) if not good)
        notes.append(f"pairs of the slices {names} are left out, their correlation has no SNR")
    improvement = np.full(fractions.size, np.nan)
    if usable.any():
        improvement = ratios[:, usable].mean(axis=1)
    best, value = float("nan"), float("nan")
    fit: dict[str, Any] = {"x": np.empty(0), "y": np.empty(0)}
    from_fit = False
    if usable.any():
        peak = int(improvement.argmax())
        best, value = float(fractions[peak]), float(improvement[peak])
        window = slice(max(peak - _FIT_POINTS // 2, 0), peak + _FIT_POINTS // 2)
        x, y = fractions[window], improvement[window]
        vertex = parabola_vertex(x, y)
        if vertex is not None:
            from_fit = True
            best, value, coefficients = vertex
            fit["x"] = np.linspace(x[0], x[-1], 101)
            fit["y"] = np.polyval(coefficients, fit["x"])
        else:
            notes.append("no maximum lies between the shares, so the best of them is given")
    return FractionEvaluation(
        fractions=fractions,
        slices=slices,
        ncc=ncc,
        snr=snr,
        improvement=improvement,
        best_fraction=best,
        best_improvement=value,
        from_fit=from_fit,
        fit_fractions=fit["x"],
        fit_improvement=fit["y"],
        notes=tuple(notes),
    )


def parabola_vertex(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[float, float, NDArray[np.float64]] | None:
    """Return place and value of the maximum of a parabola, and its coefficients.

    Returns
    -------
    (float, float, ndarray (3,)) or None
        None for fewer than three points, a parabola that opens upwards, or a vertex that does not
        lie between the first and the last point.
    """
    if x.size < 3:
        return None
    coefficients = np.polyfit(x, y, 2)
    if not coefficients[0] < 0:
        return None
    place = float(-coefficients[1] / (2 * coefficients[0]))
    if not x[0] < place < x[-1]:
        return None
    return place, float(np.polyval(coefficients, place)), coefficients
