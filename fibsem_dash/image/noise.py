"""Noise of one image: its variance against the signal level, pixel by pixel.

The image is split into a smooth part, taken as signal, and the rest, taken as noise. For counted
electrons the variance rises linearly with the signal above the dark level (photon transfer;
Janesick 2007), so that a line through the two gives the gain and the dark level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fibsem_dash.errors import ParameterError
from fibsem_dash.image.peak import intensity_peak
from fibsem_dash.image.thresholds import IntensityRange, intensity_range
from fibsem_dash.numerics.arguments import as_image, check_count, region_of_box
from fibsem_dash.numerics.kernel import as_kernel, remaining_variance, smooth_image
from fibsem_dash.numerics.levels import bin_index, value_quantiles, value_range
from fibsem_dash.numerics.notes import warn_once_per_call

_LEAST_PIXELS = 5
# Pixels binned at a time, few enough for the cache.
_BLOCK = 1 << 15


@dataclass(frozen=True)
class NoiseStatistics:
    """Noise of one image.

    Attributes
    ----------
    means, variances, counts : ndarray, (bins,)
        Mean signal, variance of the noise and number of pixels in each bin of the signal that was
        used.
    all_means, all_variances : ndarray, (bins - 1,)
        The same for all bins, NaN where a bin is empty.
    slope, intercept : float
        Of the line ``variance = slope * mean + intercept``; the slope is the gain.
    slope_error : float
        Standard error of the slope; NaN for reference values.
    dark_count : float
        Zero level that was given.
    fitted_dark_count : float
        I0, the zero level at which the line reaches zero.
    dark_slope : float
        Slope of the line through the given dark count, as the mean of the ratios.
    snr0, snr1 : float
        Mean signal power above the fitted and the given dark count over noise power.
    peak_snr, dynamic_snr : float
        Amplitude ratios of 2022: (peak - I0) and (high - low) over the noise at the peak.
    peak, low, high : float
        Most frequent signal level and the range of the analysis.
    histogram : ndarray, (bins,)
        Smoothed counts of the signal around the peak.
    histogram_centres : ndarray, (bins,)
    smoothed, noise : ndarray, (y, x)
        The two parts of the box, without its outermost pixels.
    used : ndarray, (y, x), bool
        Pixels that were analysed.
    notes : tuple of str
        Why a number is missing or doubtful.
    """

    means: NDArray[np.float64]
    variances: NDArray[np.float64]
    counts: NDArray[np.int64]
    all_means: NDArray[np.float64]
    all_variances: NDArray[np.float64]
    slope: float
    intercept: float
    slope_error: float
    dark_count: float
    fitted_dark_count: float
    dark_slope: float
    snr0: float
    snr1: float
    peak_snr: float
    dynamic_snr: float
    peak: float
    low: float
    high: float
    histogram: NDArray[np.float64]
    histogram_centres: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    noise: NDArray[np.float64]
    used: NDArray[np.bool_]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Bins:
    means: NDArray[np.float64]
    variances: NDArray[np.float64]
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class _Line:
    slope: float
    intercept: float
    slope_error: float


def noise_statistics(
    image: object,
    dark_count: float = 0.0,
    *,
    box: tuple[int, int, int, int] = (0, 0, 0, 0),
    mask: ArrayLike | None = None,
    kernel: ArrayLike | None = None,
    nbins: int = 100,
    thresholds: tuple[float, float] = (2e-2, 1e-2),
    peak_bins: int = 256,
    peak_thresholds: tuple[float, float] = (1e-3, 1e-3),
    reference: bool = False,
) -> NoiseStatistics:
    """Variance of the noise against the signal level, dark count and signal-to-noise ratios.

    Parameters
    ----------
    image : array-like, (y, x)
        Raw pixels of any real type; at least 3 x 3. Pixels that are not finite, and their
        neighbours under the kernel, are left out.
    dark_count : float, default 0
        Zero level in the units of the pixels.
    box : (top, height, left, width)
        Part of the image; 0 height or width to the edge.
    mask : array-like of bool, (y, x), optional
        Pixels of the whole image to use, for example those without edges.
    kernel : array-like, (y, x), optional
        Smoothing kernel; 3 x 3 by default.
    nbins : int, default 100
        Number of signal levels, between which there are ``nbins - 1`` bins.
    thresholds : (float, float), default (2e-2, 1e-2)
        Shares of the pixels left out at the lower and upper end.
    peak_bins, peak_thresholds
        Histogram in which the most frequent level is looked for.
    reference : bool, default False
        Return the numbers of old reports: the variance that is left after smoothing with the
        kernel (0.859 of the true one for the default kernel), ranges read one bin too low, all
        bins of equal weight, no check of the line.

    Returns
    -------
    NoiseStatistics
        By default the variance is corrected for the kernel, bins below 5 pixels are left out, and
        bins weigh what their number of pixels and their own variance make them worth. I0 and what
        follows from it are NaN where the slope is not positive by three standard errors.

    Warns
    -----
    AnalysisWarning
        Once, with the reasons, where a number is missing; not for `reference`.

    Raises
    ------
    ParameterError
        For an image below 3 x 3, a mask of another shape, or a box that leaves the image.
    """
    check_count(nbins, "nbins", least=3)
    weights = as_kernel(kernel)
    pixels, smoothed, used = _split(image, box, mask, weights, reference)
    noise = pixels - smoothed
    everything = bool(used.all())
    signal, rest = (smoothed, noise) if everything else (smoothed[used], noise[used])
    signal, rest = np.atleast_2d(signal), np.atleast_2d(rest)
    if signal.size == 0:
        raise ParameterError("No pixel is left to analyse")
    span = _ranges(signal, smoothed, nbins, thresholds, peak_bins, peak_thresholds, reference)
    (low, high), peak_span = span
    centres, histogram, peak = intensity_peak(signal, peak_bins, peak_span)
    scale, kept = (1.0, 0.0) if reference else remaining_variance(weights)
    every = _bin(signal, rest, low, high, nbins, scale)
    least = 1 if reference else _LEAST_PIXELS
    good = (every.counts >= least) & np.isfinite(every.variances)
    bins = _Bins(every.means[good], every.variances[good], every.counts[good])
    noise_power = float(np.var(rest)) / scale
    moments = float(signal.mean()), float(np.var(signal))
    line = _reference_line(bins, noise_power, signal, dark_count) if reference else _line(bins)
    notes = () if reference else _notes(line, low, high)
    zero = _ratio(-line.intercept, line.slope) if not notes else np.nan
    above = bins.means - dark_count
    with np.errstate(divide="ignore", invalid="ignore"):
        dark_slope = float(np.mean(bins.variances / above)) if above.size else np.nan
        at_peak = float(np.sqrt(line.slope * peak + line.intercept))
    result = NoiseStatistics(
        means=bins.means,
        variances=bins.variances,
        counts=bins.counts,
        all_means=every.means,
        all_variances=every.variances,
        slope=line.slope,
        intercept=line.intercept,
        slope_error=line.slope_error,
        dark_count=float(dark_count),
        fitted_dark_count=zero,
        dark_slope=dark_slope,
        snr0=_power_ratio(moments, zero, noise_power, kept),
        snr1=_power_ratio(moments, dark_count, noise_power, kept),
        peak_snr=_ratio(peak - zero, at_peak),
        dynamic_snr=_ratio(high - low, at_peak),
        peak=peak,
        low=low,
        high=high,
        histogram=histogram,
        histogram_centres=centres,
        smoothed=smoothed,
        noise=noise,
        used=used,
        notes=notes,
    )
    warn_once_per_call(notes, "Noise statistics")
    return result


def _split(
    image: object,
    box: tuple[int, int, int, int],
    mask: ArrayLike | None,
    kernel: NDArray[np.float64],
    reference: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Pixels, smooth part and mask of the box without the margin where the kernel leaves it."""
    pixels = as_image(image)
    top, bottom, left, right = region_of_box(box, pixels.shape)
    crop = pixels[top:bottom, left:right].astype(np.float64)
    margin = (1, 1) if reference else (kernel.shape[0] // 2, kernel.shape[1] // 2)
    if any(n <= 2 * m for n, m in zip(crop.shape, margin, strict=True)):
        raise ParameterError(
            "The image is too small for the smoothing kernel",
            expected=f"more than {2 * margin[0]} x {2 * margin[1]} pixels",
            found=f"{crop.shape[0]} x {crop.shape[1]}",
        )
    used = np.ones(crop.shape, dtype=bool)
    if mask is not None:
        chosen = np.asarray(mask, dtype=bool)
        if chosen.shape != pixels.shape:
            raise ParameterError(
                "The mask must have the shape of the image",
                expected=pixels.shape,
                found=chosen.shape,
            )
        used = chosen[top:bottom, left:right]
    with np.errstate(invalid="ignore"):
        smoothed = smooth_image(crop, kernel, zero_outside=reference)
    inner = np.s_[margin[0] : crop.shape[0] - margin[0], margin[1] : crop.shape[1] - margin[1]]
    smoothed = np.ascontiguousarray(smoothed[inner])
    return crop[inner], smoothed, used[inner] & np.isfinite(smoothed)


def _ranges(
    signal: NDArray[np.float64],
    smoothed: NDArray[np.float64],
    nbins: int,
    thresholds: tuple[float, float],
    peak_bins: int,
    peak_thresholds: tuple[float, float],
    reference: bool,
) -> tuple[IntensityRange, IntensityRange]:
    """Range of the analysis, of the pixels in use, and that of the histogram, of all pixels."""
    if reference:
        return (
            intensity_range(signal, *thresholds, nbins, "reference"),
            intensity_range(smoothed, *peak_thresholds, peak_bins, "reference"),
        )
    if signal.size < smoothed.size:
        return intensity_range(signal, *thresholds), intensity_range(smoothed, *peak_thresholds)
    # One pass through the pixels for all four levels.
    shares = (thresholds[0], 1 - thresholds[1], peak_thresholds[0], 1 - peak_thresholds[1])
    levels = value_quantiles(signal, shares)
    if levels[0] >= levels[1] or levels[2] >= levels[3]:
        levels = [*value_range(signal)] * 2
    return IntensityRange(*levels[:2]), IntensityRange(*levels[2:])


def _bin(
    signal: NDArray[np.float64],
    noise: NDArray[np.float64],
    low: float,
    high: float,
    nbins: int,
    scale: float,
) -> _Bins:
    if not low < high:
        empty = np.full(nbins - 1, np.nan)
        return _Bins(empty, empty, np.zeros(nbins - 1, np.int64))
    edges = np.linspace(low, high, nbins)
    bins = nbins - 1
    totals = np.zeros((4, bins))
    levels, rests = signal.ravel(), noise.ravel()
    for start in range(0, levels.size, _BLOCK):
        level, rest = levels[start : start + _BLOCK], rests[start : start + _BLOCK]
        # The last edge is open here, as in all other bins.
        index = np.where(level == high, bins, bin_index(level, edges)) + 1
        parts = (None, level, rest, rest * rest)
        for total, part in zip(totals, parts, strict=True):
            total += np.bincount(index, weights=part, minlength=bins + 2)[1 : bins + 1]
    counts = totals[0].astype(np.int64)
    share = np.where(counts > 0, counts, 1)
    means, rest_means, squares = (
        np.where(counts > 0, total / share, np.nan) for total in totals[1:]
    )
    return _Bins(means, np.maximum(squares - rest_means**2, 0.0) / scale, counts)


def _line(bins: _Bins) -> _Line:
    """Weighted line: the variance of a sample variance v of n values is about 2 v^2 / n."""
    if bins.means.size < 3:
        return _Line(np.nan, np.nan, np.nan)
    weight = bins.counts.astype(np.float64)
    centre = float(np.average(bins.means, weights=weight))
    x = bins.means - centre
    expected = np.full(x.size, max(float(np.average(bins.variances, weights=weight)), 1e-300))
    slope = offset = error = np.nan
    for _ in range(4):
        # Weights from the line, not from the scattered values, which would pull it down.
        weight = bins.counts / (2.0 * expected**2)
        mean_x, mean_y = np.average(x, weights=weight), np.average(bins.variances, weights=weight)
        spread = float((weight * (x - mean_x) ** 2).sum())
        if not spread > 0:
            return _Line(np.nan, np.nan, np.nan)
        slope = float((weight * (x - mean_x) * (bins.variances - mean_y)).sum()) / spread
        offset = float(mean_y - slope * mean_x)
        error = 1.0 / np.sqrt(spread)
        expected = np.maximum(slope * x + offset, 0.05 * expected.max())
    residual = (bins.variances - slope * x - offset) ** 2 * weight
    # Texture scatters the points more than counting does; the error must say so.
    excess = max(1.0, float(residual.sum()) / (x.size - 2))
    return _Line(slope, offset - slope * centre, float(error * np.sqrt(excess)))


def _reference_line(
    bins: _Bins, noise_power: float, signal: NDArray[np.float64], dark_count: float
) -> _Line:
    if bins.means.size >= 2 and np.ptp(bins.means) > 0:
        x = bins.means - bins.means.mean()
        slope = float((x @ bins.variances) / (x @ x))
        return _Line(slope, float(bins.variances.mean() - slope * bins.means.mean()), np.nan)
    return _Line(_ratio(noise_power, float(signal.mean()) - dark_count), 0.0, np.nan)


def _notes(line: _Line, low: float, high: float) -> tuple[str, ...]:
    if not low < high:
        return ("the image is constant, so it has no noise to analyse",)
    if not np.isfinite(line.slope):
        return ("too few grey levels with 5 pixels or more for a line",)
    if not line.slope > 3.0 * line.slope_error:
        return (
            "the variance does not rise with the signal (noise that does not come from counting), "
            "so the dark count and the ratios above it cannot be told",
        )
    return ()


def _power_ratio(
    moments: tuple[float, float], zero: float, noise_power: float, kept: float
) -> float:
    """Mean square of the signal over the noise, less the noise that smoothing left in it.

    The moments are the mean and the variance of the smoothed image.
    """
    mean, variance = moments
    return _ratio(variance + (mean - zero) ** 2, noise_power) - kept


def _ratio(a: float, b: float) -> float:
    """Divide; NaN or infinity instead of an error."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float64(a) / np.float64(b))
