"""Smoothing of a curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fibsem_dash.numerics.smoothing import WindowShape, smooth_series


def smooth_curve(
    values: ArrayLike,
    window_length: int = 11,
    window: WindowShape = "hann",
    reference: bool = False,
) -> NDArray[np.float64]:
    """Smooth a series with a sliding window, ends reflected.

    Parameters
    ----------
    values : array-like, (n,)
        NaN and infinite samples are left out of the mean of their neighbours.
    window_length : int, default 11
        Samples under the window; below 3 the series is returned unchanged. An even length is
        raised by one, so that the window is centred on a sample and shifts nothing.
    window : {"flat", "hann", "hamming", "bartlett", "blackman"}
    reference : bool, default False
        Return what old reports contain: half a sample late for even lengths; one sample longer
        and one late for odd ones; the series must be at least as long as the window.

    Returns
    -------
    ndarray, (n,), float64
        NaN where no finite sample lies under the window. (n + 1,) for ``reference`` and an odd
        length.

    Raises
    ------
    ParameterError
        For an input that is no series, an unknown window, or a series that is too short for
        ``reference``.
    """
    return smooth_series(
        np.asarray(values, dtype=np.float64), window_length, window, reference=reference
    )
