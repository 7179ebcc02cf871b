"""Autocorrelation of an image along x, along y and over rings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.backend import irfft2, rfft2, to_host


@dataclass(frozen=True)
class Profile:
    """Autocorrelation at rising lags, relative to its value at lag 0.

    Attributes
    ----------
    lags : ndarray, (n,), float64
        Pixels, from 0; of rings the root mean square distance.
    values : ndarray, (n,), float64
        1 at lag 0.
    """

    lags: NDArray[np.float64]
    values: NDArray[np.float64]


def linear_profiles(xp: Any, image: Any, zero_mean: bool) -> tuple[Profile, Profile, Profile]:
    """Autocorrelation without wrapping: padded with zeros, divided by the overlap of each lag.

    Pixels that are not finite are left out of the products and of the overlap.

    Parameters
    ----------
    xp : module
        ``numpy`` or ``cupy``.
    image : array, (y, x), float64
        Holds at least one finite pixel.
    zero_mean : bool
        Subtract the mean first.

    Returns
    -------
    x, y, radial : Profile
        Up to half the extent of the image; the radial one up to half the shorter side.
    """
    height, width = int(image.shape[0]), int(image.shape[1])
    reach = height // 2, width // 2
    padded = _fast_length(height + reach[0]), _fast_length(width + reach[1])
    valid = xp.isfinite(image)
    complete = bool(valid.all())
    mean = (image if complete else image[valid]).mean() if zero_mean else 0.0
    centred = image - mean if complete else xp.where(valid, image - mean, 0.0)
    products = _correlate(xp, centred, padded, reach)
    if complete:
        rows = height - np.abs(_row_lags(reach[0]))[:, None]
        overlap = xp.asarray(rows * (width - np.arange(reach[1] + 1.0)))
    else:
        overlap = xp.rint(_correlate(xp, valid.astype(np.float64), padded, reach))
    usable = overlap > 0.5
    table = xp.where(usable, products / xp.where(usable, overlap, 1.0), xp.nan)
    return _profiles(to_host(table), reach, min(reach))


def _fast_length(n: int) -> int:
    from scipy.fft import next_fast_len

    return int(next_fast_len(n, real=True))


def _row_lags(reach: int) -> NDArray[np.float64]:
    return np.concatenate((np.arange(reach + 1.0), np.arange(-float(reach), 0.0)))


def _correlate(xp: Any, image: Any, padded: tuple[int, int], reach: tuple[int, int]) -> Any:
    """Sum products at lags y = 0 ... reach, -reach ... -1 and x = 0 ... reach."""
    canvas = xp.zeros(padded)
    canvas[: image.shape[0], : image.shape[1]] = image
    spectrum = rfft2(xp, canvas)
    power = spectrum.real**2 + spectrum.imag**2
    full = irfft2(xp, power, padded)
    upper = full[: reach[0] + 1, : reach[1] + 1]
    lower = full[padded[0] - reach[0] :, : reach[1] + 1]
    return xp.concatenate((upper, lower), axis=0)


def _profiles(
    table: NDArray[np.float64], reach: tuple[int, int], rings: int
) -> tuple[Profile, Profile, Profile]:
    origin = table[0, 0]
    # The origin of a constant image holds nothing but the rounding of the transform.
    scaled = table / origin if origin > 0 else np.full(table.shape, np.nan)
    ring, weight, counts, radii = _lag_rings(reach, rings)
    flat = np.where(np.isfinite(scaled), scaled, 0.0).ravel()
    means = np.bincount(ring, weights=weight * flat, minlength=rings + 2)[: rings + 1] / counts
    if not origin > 0:
        means = np.full(rings + 1, np.nan)
    return (
        Profile(np.arange(reach[1] + 1.0), scaled[0].copy()),
        Profile(np.arange(reach[0] + 1.0), scaled[: reach[0] + 1, 0].copy()),
        Profile(radii, means),
    )


@lru_cache(maxsize=4)
def _lag_rings(
    reach: tuple[int, int], rings: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Ring, weight of each lag, and lags and root mean square radius of each ring."""
    y = _row_lags(reach[0])[:, None]
    x = np.arange(reach[1] + 1.0)[None, :]
    square = y**2 + x**2
    ring = np.minimum(np.rint(np.sqrt(square)), rings + 1).astype(np.int64).ravel()
    # Lags to the left are those to the right, seen from the other pixel.
    weight = np.where(np.broadcast_to(x, square.shape) > 0, 2.0, 1.0).ravel()
    counts = np.bincount(ring, weights=weight, minlength=rings + 2)[: rings + 1]
    total = np.bincount(ring, weights=weight * square.ravel(), minlength=rings + 2)[: rings + 1]
    return ring, weight, counts, np.sqrt(total / counts)


def circular_profiles(
    xp: Any, image: Any, zero_mean: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Autocorrelation as old reports have it: wrapped around the edges, modulus.

    Parameters
    ----------
    xp : module
    image : array, (y, x), float64
    zero_mean : bool

    Returns
    -------
    x, y : ndarray, (x,) and (y,)
        From the most negative lag; lag 0 at ``x // 2`` and ``y // 2``.
    radial : ndarray, (x // 2 + 1,)
        Means over rings of truncated distance, from 0.
    """
    height, width = int(image.shape[0]), int(image.shape[1])
    spectrum = rfft2(xp, image - image.mean() if zero_mean else image)
    power = spectrum.real**2 + spectrum.imag**2
    table = to_host(irfft2(xp, power, (height, width)))
    np.abs(table, out=table)
    ring, counts = _wrapped_rings((height, width))
    rings = np.bincount(ring, weights=table.ravel())[: counts.size] / counts
    # A constant image has no value at lag 0 to refer to.
    origin = table[0, 0] or np.nan
    x, y = np.fft.fftshift(table[0]), np.fft.fftshift(table[:, 0])
    return x / origin, y / origin, rings / origin


@lru_cache(maxsize=4)
def _wrapped_rings(shape: tuple[int, int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Ring of each lag, those beyond the last one together, and the lags in each ring."""
    y, x = (np.fft.fftfreq(n, 1 / n) for n in shape)
    last = shape[1] // 2
    ring = np.sqrt(y[:, None] ** 2 + x[None, :] ** 2).astype(np.int64)
    ring = np.minimum(ring, last + 1).ravel()
    return ring, np.bincount(ring, minlength=last + 2)[: last + 1]
