"""Random fields over an unbounded volume, sampled exactly at the pixels of a view.

Every value is a pure function of a key and of integer lattice coordinates, so a field needs no
storage, has no edges, and is the same wherever and whenever a part of it is drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Points = NDArray[np.float64]

_MIX_X, _MIX_Y, _MIX_Z = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
_WORD = 0xFFFFFFFF
# Mean over the phase of the sum of squared weights of a cubic B-spline, per axis.
_SPLINE_POWER = 151.0 / 315.0


@dataclass(frozen=True)
class View:
    """Where the pixels of one image lie in the volume.

    Parameters
    ----------
    matrix : ndarray, shape (2, 3), float64
        Maps pixel (x, y) of the image to volume (x, y), both in pixels.
    shape : tuple of int
        Size (y, x) of the image in pixels.
    z : float
        Depth of the image in the volume, pixels.
    """

    matrix: Points
    shape: tuple[int, int]
    z: float

    def to_volume(self, x: Points, y: Points) -> tuple[Points, Points]:
        """Volume coordinates (x, y) of image pixels `x`, `y` (any shape that broadcasts)."""
        m = self.matrix
        return m[0, 0] * x + m[0, 1] * y + m[0, 2], m[1, 0] * x + m[1, 1] * y + m[1, 2]

    def to_image(self, x: Points, y: Points) -> tuple[Points, Points]:
        """Image coordinates (x, y) of volume points `x`, `y` (any shape that broadcasts)."""
        inverse = np.linalg.inv(self.matrix[:, :2])
        dx, dy = x - self.matrix[0, 2], y - self.matrix[1, 2]
        return inverse[0, 0] * dx + inverse[0, 1] * dy, inverse[1, 0] * dx + inverse[1, 1] * dy

    def bounds(self) -> tuple[float, float, float, float]:
        """Smallest volume rectangle (x0, x1, y0, y1) that holds every pixel."""
        height, width = self.shape
        x, y = self.to_volume(
            np.array([0.0, width - 1, 0.0, width - 1]), np.array([0.0, 0.0, height - 1, height - 1])
        )
        return float(x.min()), float(x.max()), float(y.min()), float(y.max())


def hash_lattice(
    key: int, z: int, y: NDArray[np.int64], x: NDArray[np.int64]
) -> NDArray[np.uint32]:
    """32 random bits for each lattice point.

    Parameters
    ----------
    key : int
        Names the field; different keys give independent values.
    z : int
        Plane of the lattice.
    y, x : ndarray of int64
        Lattice rows and columns, any shapes that broadcast.

    Returns
    -------
    ndarray of uint32
        Broadcast shape of `y` and `x`.
    """
    plane = np.uint32(_finish((key + z * _MIX_Z) & _WORD))
    columns = (x.astype(np.uint64) * np.uint64(_MIX_X)).astype(np.uint32)
    rows = (y.astype(np.uint64) * np.uint64(_MIX_Y)).astype(np.uint32)
    # Each axis is mixed before it is joined to the next; a plain sum shows diagonal stripes.
    bits: NDArray[np.uint32] = _scramble(columns + plane) + rows
    return _scramble(bits)


def _finish(value: int) -> int:
    value = ((value ^ (value >> 16)) * 0x7FEB352D) & _WORD
    value = ((value ^ (value >> 15)) * 0x846CA68B) & _WORD
    return value ^ (value >> 16)


def _scramble(bits: NDArray[np.uint32]) -> NDArray[np.uint32]:
    bits = np.ascontiguousarray(bits)
    bits ^= bits >> np.uint32(16)
    bits *= np.uint32(0x7FEB352D)
    bits ^= bits >> np.uint32(15)
    bits *= np.uint32(0x846CA68B)
    bits ^= bits >> np.uint32(16)
    return bits


def uniform(bits: NDArray[np.uint32]) -> Image:
    """Random bits as float32 numbers in [0, 1)."""
    return (bits >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def _unit_variance(bits: NDArray[np.uint32]) -> Image:
    return (uniform(bits) - np.float32(0.5)) * np.float32(math.sqrt(12.0))


def _spline_weights(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of the four cubic B-spline knots around phase `t` in [0, 1), on a new last axis."""
    s = 1.0 - t
    return np.stack(
        [
            s**3 / 6.0,
            (4.0 - 6.0 * t**2 + 3.0 * t**3) / 6.0,
            (4.0 - 6.0 * s**2 + 3.0 * s**3) / 6.0,
            t**3 / 6.0,
        ],
        axis=-1,
    )


