"""Straight lines through what a microscope recorded along a stack."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LinearFit:
    """A straight line by least squares over the finite values.

    Attributes
    ----------
    slope, intercept : float
        Per frame, and at frame 0; NaN where fewer than two frames have a value.
    slope_error : float
        Standard error of the slope; NaN for fewer than three values.
    residual_std : float
        Standard deviation of the values about the line.
    line : (n,) float64 array
        The line at every frame.
    """

    slope: float
    intercept: float
    slope_error: float
    residual_std: float
    line: Array


def fit_line(frames: npt.ArrayLike, values: npt.ArrayLike) -> LinearFit:
    """Fit a straight line to (n,) values at (n,) frames; values that are not finite are left out.

    Frames that are missing leave a gap in `frames`, so that they do not bend the slope.
    """
    x, y = np.asarray(frames, np.float64), np.asarray(values, np.float64)
    good = np.isfinite(y)
    n = int(good.sum())
    nan = float("nan")
    if n < 2 or np.ptp(x[good]) == 0:
        return LinearFit(nan, nan, nan, nan, np.full(x.shape, nan))
    # Centred sums: a working distance of 5 mm changes by 1e-6 of it per frame.
    centre_x, centre_y = x[good].mean(), y[good].mean()
    dx, dy = x[good] - centre_x, y[good] - centre_y
    slope = float(dx @ dy / (dx @ dx))
    line: Array = centre_y + slope * (x - centre_x)
    residual = y[good] - line[good]
    error = nan if n < 3 else float(np.sqrt(residual @ residual / (n - 2) / (dx @ dx)))
    intercept = float(centre_y - slope * centre_x)
    return LinearFit(slope, intercept, error, float(residual.std()), line)
