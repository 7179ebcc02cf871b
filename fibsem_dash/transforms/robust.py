"""Models fitted to displacement vectors with weights, few of them wrong: robust least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem_dash.transforms.matrices import Array, embed

FREE = {
    "shift": (),
    "x_scale_shift": (0,),
    "scale_shift": (0, 3),
    "affine": (0, 1, 2, 3),
    "regularized_affine": (0, 1, 2, 3),
}
"""Elements of the linear part, row by row, that each model fits beside the shift."""

PULL = 25.0
"""How many times its squared standard error the square of a scale or shear must exceed to be
believed in the regularized model. Vectors of tissue that deforms are not independent, which makes
the plain standard error too small by a factor of two to three."""

MIN_SCALE_PX = 0.25
"""Smallest width of the weight function: vectors of perfect images agree to much less."""

WIDTH = 4.0
"""Final width of the weight function in robust standard deviations of the residuals; vectors of
tissue are better averaged than picked, which a smaller width does."""


@dataclass(frozen=True)
class RobustFit:
    """Outcome of `fit_vectors`.

    Attributes
    ----------
    matrix : (3, 3) float64 array
        Source to destination coordinates; NaN where the vectors do not determine the model.
    weights : (n,) float64 array
        Final weights, the given ones times the agreement with the fit.
    covariance : (6, 6) float64 array
        Of the parameters [Tx, Ty, Sxx, Sxy, Syx, Syy] about `centre`; zero for parameters that
        the model keeps fixed.
    centre : (2,) float64 array
        Weighted centroid (x, y) of the points, px.
    """

    matrix: Array
    weights: Array
    covariance: Array
    centre: Array


def fit_vectors(
    points: npt.ArrayLike,
    vectors: npt.ArrayLike,
    weights: npt.ArrayLike,
    model: str,
    start_scale: float = 10.0,
    repeats: float = 1.0,
) -> RobustFit:
    """Fit a model to displacements by iteratively reweighted least squares.

    The weight function of Geman and McClure, ``1 / (1 + (r / s)^2)^2``, starts wide and narrows
    down to `WIDTH` robust standard deviations of the residuals, so that the start does not
    decide which vectors win. In the model "regularized_affine" every scale and shear is then
    shrunk towards its value in a shift by ``max(0, 1 - PULL * variance / value^2)`` (positive-part
    James-Stein): values well above their uncertainty stay, others vanish.

    Parameters
    ----------
    points : (n, 2) array
        Places (x, y), px.
    vectors : (n, 2) array
        Displacements there, px.
    weights : (n,) array
        Confidence, at least zero; points of weight zero have no influence.
    model : str
        Name of a transform model.
    start_scale : float
        Residual, px, at which the weight is a quarter in the first pass.
    repeats : float
        How often the same content is measured, at least 1: the covariance is that of so many times
        fewer vectors.

    Returns
    -------
    RobustFit
        Its matrix is NaN where fewer points have a weight than the model needs.
    """
    p, v = np.asarray(points, np.float64), np.asarray(vectors, np.float64)
    given = np.asarray(weights, np.float64)
    free = FREE[model]
    n = int((given > 0).sum())
    if n < 1 + (len(free) + 1) // 2:
        nan = np.full((3, 3), np.nan)
        return RobustFit(nan, np.zeros(len(p)), np.zeros((6, 6)), np.full(2, np.nan))
    centre = (given[:, None] * p).sum(0) / given.sum()
    q = p - centre
    parameters = np.zeros(6)
    parameters[:2] = [_weighted_median(v[:, axis], given) for axis in (0, 1)]
    scale, w = start_scale, given
    designs = _designs(q, free)
    for _ in range(30):
        r = np.hypot(*(v - _displacement(parameters, q)).T)
        # Residuals of two dimensions: their median is 1.18 standard deviations of one.
        floor = max(WIDTH * _weighted_median(r, given) / 1.18, MIN_SCALE_PX)
        scale = max(scale * 0.6, floor)
        w = given / (1 + (r / scale) ** 2) ** 2
        new, inverse = _solve(designs, v, w)
        done = scale == floor and np.abs(new - parameters).max() < 1e-5
        parameters = new
        if done:
            break
    residuals = v - _displacement(parameters, q)
    covariance = repeats * _covariance(designs, residuals, w, inverse, free)
    if model == "regularized_affine":
        parameters = _shrink(parameters, covariance)
    linear = np.eye(2) + parameters[2:].reshape(2, 2)
    matrix = embed(linear, centre + parameters[:2] - linear @ centre)
    if not np.isfinite(inverse).all():
        matrix = np.full((3, 3), np.nan)
    return RobustFit(matrix, w, covariance, centre)


def _displacement(parameters: Array, q: Array) -> Array:
    return parameters[:2] + q @ parameters[2:].reshape(2, 2).T


def _designs(q: Array, free: tuple[int, ...]) -> Array:
    """Return the columns [1, x, y] of both axes, (2, n, 3); zero for what the model keeps."""
    designs = np.zeros((2, len(q), 3))
    designs[:, :, 0] = 1
    for element in free:
        designs[element // 2, :, 1 + element % 2] = q[:, element % 2]
    return designs


PLACES = np.array([[0, 2, 3], [1, 4, 5]])
"""Where the coefficients of each axis stand among the six parameters."""


def _solve(designs: Array, v: Array, w: Array) -> tuple[Array, Array]:
    """Solve the weighted normal equations of both axes; return parameters and inverse matrices."""
    weighted = np.swapaxes(designs * w[:, None], 1, 2)
    # Points on a line leave a direction open: it stays at its value in a shift.
    inverse = np.linalg.pinv(weighted @ designs, rcond=1e-10, hermitian=True).astype(np.float64)
    parameters: Array = np.zeros(6)
    parameters[PLACES] = (inverse @ weighted @ v.T[..., None])[..., 0]
    return parameters, inverse


def _covariance(
    designs: Array, residuals: Array, w: Array, inverse: Array, free: tuple[int, ...]
) -> Array:
    """Sandwich estimate: right whatever the weights are."""
    result = np.zeros((6, 6))
    used = int((w > 0).sum())
    for axis, places in enumerate(PLACES):
        scored = designs[axis] * (w * residuals[:, axis])[:, None]
        part = inverse[axis]
        n = max(used - 1 - sum(element // 2 == axis for element in free), 1)
        result[np.ix_(places, places)] = part @ (scored.T @ scored) @ part * (len(w) / n)
    return result


def _shrink(parameters: Array, covariance: Array) -> Array:
    result = parameters.copy()
    value, variance = parameters[2:], np.diag(covariance)[2:]
    safe = np.where(value == 0, 1.0, value)
    result[2:] = value * np.clip(1 - PULL * variance / safe**2, 0, 1)
    return result


def _weighted_median(values: Array, weights: Array) -> float:
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(cumulative, 0.5 * cumulative[-1])]])
