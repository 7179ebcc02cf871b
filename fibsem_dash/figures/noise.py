"""The noise of one image: variance against signal, pixel by pixel or in regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.figures.style import (
    GREY,
    HIGH,
    LOW,
    NORMAL,
    REGIONS,
    RESULT,
    THRESHOLD,
    X_LIGHT,
    Y_LIGHT,
    Y,
    add_legend,
    draw_notes,
    draw_rectangle,
    finite_span,
    format_number,
    new_figure,
    reduced,
    set_figure_title,
    set_title,
    show_image,
    style_axes,
)
from fibsem_dash.image.noise import NoiseStatistics
from fibsem_dash.image.noise_rois import NoiseRois, Roi

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NOISE_BINS = 128


def draw_noise(
    result: NoiseStatistics,
    *,
    title: str = "",
    pixel_size_nm: float = 0.0,
    high_is_dark: bool = True,
) -> Figure:
    """Draw the noise of an image: its two parts, variance against signal, and both histograms.

    Parameters
    ----------
    result : NoiseStatistics
    title : str
    pixel_size_nm : float, default 0
        For the scale bars, nm; 0 for none.
    high_is_dark : bool, default True
        High counts dark.

    Returns
    -------
    matplotlib.figure.Figure
        Lines are labelled "bins of equal signal", "line through the bins ..." and "line through
        the dark count ...".
    """
    figure = new_figure(13, 8.2)
    set_figure_title(figure, title)
    upper, lower = figure.subplots(2, 3, height_ratios=(1.15, 1.0))
    options: dict[str, Any] = {"pixel_size_nm": pixel_size_nm, "high_is_dark": high_is_dark}
    show_image(upper[0], result.smoothed + result.noise, **options)
    set_title(upper[0], "Image")
    show_image(upper[1], result.smoothed, **options)
    _mask(upper[1], result.smoothed < result.low, LOW)
    _mask(upper[1], result.smoothed > result.high, HIGH)
    set_title(upper[1], "Signal (smoothed); blue below, red above the range")
    used = np.where(result.used, result.noise, np.nan)
    show_image(upper[2], used, grain=True, **options)
    _mask(upper[2], ~result.used, HIGH)
    set_title(upper[2], "Noise (image − signal)" + ("" if result.used.all() else "; red left out"))
    _draw_variance(lower[0], result)
    _draw_histogram(lower[1], result)
    _draw_noise_histogram(lower[2], used)
    draw_notes(figure, result.notes)
    return figure


def draw_noise_rois(
    result: NoiseRois,
    image: NDArray[Any] | None = None,
    *,
    histogram_roi: Roi | None = None,
    title: str = "",
    pixel_size_nm: float = 0.0,
    high_is_dark: bool = True,
) -> Figure:
    """Draw the noise in regions: where they lie, variance against mean, and the histogram.

    Parameters
    ----------
    result : NoiseRois
    image : ndarray, (y, x), optional
        The pixels that were analysed; the smoothed ones of the result by default.
    histogram_roi : (left, right, top, bottom), optional
        Region of the histogram, outlined in white.
    title, pixel_size_nm, high_is_dark
        See `draw_noise`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(14, 4.8)
    set_figure_title(figure, title)
    where, variance, histogram = figure.subplots(1, 3)
    shown = result.smoothed if image is None else image
    show_image(where, shown, pixel_size_nm=pixel_size_nm, high_is_dark=high_is_dark)
    set_title(where, "Regions" + ("; black and white: histogram" if histogram_roi else ""))
    if histogram_roi:
        draw_rectangle(where, histogram_roi, "black", linewidth=2.4)
        draw_rectangle(where, histogram_roi, "white", linewidth=1.2, linestyle="--")
    for k, roi in enumerate(result.rois):
        colour = REGIONS[k % len(REGIONS)]
        draw_rectangle(where, roi, colour, linewidth=1.6)
        variance.plot(
            result.means[k], result.variances[k], "o", color=colour, label=f"region {k + 1}"
        )
        where.annotate(
            str(k + 1),
            ((roi[0] + roi[1]) / 2, (roi[2] + roi[3]) / 2),
            fontsize=NORMAL,
            ha="center",
            va="center",
            bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": colour, "pad": 1.0},
        )
    ends = np.array([result.dark_count, *result.means])
    _line(
        variance,
        ends,
        result.slope,
        -result.slope * result.dark_count,
        X_LIGHT,
        f"through the dark count {format_number(result.dark_count)}",
    )
    style_axes(variance, "Mean signal (counts)", "Variance of the noise (counts²)")
    set_title(variance, f"Slope (gain) {format_number(result.slope)} counts")
    add_legend(variance, loc="upper left")
    _draw_levels(histogram, result)
    ratios = (
        ("peak", result.peak_snr),
        ("mean", result.mean_snr),
        ("range", result.dynamic_snr),
    )
    text = ", ".join(f"{name} {format_number(value)}" for name, value in ratios)
    set_title(histogram, f"Amplitude over noise: {text}")
    draw_notes(figure, result.notes)
    return figure


