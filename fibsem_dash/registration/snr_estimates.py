"""Signal-to-noise ratio of both detectors along the stack, and the mixture that follows from it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.compute.executor import Executor, InProcessExecutor
from fibsem_dash.compute.progress import Monitor, SilentMonitor
from fibsem_dash.errors import ParameterError
from fibsem_dash.image.snr import Extrapolation, SnrResult, autocorrelation_snr
from fibsem_dash.io import open_frame
from fibsem_dash.numerics.arguments import check_choice, region_of_box
from fibsem_dash.numerics.notes import AnalysisWarning, warn_once_per_call

STAGE = "snr"
Definition = Literal["seed", "ratio"]


@dataclass(frozen=True)
class SnrEstimates:
    """Signal-to-noise ratios of several frames.

    Attributes
    ----------
    frames : tuple of int
        Places of the frames in the list.
    files : tuple of str
        Their names.
    a, b, fused : tuple of SnrResult
        Of detector A, detector B and their mixture, with all curves; the last two are empty
        without a detector B.
    fractions : ndarray, (3,)
        Share of detector B by the ratios along x, along y and over rings, mean of the frames; NaN
        where it cannot be told.
    fused_fraction : float
        Share of detector B in `fused`; NaN without it.
    definition : {"seed", "ratio"}
    notes : tuple of str
        Why a number is missing or doubtful.
    """

    frames: tuple[int, ...]
    files: tuple[str, ...]
    a: tuple[SnrResult, ...]
    b: tuple[SnrResult, ...]
    fused: tuple[SnrResult, ...]
    fractions: NDArray[np.float64]
    fused_fraction: float
    definition: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class SnrBatch:
    """One frame to analyse: unmixed where the fraction is None."""

    path: str
    box: tuple[int, int, int, int]
    extrapolation: Extrapolation
    fraction: float | None
    options: dict[str, Any]


def snr_of_frame(batch: SnrBatch) -> tuple[str, list[SnrResult]]:
    """Analyse the detectors A and B of a frame, or their mixture; return it with its path."""
    frame = open_frame(batch.path)
    region = region_of_box(batch.box, frame.shape)
    images = [frame.raw(k, region) for k in ("A", "B") if k in frame.detectors]
    if batch.fraction is not None:
        a, b = (image.astype(np.float64) for image in images)
        images = [(1.0 - batch.fraction) * a + batch.fraction * b]
    with warnings.catch_warnings():
        # The notes of all frames together are told once.
        warnings.simplefilter("ignore", AnalysisWarning)
        return batch.path, [
            autocorrelation_snr(image, batch.extrapolation, **batch.options) for image in images
        ]


def default_frames(count: int) -> tuple[int, ...]:
    """Return a tenth, the middle and nine tenths of a list, each once."""
    return tuple(sorted({count // 10, count // 2, count // 10 * 9}))


def estimate_snrs(
    paths: Sequence[str | os.PathLike[str]],
    box: tuple[int, int, int, int] = (0, 0, 0, 0),
    frames: Sequence[int] | None = None,
    *,
    definition: Definition = "seed",
    fraction: float | None = None,
    extrapolation: Extrapolation = "parabolic",
    executor: Executor | None = None,
    monitor: Monitor | None = None,
    **options: Any,
) -> SnrEstimates:
    """Estimate the signal-to-noise ratio of both detectors and the share that B should have.

    Parameters
    ----------
    paths : sequence of path-like
        All frames in order.
    box : (top, height, left, width)
        Part of the raw frames, px; a height or width of 0 reaches to the edge.
    frames : sequence of int, optional
        Places in `paths`; a tenth, the middle and nine tenths by default.
    definition : {"seed", "ratio"}
        How the share of B follows from the ratios: ``SNR_B / (SNR_A + SNR_B)``, the weight by
        inverse variance where both detectors show a structure with the same contrast in counts,
        or ``SNR_B / SNR_A``, which old reports of 2025 hold and which can exceed 1.
    fraction : float, optional
        Share of B in the mixture that is analysed, 0 to 1; that by the rings by default.
    extrapolation : str, default "parabolic"
        See `fibsem_dash.image.autocorrelation_snr`.
    executor : Executor, optional
        Where work runs; this process by default.
    monitor : Monitor, optional
        What hears of progress and may cancel.
    **options : object
        Further options of that function, such as ``detrend``.

    Returns
    -------
    SnrEstimates

    Warns
    -----
    AnalysisWarning
        Once, where a number is missing.

    Raises
    ------
    ParameterError
        For a place outside the list, a box that leaves the frames or a setting out of range.
    """
    check_choice(definition, "definition of the fraction", ("seed", "ratio"))
    if fraction is not None and not 0.0 <= fraction <= 1.0:
        raise ParameterError("Share of detector B", expected="0 to 1", found=fraction)
    chosen = default_frames(len(paths)) if frames is None else tuple(int(k) for k in frames)
    if not chosen or not all(0 <= k < len(paths) for k in chosen):
        raise ParameterError(
            "frames", expected=f"numbers from 0 to {len(paths) - 1}", found=list(chosen)
        )
    executor, monitor = executor or InProcessExecutor(), monitor or SilentMonitor()
    files = [os.path.abspath(paths[k]) for k in chosen]

    def measure(share: float | None) -> list[list[SnrResult]]:
        batches = [SnrBatch(name, box, extrapolation, share, options) for name in files]
        monitor.start(STAGE, len(batches))
        found = {}
        for path, results in executor.run(snr_of_frame, batches, monitor):
            found[path] = results
            monitor.advance(STAGE)
        monitor.finish(STAGE)
        return [found[name] for name in files]

    single = measure(None)
    notes = _notes(chosen, single)
    both = all(len(results) == 2 for results in single)
    fractions = np.full(3, np.nan)
    share = np.nan
    if both:
        fractions = _fractions(single, definition)
        share = float(fractions[2]) if fraction is None else float(fraction)
        if share > 1.0:
            notes.append(f"the share of detector B, {share:.4g}, is above 1; the mixture has 1")
            share = 1.0
    mixed = measure(share) if np.isfinite(share) else []
    result = SnrEstimates(
        frames=chosen,
        files=tuple(os.path.basename(name) for name in files),
        a=tuple(results[0] for results in single),
        b=tuple(results[1] for results in single) if both else (),
        fused=tuple(results[0] for results in mixed),
        fractions=fractions,
        fused_fraction=share,
        definition=definition,
        notes=tuple(notes),
    )
    warn_once_per_call(result.notes, "Signal-to-noise ratios")
    return result


def _fractions(results: Sequence[Sequence[SnrResult]], definition: str) -> NDArray[np.float64]:
    a, b = (np.array([frame[k].values for frame in results]) for k in (0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = b / (a + b) if definition == "seed" else b / a
    known = np.isfinite(shares)
    sums = np.where(known, shares, 0.0).sum(axis=0)
    counts = known.sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _notes(frames: Sequence[int], results: Sequence[Sequence[SnrResult]]) -> list[str]:
    return [
        f"frame {k}, detector {letter}, {note}"
        for k, detectors in zip(frames, results, strict=True)
        for letter, result in zip("AB", detectors, strict=False)
        for note in result.notes
    ]
