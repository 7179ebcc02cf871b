"""Block matching: displacement vectors of a grid of blocks by correlation."""

from fibsem_dash.features.blocks.coarse import CoarseShift, coarse_shift, reduce_image
from fibsem_dash.features.blocks.matching import (
    BlockFrame,
    BlockMatches,
    match_blocks,
    prepare_frame,
)
from fibsem_dash.features.blocks.solve import solve_blocks

__all__ = [
    "BlockFrame",
    "BlockMatches",
    "CoarseShift",
    "coarse_shift",
    "match_blocks",
    "prepare_frame",
    "reduce_image",
    "solve_blocks",
]
