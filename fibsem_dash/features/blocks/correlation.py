"""Displacements of blocks from their spectra: whitened correlation, peak, confidence."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.backend import array_module, to_host
from fibsem_dash.features.blocks.spectra import Complexes, Floats, n_frequencies
from fibsem_dash.settings import BlockSettings

EXCLUDED_RADIUS = 1.2
"""Distance from the peak within which the correlation belongs to the peak itself, in units of the
shortest wavelength that is kept."""

TAYLOR_POWERS = 7
"""Derivatives that the first polynomial of the sub-pixel search holds along each axis; what is left
out is below a thousandth within half a pixel."""

NEWTON_STEPS = 3
"""Steps on that polynomial; each squares the error of the one before."""


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
    coherence : (n,) float64 array
        Height of the peak over what it were if all frequencies agreed, 0 to 1.
    """

    vectors: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]
    curvature: npt.NDArray[np.float64]
    coherence: npt.NDArray[np.float64]

    @property
    def information(self) -> npt.NDArray[np.float64]:
        """How well the vectors are known, px^-2, (n,).

        Inverse variances of the delay of two signals (Cramér and Rao) go like the square of their
        coherence times the curvature; here its geometric mean over both directions.
        """
        determinant = np.maximum(np.linalg.det(self.curvature), 0)
        result: npt.NDArray[np.float64] = self.coherence**2 * np.sqrt(determinant)
        return result


