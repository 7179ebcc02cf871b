"""Smoothing of a series of numbers with a sliding window."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.errors import ParameterError
from fibsem_dash.numerics.arguments import check_choice, check_count

WindowShape = Literal["flat", "hann", "hamming", "bartlett", "blackman"]
WINDOW_SHAPES: tuple[str, ...] = ("flat", "hann", "hamming", "bartlett", "blackman")


def window_weights(length: int, shape: str) -> NDArray[np.float64]:
    """Weights of a smoothing window, not normalized, (length,).

    Parameters
    ----------
    length : int
    shape : {"flat", "hann", "hamming", "bartlett", "blackman"}
        Symmetric windows; those that end in zeros have two samples without effect.
    """
    check_choice(shape, "window", WINDOW_SHAPES)
    makers: dict[str, Any] = {
        "flat": np.ones,
        "hann": np.hanning,
        "hamming": np.hamming,
        "bartlett": np.bartlett,
        "blackman": np.blackman,
    }
    return np.asarray(makers[shape](length), dtype=np.float64)


def smooth_series(
    values: NDArray[np.float64], length: int, shape: str, reference: bool = False
) -> NDArray[np.float64]:
    """Smooth a series; see `fibsem_dash.image.smooth.smooth_curve`."""
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1 or series.size < 1:
        raise ParameterError("Only a series of numbers can be smoothed", found=series.shape)
    check_count(length, "window_length")
    if length < 3:
        return series.copy()
    if reference:
        return _reference_smooth(series, length, window_weights(length, shape))
    # An odd window is centred on a sample; an even one would shift the series by half a sample.
    length += 1 - length % 2
    return _centred_smooth(series, window_weights(length, shape))


def _centred_smooth(
    series: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    half = weights.size // 2
    valid = np.isfinite(series)
    if not valid.any():
        return np.full(series.size, np.nan)
    # Samples that are missing are left out of the mean instead of spoiling their neighbours.
    filled = np.pad(np.where(valid, series, 0.0), half, mode="reflect")
    present = np.pad(valid.astype(np.float64), half, mode="reflect")
    total = np.convolve(filled, weights, mode="valid")
    weight = np.convolve(present, weights, mode="valid")
    usable = weight > 1e-9 * weights.sum()
    return np.where(usable, total / np.where(usable, weight, 1.0), np.nan)


def _reference_smooth(
    series: NDArray[np.float64], length: int, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    if series.size < length:
        raise ParameterError(
            "The series is shorter than the window", expected=f">= {length}", found=series.size
        )
    padded = np.pad(series, length - 1, mode="reflect")
    full = np.convolve(padded, weights / weights.sum(), mode="valid")
    return full[length // 2 - 1 : full.size - length // 2]
