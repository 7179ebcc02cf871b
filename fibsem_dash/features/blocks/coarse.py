"""Shift of a whole frame against another, verified: phase correlation on reduced images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fibsem_dash.features.blocks.spectra import Complexes, Floats
from fibsem_dash.settings import BlockSettings

CANDIDATES = 6
"""Correlation peaks that are verified."""

MAX_SHARE = 0.4
"""Largest shift that is looked for, as a share of the frame's side."""

WHITENING = 0.75
"""Between plain and phase correlation: a broad enough peak where every frame has its own noise."""

LOW_PASS = 0.3
"""Standard deviation of the low-pass in cycles per reduced pixel."""


@dataclass(frozen=True)
class ReducedImage:
    """A reduced image and its spectrum.

    Attributes
    ----------
    pixels : (y, x) float32 array
        Mean zero, standard deviation one (zero where the image is uniform).
    spectrum : (ky, kx) complex64 array
        Of the tapered image, padded to twice its size.
    scale : (float, float)
        Pixels of the full image per reduced pixel, (x, y).
    """

    pixels: Floats
    spectrum: Complexes
    scale: tuple[float, float]


@dataclass(frozen=True)
class CoarseShift:
    """Shift between two frames.

    Attributes
    ----------
    x, y : float
        From the first image's coordinates to the second's, px of the full image.
    ncc : float
        Correlation coefficient of the overlap of the reduced images, -1 to 1.
    """

    x: float
    y: float
    ncc: float


def reduce_image(image: npt.NDArray[Any], settings: BlockSettings) -> ReducedImage:
    """Shrink an image by averaging and transform it.

    Parameters
    ----------
    image : (y, x) array
        Any real type.
    settings : BlockSettings
        Uses coarse_size.
    """
    height, width = image.shape
    factor = max(1.0, max(height, width) / settings.coarse_size)
    size = max(round(width / factor), 1), max(round(height / factor), 1)
    # OpenCV averages only some types.
    if image.dtype != np.uint8:
        image = image.astype(np.float32)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    # Light smoothing: a single pixel of noise is no structure.
    small = cv2.GaussianBlur(small, (0, 0), 1.0)
    small -= small.mean(dtype=np.float64)
    spread = float(small.std(dtype=np.float64))
    if spread > 0:
        small /= np.float32(spread)
    taper_y, taper_x = _taper(size[1]), _taper(size[0])
    padded = fast_length(2 * size[1]), fast_length(2 * size[0])
    spectrum = np.fft.rfft2(small * taper_y[:, None] * taper_x, padded).astype(np.complex64)
    return ReducedImage(small, spectrum, (width / size[0], height / size[1]))


def fast_length(n: int) -> int:
    """Return the smallest length of at least n that is fast to transform: 2^a 3^b 5^c.

    NumPy transforms as fast as `scipy.fft`, whose import takes longer than that of all the rest.
    """
    while True:
        rest = n
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return n
        n += 1


def _taper(n: int) -> Floats:
    """Raised-cosine flanks over an eighth of the length at both ends."""
    edge = np.minimum(np.arange(n) + 0.5, n - np.arange(n) - 0.5) / max(n / 8, 1.0)
    taper: Floats = (0.5 - 0.5 * np.cos(np.pi * np.minimum(edge, 1))).astype(np.float32)
    return taper


def coarse_shift(first: ReducedImage, second: ReducedImage) -> CoarseShift:
    """Find the shift between two frames.

    The highest peaks of a partly whitened correlation are candidates; the one whose overlap
    correlates best wins. A fixed pattern of the detector, which peaks at zero shift, and images
    that repeat themselves are told apart by that.

    Parameters
    ----------
    first, second : ReducedImage
        Frames of the same size.
    """
    shape = first.pixels.shape
    surface = _correlate(first, second)
    best = CoarseShift(0.0, 0.0, -1.0)
    for y, x in _peaks(surface, shape):
        ncc = _overlap_ncc(first.pixels, second.pixels, round(x), round(y))
        if ncc > best.ncc:
            best = CoarseShift(x * first.scale[0], y * first.scale[1], ncc)
    return best


def _correlate(first: ReducedImage, second: ReducedImage) -> Floats:
    rows, columns = first.spectrum.shape
    # The spectrum tells the padded width only up to one pixel.
    width = fast_length(2 * first.pixels.shape[1])
    product = first.spectrum.conj() * second.spectrum
    magnitude = np.abs(product) + np.finfo(np.float32).tiny
    fy = np.fft.fftfreq(rows).astype(np.float32)[:, None]
    fx = (np.arange(columns) / width).astype(np.float32)
    low_pass = np.exp(-0.5 * (fy**2 + fx**2) / np.float32(LOW_PASS) ** 2)
    product *= low_pass * magnitude ** np.float32(-WHITENING)
    return np.asarray(np.fft.irfft2(product, (rows, width)), np.float32)


def _peaks(surface: Floats, shape: tuple[int, ...]) -> list[tuple[float, float]]:
    """Return the highest local maxima (y, x) within the allowed shifts, and zero."""
    limit_y, limit_x = (max(int(n * MAX_SHARE), 1) for n in shape)
    centred = np.roll(surface, (limit_y, limit_x), (0, 1))
    part = np.ascontiguousarray(centred[: 2 * limit_y + 1, : 2 * limit_x + 1])
    # Less common ground gives lower peaks: undo that, or large shifts would never win.
    common_y = 1 - np.abs(np.arange(-limit_y, limit_y + 1)) / shape[0]
    common_x = 1 - np.abs(np.arange(-limit_x, limit_x + 1)) / shape[1]
    part /= np.sqrt(common_y[:, None] * common_x).astype(np.float32)
    highest = cv2.dilate(part, np.ones((5, 5), np.uint8))
    places = np.argwhere(part == highest)
    order = np.argsort(-part[places[:, 0], places[:, 1]], kind="stable")[:CANDIDATES]
    found = [_parabola(part, *places[i]) for i in order]
    return [(y - limit_y, x - limit_x) for y, x in found] + [(0.0, 0.0)]


def _parabola(part: Floats, y: int, x: int) -> tuple[float, float]:
    """Refine a maximum by parabolas through its neighbours."""
    if not (0 < y < part.shape[0] - 1 and 0 < x < part.shape[1] - 1):
        return float(y), float(x)
    shifts = []
    for before, after in ((part[y - 1, x], part[y + 1, x]), (part[y, x - 1], part[y, x + 1])):
        bend = float(before) - 2 * float(part[y, x]) + float(after)
        shifts.append(0.5 * (float(before) - float(after)) / bend if bend < 0 else 0.0)
    return y + shifts[0], x + shifts[1]


def _overlap_ncc(first: Floats, second: Floats, x: int, y: int) -> float:
    """Correlation coefficient of ``first[p]`` and ``second[p + (x, y)]``."""
    height, width = first.shape
    a = first[max(-y, 0) : height - max(y, 0), max(-x, 0) : width - max(x, 0)]
    b = second[max(y, 0) : height - max(-y, 0), max(x, 0) : width - max(-x, 0)]
    if a.size == 0:
        return -1.0
    (mean_a, spread_a), (mean_b, spread_b) = cv2.meanStdDev(a), cv2.meanStdDev(b)
    spread = float(spread_a.item() * spread_b.item())
    if spread <= 0:
        return 0.0
    product = cv2.mean(cv2.multiply(a, b))[0]
    return float((product - mean_a.item() * mean_b.item()) / spread)
