"""Where a Fourier ring correlation falls below its threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.errors import ParameterError
from fibsem_dash.numerics.arguments import check_choice

Criterion = Literal["half-bit", "one-bit", "three-sigma"]
_SIGNAL_TO_NOISE = {"half-bit": (2.0**0.5 - 1.0) / 2.0, "one-bit": 0.5}


@dataclass(frozen=True)
class Bandwidth:
    """Result of `find_bandwidth`.

    Attributes
    ----------
    value : float
        In the units of the frequencies.
    status : {"crossed", "always above", "always below", "undefined"}
        ``"always above"``: the value is the last frequency; ``"always below"``: it is 0;
        ``"undefined"``: no point of the curve is finite and it is NaN.
    fit_frequencies, fit_correlation : ndarray, (n,)
        Fitted curve on 25 points, empty without a fit.
    """

    value: float
    status: str
    fit_frequencies: NDArray[np.float64]
    fit_correlation: NDArray[np.float64]


def threshold_curve(
    criterion: float | Criterion, counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Threshold of a Fourier ring correlation for each ring.

    Parameters
    ----------
    criterion : float or {"half-bit", "one-bit", "three-sigma"}
        A number is the same for all rings. The bit criteria are
        ``(s + (2 sqrt(s) + 1) / sqrt(n)) / (s + 1 + 2 sqrt(s) / sqrt(n))`` with the signal-to-noise
        ratio s of half the data at half a bit (0.2071) or one bit (0.5) of information per
        coefficient, and ``"three-sigma"`` is ``3 / sqrt(n / 2)`` (van Heel and Schatz, J. Struct.
        Biol. 151, 250, 2005, eq. 17 and 2).
    counts : ndarray, (rings,)
        Independent coefficients n in each ring of the full plane.

    Returns
    -------
    ndarray, (rings,)
        At most 1.

    Raises
    ------
    ParameterError
        For a number outside -1 ... 1 or an unknown name.
    """
    if not isinstance(criterion, str):
        if not -1.0 < criterion < 1.0:
            raise ParameterError("The threshold is no correlation", found=criterion)
        return np.full(counts.size, float(criterion))
    check_choice(criterion, "threshold", ("half-bit", "one-bit", "three-sigma"))
    root = np.sqrt(np.maximum(counts, 1.0))
    if criterion == "three-sigma":
        return np.asarray(np.minimum(3.0 * np.sqrt(2.0) / root, 1.0))
    s = _SIGNAL_TO_NOISE[criterion]
    numerator = s + (2.0 * np.sqrt(s) + 1.0) / root
    return np.asarray(numerator / (s + 1.0 + 2.0 * np.sqrt(s) / root))


def reference_curve(level: float, rings: int) -> NDArray[np.float64]:
    """Threshold curve of old reports, which was drawn but never used.

    ``(s + 2 sqrt(s) / n + 1 / sqrt(n)) / (s + 2 sqrt(s) / n + 1)`` with ``n = 2 pi r`` (1 at the
    origin): the published curve has the root of n in both places.
    """
    n = 2.0 * np.pi * np.arange(rings)
    n[:1] = 1.0
    s = max(level, 0.0)
    common = s + 2.0 * np.sqrt(s) / n
    return np.asarray((common + 1.0 / np.sqrt(n)) / (common + 1.0))


