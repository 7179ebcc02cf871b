"""Rings and angular sectors of the Fourier plane of a real image.

The transform of a real image repeats itself under reflection at the origin, so that half of the
plane holds everything. A `RingLayout` says which ring each coefficient of that half belongs to and
how often it counts: 2 where its mirror image lies in the selected sectors, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.backend import to_host
from fibsem_dash.numerics.levels import row_blocks

# Coefficients summed at a time.
_BLOCK = 1 << 15
# Sectors are cut at +-180 degrees with this margin, so that strict comparisons keep the axis.
_HALF_TURN = 180.000001


@dataclass(frozen=True)
class Sectors:
    """Angular sectors of a plane, repeated around the origin.

    Attributes
    ----------
    start, stop : float
        Degrees from the x axis towards the y axis (down).
    symmetry : int
        Number of copies around the full turn; 0 is a single sector.
    """

    start: float
    stop: float
    symmetry: int = 4

    def contains(self, angle: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether angles (degrees) lie in a sector, both edges included, any multiple of 360."""
        width = self.stop - self.start
        period = 360.0 / self.symmetry if self.symmetry > 0 else 360.0
        if width >= period:
            return np.ones(np.shape(angle), dtype=bool)
        # The margin keeps angles on the edge inside in spite of rounding.
        return np.mod(angle - self.start + 1e-9, period) <= width + 2e-9

    def contains_strictly(self, angle: NDArray[np.float64], wrap: bool = True) -> NDArray[np.bool_]:
        """Whether angles in (-180, 180] lie in a sector without its edges.

        Parameters
        ----------
        angle : ndarray
        wrap : bool
            False loses the part of a sector beyond +-180 degrees, as reports of 2022 have it.
        """
        if self.symmetry <= 0:
            return (angle > self.start) & (angle < self.stop)
        turn = 360.0 / self.symmetry
        inside = np.zeros(np.shape(angle), dtype=bool)
        first, last = (-self.symmetry, self.symmetry) if wrap else (0, self.symmetry)
        for k in range(first, last):
            shift = k * turn if wrap else k * turn - 180.0
            low = max(self.start + shift, -_HALF_TURN)
            high = min(self.stop + shift, _HALF_TURN)
            inside |= (angle > low) & (angle < high)
        return inside


@dataclass(frozen=True)
class RingLayout:
    """Rings over the coefficients of a transform.

    Attributes
    ----------
    index : ndarray, (y, x), int64
        Ring of each coefficient of the (half) plane; the number of rings where not selected.
    weight : ndarray, (y, x), float64
        How often a coefficient counts; 0 where not selected.
    odd_weight : ndarray, (y, x), float64, or None
        The same for imaginary parts, which change sign under reflection; None where they cancel.
    counts : ndarray, (rings,), float64
        Coefficients of the full plane in each ring.
    frequencies : ndarray, (rings,), float64
        Cycles per pixel.
    """

    index: NDArray[Any]
    weight: NDArray[np.float64]
    odd_weight: NDArray[np.float64] | None
    counts: NDArray[Any]
    frequencies: NDArray[Any]

    @cached_property
    def blocks(self) -> list[tuple[slice, Any, Any]]:
        """Rows of the plane with sparse matrices, (rings, coefficients), that sum over the rings.

        Blocks of rows keep the products in the cache; a sparse product is three times as fast as
        counting with weights.
        """
        result = []
        for rows in row_blocks((self.index.shape[0], self.index.shape[1]), _BLOCK):
            odd = None if self.odd_weight is None else self._summing(rows, self.odd_weight)
            result.append((rows, self._summing(rows, self.weight), odd))
        return result

    def _summing(self, rows: slice, weight: NDArray[np.float64]) -> Any:
        from scipy.sparse import csr_array

        ring = self.index[rows].ravel()
        column = np.flatnonzero(ring < self.counts.size).astype(np.int32)
        values = weight[rows].ravel()[column]
        return csr_array((values, (ring[column], column)), shape=(self.counts.size, ring.size))