def _mask(axes: Axes, where: NDArray[np.bool_], colour: str) -> None:
    if not where.any():
        return
    from matplotlib.colors import to_rgb

    height, width = where.shape
    share = reduced(where.astype(np.float32))
    layer = np.empty((*share.shape, 4), np.float32)
    layer[..., :3] = to_rgb(colour)
    layer[..., 3] = share.clip(0, 1)
    axes.imshow(layer, extent=(-0.5, width - 0.5, height - 0.5, -0.5))


def _draw_variance(axes: Axes, result: NoiseStatistics) -> None:
    axes.plot(
        result.means,
        result.variances,
        ".",
        color=Y,
        markersize=5,
        label="bins of equal signal",
    )
    known = [v for v in (result.dark_count, result.fitted_dark_count) if np.isfinite(v)]
    # A dark count far away would squeeze the data into a corner.
    extent = float(np.ptp(result.means)) if result.means.size else 0.0
    near = [v for v in known if result.means.size and result.means.min() - v < 3 * extent]
    ends = np.array([*near, *result.means])
    zero = format_number(result.fitted_dark_count)
    label = f"line through the bins: I0 = {zero}, SNR0 = {format_number(result.snr0)}"
    _line(axes, ends, result.slope, result.intercept, Y_LIGHT, label)
    zero = format_number(result.dark_count)
    label = f"line through the dark count {zero}: SNR1 = {format_number(result.snr1)}"
    offset = -result.dark_slope * result.dark_count
    _line(axes, ends, result.dark_slope, offset, RESULT, label)
    for level in (result.low, result.high):
        axes.axvline(level, color=THRESHOLD, linestyle=":", linewidth=1.0)
    style_axes(axes, "Signal (counts)", "Variance of the noise (counts²)")
    span = finite_span(result.variances, 0.12)
    if span is not None:
        axes.set_ylim(min(0.0, span[0]), span[1] + 0.25 * (span[1] - span[0]))
    error = result.slope_error
    text = f"Slope (gain) {format_number(result.slope)}"
    text += f" ± {format_number(error, 2)}" if np.isfinite(error) else ""
    set_title(axes, f"{text} counts")
    add_legend(axes, loc="upper left")


def _line(
    axes: Axes, ends: NDArray[Any], slope: float, intercept: float, colour: str, label: str
) -> None:
    span = finite_span(ends, 0.0)
    if span is None or not np.isfinite([slope, intercept]).all():
        axes.plot([], [], color=colour, linestyle="--", label=label)
        return
    x = np.array(span)
    axes.plot(x, slope * x + intercept, color=colour, linestyle="--", linewidth=1.4, label=label)


def _draw_histogram(axes: Axes, result: NoiseStatistics) -> None:
    _draw_levels(axes, result)
    set_title(axes, "Histogram of the signal")


def _draw_levels(axes: Axes, result: NoiseStatistics | NoiseRois) -> None:
    centres, counts = result.histogram_centres, result.histogram
    axes.plot(centres, counts, color=GREY, linewidth=1.2, label="smoothed histogram")
    if centres.size:
        axes.fill_between(centres, counts, where=centres < result.low, color=LOW, alpha=0.6)
        axes.fill_between(centres, counts, where=centres > result.high, color=HIGH, alpha=0.6)
    for value, name, colour in (
        (result.low, "low", THRESHOLD),
        (result.high, "high", THRESHOLD),
        (result.peak, "peak", RESULT),
    ):
        if np.isfinite(value):
            label = f"{name} {format_number(value)}"
            axes.axvline(value, color=colour, linestyle="--", linewidth=1.1, label=label)
    style_axes(axes, "Signal (counts)", "Number of pixels")
    axes.set_ylim(bottom=0)
    add_legend(axes, loc="upper right")


def _draw_noise_histogram(axes: Axes, noise: NDArray[np.float64]) -> None:
    values = noise[np.isfinite(noise)]
    if values.size:
        spread = 5.0 * float(values.std()) or 0.5
        axes.hist(
            values,
            bins=_NOISE_BINS,
            range=(-spread, spread),
            color=GREY,
            histtype="stepfilled",
        )
    set_title(axes, "Histogram of the noise")
    style_axes(axes, "Noise (counts)", "Number of pixels")
