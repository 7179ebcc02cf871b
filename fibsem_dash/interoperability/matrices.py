"""Matrices of this package as transforms of scikit-image, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.errors import ParameterError


def to_skimage(matrix: npt.ArrayLike) -> Any:
    """Return a matrix as ``skimage.transform.AffineTransform``.

    Both act on (x, y) = (column, row) with pixel centres at integers, so the numbers stay. ``C_j``
    of a run leads from the result to the frame: it is what ``skimage.transform.warp`` takes as its
    ``inverse_map``.

    Raises
    ------
    ParameterError
        For another shape than (3, 3), or a last row other than 0 0 1.
    """
    from skimage.transform import AffineTransform

    values = np.array(matrix, dtype=np.float64)
    if values.shape != (3, 3) or not np.array_equal(values[2], [0, 0, 1]):
        raise ParameterError("matrix", expected="3 x 3 with the last row 0 0 1", found=values.shape)
    return AffineTransform(matrix=values)


def from_skimage(transform: Any) -> npt.NDArray[np.float64]:
    """Return the (3, 3) matrix of an affine transform of scikit-image.

    Raises
    ------
    ParameterError
        For a transform that is not affine in the plane.
    """
    values = np.array(getattr(transform, "params", None), dtype=np.float64)
    if values.shape != (3, 3) or abs(values[2, 2]) < 1e-300:
        raise ParameterError("transform", expected="an affine one in the plane", found=transform)
    values /= values[2, 2]
    if not np.allclose(values[2, :2], 0):
        raise ParameterError("transform", expected="an affine one", found="a projective one")
    values[2] = (0.0, 0.0, 1.0)
    return values
