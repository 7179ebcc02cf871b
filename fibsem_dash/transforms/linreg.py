"""LinReg: least squares with the worst match removed until all fit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fibsem_dash.settings import SolverSettings
from fibsem_dash.transforms.matrices import residuals
from fibsem_dash.transforms.models import TransformModel
from fibsem_dash.transforms.result import TransformEstimate, failure, success


def solve_linreg(
    src: npt.ArrayLike,
    dst: npt.ArrayLike,
    model: TransformModel,
    settings: SolverSettings,
) -> TransformEstimate:
    """Fit all matches, remove the one with the largest residual, and repeat.

    Suited to matches with few outliers: each pass costs a fit and removes one match.

    Parameters
    ----------
    src, dst : (n, 2) array
        Matched points (x, y), px.
    model : TransformModel
        What to fit.
    settings : SolverSettings
        Uses drmax (stop when the largest residual is not above it) and max_iter (most passes).

    Returns
    -------
    TransformEstimate
        Falsy, with the reason, when matches above drmax are left after max_iter passes or too few
        matches remain.
    """
    a = np.asarray(src, np.float64).reshape(-1, 2)
    b = np.asarray(dst, np.float64).reshape(-1, 2)
    kept = np.arange(len(a))
    for n_fits in range(1, settings.max_iter + 1):
        if len(kept) < model.min_points:
            return failure(
                len(a),
                f"{len(kept)} matches left, the {model.name} model needs {model.min_points}",
                n_fits - 1,
            )
        matrix = model.estimate(a[kept], b[kept])
        if not np.isfinite(matrix).all():
            return failure(len(a), "the matches do not determine the model", n_fits)
        vectors = residuals(matrix, a[kept], b[kept])
        errors = np.hypot(vectors[:, 0], vectors[:, 1])
        if errors.max() <= settings.drmax:
            inliers = np.zeros(len(a), bool)
            inliers[kept] = True
            return success(matrix, a, b, inliers, n_fits)
        kept = np.delete(kept, errors.argmax())
    return failure(
        len(a),
        f"residuals above {settings.drmax} px are left after removing {settings.max_iter} matches",
        settings.max_iter,
    )
