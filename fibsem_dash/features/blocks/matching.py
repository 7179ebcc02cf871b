"""Vectors of blocks between two frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.backend import Backend, array_module
from fibsem_dash.features.blocks.coarse import (
    CoarseShift,
    ReducedImage,
    coarse_shift,
    reduce_image,
)
from fibsem_dash.features.blocks.correlation import cross_spectra, find_peaks
from fibsem_dash.features.blocks.pull import window_pull
from fibsem_dash.features.blocks.spectra import (
    BlockGrid,
    Complexes,
    block_grid,
    block_spectra,
)
from fibsem_dash.settings import BlockSettings


@dataclass(frozen=True)
class BlockFrame:
    """What block matching needs of one frame, computed once and used for all of its pairs.

    Attributes
    ----------
    pixels : (y, x) array
        The image.
    grid : BlockGrid
        Blocks of the whole frame.
    spectra : (rows, columns, ky, kx) complex64 array
        Their spectra.
    reduced : ReducedImage
        For the coarse shift.
    """

    pixels: npt.NDArray[Any]
    grid: BlockGrid
    spectra: Complexes
    reduced: ReducedImage


@dataclass(frozen=True)
class BlockMatches:
    """Vectors of the blocks of a pair, drawable like matches.

    Attributes
    ----------
    src, dst : (n, 2) float64 array
        Places (x, y) in the first frame and in the second, px: of what both blocks hold in common.
    confidence : (n,) float64 array
        0 to 1.
    weight : (n,) float64 array
        How well each vector is known, relative to others, at least zero.
    coarse : CoarseShift
        Shift of the whole frame that the search started from.
    spacing : float
        Distance of neighbouring blocks as a share of their side.
    """

    src: npt.NDArray[np.float64]
    dst: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]
    coarse: CoarseShift
    spacing: float

    def __len__(self) -> int:
        return len(self.src)


def prepare_frame(
    image: npt.NDArray[Any], settings: BlockSettings, backend: Backend = "numpy"
) -> BlockFrame:
    """Compute the spectra of a frame's blocks.

    Parameters
    ----------
    image : (y, x) array of any real type
        The frame, for instance as `fibsem_dash.image.contrast.to_8bit` makes it.
    settings : BlockSettings
        Block size, overlap, low-pass.
    backend : {"numpy", "cupy"}
        Where pixels and spectra are kept and the pairs of this frame are computed; the reduced
        image stays with the processor.

    Raises
    ------
    ParameterError
        When the image is smaller than one block.
    """
    grid = block_grid(image.shape, settings)
    pixels = array_module(backend).asarray(image)
    spectra = block_spectra(pixels, grid, settings)
    return BlockFrame(pixels, grid, spectra, reduce_image(image, settings))


def match_blocks(first: BlockFrame, second: BlockFrame, settings: BlockSettings) -> BlockMatches:
    """Find where the blocks of the first frame lie in the second.

    The second frame's blocks are cut out at the nearest whole coarse shift. Windows that do not
    move with the content pull what remains towards zero, see `window_pull`; that is undone.

    Parameters
    ----------
    first, second : BlockFrame
        Frames of one size, from `prepare_frame` with the same settings.
    settings : BlockSettings
        Whitening, low-pass, search radius.
    """
    coarse = coarse_shift(first.reduced, second.reduced)
    dx, dy = round(coarse.x), round(coarse.y)
    rows, columns, part = _common_blocks(first, dx, dy)
    spacing = part.step / part.size
    if part.rows == 0 or part.columns == 0:
        none, nothing = np.zeros((0, 2)), np.zeros(0)
        return BlockMatches(none, none, nothing, nothing, coarse, spacing)
    ours = first.spectra[rows, columns]
    if (dx, dy) == (0, 0):
        theirs = second.spectra
    else:
        moved = BlockGrid(
            part.size, part.step, part.left + dx, part.top + dy, part.columns, part.rows
        )
        theirs = block_spectra(second.pixels, moved, settings)
    cross = cross_spectra(ours, theirs, settings)
    peaks = find_peaks(cross, part.size, settings.search_radius)
    clear = peaks.confidence >= settings.confidence
    vectors = peaks.vectors / window_pull(ours, theirs, peaks.vectors, clear, settings)
    # Both windows weigh highest what lies in the middle between its two places.
    src = part.centres - vectors / 2
    dst = src + vectors + (dx, dy)
    return BlockMatches(src, dst, peaks.confidence, peaks.information, coarse, spacing)


def _common_blocks(frame: BlockFrame, dx: int, dy: int) -> tuple[slice, slice, BlockGrid]:
    """Select the blocks that stay inside the frame when they move by (dx, dy)."""
    grid = frame.grid
    height, width = frame.pixels.shape
    rows = _inside(grid.top, grid.step, grid.rows, grid.size, dy, height)
    columns = _inside(grid.left, grid.step, grid.columns, grid.size, dx, width)
    part = BlockGrid(
        grid.size,
        grid.step,
        grid.left + columns.start * grid.step,
        grid.top + rows.start * grid.step,
        columns.stop - columns.start,
        rows.stop - rows.start,
    )
    return rows, columns, part


def _inside(first: int, step: int, count: int, size: int, shift: int, length: int) -> slice:
    begin = first + step * np.arange(count) + shift
    good = np.flatnonzero((begin >= 0) & (begin + size <= length))
    return slice(int(good[0]), int(good[-1]) + 1) if len(good) else slice(0, 0)