def find_bandwidth(
    frequencies: NDArray[np.float64],
    correlation: NDArray[np.float64],
    threshold: float | NDArray[np.float64] = 0.143,
    *,
    cutoff: float | None = None,
    fit_power: float | None = None,
    reference: bool | Literal["2022", "2025"] = False,
) -> Bandwidth:
    """Find the frequency where a falling curve first reaches its threshold.

    Parameters
    ----------
    frequencies, correlation : ndarray, (rings,)
        NaN points are left out.
    threshold : float or ndarray, (rings,), default 0.143
    cutoff : float, optional
        Share of the points, 0 < cutoff <= 1, that is looked at: all by default, 0.9 for the
        reference of 2025.
    fit_power : float, optional
        Power p of a least-squares fit of ``a / (f^p + a)``, from which the value is read.
    reference : bool or {"2022", "2025"}, default False
        Search as old reports did: 2025 (True) begins at the second point, 2022 at the sixteenth
        and ends at 75 %; both extrapolate where the curve begins below its threshold.

    Returns
    -------
    Bandwidth

    Raises
    ------
    ParameterError
        For a cutoff outside (0, 1], a fit with no number as threshold, curves of unequal length.
    """
    if frequencies.shape != correlation.shape:
        raise ParameterError("Frequencies and correlation differ in length")
    if reference == "2022":
        return _search_2022(frequencies, correlation, float(np.mean(threshold)))
    share = (0.9 if reference else 1.0) if cutoff is None else cutoff
    if not 0.0 < share <= 1.0:
        raise ParameterError("cutoff is out of range", expected="0 < cutoff <= 1", found=cutoff)
    level = np.broadcast_to(np.asarray(threshold, dtype=np.float64), correlation.shape)
    # Where so few coefficients are left that the threshold reaches 1, there is nothing to decide.
    keep = np.isfinite(correlation) & (level < 1.0)
    keep[int(correlation.size * share) :] = False
    f, c, t = frequencies[keep], correlation[keep], level[keep]
    if f.size == 0:
        return _plain(np.nan, "undefined")
    if fit_power is not None:
        if np.ndim(threshold):
            raise ParameterError("The fit needs a number as threshold")
        return _fit(f, c, float(level[0]), float(fit_power))
    return _walk_reference(f, c, t) if reference else _walk(f, c, t)


def _plain(value: float, status: str) -> Bandwidth:
    empty = np.empty(0)
    return Bandwidth(float(value), status, empty, empty)


def _walk(f: NDArray[np.float64], c: NDArray[np.float64], t: NDArray[np.float64]) -> Bandwidth:
    below = np.flatnonzero(c <= t)
    if below.size == 0:
        return _plain(f[-1], "always above")
    j = int(below[0])
    if j == 0:
        return _plain(0.0, "always below")
    return _plain(_crossing(f, c - t, j), "crossed")


def _crossing(f: NDArray[np.float64], excess: NDArray[np.float64], j: int) -> float:
    """Zero of the line through the points j - 1 and j."""
    step = excess[j] - excess[j - 1]
    if step == 0:
        return float(f[j])
    return float(f[j - 1] - excess[j - 1] * (f[j] - f[j - 1]) / step)


def _walk_reference(
    f: NDArray[np.float64], c: NDArray[np.float64], t: NDArray[np.float64]
) -> Bandwidth:
    j = 1
    while j < f.size - 1 and c[j] > t[j]:
        j += 1
    if j >= f.size - 1:
        return _plain(f[-1], "always above")
    return _plain(_crossing(f, c - t, j), "crossed")


def _search_2022(f: NDArray[np.float64], c: NDArray[np.float64], threshold: float) -> Bandwidth:
    j = 15
    if f.size <= j:
        return _plain(np.nan, "undefined")
    while c[j] > threshold and j < 0.75 * f.size - 1:
        j += 1
    if c[j] == c[j - 1]:
        return _plain(-np.inf, "undefined")
    return _plain(_crossing(f, c - threshold, j), "crossed")


def _fit(f: NDArray[np.float64], c: NDArray[np.float64], level: float, power: float) -> Bandwidth:
    from scipy.optimize import curve_fit

    def curve(x: NDArray[np.float64], a: float) -> NDArray[np.float64]:
        return a / (x**power + a)

    if f.size < 2 or not 0.0 < level < 1.0:
        return _plain(np.nan, "undefined")
    try:
        with np.errstate(all="ignore"):
            (a,), _ = curve_fit(curve, f, c, p0=[1.0])
    except RuntimeError:
        return _plain(np.nan, "undefined")
    if not a > 0:
        return _plain(0.0, "always below")
    value = float((a / level - a) ** (1.0 / power))
    x = np.linspace(f[0], 1.1 * value, 25)
    return Bandwidth(value, "crossed", x, curve(x, a))