@dataclass(frozen=True)
class RingSums:
    """Sums over each ring of the full plane, all (rings,) float64.

    Attributes
    ----------
    first, second : ndarray
        Powers ``|F1|^2`` and ``|F2|^2``.
    even, odd : ndarray
        Real and imaginary part of ``F1 conj(F2)``.
    """

    first: NDArray[np.float64]
    second: NDArray[np.float64]
    even: NDArray[np.float64]
    odd: NDArray[np.float64]


def ring_sums(xp: Any, layout: RingLayout, first: Any, second: Any) -> RingSums:
    """Sum the powers and the common power of two spectra over rings.

    Parameters
    ----------
    xp : module
        ``numpy`` or ``cupy``.
    layout : RingLayout
    first, second : arrays, (y, x), complex128
        Spectra over the plane that the layout describes.
    """
    if xp is not np:
        return _ring_sums_on_card(xp, layout, first, second)
    total = np.zeros((4, layout.counts.size))
    for rows, even, odd in layout.blocks:
        a, b = first[rows].ravel(), second[rows].ravel()
        parts = (a.real, a.imag, b.real, b.imag)
        ar, ai, br, bi = (part.astype(np.float64) for part in parts)
        total[2] += even @ (ar * br + ai * bi)
        if odd is not None:
            total[3] += odd @ (ai * br - ar * bi)
        # In place: memory that is new to the process costs more than the arithmetic.
        for row, real, imaginary in ((0, ar, ai), (1, br, bi)):
            real *= real
            imaginary *= imaginary
            real += imaginary
            total[row] += even @ real
    return RingSums(*total)


def _ring_sums_on_card(xp: Any, layout: RingLayout, first: Any, second: Any) -> RingSums:
    rings = layout.counts.size
    index, weight = xp.asarray(layout.index).ravel(), xp.asarray(layout.weight)

    def sums(values: Any) -> NDArray[np.float64]:
        total = xp.bincount(index, weights=values.ravel(), minlength=rings + 1)
        return to_host(total)[:rings]

    a, b = first.astype(np.complex128), second.astype(np.complex128)
    cross = a.imag * b.real - a.real * b.imag
    odd = layout.odd_weight
    return RingSums(
        sums(weight * (a.real**2 + a.imag**2)),
        sums(weight * (b.real**2 + b.imag**2)),
        sums(weight * (a.real * b.real + a.imag * b.imag)),
        np.zeros(rings) if odd is None else sums(xp.asarray(odd) * cross),
    )


@lru_cache(maxsize=8)
def frequency_rings(shape: tuple[int, int], sectors: Sectors | None = None) -> RingLayout:
    """Rings of equal width in spatial frequency, from zero to the Nyquist frequency.

    A ring is one step of the finer of the two frequency grids wide and carries the mean frequency
    of its coefficients, so that it is right for images that are not square, too.

    Parameters
    ----------
    shape : (y, x)
        Shape of the image.
    sectors : Sectors, optional
        Angles to keep, edges included; None for all.
    """
    height, width = shape
    fy = np.fft.fftfreq(height)[:, None]
    fx = np.fft.rfftfreq(width)[None, :]
    radius = np.hypot(fy, fx)
    rings = max(height, width) // 2 + 1
    index = np.rint(radius * max(height, width)).astype(np.int64)
    weight = np.full(radius.shape, 2.0)
    weight[:, 0] = 1.0
    if width % 2 == 0:
        weight[:, -1] = 1.0
    keep = index < rings
    if sectors is not None:
        keep &= _inside_either(sectors, fy, fx)
    return _layout(index, weight, None, keep, radius, rings)


