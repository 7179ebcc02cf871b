"""Spectra of overlapping windowed blocks of an image, all at once by matrix products.

A low-passed correlation needs only the low frequencies of a block, so a discrete Fourier transform
written as two matrix products computes just those: cheaper than an FFT of every block, and rows
that neighbouring blocks share are transformed once.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from fibsem_dash.errors import ParameterError
from fibsem_dash.settings import BlockSettings

Floats = npt.NDArray[np.float32]
Complexes = npt.NDArray[np.complex64]


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

    Parameters
    ----------
    shape : (int, int)
        Image size (y, x), px.
    settings : BlockSettings
        Uses block_size and overlap.

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
    rows, columns = ((n - size) // step + 1 for n in shape)
    left = (shape[1] - size - (columns - 1) * step) // 2
    top = (shape[0] - size - (rows - 1) * step) // 2
    return BlockGrid(size, step, left, top, columns, rows)


def block_spectra(image: npt.NDArray[Any], grid: BlockGrid, settings: BlockSettings) -> Complexes:
    """Transform every block of the grid, weighted with a Hann window.

    Parameters
    ----------
    image : (y, x) array
        Grey levels; the blocks must lie inside.
    grid : BlockGrid
        Where the blocks lie.
    settings : BlockSettings
        Uses low_pass.

    Returns
    -------
    (rows, columns, ky, kx) complex64 array
        Coefficients of the frequencies ``ky = -K ... K`` and ``kx = 0 ... K`` cycles per block,
        with the phase of the block's centre.
    """
    size = grid.size
    k = n_frequencies(size, settings.low_pass)
    height = (grid.rows - 1) * grid.step + size
    width = (grid.columns - 1) * grid.step + size
    part = image[grid.top : grid.top + height, grid.left : grid.left + width]
    pixels = np.ascontiguousarray(part, np.float32)
    # Float32 sums lose digits to a large common level; the correlation ignores it anyway.
    pixels = pixels - np.float32(pixels.mean(dtype=np.float64))
    basis = _fourier_basis(size, k)
    row, item = pixels.strides
    strips = as_strided(
        pixels, (grid.columns, height, size), (grid.step * item, row, item), writeable=False
    )
    along_x = strips @ basis
    column, row, item = along_x.strides
    stacked = as_strided(
        along_x,
        (grid.rows, grid.columns, size, 2 * (k + 1)),
        (grid.step * row, column, row, item),
        writeable=False,
    )
    both = basis.T @ stacked
    return _combine(both, k)


def _combine(both: Floats, k: int) -> Complexes:
    """Make complex coefficients of products of cosines and sines along y and x."""
    n = k + 1
    cos_re, cos_im = both[..., :n, :n], both[..., :n, n:]
    sin_re, sin_im = both[..., n:, :n], both[..., n:, n:]
    spectra = np.empty((*both.shape[:-2], 2 * k + 1, n), np.complex64)
    # The basis holds cos and -sin, so exp(-i k y) = cos + i (-sin).
    np.subtract(cos_re, sin_im, out=spectra.real[..., k:, :])
    np.add(cos_im, sin_re, out=spectra.imag[..., k:, :])
    np.add(cos_re[..., :0:-1, :], sin_im[..., :0:-1, :], out=spectra.real[..., :k, :])
    np.subtract(cos_im[..., :0:-1, :], sin_re[..., :0:-1, :], out=spectra.imag[..., :k, :])
    return spectra


def n_frequencies(size: int, low_pass: float) -> int:
    """Return the highest frequency that is kept, cycles per block."""
    return int(np.clip(round(size * low_pass), 2, (size - 1) // 2))


@functools.lru_cache(maxsize=8)
def _fourier_basis(size: int, k: int) -> Floats:
    """Windowed cosines and negative sines of 0 ... k cycles, (size, 2 (k + 1))."""
    place = np.arange(size) - (size - 1) / 2
    window = 0.5 + 0.5 * np.cos(2 * np.pi * place / size)
    phase = 2 * np.pi / size * np.outer(place, np.arange(k + 1))
    basis: Floats = (window[:, None] * np.hstack([np.cos(phase), -np.sin(phase)])).astype(
        np.float32
    )
    basis.flags.writeable = False
    return basis
