"""Grey levels that other programs start with, as the Stack page shows them."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from fibsem_dash import io
from fibsem_dash.image.padding import SHARES, content
from fibsem_dash.image.thresholds import intensity_range
from fibsem_dash.io.planes import read_plane


def image_contrast(pixels: Any) -> tuple[float, float] | None:
    """Return the limits of contrast of an image (y, x), counts; None for a constant one."""
    if not np.isfinite(pixels).any():
        return None
    low, high = intensity_range(pixels, *SHARES)
    return (float(low), float(high)) if low < high else None


def stack_contrast(path: str | os.PathLike[str]) -> tuple[float, float] | None:
    """Return the limits of contrast of a stack's middle slice, without its padding, counts.

    Raises
    ------
    FormatError, AccessError
        For what is not a stack, or cannot be read.
    """
    with io.open_stack(path) as stack:
        return image_contrast(content(read_plane(stack, "z", len(stack) // 2).image))
