"""Savitzky-Golay filter without the second that importing `scipy.signal` takes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LONG_WINDOW = 1000
"""Windows, samples, from which the fast Fourier transform is faster."""


def smooth_polynomial(values: npt.ArrayLike, window: int, order: int) -> Array:
    """Smooth along the first axis by polynomials (Savitzky and Golay 1964).

    Every window gets a polynomial by least squares, and its middle is the result; the first and
    last half window is all of the polynomial there, as SciPy's `savgol_filter` does with its mode
    "interp". The polynomials are orthogonal on the window, where powers of the sample number lose
    all digits.

    Parameters
    ----------
    values : (n, ...) array
        Series, each along the first axis.
    window : int
        Odd number of samples, at most n.
    order : int
        Degree of the polynomials, below `window`.

    Returns
    -------
    (n, ...) float64 array
    """
    series = np.asarray(values, np.float64)
    columns = series.reshape(len(series), -1)
    # A small signal on a large constant would lose digits in the transform.
    level = columns.mean(0)
    basis = np.linalg.qr(np.polynomial.legendre.legvander(np.linspace(-1, 1, window), order))[0]
    half = window // 2
    smooth: Array = _convolve(columns - level, basis @ basis[half]) + level
    if half:
        smooth[:half] = (basis @ (basis.T @ columns[:window]))[:half]
        smooth[-half:] = (basis @ (basis.T @ columns[-window:]))[-half:]
    return smooth.reshape(series.shape)


def _convolve(columns: Array, weights: Array) -> Array:
    """Convolve each column, in a time that does not grow with the window where that is wide."""
    n, half = len(columns), len(weights) // 2
    if len(weights) < LONG_WINDOW:
        return np.stack([np.convolve(c, weights, mode="same") for c in columns.T], -1)
    import scipy.fft

    length = scipy.fft.next_fast_len(n + len(weights) - 1, real=True)
    product = scipy.fft.rfft(columns, length, axis=0)
    product *= scipy.fft.rfft(weights, length)[:, None]
    smooth: Array = scipy.fft.irfft(product, length, axis=0)[half : half + n]
    return smooth
