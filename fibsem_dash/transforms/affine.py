"""Affine models by least squares, plain and regularized."""

from __future__ import annotations

import numpy as np

from fibsem_dash.transforms.matrices import Array, embed


def estimate_affine(src: Array, dst: Array) -> Array:
    """Fit six parameters by ordinary least squares.

    Parameters
    ----------
    src, dst : (..., n, 2) float64 array
        Matched points (x, y), px.

    Returns
    -------
    (..., 3, 3) float64 array
        NaN where the source points lie on a line.
    """
    if src.shape[-2] < 3:
        return np.full((*src.shape[:-2], 3, 3), np.nan)
    mean_src, mean_dst = src.mean(-2), dst.mean(-2)
    a, b = src - mean_src[..., None, :], dst - mean_dst[..., None, :]
    normal = np.swapaxes(a, -1, -2) @ a
    cross = np.swapaxes(b, -1, -2) @ a
    determinant = normal[..., 0, 0] * normal[..., 1, 1] - normal[..., 0, 1] ** 2
    trace = normal[..., 0, 0] + normal[..., 1, 1]
    determined = determinant > 1e-12 * np.maximum(trace, 1e-300) ** 2
    adjugate = np.empty_like(normal)
    adjugate[..., 0, 0], adjugate[..., 1, 1] = normal[..., 1, 1], normal[..., 0, 0]
    adjugate[..., 0, 1] = adjugate[..., 1, 0] = -normal[..., 0, 1]
    inverse = (
        np.where(determined[..., None, None], adjugate, np.nan)
        / np.where(determined, determinant, 1.0)[..., None, None]
    )
    linear = cross @ inverse
    shift = mean_dst - (linear @ mean_src[..., None])[..., 0]
    return embed(linear, shift)


def estimate_regularized_affine(
    src: Array, dst: Array, l2_matrix: Array, targ_vector: Array, l2_normalization: str = "n2"
) -> Array:
    """Fit an affine model whose parameters are pulled towards a target.

    Source and destination are normalised separately (centroid to zero, root mean square radius to
    the square root of two; Hartley, IEEE PAMI 19, 580, 1997) and
    ``|A h - b|^2 / divisor + (h - t)' L (h - t)`` is minimised over the six parameters ``h``.

    Parameters
    ----------
    src, dst : (..., n, 2) float64 array
        Matched points (x, y), px.
    l2_matrix : (6, 6) array
        L, in the order Sxx Sxy Tx Syx Syy Ty.
    targ_vector : (6,) array
        t. Because both point sets are normalised on their own, the target "identity" means an
        isotropic scaling by the ratio of their radii about their centroids.
    l2_normalization : {"n2", "n"}
        Divisor: n squared as in older results, where the pull grows with the number of matches n,
        or n, where it does not.

    Returns
    -------
    (..., 3, 3) float64 array
        NaN where the points coincide or the system is singular.
    """
    n = src.shape[-2]
    if n == 0:
        return np.full((*src.shape[:-2], 3, 3), np.nan)
    a, scale_src, mean_src = _normalise(src)
    b, scale_dst, mean_dst = _normalise(dst)
    divisor = float(n * n if l2_normalization == "n2" else n)
    points = np.concatenate([a, np.ones((*a.shape[:-1], 1))], -1)
    gram = np.swapaxes(points, -1, -2) @ points / divisor
    moment = np.swapaxes(points, -1, -2) @ b / divisor
    system = np.zeros((*gram.shape[:-2], 6, 6))
    system[..., :3, :3] = system[..., 3:, 3:] = gram
    right = np.concatenate([moment[..., 0], moment[..., 1]], -1) + l2_matrix @ targ_vector
    h = _solve(system + l2_matrix, right).reshape(*gram.shape[:-2], 2, 3)
    linear = h[..., :2] * (scale_src / scale_dst)[..., None, None]
    centre = mean_dst + h[..., 2] / scale_dst[..., None]
    return embed(linear, centre - (linear @ mean_src[..., None])[..., 0])


def _normalise(points: Array) -> tuple[Array, Array, Array]:
    mean = points.mean(-2)
    centred = points - mean[..., None, :]
    radius = np.sqrt((centred**2).sum((-1, -2)) / points.shape[-2])
    scale = np.sqrt(2.0) / np.where(radius > 0, radius, np.nan)
    return centred * scale[..., None, None], scale, mean


def _solve(system: Array, right: Array) -> Array:
    finite = np.asarray(np.isfinite(system).all((-1, -2)) & np.isfinite(right).all(-1))
    safe = np.where(finite[..., None, None], system, np.eye(6))
    # Powers of ten of conditioning beyond what doubles resolve count as singular.
    singular = np.asarray(np.linalg.cond(safe) > 1e14)
    safe = np.where(singular[..., None, None], np.eye(6), safe)
    solution = np.linalg.solve(safe, right[..., None])[..., 0]
    return np.where((finite & ~singular)[..., None], solution, np.nan)
