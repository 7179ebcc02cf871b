"""Noise of one image from regions of uniform signal that the user draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fibsem_dash.errors import ParameterError
from fibsem_dash.image.peak import intensity_peak
from fibsem_dash.image.thresholds import Method, intensity_range
from fibsem_dash.numerics.arguments import as_image
from fibsem_dash.numerics.kernel import as_kernel, remaining_variance, smooth_image
from fibsem_dash.numerics.notes import warn_once_per_call

Roi = tuple[int, int, int, int]


@dataclass(frozen=True)
class NoiseRois:
    """Noise in several regions.

    Attributes
    ----------
    rois : tuple of (left, right, top, bottom)
    means, variances : ndarray, (rois,)
        Mean of the pixels and variance of the noise in each region.
    slope : float
        Mean of variance / (mean - dark count): the gain.
    dark_count : float
    peak_snr, mean_snr, dynamic_snr : float
        Amplitude ratios: most frequent level above the dark count, mean level above it, and range
        of the levels, each over the noise expected there.
    peak, mean, low, high : float
        Most frequent level and range of the smoothed histogram region; mean of the image.
    histogram, histogram_centres : ndarray, (bins,)
    smoothed : ndarray, (y, x)
    notes : tuple of str
        Why a number is missing.
    """

    rois: tuple[Roi, ...]
    means: NDArray[np.float64]
    variances: NDArray[np.float64]
    slope: float
    dark_count: float
    peak_snr: float
    mean_snr: float
    dynamic_snr: float
    peak: float
    mean: float
    low: float
    high: float
    histogram: NDArray[np.float64]
    histogram_centres: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    notes: tuple[str, ...]


def noise_roi_statistics(
    image: object,
    rois: Sequence[Sequence[int]],
    histogram_roi: Sequence[int] | None = None,
    dark_count: float = 0.0,
    *,
    kernel: ArrayLike | None = None,
    nbins: int = 100,
    thresholds: tuple[float, float] = (2e-2, 1e-2),
    peak_bins: int = 256,
    peak_thresholds: tuple[float, float] = (1e-3, 1e-3),
    reference: bool = False,
) -> NoiseRois:
    """Measure the noise in regions of uniform signal.

    Parameters
    ----------
    image : array-like, (y, x)
        Raw pixels of any real type. Pixels that are not finite, and their neighbours under the
        kernel, are left out.
    rois : sequence of (left, right, top, bottom)
        Half-open bounds in pixels.
    histogram_roi : (left, right, top, bottom), optional
        Region of the levels that the ratios are about; the whole image by default.
    dark_count : float, default 0
        Zero level in the units of the pixels.
    kernel, nbins, thresholds, peak_bins, peak_thresholds
        See `noise_statistics`.
    reference : bool, default False
        Return the numbers of old reports: zeros beyond the border, which ruins regions that touch
        it, and variances reduced by the kernel.

    Returns
    -------
    NoiseRois
        By default the variance is corrected for the kernel and the image is reflected at its
        border.

    Warns
    -----
    AnalysisWarning
        Once where the signal lies below the dark count; not for `reference`.

    Raises
    ------
    ParameterError
        For no region, or one that is empty, leaves the image or has no finite pixel.
    """
    pixels = as_image(image).astype(np.float64)
    regions = tuple(_checked(roi, pixels.shape) for roi in rois)
    if not regions:
        raise ParameterError("At least one region is needed")
    shape = pixels.shape
    chosen = _checked(histogram_roi or (0, shape[1], 0, shape[0]), shape)
    weights = as_kernel(kernel)
    smoothed = smooth_image(pixels, weights, zero_outside=reference)
    scale = 1.0 if reference else remaining_variance(weights)[0]
    noise = pixels - smoothed
    means = np.array([_finite(pixels, roi).mean() for roi in regions])
    variances = np.array([_finite(noise, roi).var() for roi in regions]) / scale
    method: Method = "reference" if reference else "quantile"
    signal = _cut(smoothed, chosen)
    low, high = intensity_range(signal, *thresholds, nbins, method)
    span = intensity_range(smoothed, *peak_thresholds, peak_bins, method)
    centres, histogram, peak = intensity_peak(signal, peak_bins, span)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = float(np.mean(variances / (means - dark_count)))
        mean = float(pixels[np.isfinite(pixels)].mean())
        levels = np.array([peak, mean, (high + low) / 2]) - dark_count
        expected = np.sqrt(levels * slope)
        ratios = np.array([levels[0], levels[1], high - low]) / expected
    notes: tuple[str, ...] = ()
    if not reference and not (slope > 0 and (levels > 0).all()):
        notes = ("the signal does not lie above the dark count, so the ratios cannot be told",)
    result = NoiseRois(
        rois=regions,
        means=means,
        variances=variances,
        slope=slope,
        dark_count=float(dark_count),
        peak_snr=float(ratios[0]),
        mean_snr=float(ratios[1]),
        dynamic_snr=float(ratios[2]),
        peak=peak,
        mean=mean,
        low=low,
        high=high,
        histogram=histogram,
        histogram_centres=centres,
        smoothed=smoothed,
        notes=notes,
    )
    warn_once_per_call(notes, "Noise in regions")
    return result


def _checked(roi: Sequence[int], shape: tuple[int, ...]) -> Roi:
    left, right, top, bottom = (int(value) for value in roi)
    if not (0 <= left < right <= shape[1] and 0 <= top < bottom <= shape[0]):
        raise ParameterError(
            "The region leaves the image or is empty",
            expected=f"[left, right, top, bottom] inside {shape[1]} x {shape[0]} pixels",
            found=list(roi),
        )
    return left, right, top, bottom


def _cut(image: NDArray[np.float64], roi: Roi) -> NDArray[np.float64]:
    left, right, top, bottom = roi
    return image[top:bottom, left:right]


def _finite(image: NDArray[np.float64], roi: Roi) -> NDArray[np.float64]:
    values = _cut(image, roi)
    values = values[np.isfinite(values)]
    if not values.size:
        raise ParameterError("The region has no finite pixel", found=list(roi))
    return values
