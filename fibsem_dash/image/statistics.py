"""Statistics of a series of measurements along a stack."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from fibsem_dash.errors import ParameterError
from fibsem_dash.numerics.arguments import check_count
from fibsem_dash.numerics.savitzky_golay import smooth_polynomial


def spread(
    values: ArrayLike,
    window_length: int | None = None,
    order: int = 3,
    reference: bool | Literal["2022", "2025"] = False,
) -> float:
    """Scatter of a series about its own smooth course.

    The population standard deviation of the series less its Savitzky-Golay filter (Savitzky and
    Golay, Analytical Chemistry 36, 1627, 1964).

    Parameters
    ----------
    values : array-like, (n,)
        Samples that are not finite are left out.
    window_length : int, optional
        Full, odd length of the filter: 501 for more than 1000 samples, else the greatest odd
        number below n (at least 5).
    order : int, default 3
        Degree of the polynomial.
    reference : bool or {"2022", "2025"}, default False
        Ends of the filter as in old reports: reflected in those of 2025 (True), which makes a
        sloped series scatter more; 2022 the same as here, but 501 samples always. Both report 0
        for a series that is too short.

    Returns
    -------
    float
        NaN where there are too few samples for the filter: n <= order + 2.

    Raises
    ------
    ParameterError
        For an input that is no series or an order out of range.
    """
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1:
        raise ParameterError("The spread is that of a series of numbers", found=series.shape)
    check_count(order, "order", least=0)
    series = series[np.isfinite(series)]
    n = series.size
    length = window_length or (501 if n > 1000 or reference == "2022" else _greatest_odd(n))
    length -= (length + 1) % 2
    shortest = {"2022": length, "2025": 6}.get("2025" if reference is True else str(reference))
    if shortest is not None and n < shortest:
        return 0.0
    if length > n or length <= order:
        return float("nan")
    if reference in (True, "2025"):
        from scipy.signal import savgol_filter

        return float(np.std(series - savgol_filter(series, length, order, mode="mirror")))
    return float(np.std(series - smooth_polynomial(series, length, order)))


def _greatest_odd(n: int) -> int:
    """Greatest odd number below n."""
    return max(n // 2 * 2 - 1, 1)
