"""Fourier ring correlation of two images and the bandwidth that they share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.backend import Backend, array_module, fft2, rfft2
from fibsem_dash.compare.bandwidth import (
    Criterion,
    find_bandwidth,
    reference_curve,
    threshold_curve,
)
from fibsem_dash.errors import ParameterError
from fibsem_dash.numerics.arguments import as_pair, check_choice, check_count
from fibsem_dash.numerics.levels import is_small_integer
from fibsem_dash.numerics.rings import (
    RingLayout,
    Sectors,
    frequency_rings,
    reference_rings,
    reference_rings_about,
    ring_sums,
)
from fibsem_dash.numerics.smoothing import smooth_series

Taper = Literal["hann", "tukey", "none"]
Precision = Literal["auto", "single", "double"]
Reference = bool | Literal["2022", "2025"]


@dataclass(frozen=True)
class FscResult:
    """Fourier ring correlation of two images.

    Attributes
    ----------
    frequencies : ndarray, (rings,)
        Mean spatial frequency of each ring in cycles per pixel; 0.5 is the Nyquist frequency.
    correlation : ndarray, (rings,)
        -1 ... 1 (0 ... 1 for reference values); NaN where a ring holds no power.
    smoothed : ndarray, (rings,)
        The correlation after smoothing, from which the bandwidth is read.
    counts : ndarray, (rings,)
        Number of Fourier coefficients in each ring.
    criterion : ndarray, (rings,)
        Threshold at each ring.
    bandwidth : float
        Frequency in cycles per pixel up to which the images agree.
    status : {"crossed", "always above", "always below", "undefined"}
        Whether the bandwidth is a crossing, the last frequency, 0, or NaN.
    pixel_size_nm : float
        0 where not known.
    fit_frequencies, fit_correlation : ndarray, (n,)
        Fitted curve, empty without a fit.
    """

    frequencies: NDArray[np.float64]
    correlation: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    counts: NDArray[np.float64]
    criterion: NDArray[np.float64]
    bandwidth: float
    status: str
    pixel_size_nm: float
    fit_frequencies: NDArray[np.float64]
    fit_correlation: NDArray[np.float64]

    @property
    def frequencies_per_nm(self) -> NDArray[np.float64]:
        """Frequencies in cycles per nanometre; NaN where the pixel size is not known."""
        return self.frequencies / (self.pixel_size_nm or np.nan)

    @property
    def resolution_nm(self) -> float:
        """Period at the bandwidth in nanometres; NaN without pixel size or bandwidth."""
        if not self.pixel_size_nm or not self.bandwidth > 0:
            return np.nan
        return self.pixel_size_nm / self.bandwidth


def fsc(
    previous: object,
    current: object,
    threshold: float | Criterion = 0.143,
    *,
    taper: Taper = "hann",
    remove_mean: bool = True,
    sectors: tuple[float, float] | None = None,
    symmetry: int = 4,
    smooth_window: int | None = None,
    cutoff: float | None = None,
    fit_power: float | None = None,
    pixel_size_nm: float = 0.0,
    precision: Precision = "auto",
    reference: Reference = False,
    backend: Backend = "auto",
) -> FscResult:
    """Correlate two images ring by ring in Fourier space.

    ``FSC(r) = sum Re(F1 conj(F2)) / sqrt(sum |F1|^2  sum |F2|^2)`` over the coefficients of a ring
    (Saxton and Baumeister, J. Microscopy 127, 127, 1982). Ring 0, the mean, is NaN.

    Parameters
    ----------
    previous, current : array-like, (y, x)
        Any real type, equal shapes, square or not. Pixels that are not finite in both count as
        the mean of their image.
    threshold : float or {"half-bit", "one-bit", "three-sigma"}, default 0.143
        A fixed correlation (0.143: Rosenthal and Henderson, J. Mol. Biol. 333, 721, 2003), or a
        curve that falls with the number of coefficients in a ring (van Heel and Schatz, J. Struct.
        Biol. 151, 250, 2005).
    taper : {"hann", "tukey", "none"}
        Window that the images are multiplied by. Without one, the jump between opposite edges
        makes a cross of correlated power. ``"tukey"`` falls off over the outer eighth only.
    remove_mean : bool, default True
    sectors : (start, stop), optional
        Keep only these angles in degrees, edges included; None keeps all.
    symmetry : int, default 4
        Copies of the sector around the full turn.
    smooth_window : int, optional
        Rings that the curve is smoothed over, 7 by default; below 3 for none.
    cutoff : float, optional
        Share of the rings, 0 < cutoff <= 1, in which a crossing is looked for; all by default.
    fit_power : float, optional
        Fit ``a / (f^p + a)`` with this p to the smoothed curve and read the bandwidth from it.
    pixel_size_nm : float, default 0
        Gives the result in nanometres, too.
    precision : {"auto", "single", "double"}
        Of the Fourier transform; sums are double in any case. ``"auto"``: single for two images of
        8- or 16-bit integers, else double. Single precision moves a correlation by less than 1e-5,
        and by less than 0.003 where the signal is 15 000 times the noise.
    reference : bool or {"2022", "2025"}, default False
        Reproduce old reports (True: those of 2025): no taper, no mean removed, modulus instead of
        real part, rings of truncated distance about the greatest coefficient, corners included,
        sectors 0-90 degrees without their edges, an uncentred window of 20 rings, and a search
        that extrapolates. Always in double precision.
    backend : {"numpy", "cupy", "auto"}

    Returns
    -------
    FscResult

    Raises
    ------
    ParameterError
        For different shapes or a setting out of range.
    """
    first, second = as_pair(previous, current)
    check_choice(taper, "taper", ("hann", "tukey", "none"))
    xp = array_module(backend, first, second)
    search = _Search(threshold, smooth_window, cutoff, fit_power, float(pixel_size_nm))
    pair = xp.asarray(first), xp.asarray(second)
    if reference:
        span = Sectors(*(sectors or (0.0, 90.0)), symmetry)
        return _reference_fsc(xp, pair, span, search, reference)
    all_angles = None if sectors is None else Sectors(*sectors, symmetry)
    shape = (int(first.shape[0]), int(first.shape[1]))
    layout = frequency_rings(shape, all_angles)
    check_choice(precision, "precision", ("auto", "single", "double"))
    if precision == "auto":
        precision = "single" if all(map(is_small_integer, pair)) else "double"
    kind = np.float32 if precision == "single" else np.float64
    images = _prepared(xp, pair, remove_mean, kind)
    window = _taper_window(shape, taper, precision)
    if window is not None:
        factor = xp.asarray(window)
        for image in images:
            image *= factor
    spectra = rfft2(xp, images[0]), rfft2(xp, images[1])
    correlation = _ring_correlation(xp, layout, spectra)
    # The origin holds the mean alone, which says nothing about structure.
    correlation[0] = np.nan
    criterion = threshold_curve(threshold, layout.counts * _independent_share(shape, taper))
    return search.result(layout, correlation, criterion, smooth_window=7)


@dataclass(frozen=True)
class _Search:
    """How the bandwidth is read from a curve."""

    threshold: float | Criterion
    smooth_window: int | None
    cutoff: float | None
    fit_power: float | None
    pixel_size_nm: float

    def result(
        self,
        layout: RingLayout,
        correlation: NDArray[np.float64],
        criterion: NDArray[np.float64],
        smooth_window: int,
        version: Literal["", "2022", "2025"] = "",
    ) -> FscResult:
        length = smooth_window if self.smooth_window is None else self.smooth_window
        length = check_count(length, "smooth_window", least=0)
        if version and correlation.size < length:
            # The old function refuses a curve that is shorter than its window.
            smoothed = np.full(correlation.size, np.nan)
        elif length >= 3 and correlation.size >= 3:
            smoothed = smooth_series(correlation, length, "hann", reference=bool(version))
        else:
            smoothed = correlation.copy()
        if version:
            # An odd window of the old function gives one sample too many.
            smoothed = smoothed[: correlation.size]
        else:
            # Smoothing must not invent a value where a ring holds no power.
            smoothed = np.where(np.isfinite(correlation), smoothed, np.nan)
        found = find_bandwidth(
            layout.frequencies,
            smoothed,
            criterion if isinstance(self.threshold, str) else self.threshold,
            cutoff=self.cutoff,
            fit_power=self.fit_power,
            reference=version or False,
        )
        return FscResult(
            frequencies=layout.frequencies,
            correlation=correlation,
            smoothed=smoothed,
            counts=layout.counts,
            criterion=criterion,
            bandwidth=found.value,
            status=found.status,
            pixel_size_nm=self.pixel_size_nm,
            fit_frequencies=found.fit_frequencies,
            fit_correlation=found.fit_correlation,
        )


def _prepared(
    xp: Any, pair: tuple[Any, Any], remove_mean: bool, kind: type[np.floating[Any]] = np.float64
) -> tuple[Any, Any]:
    """Images as floats with pixels that are not finite in both set to the mean of their image."""
    first, second = (image.astype(kind) for image in pair)
    means = [0.0, 0.0]
    valid = None
    with np.errstate(invalid="ignore", over="ignore"):
        sums = [float(image.sum()) for image in (first, second)]
    if not np.isfinite(sums).all():
        valid = xp.isfinite(first) & xp.isfinite(second)
    if valid is not None and bool(valid.any()):
        means = [float(image[valid].mean()) for image in (first, second)]
    elif valid is None and remove_mean:
        means = [total / first.size for total in sums]
    for image, mean in zip((first, second), means, strict=True):
        if valid is not None:
            image[~valid] = mean
        if _is_constant(image):
            # Else the rounding of its mean would be taken for structure.
            image[...] = 0.0
        elif remove_mean:
            image -= mean
    return first, second


def _is_constant(image: Any) -> bool:
    first = image[0]
    # Most images are found out by their first row.
    if float(first.min()) != float(first.max()):
        return False
    return float(image.min()) == float(image.max())


@lru_cache(maxsize=4)
def _taper_window(
    shape: tuple[int, int], taper: str, precision: str = "double"
) -> NDArray[Any] | None:
    if taper == "none":
        return None
    from scipy.signal.windows import hann, tukey

    # Sampled between the zeros, so that the shortest image keeps a weight above zero.
    sides = [
        hann(n + 2)[1:-1] if taper == "hann" else tukey(n + 2, alpha=0.25)[1:-1] for n in shape
    ]
    return np.outer(sides[0], sides[1]).astype(np.float32 if precision == "single" else float)


@lru_cache(maxsize=16)
def _independent_share(shape: tuple[int, int], taper: str) -> float:
    """Share of the coefficients that are independent after tapering: neighbours become alike."""
    window = _taper_window(shape, taper)
    if window is None:
        return 1.0
    return float((window**2).sum() ** 2 / (window.size * (window**4).sum()))


def _ring_correlation(
    xp: Any, layout: RingLayout, spectra: tuple[Any, Any], modulus: bool = False
) -> NDArray[np.float64]:
    sums = ring_sums(xp, layout, *spectra)
    common = np.hypot(sums.even, sums.odd) if modulus else sums.even
    norm = np.sqrt(sums.first) * np.sqrt(sums.second)
    # Of a constant image only rounding is left, which correlates with anything.
    usable = norm > 1e-26 * np.sqrt(sums.first.sum()) * np.sqrt(sums.second.sum())
    return np.where(usable, common / np.where(usable, norm, 1.0), np.nan)


def _reference_fsc(
    xp: Any, pair: tuple[Any, Any], sectors: Sectors, search: _Search, reference: Reference
) -> FscResult:
    version: Literal["2022", "2025"] = "2022" if reference == "2022" else "2025"
    if isinstance(search.threshold, str):
        raise ParameterError("Reference values need a number as threshold", found=search.threshold)
    images = _prepared(xp, pair, remove_mean=False)
    shape = (int(images[0].shape[0]), int(images[0].shape[1]))
    wrap = version == "2025"
    centre = _greatest(xp, *images)
    if centre == (shape[0] // 2, shape[1] // 2):
        spectra = rfft2(xp, images[0]), rfft2(xp, images[1])
        layout = reference_rings(shape, sectors, wrap)
    else:
        spectra = fft2(xp, images[0]), fft2(xp, images[1])
        spectra = xp.fft.fftshift(spectra[0]), xp.fft.fftshift(spectra[1])
        layout = reference_rings_about(shape, centre, sectors, wrap)
    correlation = _ring_correlation(xp, layout, spectra, modulus=True)
    criterion = reference_curve(float(search.threshold), correlation.size)
    return search.result(layout, correlation, criterion, smooth_window=20, version=version)


def _greatest(xp: Any, first: Any, second: Any) -> tuple[int, int]:
    """Row and column, in the shifted plane, of the greatest coefficient of the sum of two images.

    Of two equal ones the first.
    """
    height, width = int(first.shape[0]), int(first.shape[1])
    origin = height // 2, width // 2
    a, b = first.ravel(), second.ravel()
    power = float(xp.dot(a, a)) + 2.0 * float(xp.dot(a, b)) + float(xp.dot(b, b))
    # By Parseval's theorem, a mean that holds half of all power is the greatest coefficient.
    if 2.0 * (float(a.sum()) + float(b.sum())) ** 2 > first.size * power:
        return origin
    spectrum = rfft2(xp, first + second)
    coefficients = spectrum.real**2 + spectrum.imag**2
    row, column = divmod(int(coefficients.argmax()), int(coefficients.shape[1]))
    places = (row, column), (-row % height, -column % width)
    return min(((y + origin[0]) % height, (x + origin[1]) % width) for y, x in places)
