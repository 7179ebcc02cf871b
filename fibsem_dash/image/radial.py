"""Mean of an image over rings about a centre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.numerics.arguments import as_image
from fibsem_dash.numerics.rings import Sectors


@dataclass(frozen=True)
class RadialProfile:
    """Means over rings.

    Attributes
    ----------
    radii : ndarray, (rings,), float64
        Distance from the centre in pixels: 0, 1, 2, ...
    values : ndarray, (rings,), float64
        NaN where a ring has no pixel.
    counts : ndarray, (rings,), int64
        Pixels in each ring.
    """

    radii: NDArray[np.float64]
    values: NDArray[np.float64]
    counts: NDArray[np.int64]


def radial_profile(
    image: object,
    centre: tuple[float, float] | None = None,
    sectors: tuple[float, float] | None = None,
    symmetry: int = 4,
    reference: bool | Literal["2022", "2025"] = False,
) -> RadialProfile:
    """Average an image over rings one pixel wide, whole or cut to angular sectors.

    Ring r holds the pixels whose distance, cut to an integer, is r.

    Parameters
    ----------
    image : array-like, (y, x)
        NaN and infinite pixels are left out.
    centre : (x, y), optional
        Pixels; by default ``(x // 2, y // 2)``.
    sectors : (start, stop), optional
        Angles in degrees from the x axis towards the y axis (down), edges included; None for all.
    symmetry : int, default 4
        Copies of the sector around the full turn; 0 for one.
    reference : bool or {"2022", "2025"}, default False
        Leave the edges of the sectors out, the centre with them, as old reports do; 2022 also
        loses what lies beyond +-180 degrees.

    Returns
    -------
    RadialProfile
        To the farthest corner; see `counts` for rings that the image cuts. Whole rings of reference
        values end at x // 2, whatever the height.
    """
    pixels = as_image(image)
    height, width = pixels.shape
    x0, y0 = centre if centre is not None else (width // 2, height // 2)
    y = np.arange(height, dtype=np.float64)[:, None] - y0
    x = np.arange(width, dtype=np.float64)[None, :] - x0
    ring = np.sqrt(x * x + y * y).astype(np.int64)
    keep = np.isfinite(pixels)
    if sectors is not None:
        keep &= _inside(Sectors(*sectors, symmetry), x, y, reference)
    if reference and sectors is None:
        keep &= ring <= width // 2
    rings = int(ring[keep].max(initial=0)) + 1
    ring, values = ring[keep], pixels[keep].astype(np.float64)
    counts = np.bincount(ring, minlength=rings)[:rings]
    total = np.bincount(ring, weights=values, minlength=rings)[:rings]
    means = np.where(counts > 0, total / np.maximum(counts, 1), np.nan)
    return RadialProfile(np.arange(rings, dtype=np.float64), means, counts)


def _inside(
    sectors: Sectors, x: NDArray[np.float64], y: NDArray[np.float64], reference: bool | str
) -> NDArray[np.bool_]:
    angle = np.degrees(np.arctan2(y, x))
    if reference:
        return sectors.contains_strictly(angle, wrap=reference != "2022")
    return np.asarray(sectors.contains(angle) | ((x == 0) & (y == 0)))
