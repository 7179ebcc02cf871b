"""Extrapolation of an autocorrelation to lag 0 from the lags beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

EXTRAPOLATIONS: tuple[str, ...] = (
    "nearest",
    "linear",
    "parabolic",
    "gaussian",
    "levinson-durbin",
)


def extrapolate(
    lags: NDArray[np.float64],
    values: NDArray[np.float64],
    how: str,
    aperture: int = 6,
    order: int | None = None,
) -> float:
    """Estimate the value at lag 0 that the other lags suggest.

    Parameters
    ----------
    lags, values : ndarray, (n,), n >= 3
        From lag 0 upwards; the value at lag 0 is used by ``"levinson-durbin"`` only.
    how : str
        One of `EXTRAPOLATIONS`.
    aperture : int
        Twice the number of lags that the Gaussian is fitted to, at least three lags.
    order : int, optional
        Of the autoregressive model.

    Returns
    -------
    float
        NaN where a fit does not converge.
    """
    if how == "nearest":
        return float(values[1])
    if how in ("linear", "parabolic"):
        # Through the points (r, p) a line in r, or in r^2: a parabola without odd part.
        first, second = lags[1:3] if how == "linear" else lags[1:3] ** 2
        return float((second * values[1] - first * values[2]) / (second - first))
    if how == "gaussian":
        count = max(3, aperture // 2)
        return _even_gaussian(lags[1 : count + 1], values[1 : count + 1])
    usable = np.flatnonzero(~np.isfinite(values))
    limit = (usable[0] if usable.size else values.size) - 1
    count = int(min(order or max(1, values.size // 2), limit))
    coefficients = _autoregression(values, count)
    # The variance that the model predicts: lag i of the model meets lag i of the autocorrelation.
    return float(coefficients @ values[1 : count + 1])


def _autoregression(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Coefficients of the Yule-Walker equations, solved by Levinson's recursion."""
    from scipy.linalg import LinAlgError, solve_toeplitz

    if not np.isfinite(values[: count + 1]).all():
        return np.full(count, np.nan)
    try:
        return np.asarray(solve_toeplitz(values[:count], values[1 : count + 1]))
    except LinAlgError:
        return np.full(count, np.nan)


def _fit(curve: Any, x: NDArray[np.float64], y: NDArray[np.float64], start: list[float]) -> Any:
    import warnings

    from scipy.optimize import OptimizeWarning, curve_fit

    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # Fewer points than the covariance needs: only the parameters are wanted.
            warnings.simplefilter("ignore", OptimizeWarning)
            return curve_fit(curve, x, y, p0=start, maxfev=5000)[0]
    except (RuntimeError, TypeError, ValueError):
        return np.full(len(start), np.nan)


def _even_gaussian(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    if x.size < 3 or not np.isfinite(y).all():
        return float("nan")

    def curve(lag: Any, a: float, sigma: float, b: float) -> Any:
        return a * np.exp(-(lag**2) / (2.0 * sigma**2)) + b

    a, _, b = _fit(curve, x, y, [float(np.ptp(y)), float(x[-1]), float(2 * y.min() - y.max())])
    return float(a + b)


def reference_extrapolate(
    profile: NDArray[np.float64], centre: int, how: str, aperture: int, order: int
) -> float:
    """Return the value at lag 0 as old reports have it, from both sides of a profile.

    Parameters
    ----------
    profile : ndarray, (n,)
    centre : int
        Index of lag 0.
    how, aperture
        See `extrapolate`.
    order : int
        Of the autoregressive model, whose coefficients meet the wrong lags, so that the result is
        that of ``"nearest"``.
    """
    first = (profile[centre - 1] + profile[centre + 1]) / 2
    second = (profile[centre - 2] + profile[centre + 2]) / 2
    if how == "linear":
        return float(2.0 * first - second)
    if how == "parabolic":
        return float((4.0 * first - second) / 3.0)
    if how == "gaussian":
        return _reference_gaussian(profile, centre, aperture // 2)
    if how == "levinson-durbin":
        side = profile[centre : centre + order + 1]
        coefficients = _autoregression(side, side.size - 1)
        return float(coefficients @ side[:-1])
    return float(first)


def _reference_gaussian(profile: NDArray[np.float64], centre: int, reach: int) -> float:
    lags = np.concatenate((np.arange(-reach, 0), np.arange(1, reach + 1))).astype(np.float64)
    values = profile[centre + lags.astype(int)]

    def curve(x: Any, a: float, x0: float, sigma: float, b: float) -> Any:
        return a * np.exp(-((x - x0) ** 2) / (2.0 * sigma**2)) + b

    above = np.flatnonzero(profile > profile[centre] / 2)
    start = [
        float(np.ptp(values)),
        0.0,
        max(above.size, 2) / 2.4,
        float(2 * values.min() - values.max()),
    ]
    a, _, _, b = _fit(curve, lags, values, start)
    return float(a + b)
