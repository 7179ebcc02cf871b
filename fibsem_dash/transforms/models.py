"""The five transform models in closed form.

Every estimator takes batches: source and destination points (..., n, 2) give matrices (..., 3, 3),
so that RANSAC fits all its hypotheses in one call. Points that do not determine the model give NaN.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fibsem_dash.errors import ParameterError
from fibsem_dash.settings import TRANSFORMS, SolverSettings
from fibsem_dash.transforms.affine import estimate_affine, estimate_regularized_affine
from fibsem_dash.transforms.matrices import Array, embed

MIN_POINTS = {
    "shift": 1,
    "x_scale_shift": 2,
    "scale_shift": 2,
    "affine": 3,
    "regularized_affine": 3,
}
"""Matches that determine each model."""


def default_l2_matrix(l2_param: float = 1e-5) -> Array:
    """Return the usual regularization: `l2_param` on scales and shears, none on the shifts."""
    return np.diag([l2_param, l2_param, 0.0, l2_param, l2_param, 0.0])


@dataclass(frozen=True)
class TransformModel:
    """A transform model with its regularization.

    Attributes
    ----------
    name : {"shift", "x_scale_shift", "scale_shift", "affine", "regularized_affine"}
        2, 3, 4, 6 and 6 degrees of freedom. "x_scale_shift" is for flat, wide frames, where the y
        scale is ill determined.
    l2_matrix : (6, 6) array
        Regularization matrix in the order Sxx Sxy Tx Syx Syy Ty; used by "regularized_affine".
    targ_vector : (6,) array
        Parameters that it pulls towards.
    l2_normalization : {"n2", "n"}
        Divisor of the data term, see `estimate_regularized_affine`.
    """

    name: str
    l2_matrix: Array = field(default_factory=default_l2_matrix)
    targ_vector: Array = field(default_factory=lambda: np.array([1.0, 0, 0, 0, 1, 0]))
    l2_normalization: str = "n2"

    @property
    def min_points(self) -> int:
        """Matches that determine the model."""
        return MIN_POINTS[self.name]

    def estimate(self, src: npt.ArrayLike, dst: npt.ArrayLike) -> Array:
        """Fit the model by least squares.

        Parameters
        ----------
        src, dst : (..., n, 2) array
            Matched points (x, y) in pixels.

        Returns
        -------
        (..., 3, 3) float64 array
            Matrix from source to destination coordinates; NaN where the points do not determine it.
        """
        a, b = np.asarray(src, np.float64), np.asarray(dst, np.float64)
        if self.name == "regularized_affine":
            return estimate_regularized_affine(
                a, b, self.l2_matrix, self.targ_vector, self.l2_normalization
            )
        if self.name == "affine":
            return estimate_affine(a, b)
        return _estimate_scales(a, b, {"shift": "", "x_scale_shift": "x"}.get(self.name, "xy"))


def _estimate_scales(src: Array, dst: Array, free: str) -> Array:
    """Regress dst on src, axis by axis; a scale that is not free is one."""
    if src.shape[-2] == 0:
        return np.full((*src.shape[:-2], 3, 3), np.nan)
    mean_src, mean_dst = src.mean(-2), dst.mean(-2)
    scale = np.ones_like(mean_src)
    for axis, letter in enumerate("xy"):
        if letter in free:
            x = src[..., axis] - mean_src[..., axis, None]
            spread = (x * x).sum(-1)
            determined = spread > 1e-12 * np.maximum(1.0, (src[..., axis] ** 2).sum(-1))
            product = (x * (dst[..., axis] - mean_dst[..., axis, None])).sum(-1)
            scale[..., axis] = np.where(determined, product, np.nan) / np.where(
                determined, spread, 1.0
            )
    linear = scale[..., None] * np.eye(2)
    return embed(linear, mean_dst - scale * mean_src)


def get_model(settings: SolverSettings) -> TransformModel:
    """Build the transform model that the settings ask for.

    Raises
    ------
    ParameterError
        For an unknown model, or a regularization of the wrong shape.
    """
    if settings.transform not in TRANSFORMS:
        raise ParameterError(
            "transform model", expected=", ".join(TRANSFORMS), found=settings.transform
        )
    if settings.l2_matrix is None:
        l2_matrix = default_l2_matrix(settings.l2_param)
    else:
        rows = [list(map(float, row)) for row in settings.l2_matrix]
        ragged = len({len(row) for row in rows}) > 1
        l2_matrix = np.zeros((len(rows), 0)) if ragged else np.array(rows)
    target = np.array(settings.targ_vector, np.float64)
    if l2_matrix.shape != (6, 6) or target.shape != (6,):
        raise ParameterError(
            "regularization",
            expected="l2_matrix of 6 x 6 and targ_vector of 6 numbers",
            found=f"{l2_matrix.shape} and {target.shape}",
        )
    return TransformModel(settings.transform, l2_matrix, target, settings.l2_normalization)
