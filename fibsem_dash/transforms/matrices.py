"""Applying 3 x 3 matrices to points."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def translation(tx: float, ty: float) -> Array:
    """Return the 3 x 3 matrix that adds (tx, ty) pixels to a point."""
    return np.array([[1.0, 0.0, tx], [0.0, 1.0, ty], [0.0, 0.0, 1.0]])


def apply(matrix: npt.ArrayLike, points: npt.ArrayLike) -> Array:
    """Map points with one matrix or a batch of matrices.

    Parameters
    ----------
    matrix : (..., 3, 3) array
        Affine matrices.
    points : (..., n, 2) array
        Points (x, y) in pixels, broadcast against the batch of matrices.

    Returns
    -------
    (..., n, 2) float64 array
        ``matrix @ (x, y, 1)`` for every point.
    """
    m = np.asarray(matrix, np.float64)
    linear = np.swapaxes(m[..., :2, :2], -1, -2)
    return np.asarray(points, np.float64) @ linear + m[..., None, :2, 2]


def residuals(matrix: npt.ArrayLike, src: npt.ArrayLike, dst: npt.ArrayLike) -> Array:
    """Return the residual vectors ``dst - matrix @ src``, shape (..., n, 2), in pixels."""
    return np.asarray(dst, np.float64) - apply(matrix, src)


def embed(linear: Array, shift: Array) -> Array:
    """Assemble (..., 3, 3) matrices from linear parts (..., 2, 2) and shifts (..., 2)."""
    matrix = np.zeros((*linear.shape[:-2], 3, 3))
    matrix[..., :2, :2] = linear
    matrix[..., :2, 2] = shift
    matrix[..., 2, 2] = 1.0
    return matrix
