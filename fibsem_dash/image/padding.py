"""Automatic contrast of slices whose canvas is wider than their picture."""

from __future__ import annotations

from typing import Any

import numpy as np

SHARES = (2.5e-3, 2.5e-3)
"""Shares of the pixels that automatic contrast leaves black and white."""


def content(image: Any) -> Any:
    """Return the pixels that contrast is fitted to, as an image.

    Registered slices are padded with zeros, which would decide on black or white; they are left
    out where they are more than the contrast would leave out by itself.

    Parameters
    ----------
    image : ndarray, (y, x)
        Any real type.

    Returns
    -------
    ndarray, (y, x)
        The image itself where it is not padded or nothing but zeros, else (1, pixels).
    """
    import cv2

    pixels = image.astype(np.float32) if image.dtype == np.float16 else image
    filled = pixels != 0
    if not 0 < filled.mean() < 1 - max(SHARES):
        return pixels
    # Next to the padding, pixels are mixed with it, also where it begins behind the last column.
    inner = cv2.erode(filled.astype(np.uint8), np.ones((7, 7), np.uint8), borderValue=0) > 0
    return pixels[inner if inner.any() else filled][None]