def _inside_either(sectors: Sectors, fy: NDArray[Any], fx: NDArray[Any]) -> NDArray[np.bool_]:
    """Keep a coefficient where it or its mirror image, which says the same, is in a sector."""
    angle = np.degrees(np.arctan2(fy, fx))
    inside = sectors.contains(angle) | sectors.contains(angle + 180.0)
    inside[0, 0] = True
    return np.asarray(inside, dtype=bool)


@lru_cache(maxsize=8)
def reference_rings(shape: tuple[int, int], sectors: Sectors, wrap: bool = True) -> RingLayout:
    """Rings as old reports have them: truncated distance in pixels, sectors without their edges.

    Distances are in coefficients whatever the shape, frequencies are distances over the number of
    rows, and the corners beyond the Nyquist frequency are kept.
    """
    height, width = shape
    y = np.fft.fftfreq(height, 1 / height)[:, None]
    x = np.fft.fftfreq(width, 1 / width)[None, : width // 2 + 1]
    mirror_y = _mirrored(y, height)
    mirror_x = _mirrored(x, width)
    inside = sectors.contains_strictly(np.degrees(np.arctan2(y, x)), wrap)
    mirror = sectors.contains_strictly(np.degrees(np.arctan2(mirror_y, mirror_x)), wrap)
    symmetric = bool((inside == mirror).all())
    # These columns are their own mirror image and hold both partners already.
    mirror[:, 0] = False
    if width % 2 == 0:
        mirror[:, -1] = False
    weight = inside.astype(np.float64) + mirror
    odd = None if symmetric else inside.astype(np.float64) - mirror
    index = np.sqrt(y**2 + x**2).astype(np.int64)
    keep = weight > 0
    rings = int(index[keep].max(initial=0)) + 1
    return _layout(index, weight, odd, keep, None, rings, height)


def reference_rings_about(
    shape: tuple[int, int], centre: tuple[int, int], sectors: Sectors, wrap: bool = True
) -> RingLayout:
    """`reference_rings` over the whole shifted plane about another centre, given as (row, column).

    Layout of the plane: ``fftshift``. Needed where the greatest coefficient is not the origin.
    """
    y = np.arange(shape[0], dtype=np.float64)[:, None] - centre[0]
    x = np.arange(shape[1], dtype=np.float64)[None, :] - centre[1]
    keep = sectors.contains_strictly(np.degrees(np.arctan2(y, x)), wrap)
    index = np.sqrt(y**2 + x**2).astype(np.int64)
    ones = np.ones(index.shape)
    rings = int(index[keep].max(initial=0)) + 1
    return _layout(index, ones, ones, keep, None, rings, shape[0])


def _mirrored(offset: NDArray[Any], n: int) -> NDArray[Any]:
    """Offset of the mirror image; the Nyquist coefficient of an even length is its own."""
    # The zero that is added turns -0.0, whose angle would be -180 degrees, into 0.0.
    return np.where(offset == -(n / 2), offset, -offset + 0.0)


def _layout(
    index: NDArray[np.int64],
    weight: NDArray[np.float64],
    odd: NDArray[np.float64] | None,
    keep: NDArray[np.bool_],
    radius: NDArray[np.float64] | None,
    rings: int,
    rows: int = 1,
) -> RingLayout:
    ring = np.where(keep, index, rings)
    factor = np.where(keep, weight, 0.0)
    flat = ring.ravel(), factor.ravel()
    counts = np.bincount(flat[0], weights=flat[1], minlength=rings + 1)[:rings]
    if radius is None:
        frequencies = np.arange(rings) / rows
    else:
        total = np.bincount(flat[0], weights=flat[1] * radius.ravel(), minlength=rings + 1)[:rings]
        nominal = np.arange(rings) / max(2 * (rings - 1), 1)
        frequencies = np.where(counts > 0, total / np.maximum(counts, 1.0), nominal)
    odd_part = None
    if odd is not None and np.any(odd[keep] != 0):
        odd_part = np.where(keep, odd, 0.0)
    return RingLayout(ring, factor, odd_part, counts, frequencies)
