"""How often each grey level occurs in a frame: one pass over the pixels, any limits afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem_dash.image.thresholds import histogram_and_cdf
from fibsem_dash.numerics.arguments import as_image
from fibsem_dash.numerics.levels import is_small_integer, level_counts
from fibsem_dash.registration.mixture import open_mixture

FLOAT_BINS = 65536
"""Levels that pixels of other types than 8 and 16 bit integers are sorted into."""


@dataclass(frozen=True, eq=False)
class FrameLevels:
    """Counts of the grey levels of one frame.

    Attributes
    ----------
    path : str
        The file.
    shape : (int, int)
        Size (y, x), px.
    dtype : str
        Type of a pixel.
    levels : (n,) float64 array
        Grey levels, ascending, counts.
    counts : (n,) int64 array
        Pixels of each level.
    """

    path: str
    shape: tuple[int, int]
    dtype: str
    levels: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]

    def outside(self, low: float, high: float) -> tuple[float, float]:
        """Return the shares of the pixels below and above two levels, 0 to 1."""
        total = max(int(self.counts.sum()), 1)
        below, above = self.counts[self.levels < low], self.counts[self.levels > high]
        return float(below.sum() / total), float(above.sum() / total)

    def histogram(self, bins: int = 256) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Return the counts and the edges of bins of whole levels, at most `bins` of them."""
        step = float(np.diff(self.levels[:2])[0]) if len(self.levels) > 1 else 1.0
        width = -(-len(self.levels) // bins)
        starts = np.arange(0, len(self.levels), width)
        edges = np.append(self.levels[starts], self.levels[-1] + step) - step / 2
        return np.add.reduceat(self.counts, starts), edges


def read_levels(path: str, detector: str, fraction_b: float = 0.0) -> FrameLevels:
    """Count the grey levels of one detector of a frame, or of its mixture with detector B.

    Parameters
    ----------
    path, detector, fraction_b : str, str, float
        See `fibsem_dash.registration.mixture.open_mixture`.

    Raises
    ------
    FormatError, AccessError
        When the frame cannot be read.
    ParameterError
        When it lacks the detector or has no finite pixel.
    """
    image = as_image(np.asarray(open_mixture(path, detector, fraction_b)))
    if is_small_integer(image):
        first, counts = level_counts(image)
        levels = np.arange(first, first + counts.size, dtype=np.float64)
        # Levels that no pixel has at either end say nothing.
        used = np.flatnonzero(counts)
        chosen = slice(used[0], used[-1] + 1)
        levels, counts = levels[chosen], counts[chosen]
    else:
        found = histogram_and_cdf(image, FLOAT_BINS)
        levels, counts = (found.edges[:-1] + found.edges[1:]) / 2, found.counts
    return FrameLevels(
        str(path), (image.shape[0], image.shape[1]), str(image.dtype), levels, counts
    )
