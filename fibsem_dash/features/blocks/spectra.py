"""Spectra of overlapping windowed blocks of an image, all at once by matrix products.

A low-passed correlation needs only the low frequencies of a block, so a discrete Fourier transform
written as two matrix products computes just those: cheaper than an FFT of every block, and rows
that neighbouring blocks share are transformed once.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.backend import array_module, strided_view
from fibsem_dash.errors import ParameterError
from fibsem_dash.settings import BlockSettings

Floats = npt.NDArray[np.float32]
Complexes = npt.NDArray[np.complex64]

DENSEST = 0.4
"""Smallest distance of blocks, as a share of their side, that `min_blocks` leads to: a Hann window
gives the rest of a block so little weight that closer blocks hardly add anything."""


@dataclass(frozen=True)
class BlockGrid:
    """Regular grid of square blocks.

    Attributes
    ----------
    size : int
        Side of a block, px.
    step : int
        Distance between neighbouring blocks, px.
    left, top : int
        First pixel of the first block.
    columns, rows : int
        Number of blocks along x and y.
    """

    size: int
    step: int
    left: int
    top: int
    columns: int
    rows: int

    @property
    def centres(self) -> npt.NDArray[np.float64]:
        """Block centres (x, y), px, (rows * columns, 2), row by row."""
        middle = (self.size - 1) / 2
        x = self.left + middle + self.step * np.arange(self.columns)
        y = self.top + middle + self.step * np.arange(self.rows)
        return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)


def block_grid(shape: tuple[int, int], settings: BlockSettings) -> BlockGrid:
    """Lay a grid of blocks over an image, centred.

    Where the overlap gives fewer than `min_blocks`, blocks lie closer, down to `DENSEST`.

    Parameters
    ----------
    shape : (int, int)
        Image size (y, x), px.
    settings : BlockSettings
        Uses block_size, overlap and min_blocks.

    Raises
    ------
    ParameterError
        When the image is smaller than one block.
    """
    size = settings.block_size
    if min(shape) < size:
        raise ParameterError(
            "the frame is smaller than one block",
            expected=f"at least {size} x {size} px",
            found=f"{shape[1]} x {shape[0]} px",
            remedy="Make blocks.block_size smaller, or use the estimator sift.",
        )
    step = max(round(size * (1 - settings.overlap)), 1)
    free = [n - size for n in shape]
    while math.prod(n // step + 1 for n in free) < settings.min_blocks and step > size * DENSEST:
        step -= 1
    rows, columns = ((n - size) // step + 1 for n in shape)
    left = (shape[1] - size - (columns - 1) * step) // 2
    top = (shape[0] - size - (rows - 1) * step) // 2
    return BlockGrid(size, step, left, top, columns, rows)


def block_spectra(image: npt.NDArray[Any], grid: BlockGrid, settings: BlockSettings) -> Complexes:
    """Transform every block of the grid, weighted with a Hann window.

    Parameters
    ----------
    image : (y, x) array
        Grey levels; the blocks must lie inside. On the graphics card it is computed there.
    grid : BlockGrid
        Where the blocks lie.
    settings : BlockSettings
        Uses low_pass.

    Returns
    -------
    (rows, columns, ky, kx) complex64 array
        Coefficients of the frequencies ``ky = -K ... K`` and ``kx = 0 ... K`` cycles per block,
        with the phase of the block's centre. In memory the columns come after ky.
    """
    size = grid.size
    k = n_frequencies(size, settings.low_pass)
    height = (grid.rows - 1) * grid.step + size
    width = (grid.columns - 1) * grid.step + size
    part = image[grid.top : grid.top + height, grid.left : grid.left + width]
    xp = array_module("auto", image)
    pixels = xp.ascontiguousarray(part, np.float32)
    # Float32 sums lose digits to a large common level; the correlation ignores it anyway.
    pixels = pixels - np.float32(float(pixels.mean(dtype=np.float64)))
    along_x, along_y = (xp.asarray(basis) for basis in _fourier_bases(size, k))
    n_x = along_x.shape[1]
    row, item = pixels.strides
    strips = strided_view(xp, pixels, (grid.columns, height, size), (grid.step * item, row, item))
    if xp is np:
        rows = np.empty((height, grid.columns, n_x), np.float32)
        np.matmul(strips, along_x, out=rows.transpose(1, 0, 2))
    else:
        rows = xp.ascontiguousarray(xp.matmul(strips, along_x).transpose(1, 0, 2))
    # All blocks of a row side by side make one large product of it.
    stride = rows.strides[0]
    stacked = strided_view(
        xp, rows, (grid.rows, size, grid.columns * n_x), (grid.step * stride, stride, item)
    )
    both = (along_y @ stacked).view(np.complex64)
    cosines, sines = both[:, : k + 1], both[:, k + 1 :]
    # The basis holds cos and -sin, so exp(-i k y) = cos + i (-sin).
    sines *= np.complex64(1j)
    spectra = xp.empty((grid.rows, 2 * k + 1, both.shape[2]), np.complex64)
    xp.add(cosines, sines, out=spectra[:, k:])
    xp.subtract(cosines[:, :0:-1], sines[:, :0:-1], out=spectra[:, :k])
    by_block: Complexes = spectra.reshape(grid.rows, 2 * k + 1, grid.columns, k + 1)
    return by_block.transpose(0, 2, 1, 3)


def n_frequencies(size: int, low_pass: float) -> int:
    """Return the highest frequency that is kept, cycles per block."""
    return int(np.clip(round(size * low_pass), 2, (size - 1) // 2))


@functools.lru_cache(maxsize=8)
def _fourier_bases(size: int, k: int) -> tuple[Floats, Floats]:
    """Windowed cosines and negative sines of 0 ... k cycles.

    Returns
    -------
    along_x : (size, 2 (k + 1)) float32 array
        Cosine and sine of each frequency side by side, so that products are complex numbers.
    along_y : (2 (k + 1), size) float32 array
        First all cosines, then all sines.
    """
    place = np.arange(size) - (size - 1) / 2
    window = 0.5 + 0.5 * np.cos(2 * np.pi * place / size)
    phase = 2 * np.pi / size * np.outer(place, np.arange(k + 1))
    waves = window[:, None, None] * np.stack([np.cos(phase), -np.sin(phase)], -1)
    along_x = np.ascontiguousarray(waves.reshape(size, -1), np.float32)
    along_y = np.ascontiguousarray(waves.transpose(2, 1, 0).reshape(-1, size), np.float32)
    for basis in (along_x, along_y):
        basis.flags.writeable = False
    return along_x, along_y
