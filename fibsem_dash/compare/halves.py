"""Two images with independent noise out of one, for a Fourier ring correlation of one frame."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.compare.resolution import FscResult
from fibsem_dash.errors import ParameterError
from fibsem_dash.numerics.arguments import as_image


def even_and_odd_rows(image: object) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Split an image into its even and its odd rows, both at the same place.

    The second image is the mean of the odd rows above and below each even row: a plain split would
    leave the two one row apart, which looks like lost resolution. Neighbouring columns are
    averaged, so that pixels stay square.

    Parameters
    ----------
    image : array-like, (y, x)
        Any real type, at least 4 x 2 pixels.

    Returns
    -------
    even, odd : ndarray, (y // 2 - 1, x // 2), float64
        With pixels of twice the size.

    Raises
    ------
    ParameterError
        For a smaller image.

    Notes
    -----
    Noise that neighbouring pixels share, such as that of a slow detector, counts as structure. The
    averages weaken the highest frequencies, so the bandwidth is a lower bound.
    """
    pixels = as_image(image).astype(np.float64)
    if pixels.shape[0] < 4 or pixels.shape[1] < 2:
        raise ParameterError(
            "The image is too small to be split into even and odd rows",
            expected="at least 4 rows and 2 columns",
            found=f"{pixels.shape[0]} x {pixels.shape[1]}",
        )
    columns = pixels.shape[1] // 2 * 2
    paired = (pixels[:, 0:columns:2] + pixels[:, 1:columns:2]) / 2
    odd = paired[1::2]
    even = paired[2::2][: len(odd) - 1]
    between = (odd[:-1] + odd[1:])[: len(even)] / 2
    return even, between


def in_pixels_of_the_frame(result: FscResult) -> FscResult:
    """Turn frequencies of the halves of an image into those of the image itself.

    Parameters
    ----------
    result : FscResult
        Of the two images of `even_and_odd_rows`, given with twice the pixel size.

    Returns
    -------
    FscResult
        Frequencies and bandwidth in cycles per pixel of the frame, up to 0.25.
    """
    return dataclasses.replace(
        result,
        frequencies=result.frequencies / 2,
        bandwidth=result.bandwidth / 2,
        fit_frequencies=result.fit_frequencies / 2,
        pixel_size_nm=result.pixel_size_nm / 2,
    )
