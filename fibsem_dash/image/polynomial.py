"""Polynomials in two variables: terms, least squares, evaluation on a grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.errors import ParameterError

# Singular values below this share of the greatest are dropped by the solver behind old reports.
_REFERENCE_CUT = 1e-6


def monomials(degree: int) -> NDArray[np.int64]:
    """Powers of x and y of all terms up to a degree, (terms, 2): 1, x, y, x², xy, y², ..."""
    pairs = [(total - j, j) for total in range(degree + 1) for j in range(total + 1)]
    return np.array(pairs, dtype=np.int64)


def design_matrix(
    x: NDArray[Any], y: NDArray[Any], powers: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Values of the terms at points, (points, terms)."""
    fx, fy = x.astype(np.float64), y.astype(np.float64)
    return np.stack([fx**i * fy**j for i, j in powers.tolist()], axis=1)


def least_squares(
    matrix: NDArray[np.float64], values: NDArray[np.float64], estimator: Any = None
) -> tuple[float, NDArray[np.float64]]:
    """Fit the terms to values.

    Parameters
    ----------
    matrix : ndarray, (points, terms)
        The first column is 1.
    values : ndarray, (points,)
    estimator : object, optional
        With scikit-learn's protocol; its inner ``estimator_`` is used where it has one.

    Returns
    -------
    intercept : float
    coefficients : ndarray, (terms,)
        The first is 0 for least squares, whose constant is the intercept.

    Raises
    ------
    ParameterError
        Where an estimator has no ``coef_`` and ``intercept_`` after the fit.
    """
    if estimator is not None:
        estimator.fit(matrix, values)
        inner = getattr(estimator, "estimator_", estimator)
        if not hasattr(inner, "coef_") or not hasattr(inner, "intercept_"):
            raise ParameterError(
                "The estimator gives no coefficients",
                expected="coef_ and intercept_ after fit",
                found=type(estimator).__name__,
            )
        return float(inner.intercept_), np.array(inner.coef_, dtype=np.float64).ravel()
    # Columns of equal size keep the high powers from drowning the low ones.
    scale = np.maximum(np.abs(matrix).max(axis=0), 1e-300)
    solution = np.linalg.lstsq(matrix / scale, values, rcond=None)[0] / scale
    intercept = float(solution[0])
    solution[0] = 0.0
    return intercept, solution


def reference_least_squares(
    matrix: NDArray[np.float64], values: NDArray[np.float64], estimator: None = None
) -> tuple[float, NDArray[np.float64]]:
    """Fit the terms as old reports have it: centred columns of raw powers, small parts cut off.

    Takes no estimator. At degree 4 the powers differ so much in size that the cut removes part of
    the solution; the residual is greater than need be.
    """
    means = matrix.mean(axis=0)
    solution = np.linalg.lstsq(matrix - means, values - values.mean(), rcond=_REFERENCE_CUT)[0]
    return float(values.mean() - means @ solution), solution


def evaluate_grid(
    terms: NDArray[np.float64],
    powers: NDArray[np.int64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Value of a polynomial at all pairs of coordinates, (y, x)."""
    degree = int(powers.max(initial=0))
    table = np.zeros((degree + 1, degree + 1))
    np.add.at(table, (powers[:, 1], powers[:, 0]), terms)
    vander_y = np.vander(y, degree + 1, increasing=True)
    vander_x = np.vander(x, degree + 1, increasing=True)
    return np.asarray(vander_y @ table @ vander_x.T)


def fixed_rows(
    counts: NDArray[np.int64], repeat: bool
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of cells with a count, each once or, to repeat, as often as counted."""
    y, x = np.nonzero(counts)
    if repeat:
        times = counts[y, x]
        return np.repeat(y, times), np.repeat(x, times)
    return y, x


def reference_restriction(
    coefficients: NDArray[np.float64],
    powers: NDArray[np.int64],
    mean_y: float,
    ignore_y: bool,
    linear_y: bool,
    old: bool,
) -> NDArray[np.float64]:
    """Substitute y in fitted terms as old reports do, instead of fitting fewer terms.

    Parameters
    ----------
    coefficients : ndarray, (terms,)
    powers : ndarray, (terms, 2)
    mean_y : float
        Mean block row, put in for y.
    ignore_y, linear_y : bool
        Degrees 2 and 4 only; `linear_y` only without `ignore_y`.
    old : bool
        As in 2022: terms with y are dropped without putting anything in.

    Returns
    -------
    ndarray, (terms,)
    """
    degree = int(powers.sum(axis=1).max(initial=0))
    if not (ignore_y or linear_y) or degree not in (2, 4):
        return coefficients
    place = {(i, j): k for k, (i, j) in enumerate(powers.tolist())}
    result = coefficients.copy()
    for (i, j), k in place.items():
        if j < (1 if ignore_y else 2):
            continue
        result[k] = 0.0
        if old:
            continue
        # Two slips that the numbers of 2025 contain: the constant lost its third and fourth
        # power of y at degree 4, and the linear term was overwritten at degree 2.
        if ignore_y and not (degree == 4 and i == 0 and j > 2):
            result[place[i, 0]] += coefficients[k] * mean_y**j
        elif linear_y and degree == 2:
            result[place[i, 1]] = coefficients[k] * mean_y ** (j - 1)
        elif linear_y:
            result[place[i, 1]] += coefficients[k] * mean_y ** (j - 1)
    return result
