"""What the chain takes, from the results of pairs and the headers of frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fibsem_dash.registration.chain import PairTable, fov_trend
from fibsem_dash.registration.frames import FOV_COLUMNS, FrameInfo
from fibsem_dash.registration.pairs import PairResult
from fibsem_dash.transforms.matrices import Array


def pair_table(pairs: Sequence[PairResult]) -> PairTable:
    """Gather the matrices and centroids of pairs."""
    n = len(pairs)
    return PairTable(
        matrices=np.array([p.matrix for p in pairs]).reshape(n, 3, 3),
        mean_src=np.array([p.mean_src for p in pairs]).reshape(n, 2),
        mean_dst=np.array([p.mean_dst for p in pairs]).reshape(n, 2),
    )


def fov_trend_of(frames: Sequence[FrameInfo]) -> Array | None:
    """Return the smoothed displacement of the field of view, (n, 2) px; None where not told."""
    centres = np.array([[f.telemetry.get(c, np.nan) for c in FOV_COLUMNS] for f in frames])
    return fov_trend(centres) if np.isfinite(centres).all() else None
