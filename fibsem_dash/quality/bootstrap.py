"""Block bootstrap of a series of neighbouring, and therefore correlated, values."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fibsem_dash.errors import ParameterError

Array = npt.NDArray[np.float64]

CELLS_AT_ONCE = 4_000_000
"""How many resampled values are held at a time."""


def block_length(values: Array) -> int:
    """Return the length of blocks that suits the correlation of a series.

    The automatic choice of Politis and White, Econometric Reviews 23, 53 (2004), for the circular
    bootstrap, as corrected by Patton, Politis and White, Econometric Reviews 28, 372 (2009).

    Parameters
    ----------
    values : (n,) float64 array
        Finite values in the order of the stack.

    Returns
    -------
    int
        From 1 (neighbours do not correlate) to a third of n.
    """
    n = values.size
    centred = values - values.mean() if n else values
    power = float(centred @ centred)
    if n < 9 or power == 0:
        return 1
    spectrum = np.fft.rfft(centred, 2 * n)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, 2 * n)[:n] / n
    correlation = covariance / covariance[0]
    run = max(5, math.ceil(math.sqrt(math.log10(n))))
    limit = math.ceil(math.sqrt(n)) + run
    quiet = np.abs(correlation[1 : limit + 1]) < 2 * math.sqrt(math.log10(n) / n)
    # The first lag from which `run` lags in a row are without correlation.
    starts = np.flatnonzero(np.convolve(quiet, np.ones(run), "valid") > run - 0.5)
    last = int(starts[0]) if starts.size else limit
    if last == 0:
        return 1
    lags = np.arange(min(2 * last, n - 1) + 1)
    share = lags / (2 * last)
    taper = np.where(share <= 0.5, 1.0, 2 * (1 - share))
    weighted = taper * covariance[lags]
    density = 2 * weighted.sum() - weighted[0]
    if density <= 0:
        return max(1, n // 3)
    slope = 2 * float((lags * weighted).sum())
    length = (2 * slope**2 / (4 / 3 * density**2)) ** (1 / 3) * n ** (1 / 3)
    return int(np.clip(math.ceil(length), 1, max(1, n // 3)))


def resampled_statistics(
    series: Array, length: int, n_resamples: int, seed: int
) -> tuple[Array, Array]:
    """Return mean and median of circular block resamples of several series at once.

    Blocks of neighbouring values are drawn with replacement from the series closed to a ring
    (Politis and Romano, in: Exploring the Limits of Bootstrap, Wiley 1992, 263; the moving blocks
    are those of Kuensch, Annals of Statistics 17, 1217, 1989). All series take the same blocks, so
    that what they have in common stays common.

    Parameters
    ----------
    series : (k, n) float64 array
        Finite values.
    length : int
        Values per block.
    n_resamples : int
        Number of resamples.
    seed : int
        Of the generator; the same seed gives the same result.

    Returns
    -------
    means, medians : (n_resamples, k) float64 array

    Raises
    ------
    ParameterError
        For an empty series.
    """
    k, n = series.shape
    if n < 1:
        raise ParameterError("nothing to resample")
    rng = np.random.default_rng(seed)
    n_blocks = math.ceil(n / length)
    means, medians = np.empty((n_resamples, k)), np.empty((n_resamples, k))
    # Single precision halves the memory traffic; it costs the seventh digit of an interval.
    single = np.ascontiguousarray(series, np.float32)
    ring = np.concatenate([single, single[:, : length - 1]], axis=1)
    offset = np.arange(length, dtype=np.int32)
    step = max(1, CELLS_AT_ONCE // (n * k))
    for begin in range(0, n_resamples, step):
        part = slice(begin, min(begin + step, n_resamples))
        starts = rng.integers(0, n, (part.stop - begin, n_blocks), dtype=np.int32)
        places = (starts[:, :, None] + offset).reshape(len(starts), -1)[:, :n]
        for row in range(k):
            drawn = ring[row][places]
            means[part, row] = drawn.mean(1, dtype=np.float64)
            medians[part, row] = _medians(drawn)
    return means, medians


def _medians(rows: npt.NDArray[np.float32]) -> Array:
    """Return the median of each row; the rows are sorted in part. np.median takes 10 times."""
    n = rows.shape[1]
    # NumPy is fast for one position only; below it lie the smaller half, unordered.
    rows.partition(n // 2, axis=1)
    upper: Array = rows[:, n // 2].astype(np.float64)
    return upper if n % 2 else (upper + rows[:, : n // 2].max(1)) / 2
