"""Slow variation of brightness over a frame: its fit by a polynomial and its correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fibsem_dash.errors import ParameterError
from fibsem_dash.image.polynomial import (
    design_matrix,
    evaluate_grid,
    fixed_rows,
    least_squares,
    monomials,
    reference_least_squares,
    reference_restriction,
)
from fibsem_dash.numerics.arguments import as_image, check_count
from fibsem_dash.numerics.notes import warn_once_per_call

_MOST_CORRECTION = 10.0


@dataclass(frozen=True)
class BackgroundFit:
    """Polynomial through the block means of an image.

    Attributes
    ----------
    intercept : float
    coefficients : ndarray, (terms,)
        In the order 1, x, y, x², xy, y², ...; x and y count blocks from 0.
    powers : ndarray, (terms, 2), int64
        Powers of x and y of each term.
    mse : float
        Mean squared residual of the fitted blocks.
    bins : int
        Side of a block in pixels.
    shape : (y, x)
        Shape of the image.
    blocks, fitted : ndarray, (y, x)
        Block means less the dark count, and the polynomial there: a row of both is a cross-section.
    used : ndarray, (y, x), bool
        Blocks that were fitted.
    reference : bool
        Whether the correction is displaced by half a block, as in old reports.
    notes : tuple of str
    """

    intercept: float
    coefficients: NDArray[np.float64]
    powers: NDArray[np.int64]
    mse: float
    bins: int
    shape: tuple[int, int]
    blocks: NDArray[np.float64]
    fitted: NDArray[np.float64]
    used: NDArray[np.bool_]
    reference: bool
    fitted_mean: float
    notes: tuple[str, ...]

    def correction(self, shape: tuple[int, int] | None = None) -> NDArray[np.float64]:
        """Factor that makes the fitted background even: mean of the fit over the fit.

        Parameters
        ----------
        shape : (y, x), optional
            That of the image by default.

        Returns
        -------
        ndarray, (y, x), float64
            Limited to 0.1 ... 10 of 1 where the fit nears zero; without a limit for reference
            values.
        """
        height, width = shape or self.shape
        # The mean of a block belongs to its centre.
        centre = 0.0 if self.reference else (self.bins - 1) / 2
        y = (np.arange(height) - centre) / self.bins
        x = (np.arange(width) - centre) / self.bins
        fit = evaluate_grid(self._terms(), self.powers, x, y)
        if not self.reference:
            sign = 1.0 if self.fitted_mean >= 0 else -1.0
            relative = fit * sign / max(abs(self.fitted_mean), 1e-300)
            return 1.0 / np.clip(relative, 1.0 / _MOST_CORRECTION, _MOST_CORRECTION)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.fitted_mean / fit)

    def _terms(self) -> NDArray[np.float64]:
        terms = self.coefficients.copy()
        terms[0] += self.intercept
        return terms


def fit_background(
    image: object,
    degree: int = 2,
    bins: int = 10,
    *,
    dark_count: float = 0.0,
    rois: Sequence[Sequence[int]] = (),
    ignore_y: bool = False,
    linear_y: bool = False,
    estimator: Any = None,
    reference: bool | Literal["2022", "2025"] = False,
) -> BackgroundFit:
    """Fit a polynomial in x and y to the means of square blocks of an image.

    Parameters
    ----------
    image : array-like, (y, x)
        Any real type. Blocks with pixels that are not finite are left out, and so are rows and
        columns beyond the last whole block.
    degree : int, default 2
        Greatest sum of the powers of x and y.
    bins : int, default 10
        Side of a block in pixels.
    dark_count : float, default 0
        Subtracted first; the correction is a factor about this level.
    rois : sequence of (left, right, top, bottom)
        Pixels of the regions to fit; all where empty. Each block counts once.
    ignore_y : bool, default False
        Leave out all terms with y: the frame darkens along x only.
    linear_y : bool, default False
        Leave out all terms with a power of y above 1.
    estimator : object, optional
        Object with scikit-learn's ``fit(X, y)`` and ``predict(X)``, for example RANSACRegressor,
        given the columns of all terms; least squares by default.
    reference : bool or {"2022", "2025"}, default False
        Return the numbers of old reports: terms with y substituted after the fit instead of left
        out, blocks of overlapping regions counted repeatedly, a solution cut off at degree 4, the
        correction displaced by half a block and without limit.

    Returns
    -------
    BackgroundFit

    Warns
    -----
    AnalysisWarning
        Where the fit comes near zero and the correction is limited.

    Raises
    ------
    ParameterError
        For an image smaller than a block, fewer blocks than terms, a region that leaves the
        image, or an estimator without coefficients.
    """
    pixels = as_image(image)
    check_count(degree, "degree", least=0)
    check_count(bins, "bins")
    blocks = _block_means(pixels, bins) - dark_count
    selected = _selected_blocks(blocks, rois, bins, pixels.shape, bool(reference))
    used = np.zeros(blocks.shape, dtype=bool)
    used[selected] = True
    y, x = selected
    powers = monomials(degree)
    active = np.ones(len(powers), dtype=bool)
    if not reference:
        limit = 0 if ignore_y else 1 if linear_y else degree
        active = powers[:, 1] <= limit
    if y.size < active.sum():
        raise ParameterError(
            "There are too few blocks for the polynomial",
            expected=f"at least {int(active.sum())}",
            found=int(y.size),
            remedy="Choose smaller blocks, larger regions or a lower degree.",
        )
    matrix = design_matrix(x, y, powers[active])
    plain_reference = bool(reference) and estimator is None
    solve = reference_least_squares if plain_reference else least_squares
    coefficients = np.zeros(len(powers))
    intercept, coefficients[active] = solve(matrix, blocks[selected], estimator)
    if reference:
        old = reference == "2022"
        coefficients = reference_restriction(
            coefficients, powers, float(y.mean()), ignore_y, linear_y and not old, old
        )
    terms = coefficients.copy()
    terms[0] += intercept
    grid = np.arange(blocks.shape[1], dtype=np.float64), np.arange(blocks.shape[0], dtype=float)
    fitted = evaluate_grid(terms, powers, *grid)
    notes = () if reference else _notes(fitted)
    warn_once_per_call(notes, "Background fit")
    return BackgroundFit(
        intercept=intercept,
        coefficients=coefficients,
        powers=powers,
        mse=float(np.mean((blocks[selected] - fitted[selected]) ** 2)),
        bins=int(bins),
        shape=(int(pixels.shape[0]), int(pixels.shape[1])),
        blocks=blocks,
        fitted=fitted,
        used=used,
        reference=bool(reference),
        fitted_mean=float(fitted[selected].mean()),
        notes=notes,
    )


def fit_backgrounds(
    images: Sequence[object],
    degree: int | Sequence[int] = 2,
    dark_counts: Sequence[float] | None = None,
    **settings: Any,
) -> tuple[BackgroundFit, ...]:
    """Fit the background of several images, such as the detectors of one frame.

    Parameters
    ----------
    images : sequence of array-like, (y, x)
    degree : int or sequence of int, default 2
        One for all images, or one for each.
    dark_counts : sequence of float, optional
        One for each image; 0 by default.
    **settings
        Passed to `fit_background`.

    Returns
    -------
    tuple of BackgroundFit

    Raises
    ------
    ParameterError
        Where a sequence has not one value per image.
    """
    count = len(images)
    degrees = [degree] * count if isinstance(degree, int) else list(degree)
    darks = [0.0] * count if dark_counts is None else list(dark_counts)
    if len(degrees) != count or len(darks) != count:
        raise ParameterError(
            "One degree and one dark count per image are needed",
            expected=count,
            found=(len(degrees), len(darks)),
        )
    return tuple(
        fit_background(image, one_degree, dark_count=dark, **settings)
        for image, one_degree, dark in zip(images, degrees, darks, strict=True)
    )


def flatten_image(
    image: object, correction: ArrayLike, dark_count: float = 0.0
) -> NDArray[np.float64]:
    """Apply a correction: ``(image - dark_count) * correction + dark_count``.

    Parameters
    ----------
    image : array-like, (y, x)
    correction : array-like, (y, x)
        At least as large as the image; its upper left part is used.
    dark_count : float, default 0
        In the units of the pixels; 0 for images that are scaled already.

    Returns
    -------
    ndarray, (y, x), float64

    Raises
    ------
    ParameterError
        Where the correction is smaller than the image.
    """
    pixels = as_image(image)
    factor = np.asarray(correction, dtype=np.float64)
    height, width = pixels.shape
    if factor.ndim != 2 or factor.shape[0] < height or factor.shape[1] < width:
        raise ParameterError(
            "The correction is smaller than the image",
            expected=f"at least {pixels.shape}",
            found=factor.shape,
        )
    result = pixels.astype(np.float64)
    result -= dark_count
    result *= factor[:height, :width]
    result += dark_count
    return result


def _block_means(pixels: NDArray[Any], bins: int) -> NDArray[np.float64]:
    rows, columns = pixels.shape[0] // bins, pixels.shape[1] // bins
    if not rows or not columns:
        raise ParameterError(
            "The image is smaller than one block",
            expected=f"at least {bins} x {bins} pixels",
            found=f"{pixels.shape[0]} x {pixels.shape[1]}",
            remedy="Choose smaller blocks.",
        )
    crop = pixels[: rows * bins, : columns * bins]
    # Rows first: sums over long runs are fast, those over a few columns are not.
    partial = np.empty((rows, columns * bins))
    for row in range(rows):
        crop[row * bins : (row + 1) * bins].mean(axis=0, dtype=np.float64, out=partial[row])
    return np.asarray(partial.reshape(rows, columns, bins).mean(axis=2))


def _selected_blocks(
    blocks: NDArray[np.float64],
    rois: Sequence[Sequence[int]],
    bins: int,
    shape: tuple[int, ...],
    repeat: bool,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the blocks to fit."""
    finite = np.isfinite(blocks)
    if not len(rois):
        y, x = np.nonzero(finite)
        return y, x
    counts = np.zeros(blocks.shape, dtype=np.int64)
    for roi in rois:
        left, right, top, bottom = (int(value) for value in roi)
        if not (0 <= left < right <= shape[1] and 0 <= top < bottom <= shape[0]):
            raise ParameterError(
                "The region leaves the image or is empty",
                expected=f"[left, right, top, bottom] inside {shape[1]} x {shape[0]} pixels",
                found=list(roi),
            )
        counts[top // bins : bottom // bins, left // bins : right // bins] += 1
    return fixed_rows(np.where(finite, counts, 0), repeat)


def _notes(fitted: NDArray[np.float64]) -> tuple[str, ...]:
    mean = float(fitted.mean())
    if mean == 0.0 or float((fitted / mean).min()) < 1.0 / _MOST_CORRECTION:
        return ("the fit comes near zero, where the correction is limited to a factor of 10",)
    return ()
