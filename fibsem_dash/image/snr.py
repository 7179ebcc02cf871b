"""Signal-to-noise ratio of one image from its autocorrelation.

Noise without memory adds to the autocorrelation at lag 0 only. The value that the autocorrelation
would have there without noise is extrapolated from the neighbouring lags (Thong, Sim and Phang,
Scanning 23, 328, 2001; Sim and co-workers for the autoregressive extrapolation).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.backend import Backend, array_module
from fibsem_dash.image.autocorrelation import Profile, circular_profiles, linear_profiles
from fibsem_dash.image.extrapolation import EXTRAPOLATIONS, extrapolate, reference_extrapolate
from fibsem_dash.numerics.arguments import as_image, check_choice, check_count, check_fraction
from fibsem_dash.numerics.notes import warn_once_per_call

Extrapolation = Literal["nearest", "linear", "parabolic", "gaussian", "levinson-durbin"]
_NO_NOTE = ""


@dataclass(frozen=True)
class DirectionSnr:
    """Autocorrelation in one direction and what follows from it.

    Attributes
    ----------
    snr : float
        Signal power / noise power; NaN where it cannot be told.
    lags : ndarray, (n,)
        Pixels, negative to positive.
    autocorrelation : ndarray, (n,)
        1 at lag 0, noise included.
    noise_free : float
        Extrapolated value at lag 0.
    baseline : float
        Level that the signal is measured from: 0, or of reference values the mean of the outer
        lags.
    """

    snr: float
    lags: NDArray[np.float64]
    autocorrelation: NDArray[np.float64]
    noise_free: float
    baseline: float


@dataclass(frozen=True)
class SnrResult:
    """Signal-to-noise ratios of one image.

    Attributes
    ----------
    x, y, radial : DirectionSnr
        Along rows, along columns, and over rings.
    extrapolation : str
    notes : tuple of str
        Why a ratio is missing or doubtful.
    """

    x: DirectionSnr
    y: DirectionSnr
    radial: DirectionSnr
    extrapolation: str
    notes: tuple[str, ...]

    @property
    def values(self) -> tuple[float, float, float]:
        """The three ratios (x, y, radial)."""
        return self.x.snr, self.y.snr, self.radial.snr


def autocorrelation_snr(
    image: object,
    extrapolation: Extrapolation = "parabolic",
    *,
    zero_mean: bool = True,
    detrend: bool = False,
    aperture: int = 6,
    order: int | None = None,
    edge_fraction: float = 0.10,
    reference: bool | Literal["2022", "2025"] = False,
    backend: Backend = "auto",
) -> SnrResult:
    """Estimate signal power over noise power of one image.

    ``SNR = nf / (1 - nf)`` with the extrapolated autocorrelation nf at lag 0. The autocorrelation
    is that of the image padded with zeros, divided by the number of pixel pairs at each lag, so
    that opposite edges do not meet.

    Parameters
    ----------
    image : array-like, (y, x)
        Any real type; at least 5 pixels in a direction for a value there. Pixels that are not
        finite are left out.
    extrapolation : {"nearest", "linear", "parabolic", "gaussian", "levinson-durbin"}
        From the lags next to 0: their value; a line; a parabola that is even in the lag; a
        Gaussian on a constant over `aperture` // 2 lags; the variance that an autoregressive
        model of the given order explains, which is a lower bound.
    zero_mean : bool, default True
        Subtract the mean. Without that the mean counts as signal.
    detrend : bool, default False
        Subtract a plane, so that slow shading does not count as signal.
    aperture : int, default 6
        Lags, on both sides together, that the Gaussian is fitted to.
    order : int, optional
        Of the autoregressive model; a quarter of the shorter side by default.
    edge_fraction : float, default 0.10
        Used by `reference` only: share of the lags whose mean is the baseline.
    reference : bool or {"2022", "2025"}, default False
        Return the values of old reports (True: of 2025): wrapped autocorrelation of the image cut
        to an odd size, values from outside 0 ... infinity included. 2022: even size and always a
        line.
    backend : {"numpy", "cupy", "auto"}

    Returns
    -------
    SnrResult
        NaN where the extrapolation reaches 1 (too little noise for it), the image is constant or
        has too few pixels; 0 where no signal exceeds the noise.

    Warns
    -----
    AnalysisWarning
        Once, with the reasons, where a ratio is missing; not for `reference`.

    Raises
    ------
    ParameterError
        For an unknown extrapolation or a setting out of range.
    """
    pixels = as_image(image, on_device=True)
    check_choice(extrapolation, "extrapolation", EXTRAPOLATIONS)
    check_count(aperture, "aperture", least=2)
    check_fraction(edge_fraction, "edge_fraction")
    xp = array_module(backend, pixels)
    values = xp.asarray(pixels).astype(np.float64)
    if reference:
        arguments = (extrapolation, zero_mean, aperture, order, edge_fraction)
        return _reference_snr(xp, values, reference == "2022", *arguments)
    directions = []
    notes = []
    for name, profile in zip(
        ("x", "y", "radial"), _profiles(xp, values, zero_mean, detrend), strict=True
    ):
        direction, note = _direction(profile, extrapolation, aperture, order)
        directions.append(direction)
        if note:
            notes.append(f"{name}: {note}")
    x, y, radial = directions
    result = SnrResult(x, y, radial, extrapolation, tuple(notes))
    warn_once_per_call(result.notes, "Signal-to-noise ratio")
    return result


def _profiles(
    xp: Any, values: Any, zero_mean: bool, detrend: bool
) -> tuple[Profile, Profile, Profile]:
    finite = xp.isfinite(values)
    inside = values if bool(finite.all()) else values[finite]
    if inside.size == 0 or float(inside.min()) == float(inside.max()):
        empty = Profile(np.arange(1.0), np.full(1, np.nan))
        return empty, empty, empty
    if detrend:
        values = values - _plane(xp, values, finite)
    return linear_profiles(xp, values, zero_mean)


def _plane(xp: Any, values: Any, finite: Any) -> Any:
    """Plane of least squares through the finite pixels, its mean left out."""
    height, width = values.shape
    y = xp.arange(height, dtype=np.float64)[:, None] - (height - 1) / 2
    x = xp.arange(width, dtype=np.float64)[None, :] - (width - 1) / 2
    # On the full grid x and y are orthogonal; missing pixels count as the mean.
    filled = xp.where(finite, values, values[finite].mean())
    slope_x = float((filled * x).sum() / max(float((x**2).sum()) * height, 1.0))
    slope_y = float((filled * y).sum() / max(float((y**2).sum()) * width, 1.0))
    return slope_x * x + slope_y * y


def _direction(
    profile: Profile, extrapolation: str, aperture: int, order: int | None
) -> tuple[DirectionSnr, str]:
    lags, values = profile.lags, profile.values
    both = np.concatenate((-lags[:0:-1], lags)), np.concatenate((values[:0:-1], values))
    noise_free, note = np.nan, _NO_NOTE
    if not np.isfinite(values[0]):
        note = "the image is constant or empty"
    elif lags.size < 3 or not np.isfinite(values[1:3]).all():
        note = "too few pixels for the lags 1 and 2"
    else:
        noise_free = extrapolate(lags, values, extrapolation, aperture, order)
        if not np.isfinite(noise_free):
            note = f"the extrapolation '{extrapolation}' did not converge"
    snr = np.nan
    # One part in 10^12 of the power is the rounding of the transform.
    if noise_free >= 1.0 - 1e-12:
        note = (
            "the extrapolated autocorrelation reaches its value at lag 0, so the noise is too weak "
            "or too correlated for this extrapolation"
        )
    elif noise_free <= 0.0:
        snr, note = 0.0, "no signal exceeds the noise"
    elif np.isfinite(noise_free):
        snr = noise_free / (1.0 - noise_free)
    return DirectionSnr(snr, *both, float(noise_free), 0.0), note


def _reference_snr(
    xp: Any,
    values: Any,
    old: bool,
    extrapolation: str,
    zero_mean: bool,
    aperture: int,
    order: int | None,
    edge_fraction: float,
) -> SnrResult:
    height, width = (n // 2 * 2 if old else (n + 1) // 2 * 2 - 1 for n in values.shape)
    if min(height, width) < 5:
        empty = DirectionSnr(np.nan, np.zeros(1), np.full(1, np.nan), np.nan, np.nan)
        return SnrResult(empty, empty, empty, extrapolation, ("too few pixels",))
    x, y, rings = circular_profiles(xp, values[:height, :width], zero_mean or old)
    radial = np.concatenate((rings[::-1], rings[1:-1] if old else rings[1:]))
    count = order or min(height, width) // 4
    directions = []
    for profile, centre in ((x, width // 2), (y, height // 2), (radial, rings.size - 1)):
        if old:
            noise_free = 2.0 * profile[centre + 1] - profile[centre + 2]
        else:
            noise_free = reference_extrapolate(profile, centre, extrapolation, aperture, count)
        edge = profile[: int(profile.size * edge_fraction)]
        baseline = float(edge.mean()) if (zero_mean or old) and edge.size else 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            snr = (np.float64(noise_free) - baseline) / (profile[centre] - noise_free)
        lags = np.arange(profile.size, dtype=np.float64) - centre
        directions.append(DirectionSnr(float(snr), lags, profile, float(noise_free), baseline))
    along_x, along_y, over_rings = directions
    how = "linear" if old else extrapolation
    return SnrResult(along_x, along_y, over_rings, how, ())
