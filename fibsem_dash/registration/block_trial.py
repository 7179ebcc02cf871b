"""Block matching tried on one pair of images, with everything that a picture of it needs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.compute.executor import run_single_threaded
from fibsem_dash.errors import ParameterError
from fibsem_dash.features.blocks import BlockMatches, match_blocks, prepare_frame, solve_blocks
from fibsem_dash.settings import RunSettings
from fibsem_dash.transforms import TransformEstimate, residuals
from fibsem_dash.transforms.matrices import Array


@dataclass(frozen=True)
class BlockTrial:
    """Block vectors of a pair and the transform that they give.

    Attributes
    ----------
    matches : BlockMatches
        Block centres in both frames, px, confidence, and the coarse shift.
    confident : (n,) bool array
        Blocks whose confidence reaches the threshold.
    estimate : TransformEstimate
        Its `inliers` are the blocks that the matrix rests on; falsy with the reason when failed.
    block_size : int
        Side of a block, px.
    seconds : dict of str to float
        Wall time of the parts: "spectra", "correlation", "solving".
    """

    matches: BlockMatches
    confident: npt.NDArray[np.bool_]
    estimate: TransformEstimate
    block_size: int
    seconds: dict[str, float]

    @property
    def vectors(self) -> Array:
        """Displacement (x, y) of every block, px, (n, 2)."""
        return self.matches.dst - self.matches.src

    @property
    def residuals(self) -> Array:
        """What the transform leaves of every vector (x, y), px, (n, 2); NaN when it failed."""
        return residuals(self.estimate.matrix, self.matches.src, self.matches.dst)

    @property
    def used(self) -> npt.NDArray[np.bool_]:
        """Blocks that the matrix rests on, (n,)."""
        return self.estimate.inliers


def try_blocks(
    first: npt.NDArray[Any], second: npt.NDArray[Any], settings: RunSettings
) -> BlockTrial:
    """Match the blocks of two images and solve for their transform.

    Parameters
    ----------
    first, second : (y, x) array
        Images of one size, for instance those of a `PairTrial`; any real type without NaN.
    settings : RunSettings
        Uses blocks and solver.

    Raises
    ------
    ParameterError
        When the images differ in size or are smaller than one block.
    """
    if first.shape != second.shape or first.ndim != 2:
        raise ParameterError(
            "images to compare", expected="two of one size", found=f"{first.shape}, {second.shape}"
        )
    # Threads that share small products of matrices make them slower, not faster.
    return run_single_threaded(lambda _: _try(first, second, settings), None)


def _try(first: npt.NDArray[Any], second: npt.NDArray[Any], settings: RunSettings) -> BlockTrial:
    marks = [time.perf_counter()]
    frames = [prepare_frame(image, settings.blocks) for image in (first, second)]
    marks.append(time.perf_counter())
    matches = match_blocks(frames[0], frames[1], settings.blocks)
    marks.append(time.perf_counter())
    estimate, confident = solve_blocks(matches, settings.blocks, settings.solver)
    marks.append(time.perf_counter())
    names = ("spectra", "correlation", "solving")
    seconds = dict(zip(names, np.diff(marks).tolist(), strict=True))
    return BlockTrial(matches, confident, estimate, settings.blocks.block_size, seconds)