@dataclass(frozen=True)
class SplineField:
    """Smooth random field of mean 0 and variance 1: a cubic B-spline through random knots.

    Parameters
    ----------
    key : int
        Names the field; different keys give independent fields.
    spacing : tuple of int
        Distance of the knots along (z, y, x) in pixels; y and x must be multiples of 2.
    """

    key: int
    spacing: tuple[int, int, int]

    _STEP = 2  # spacing of the sheet that is interpolated, far below that of the knots

    def draw(self, view: View) -> Image:
        """Value at each pixel of `view`, float32 (y, x).

        The spline is evaluated on a sheet of points 2 px apart that is fixed in the volume and
        interpolated linearly at the exact pixel positions.
        """
        _, ly, lx = self.spacing
        x0, x1, y0, y1 = view.bounds()
        columns = np.arange(math.floor(x0 / lx) - 1, math.floor(x1 / lx) + 4, dtype=np.int64)
        rows = np.arange(math.floor(y0 / ly) - 1, math.floor(y1 / ly) + 4, dtype=np.int64)
        sheet = _refine(
            _refine(self._knots(view.z, rows, columns), ly // self._STEP).T, lx // self._STEP
        ).T
        origin = ((columns[0] + 1) * lx, (rows[0] + 1) * ly)
        return sample_sheet(sheet, origin, self._STEP, view)

    def _knots(self, z: float, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Image:
        plane = math.floor(z / self.spacing[0])
        weights = _spline_weights(np.array(z / self.spacing[0] - plane)) / _SPLINE_POWER**1.5
        knots = np.zeros((len(rows), len(columns)), np.float32)
        for k, weight in enumerate(weights):
            bits = hash_lattice(self.key, plane - 1 + k, rows[:, None], columns[None, :])
            knots += np.float32(weight) * _unit_variance(bits)
        return knots

    def at(self, z: Points, y: Points, x: Points) -> Points:
        """Value at single points, each given as a float64 array of shape (n,)."""
        value = np.zeros(len(z))
        base = [
            np.floor(p / s).astype(np.int64) for p, s in zip((z, y, x), self.spacing, strict=True)
        ]
        wz, wy, wx = (
            _spline_weights(p / s - b)
            for p, s, b in zip((z, y, x), self.spacing, base, strict=True)
        )
        taps = np.arange(-1, 3)
        for plane in np.unique(base[0]):
            here = base[0] == plane
            for k in range(4):
                bits = hash_lattice(
                    self.key,
                    int(plane) - 1 + k,
                    (base[1][here, None] + taps)[:, :, None],
                    (base[2][here, None] + taps)[:, None, :],
                )
                weighted = _unit_variance(bits) * wy[here][:, :, None] * wx[here][:, None, :]
                value[here] += wz[here, k] * weighted.sum(axis=(1, 2))
        value /= _SPLINE_POWER**1.5
        return value


def _refine(knots: Image, factor: int) -> Image:
    """Evaluate a B-spline along axis 0 at `factor` points per knot interval."""
    weights = _spline_weights(np.arange(factor) / factor).astype(np.float32)
    intervals = len(knots) - 3
    fine = np.zeros((intervals, factor, knots.shape[1]), np.float32)
    for tap in range(4):
        fine += knots[tap : tap + intervals, None, :] * weights[None, :, tap, None]
    return fine.reshape(intervals * factor, knots.shape[1])


def sample_sheet(sheet: Image, origin: tuple[float, float], step: float, view: View) -> Image:
    """Interpolate a sheet of values linearly at the pixels of a view.

    Parameters
    ----------
    sheet : ndarray, float32, shape (rows, columns)
        Values at volume points `origin` + `step` * (column, row); must cover the view.
    origin : tuple of float
        Volume (x, y) of the first value.
    step : float
        Spacing of the values, pixels.
    view : View
        Where to sample.

    Returns
    -------
    ndarray, float32, shape (y, x)
        Positions are not rounded: OpenCV is exact for linear interpolation of float32.
    """
    affine = view.matrix.copy()
    affine[:, 2] -= origin
    affine /= step
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (view.shape[1], view.shape[0])
    sampled: Image = cv2.warpAffine(
        np.ascontiguousarray(sheet), affine, size, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return sampled


@dataclass(frozen=True)
class GrainField:
    """Fine-grained random texture of mean 0 and variance 1 that changes gradually with depth.

    Parameters
    ----------
    key : int
        Names the field.
    sigma : float
        Standard deviation of the Gaussian that gives the grain its size, pixels, at least 1.
    depth : float
        Depth over which the texture is replaced by an independent one, pixels.
    """

    key: int
    sigma: float
    depth: float

    def draw(self, view: View) -> Image:
        """Value at each pixel of `view`, float32 (y, x)."""
        halo = math.ceil(4 * self.sigma) + 2
        x0, x1, y0, y1 = view.bounds()
        columns = np.arange(math.floor(x0) - halo, math.ceil(x1) + halo + 1, dtype=np.int64)
        rows = np.arange(math.floor(y0) - halo, math.ceil(y1) + halo + 1, dtype=np.int64)
        plane = math.floor(view.z / self.depth)
        t = view.z / self.depth - plane
        # Constant variance at each depth: the squares of the two weights add up to 1.
        weights = (math.cos(0.5 * math.pi * t), math.sin(0.5 * math.pi * t))
        white = np.zeros((len(rows), len(columns)), np.float32)
        for k, weight in enumerate(weights):
            if weight > 1e-9:
                bits = hash_lattice(self.key, plane + k, rows[:, None], columns[None, :])
                white += np.float32(weight) * _unit_variance(bits)
        size = 2 * (halo - 2) + 1
        sheet = cv2.GaussianBlur(white, (size, size), self.sigma)
        sheet *= np.float32(2.0 * math.sqrt(math.pi) * self.sigma)
        return sample_sheet(sheet, (float(columns[0]), float(rows[0])), 1.0, view)
