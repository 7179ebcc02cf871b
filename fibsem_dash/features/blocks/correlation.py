"""Displacements of blocks from their spectra: whitened correlation, peak, confidence."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem_dash.features.blocks.spectra import Complexes, Floats, n_frequencies
from fibsem_dash.settings import BlockSettings

EXCLUDED_RADIUS = 1.2
"""Distance from the peak within which the correlation belongs to the peak itself, in units of the
shortest wavelength that is kept."""

NEWTON_STEPS = 3
"""Steps of the sub-pixel search; each squares the error of the one before."""


@dataclass(frozen=True)
class BlockPeaks:
    """Correlation peaks of n blocks.

    Attributes
    ----------
    vectors : (n, 2) float64 array
        Displacement (x, y) from the first image to the second, px.
    confidence : (n,) float64 array
        One minus the ratio of the second highest peak to the highest, 0 to 1.
    curvature : (n, 2, 2) float64 array
        Negative Hessian of the peak over its height, px^-2: how sharply each direction is known.
    """

    vectors: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]
    curvature: npt.NDArray[np.float64]


def cross_spectra(first: Complexes, second: Complexes, settings: BlockSettings) -> Complexes:
    """Multiply spectra, partly whitened and low-passed.

    ``conj(F1) F2 / |F1 F2|^whitening``: 0 is plain correlation, 1 phase correlation.

    Parameters
    ----------
    first, second : (n, ky, kx) complex64 array
        Spectra of the blocks of both images.
    settings : BlockSettings
        Uses block_size, whitening and low_pass.
    """
    product = first.conj()
    product *= second
    magnitude = np.sqrt(product.real**2 + product.imag**2)
    # Blocks without texture stay zero.
    magnitude += np.finfo(np.float32).tiny
    weight = band_weights(settings.block_size, settings.low_pass, settings.suppress_axes)
    product *= weight * magnitude ** np.float32(-settings.whitening)
    return product


@functools.lru_cache(maxsize=8)
def band_weights(size: int, low_pass: float, suppress_axes: bool) -> Floats:
    """Return the weight of each frequency, (ky, kx).

    The frequencies that a Hann window makes of a constant (up to one cycle) get none, so the local
    mean does not matter; a raised cosine leads to zero beyond the highest frequency; frequencies
    kx > 0 count twice because their mirror images are not stored.
    """
    k = n_frequencies(size, low_pass)
    ky, kx = np.arange(-k, k + 1)[:, None], np.arange(k + 1)[None, :]
    radius = np.hypot(ky, kx) / (k + 1)
    weight = np.where(radius < 1, 0.5 + 0.5 * np.cos(np.pi * np.minimum(radius, 1)), 0.0)
    weight[(abs(ky) <= 1) & (kx <= 1)] = 0
    if suppress_axes:
        weight[(abs(ky) <= 1) | (kx <= 1)] = 0
    weight = weight * np.where(kx > 0, 2.0, 1.0)
    result = weight.astype(np.float32)
    result.flags.writeable = False
    return result


def find_peaks(cross: Complexes, size: int, radius: int) -> BlockPeaks:
    """Find the highest peak of every block's correlation within a radius, to sub-pixels.

    Parameters
    ----------
    cross : (n, ky, kx) complex64 array
        See `cross_spectra`.
    size : int
        Side of the blocks, px.
    radius : int
        Largest displacement along an axis, px.
    """
    surface = correlation_surface(cross, size, radius)
    n, side = len(surface), 2 * radius + 1
    flat = surface.reshape(n, -1)
    index = flat.argmax(1)
    highest = flat[np.arange(n), index]
    place = np.stack([index % side, index // side], -1)
    k = cross.shape[-1] - 1
    lag = np.arange(side)
    excluded = EXCLUDED_RADIUS * size / k / 2
    near = (
        (lag[None, None, :] - place[:, 0, None, None]) ** 2
        + (lag[None, :, None] - place[:, 1, None, None]) ** 2
    ) < excluded**2
    second = np.where(near, -np.inf, surface).reshape(n, -1).max(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        confidence = np.where(highest > 0, 1 - np.maximum(second, 0) / highest, 0.0)
    start = (place - radius).astype(np.float64)
    vectors, curvature, ok = refine_peaks(cross, size, start)
    confidence = np.where(ok & (np.abs(place - radius) < radius).all(1), confidence, 0.0)
    return BlockPeaks(vectors, confidence, curvature)


def correlation_surface(cross: Complexes, size: int, radius: int) -> Floats:
    """Return the correlation at whole displacements -radius ... radius, (n, y, x) float32."""
    k = cross.shape[-1] - 1
    lag = 2 * np.pi / size * np.arange(-radius, radius + 1)
    along_x = np.exp(1j * np.outer(np.arange(k + 1), lag)).astype(np.complex64)
    along_y = np.exp(1j * np.outer(lag, np.arange(-k, k + 1)))
    rows = cross @ along_x
    # Only the real part is wanted: half the products.
    surface: Floats = along_y.real.astype(np.float32) @ np.ascontiguousarray(rows.real)
    surface -= along_y.imag.astype(np.float32) @ np.ascontiguousarray(rows.imag)
    return surface


def refine_peaks(
    cross: Complexes, size: int, start: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Move from whole displacements to the exact maxima of the band-limited correlation.

    The correlation is a trigonometric polynomial, so its gradient and Hessian are exact sums and
    Newton's method needs no upsampled copy.

    Parameters
    ----------
    cross : (n, ky, kx) complex64 array
        See `cross_spectra`.
    size : int
        Side of the blocks, px.
    start : (n, 2) float64 array
        Where to start (x, y), px.

    Returns
    -------
    vectors : (n, 2) float64 array
        Places of the maxima.
    curvature : (n, 2, 2) float64 array
        Negative Hessian over height there.
    converged : (n,) bool array
        Whether a maximum was found within 1.5 px of the start.
    """
    k = cross.shape[-1] - 1
    wx = 2 * np.pi / size * np.arange(k + 1)
    wy = 2 * np.pi / size * np.arange(-k, k + 1)
    powers_x = np.stack([np.ones_like(wx), 1j * wx, -(wx**2)], -1)
    powers_y = np.stack([np.ones_like(wy), 1j * wy, -(wy**2)], -1)
    vectors = start.copy()
    ok = np.ones(len(start), bool)
    hessian = np.zeros((len(start), 2, 2))
    height = np.zeros(len(start))
    for step in range(NEWTON_STEPS + 1):
        ex = np.exp(1j * vectors[:, 0, None] * wx)[..., None] * powers_x
        ey = np.exp(1j * vectors[:, 1, None] * wy)[..., None] * powers_y
        moments = np.swapaxes(ey, 1, 2) @ (cross @ ex.astype(np.complex64))
        m = moments.real
        height = m[:, 0, 0]
        gradient = np.stack([m[:, 0, 1], m[:, 1, 0]], -1)
        hessian = np.stack([m[:, 0, 2], m[:, 1, 1], m[:, 1, 1], m[:, 2, 0]], -1).reshape(-1, 2, 2)
        determinant = hessian[:, 0, 0] * hessian[:, 1, 1] - hessian[:, 0, 1] ** 2
        ok &= (hessian[:, 0, 0] < 0) & (determinant > 0) & (height > 0)
        if step == NEWTON_STEPS:
            break
        safe = np.where(ok[:, None, None], hessian, -np.eye(2))
        move = -np.linalg.solve(safe, gradient[..., None])[..., 0]
        move = np.clip(move, -0.75, 0.75) * ok[:, None]
        vectors = vectors + move
    ok &= (np.abs(vectors - start) < 1.5).all(1)
    curvature = (
        np.where(ok[:, None, None], -hessian, 0.0) / np.where(ok, height, 1.0)[:, None, None]
    )
    return np.where(ok[:, None], vectors, start), curvature, ok
