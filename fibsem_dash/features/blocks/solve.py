"""The transform of a pair from its block vectors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fibsem_dash.features.blocks.matching import BlockMatches
from fibsem_dash.settings import BlockSettings, SolverSettings
from fibsem_dash.transforms import TransformEstimate, residuals
from fibsem_dash.transforms.result import failure, success
from fibsem_dash.transforms.robust import fit_vectors

FEWEST_BLOCKS = 4
"""Blocks that must agree even in the smallest frame."""

INDEPENDENT_SPACING = 0.6
"""Distance of blocks, as a share of their side, below which neighbours measure the same content."""


def solve_blocks(
    matches: BlockMatches, blocks: BlockSettings, solver: SolverSettings
) -> tuple[TransformEstimate, npt.NDArray[np.bool_]]:
    """Fit the transform model to the vectors of confident blocks, and judge it.

    Parameters
    ----------
    matches : BlockMatches
        Vectors of all blocks.
    blocks : BlockSettings
        Uses confidence, min_share and search_radius.
    solver : SolverSettings
        Uses transform, drmax and min_matches; the strength of the regularization follows from the
        vectors, see `fibsem_dash.transforms.robust.fit_vectors`.

    Returns
    -------
    estimate : TransformEstimate
        Its inliers are the confident blocks within drmax, an (n,) mask over all blocks. Falsy
        where fewer than min_matches (half the blocks of a small frame) or a smaller share of the
        confident blocks than min_share agree.
    confident : (n,) bool array
        Blocks whose confidence reaches the threshold.
    """
    n = len(matches)
    confident = matches.confidence >= max(blocks.confidence, 1e-6)
    n_confident = int(confident.sum())
    needed = min(solver.min_matches, max(FEWEST_BLOCKS, n // 2))
    if n_confident < needed:
        reason = f"{n_confident} of {n} blocks have a clear peak, {needed} are needed"
        return failure(n, reason), confident
    weights = np.where(confident, matches.weight, 0.0)
    fit = fit_vectors(
        matches.src,
        matches.dst - matches.src,
        weights,
        solver.transform,
        float(blocks.search_radius),
        max(1.0, (INDEPENDENT_SPACING / matches.spacing) ** 2),
    )
    if not np.isfinite(fit.matrix).all():
        return failure(n, f"{n_confident} blocks do not determine the model"), confident
    vectors = residuals(fit.matrix, matches.src, matches.dst)
    used = confident & (np.hypot(vectors[:, 0], vectors[:, 1]) < solver.drmax)
    n_used = int(used.sum())
    if n_used < max(needed, blocks.min_share * n_confident):
        reason = (
            f"only {n_used} of {n_confident} block vectors agree within {solver.drmax} px, "
            f"{max(needed, int(np.ceil(blocks.min_share * n_confident)))} are needed"
        )
        return failure(n, reason), confident
    return success(fit.matrix, matches.src, matches.dst, used, 1), confident
