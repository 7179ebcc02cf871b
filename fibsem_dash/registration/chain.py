"""From the matrices of frame pairs to the position of every frame.

Pair matrix ``A_j`` maps coordinates in frame j to frame j+1; ``C_0 = I``, ``C_{j+1} = A_j C_j``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from fibsem_dash.numerics.savitzky_golay import smooth_polynomial
from fibsem_dash.settings import ChainSettings
from fibsem_dash.transforms.matrices import Array, embed


@dataclass(frozen=True)
class PairTable:
    """What the chain needs to know of n-1 pairs of n frames.

    Attributes
    ----------
    matrices : (n-1, 3, 3) float64 array
        Pair matrices; NaN where a pair failed.
    mean_src, mean_dst : (n-1, 2) float64 array
        Centroids of the inliers in the first and the second frame of each pair, px; NaN where a
        pair failed.
    """

    matrices: Array
    mean_src: Array
    mean_dst: Array


@dataclass(frozen=True)
class ChainResult:
    """Cumulative matrices before and after the fits, and the fits.

    Attributes
    ----------
    original : (n, 3, 3) float64 array
        Products of the pair matrices.
    final : (n, 3, 3) float64 array
        ``C_j``: reference coordinates to frame j.
    linear_fit : (n, 2, 2) float64 array
        Slow drift of scales and shears that was taken out; identity where none was.
    shift : (n, 2) float64 array
        Shifts after the refit and before the subtraction of a trend, px.
    shift_trend : (n, 2) float64 array
        Trend that was subtracted, px; zero where none was.
    warnings : tuple of str
        What was adapted to the length of the stack.
    """

    original: Array
    final: Array
    linear_fit: Array
    shift: Array
    shift_trend: Array
    warnings: tuple[str, ...] = ()


def build_chain(
    pairs: PairTable,
    settings: ChainSettings,
    fov_trend: Array | None = None,
    original: Array | None = None,
) -> ChainResult:
    """Compute the position of every frame.

    Parameters
    ----------
    pairs : PairTable
        Pair matrices and centroids of their inliers. A failed pair (NaN) passes on the position of
        its first frame; the caller has to report it.
    settings : ChainSettings
        Fits and subtractions.
    fov_trend : (n, 2) array, optional
        Displacement of the field of view that the headers tell, px; kept out of the linear trend.
    original : (n, 3, 3) array, optional
        `cumulate` of the pair matrices where the caller has it, since no setting changes it.

    Returns
    -------
    ChainResult
        See there.
    """
    if original is None:
        original = cumulate(pairs.matrices)
    n = len(original)
    linear = original[:, :2, :2]
    warnings: list[str] = []
    fit: Array = np.broadcast_to(np.eye(2), linear.shape)
    shift = original[:, :2, 2]
    if settings.preserve_scales and n > 1:
        fit, warnings = fit_linear_parts(
            linear, settings.fit_method, settings.fit_window, settings.fit_order
        )
        linear = linear - fit + np.eye(2)
        shift = refit_shifts(linear, pairs, settings.shift_refit)
    wanted = (settings.subtract_linear_x, settings.subtract_linear_y)
    fov = np.zeros((n, 2)) if fov_trend is None else np.asarray(fov_trend, np.float64)
    fov = fov * (settings.subtract_fov_trend_x, settings.subtract_fov_trend_y)
    trend = linear_trend(shift + fov) * wanted
    residual = shift - trend
    final = embed(linear, residual - residual[0])
    return ChainResult(original, final, np.array(fit), shift, trend, tuple(warnings))


def cumulate(matrices: npt.ArrayLike) -> Array:
    """Return ``C_0 = I, C_{j+1} = A_j C_j`` as (n, 3, 3); an ``A_j`` with NaN counts as no move.

    The products are taken within blocks of about sqrt(n) frames, all blocks at once, and then from
    block to block: the time of 2 sqrt(n) multiplications in place of n.
    """
    pairs = np.asarray(matrices, np.float64).reshape(-1, 3, 3)
    n = len(pairs)
    if n == 0:
        return np.eye(3)[None].copy()
    size = math.isqrt(n - 1) + 1
    blocks = np.tile(np.eye(3), (-(-n // size) * size, 1, 1))
    good = np.isfinite(pairs).all((1, 2))
    blocks[:n][good] = pairs[good]
    blocks = blocks.reshape(-1, size, 3, 3)
    for k in range(1, size):
        blocks[:, k] = blocks[:, k] @ blocks[:, k - 1]
    for k in range(1, len(blocks)):
        blocks[k] = blocks[k] @ blocks[k - 1, -1]
    return np.concatenate([np.eye(3)[None], blocks.reshape(-1, 3, 3)[:n]])


def clamp_window(window: int, order: int, n: int) -> tuple[int, int, list[str]]:
    """Fit a Savitzky-Golay window and order to a series of n values.

    Returns
    -------
    window, order : int
        Odd window not longer than the series, and an order below it.
    warnings : list of str
        What had to change.
    """
    largest = n if n % 2 else n - 1
    new_window = max(min(window if window % 2 else window - 1, largest), 1)
    new_order = min(order, max(new_window - 1, 0))
    warnings = []
    if (new_window, new_order) != (window, order):
        warnings.append(
            f"Savitzky-Golay window {window}, order {order} adapted to {n} frames: "
            f"window {new_window}, order {new_order}"
        )
    return new_window, new_order, warnings


def smooth_savgol(values: Array, window: int, order: int) -> tuple[Array, list[str]]:
    """Smooth along the first axis; short series get a shorter window and a warning.

    The same as SciPy's `savgol_filter` with its mode "interp", without the second that importing
    it takes, and with polynomials that keep their digits for wide windows and high orders.
    """
    window, order, warnings = clamp_window(window, order, len(values))
    if window <= order + 1:
        # The polynomial goes through all points of its window: filtering would only add rounding
        # noise, which makes a value depend on its neighbours.
        return np.array(values, np.float64), warnings
    return smooth_polynomial(values, window, order), warnings


def fit_linear_parts(
    linear: Array, method: str, window: int = 501, order: int = 3
) -> tuple[Array, list[str]]:
    """Fit the slow drift of scales and shears, coefficient by coefficient.

    Parameters
    ----------
    linear : (n, 2, 2) float64 array
        Linear parts of the cumulative matrices.
    method : {"LF", "PF", "SG"}
        Line through the identity at frame 0; polynomial; Savitzky-Golay smooth.
    window, order : int
        Window of SG in frames, polynomial order of PF and SG.

    Returns
    -------
    fit : (n, 2, 2) float64 array
        The slow drift.
    warnings : list of str
        What was adapted to the length of the stack.
    """
    n = len(linear)
    if method == "SG":
        return smooth_savgol(linear, window, order)
    frame = np.arange(n, dtype=np.float64)
    if method == "PF":
        used = min(order, n - 1)
        warnings = [] if used == order else [f"polynomial order {order} lowered to {used}"]
        # The scaled abscissa keeps high orders well conditioned on long stacks.
        x = frame / max(n - 1, 1)
        basis = np.polynomial.polynomial.polyvander(x, used)
        fit = basis @ np.linalg.lstsq(basis, linear.reshape(n, 4))[0]
        return fit.reshape(n, 2, 2), warnings
    slope = np.einsum("j,jab->ab", frame, linear - np.eye(2)) / max((frame**2).sum(), 1.0)
    line: Array = np.eye(2) + frame[:, None, None] * slope
    return line, []


def refit_shifts(linear: Array, pairs: PairTable, mode: str = "exact") -> Array:
    """Find the shifts that go with changed linear parts.

    Parameters
    ----------
    linear : (n, 2, 2) float64 array
        New linear parts ``S_j``.
    pairs : PairTable
        Centroids of the inliers; a failed pair adds no shift.
    mode : {"exact", "first_order"}
        "exact": ``t_{j+1} = mean(dst) - S_{j+1} S_j^-1 (mean(src) - t_j)``; "first_order": sums of
        ``mean(S_j dst - S_{j+1} src)``, as older results used, which drifts by about 0.1 px in 400
        frames.

    Returns
    -------
    (n, 2) float64 array
        Shifts, px.
    """
    n = len(linear)
    src, dst = pairs.mean_src, pairs.mean_dst
    good = np.asarray(np.isfinite(np.hstack([src, dst])).all(axis=-1))
    shift = np.zeros((n, 2))
    if mode == "first_order":
        step = _times(linear[:-1], dst) - _times(linear[1:], src)
        shift[1:] = np.cumsum(np.where(good[:, None], step, 0.0), axis=0)
        return shift
    # In reference coordinates, u_j = S_j^-1 t_j, the recurrence is a plain sum; a failed pair keeps
    # t, not u, and so begins a new sum.
    inverse: Array = np.linalg.inv(linear).astype(np.float64, copy=False)
    step = _times(inverse[1:], dst) - _times(inverse[:-1], src)
    edges = np.flatnonzero(np.diff(good)) + 1
    starts = [0, *edges.tolist(), n - 1] if n > 1 else []
    for start, stop in pairwise(starts):
        if good[start]:
            u = inverse[start] @ shift[start] + np.cumsum(step[start:stop], axis=0)
            shift[start + 1 : stop + 1] = _times(linear[start + 1 : stop + 1], u)
        else:
            shift[start + 1 : stop + 1] = shift[start]
    return shift


def _times(matrices: Array, vectors: Array) -> Array:
    """Multiply (n, 2, 2) matrices with (n, 2) vectors."""
    product: Array = (matrices @ vectors[..., None])[..., 0]
    return product


def linear_trend(values: Array) -> Array:
    """Return the straight line fitted to each column of an (n, k) array."""
    n = len(values)
    if n < 2:
        return np.zeros_like(values)
    frame = np.arange(n) - (n - 1) / 2
    slope = frame @ values / (frame**2).sum()
    line: Array = values.mean(0) + frame[:, None] * slope
    return line


def fov_trend(centres: npt.ArrayLike) -> Array:
    """Return the smoothed displacement of the field of view since the first frame.

    Parameters
    ----------
    centres : (n, 2) array
        Centre (x, y) of the field of view of each frame, px.

    Returns
    -------
    (n, 2) float64 array
        Savitzky-Golay smooth of order 1 with a window of at most 51 frames or a quarter of the
        stack, minus the first centre.
    """
    values = np.asarray(centres, np.float64)
    window = min(51, len(values) // 8 * 2 + 1)
    smooth = values if window < 3 else smooth_savgol(values, window, 1)[0]
    trend: Array = smooth - values[0]
    return trend