def cross_spectra(first: Complexes, second: Complexes, settings: BlockSettings) -> Complexes:
    """Multiply spectra, partly whitened and low-passed.

    ``conj(F1) F2 / |F1 F2|^whitening``: 0 is plain correlation, 1 phase correlation.

    Parameters
    ----------
    first, second : (..., ky, kx) complex64 array
        Spectra of the blocks of both images.
    settings : BlockSettings
        Uses block_size, whitening and low_pass.

    Returns
    -------
    (n, ky, kx) complex64 array
        One for each block, where the spectra lie.
    """
    xp = array_module("auto", first)
    product = first.conj()
    product *= second
    squared = product.real**2
    squared += product.imag**2
    # Blocks without texture stay zero.
    squared += np.finfo(np.float32).tiny
    xp.power(squared, np.float32(-settings.whitening / 2), out=squared)
    weights = band_weights(settings.block_size, settings.low_pass, settings.suppress_axes)
    squared *= xp.asarray(weights)
    product *= squared
    return product.reshape(-1, *product.shape[-2:])


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
    excluded = EXCLUDED_RADIUS * size / (cross.shape[-1] - 1) / 2
    _blank_discs(surface, place, excluded)
    second = flat.max(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        confidence = np.where(highest > 0, 1 - np.maximum(second, 0) / highest, 0.0)
    start = (place - radius).astype(np.float64)
    vectors, height, curvature, ok = refine_peaks(cross, size, start)
    confidence = np.where(ok & (np.abs(place - radius) < radius).all(1), confidence, 0.0)
    possible = to_host(abs(cross).sum((1, 2), dtype=np.float64))
    coherence = np.divide(height, possible, out=np.zeros(n), where=possible > 0)
    return BlockPeaks(vectors, confidence, curvature, np.clip(coherence, 0, 1))


def _blank_discs(surface: Floats, place: npt.NDArray[np.int64], radius: float) -> None:
    """Set what lies within a radius of a place (x, y) to minus infinity, surface by surface."""
    reach = np.arange(-int(radius), int(radius) + 1)
    dx, dy = (d.ravel() for d in np.meshgrid(reach, reach))
    inside = dx**2 + dy**2 < radius**2
    x, y = place[:, :1] + dx[inside], place[:, 1:] + dy[inside]
    last = surface.shape[-1] - 1
    # Beyond the border the peak itself stands in.
    outside = (np.minimum(x, y) < 0) | (np.maximum(x, y) > last)
    x, y = np.where(outside, place[:, :1], x), np.where(outside, place[:, 1:], y)
    surface[np.arange(len(surface))[:, None], y, x] = -np.inf


def correlation_surface(cross: Complexes, size: int, radius: int) -> Floats:
    """Return the correlation at whole displacements -radius ... radius, (n, y, x) float32.

    It is small beside the spectra: peaks are looked for on the processor, wherever these lie.
    """
    xp = array_module("auto", cross)
    n, _, n_kx = cross.shape
    along_y, along_x = (xp.asarray(basis) for basis in _lag_bases(size, n_kx - 1, radius))
    # All real: complex numbers lie in memory as pairs, and only the real part is wanted.
    pairs = xp.ascontiguousarray(cross).view(np.float32)
    side = 2 * radius + 1
    rows = xp.matmul(along_y, pairs).reshape(n * side, -1)
    return to_host((rows @ along_x).reshape(n, side, side))


@functools.lru_cache(maxsize=8)
def _lag_bases(size: int, k: int, radius: int) -> tuple[Floats, Floats]:
    """Waves at whole displacements.

    Returns
    -------
    along_y : (2 lags, 2 k + 1) float32 array
        Cosine and sine of each displacement.
    along_x : (4 (k + 1), lags) float32 array
        What makes the real part of the sum out of cosines times (real, imaginary) pairs and, below,
        sines times pairs.
    """
    lag = 2 * np.pi / size * np.arange(-radius, radius + 1)
    y = np.outer(lag, np.arange(-k, k + 1))
    along_y = np.stack([np.cos(y), np.sin(y)], 1).reshape(-1, 2 * k + 1)
    x = np.outer(np.arange(k + 1), lag)
    cosine, sine = np.cos(x), np.sin(x)
    along_x = np.stack([cosine, -sine, -sine, -cosine], 1)
    halves = [along_x[:, part].reshape(-1, len(lag)) for part in (slice(0, 2), slice(2, 4))]
    return along_y.astype(np.float32), np.vstack(halves).astype(np.float32)


def refine_peaks(
    cross: Complexes, size: int, start: npt.NDArray[np.float64]
) -> tuple[
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    npt.NDArray[np.bool_],
]:
    """Move from whole displacements to the exact maxima of the band-limited correlation.

    The correlation is a trigonometric polynomial, so its derivatives are exact sums. Those at the
    start make a Taylor polynomial, whose maximum is a thousandth of a pixel off; one step of
    Newton's method from there does the rest.

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
    height : (n,) float64 array
        The correlation there.
    curvature : (n, 2, 2) float64 array
        Negative Hessian over height there.
    converged : (n,) bool array
        Whether a maximum was found within 1.5 px of the start.
    """
    point = start.copy()
    ok = np.ones(len(start), bool)
    for n_powers, steps in ((TAYLOR_POWERS, NEWTON_STEPS), (3, 1)):
        moments = _moments(cross, size, point, n_powers)
        move, height, hessian, good = _climb(moments, steps)
        ok &= good
        point += np.where(ok, move, 0.0).T
    ok &= (np.abs(point - start) < 1.5).all(1)
    curvature = np.where(ok, -hessian / np.where(ok, height, 1.0), 0.0)
    matrices = curvature[[0, 1, 1, 2]].T.reshape(-1, 2, 2)
    return np.where(ok[:, None], point, start), height, matrices, ok


def _moments(
    cross: Complexes, size: int, point: npt.NDArray[np.float64], n_powers: int
) -> npt.NDArray[np.float64]:
    """Return derivatives of the correlation at one point each, (order in y, order in x, n)."""
    k = cross.shape[-1] - 1
    w = 2 * np.pi / size * np.arange(k + 1)
    powers = (1j * w[:, None]) ** np.arange(n_powers)
    # Waves of all frequencies are the powers of the first: far fewer exponentials.
    waves = np.ones((2, len(point), k + 1), np.complex128)
    waves[..., 1:] = np.exp(2j * np.pi / size * point.T)[..., None]
    waves = np.cumprod(waves, -1, out=waves)[..., None] * powers
    x, positive = waves.astype(np.complex64)
    y = np.concatenate([positive[:, :0:-1].conj(), positive], 1)
    xp = array_module("auto", cross)
    moments = xp.asarray(np.swapaxes(y, 1, 2)) @ (cross @ xp.asarray(x))
    return np.ascontiguousarray(np.moveaxis(to_host(moments).real, 0, -1), np.float64)


def _climb(
    moments: npt.NDArray[np.float64], steps: int
) -> tuple[
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    npt.NDArray[np.bool_],
]:
    """Find the maxima of Taylor polynomials by Newton's method.

    Returns
    -------
    move : (2, n) float64 array
        Where they lie (x, y), px.
    height, hessian : (n,), (3, n) float64 array
        Values and second derivatives (xx, xy, yy) before the last step.
    good : (n,) bool array
        Whether every step went towards a maximum.
    """
    n_powers, _, n = moments.shape
    move = np.zeros((2, n))
    good = np.ones(n, bool)
    height, hessian = np.zeros(n), np.zeros((3, n))
    for _ in range(steps):
        x, y = (_taylor_terms(d, n_powers) for d in move)
        along = [np.einsum("abn,bn->an", moments[:, order:], x[: n_powers - order])
                 for order in range(3)]  # fmt: skip

        def derivative(
            order_y: int, order_x: int, along: Any = along, y: Any = y
        ) -> npt.NDArray[np.float64]:
            terms = y[: n_powers - order_y]
            return np.asarray(np.einsum("an,an->n", along[order_x][order_y:], terms))

        height, gx, gy = derivative(0, 0), derivative(0, 1), derivative(1, 0)
        hessian = np.stack([derivative(0, 2), derivative(1, 1), derivative(2, 0)])
        xx, xy, yy = hessian
        determinant = xx * yy - xy**2
        good &= (xx < 0) & (determinant > 0) & (height > 0)
        safe = np.where(good, determinant, 1.0)
        step = np.stack([xy * gy - yy * gx, xy * gx - xx * gy]) / safe
        move += np.where(good, np.clip(step, -0.75, 0.75), 0.0)
    return move, height, hessian, good


def _taylor_terms(d: npt.NDArray[np.float64], n: int) -> npt.NDArray[np.float64]:
    """Return ``d^j / j!`` for j below n, (n, len(d))."""
    terms = np.ones((n, len(d)))
    for j in range(1, n):
        terms[j] = terms[j - 1] * d / j
    return terms
