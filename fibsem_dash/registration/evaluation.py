"""Quality of an existing stack, whoever made it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fibsem_dash.compare import compare_images
from fibsem_dash.compare.differences import NsadMode
from fibsem_dash.compute.executor import Executor, InProcessExecutor, batch_size, batches_of
from fibsem_dash.compute.progress import Monitor, SilentMonitor
from fibsem_dash.errors import ParameterError
from fibsem_dash.io import open_stack
from fibsem_dash.registration.boxes import box_bounds
from fibsem_dash.settings import METRICS, QualitySettings

if TYPE_CHECKING:
    import pandas as pd

STAGE = "evaluate"


@dataclass(frozen=True)
class EvaluationBatch:
    """Some slices of a stack, each to be measured against the one before.

    Attributes
    ----------
    path : str
        The stack.
    slices : tuple of int
        Second slices of the pairs.
    bounds : tuple of (int, int, int, int)
        (xi, xa, yi, ya) of each pair.
    settings : QualitySettings
        Measures to take.
    invert : bool
        Whether grey levels count downwards.
    nsad_mode : {"abs", "signed"}
        Formula of NSAD, see `fibsem_dash.compare.nsad`.
    """

    path: str
    slices: tuple[int, ...]
    bounds: tuple[tuple[int, int, int, int], ...]
    settings: QualitySettings = field(default_factory=QualitySettings)
    invert: bool = False
    nsad_mode: NsadMode = "abs"


def evaluate_batch(batch: EvaluationBatch) -> list[tuple[int, dict[str, float]]]:
    """Measure some slices; return the measures by slice."""
    results = []
    settings = batch.settings
    with open_stack(batch.path) as stack:
        last: tuple[int, np.ndarray] | None = None
        for k, (xi, xa, yi, ya) in zip(batch.slices, batch.bounds, strict=True):
            previous = last[1] if last is not None and last[0] == k - 1 else stack[k - 1]
            current = stack[k]
            # Both crops lie at the place of this pair, also where the box slides.
            measures = compare_images(
                previous[yi:ya, xi:xa],
                current[yi:ya, xi:xa],
                settings.metrics,
                invert=batch.invert,
                nsad_mode=batch.nsad_mode,
                nmi_bins=settings.nmi_bins,
                fsc_threshold=settings.fsc_threshold,
                reference=settings.reference,
            )
            results.append((k, measures))
            last = (k, current)
    return results


def evaluate_stack(
    path: str | os.PathLike[str],
    settings: QualitySettings | None = None,
    *,
    slices: Sequence[int] | None = None,
    invert: bool = False,
    nsad_mode: NsadMode = "abs",
    executor: Executor | None = None,
    monitor: Monitor | None = None,
) -> pd.DataFrame:
    """Measure how well the neighbouring slices of a stack fit.

    Parameters
    ----------
    path : path-like
        What `fibsem_dash.io.open_stack` opens.
    settings : QualitySettings, optional
        Measures and evaluation box; the box is in the coordinates of the slices.
    slices : sequence of int, optional
        Second slices of the pairs; all but the first by default. Slice 0 has none before it and is
        passed over.
    invert : bool
        Whether grey levels count downwards; changes NSAD only.
    nsad_mode : {"abs", "signed"}
        Formula of NSAD, see `fibsem_dash.compare.nsad`; "signed" is that of 2022.
    executor : Executor, optional
        Where work runs; this process by default.
    monitor : Monitor, optional
        What hears of progress and may cancel.

    Returns
    -------
    pandas.DataFrame
        Columns frame, xi_eval, xa_eval, yi_eval, ya_eval and the measures; one row per pair. A
        sliding box is at its start in slice 0 and at its stop in the last slice.

    Raises
    ------
    ParameterError
        For a box outside the slices or a slice that the stack does not have.
    """
    import pandas as pd

    s = settings or QualitySettings()
    executor, monitor = executor or InProcessExecutor(), monitor or SilentMonitor()
    with open_stack(path) as stack:
        n, height, width = stack.shape
    wanted = sorted({int(k) for k in (range(1, n) if slices is None else slices)} - {0})
    if wanted and not 0 < wanted[0] <= wanted[-1] < n:
        raise ParameterError("slices", expected=f"numbers from 0 to {n - 1}", found=wanted[-1])
    stop = s.stop_box if s.sliding else None
    bounds = box_bounds(n, (height, width), s.box, stop_box=stop)
    size = batch_size(len(wanted), executor.n_workers)
    batches = [
        EvaluationBatch(
            os.path.abspath(path),
            tuple(part),
            tuple(map(tuple, bounds[part].tolist())),
            s,
            invert,
            nsad_mode,
        )
        for part in batches_of(wanted, size)
    ]
    measured: dict[int, dict[str, float]] = {}
    monitor.start(STAGE, len(wanted))
    for done in executor.run(evaluate_batch, batches, monitor):
        measured.update(done)
        monitor.advance(STAGE, len(done))
    monitor.finish(STAGE)
    columns = ["frame", "xi_eval", "xa_eval", "yi_eval", "ya_eval"]
    metrics = [name for name in METRICS if name in s.metrics]
    rows = [(k, *bounds[k], *(measured[k][m] for m in metrics)) for k in wanted]
    return pd.DataFrame(rows, columns=[*columns, *metrics])


def summarise_quality(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean, median and standard deviation of each measure of a quality table."""
    measures = [name for name in METRICS if name in table]
    return table[measures].agg(["mean", "median", "std"]).T
