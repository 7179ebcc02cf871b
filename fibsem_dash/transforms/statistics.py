"""Statistics of residuals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fibsem_dash.errors import ParameterError


def fwhm(
    values: npt.ArrayLike,
    bins: int = 64,
    method: str = "edges",
    aperture: int = 5,
) -> float:
    """Return the full width at half maximum of the histogram of some values.

    The maximum is the mean of `aperture` bins around the highest one, and the half level is half of
    it.

    Parameters
    ----------
    values : (n,) array
        For instance the x residuals of the matches, in pixels.
    bins : int
        Equal bins over the range of the values.
    method : {"edges", "center", "count", "interpolate"}
        "edges": from the first to the last bin above half; "center": walk outwards from the
        highest bin; "count": number of bins above half; "interpolate": like "center", with the
        crossings interpolated between bin centres, so not quantised to the bin width.
    aperture : int
        Bins that are averaged for the maximum.

    Returns
    -------
    float
        Width in the unit of the values; NaN for values that are equal but for
        rounding.
    """
    data = np.asarray(values, np.float64).ravel()
    if data.size < 2:
        return float("nan")
    # Values that differ by rounding alone cannot be told apart by bins.
    if not np.ptp(data) > 2 * bins * np.spacing(np.abs(data).max()):
        return float("nan")
    counts, edges = np.histogram(data, bins)
    peak = int(counts.argmax())
    start = max(peak - aperture // 2, 0)
    stop = min(start + aperture, bins)
    above = counts - counts[max(stop - aperture, 0) : stop].mean() / 2
    step = float(edges[1] - edges[0])
    inside = np.flatnonzero(above > 0)
    if method == "count":
        return inside.size * step
    if method == "edges":
        return float(inside[-1] - inside[0]) * step
    if method not in ("center", "interpolate"):
        raise ParameterError(
            "method of the width", expected="edges, center, count or interpolate", found=method
        )
    below = np.flatnonzero(above < 0)
    left = below[below < peak].max(initial=-1)
    right = below[below > peak].min(initial=bins)
    if method == "center":
        return float(right - left - 1) * step
    left_edge = _crossing(above, left, left + 1) if left >= 0 else -0.5
    right_edge = _crossing(above, right - 1, right) if right < bins else bins - 0.5
    return float(right_edge - left_edge) * step


def _crossing(above: npt.NDArray[np.float64], i: int, j: int) -> float:
    """Index between neighbouring bins i and j where the histogram crosses the half level."""
    return float(i + above[i] / (above[i] - above[j]))
