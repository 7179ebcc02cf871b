"""All measures of one pair of images in one call, as a stack is evaluated with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fibsem_dash.backend import Backend, array_module
from fibsem_dash.compare.correlation import ncc_of_sums, snr_from_ncc
from fibsem_dash.compare.differences import NsadMode, nsad_of_sums
from fibsem_dash.compare.information import mutual_information, nmi
from fibsem_dash.compare.resolution import fsc
from fibsem_dash.compare.sums import absolute_sums, finite_pair, product_sums
from fibsem_dash.errors import ParameterError
from fibsem_dash.numerics.arguments import as_pair

METRICS: tuple[str, ...] = ("NSAD", "NCC", "SNR", "NMI", "MI", "FSC")


def compare_images(
    previous: object,
    current: object,
    metrics: Sequence[str] = ("NSAD", "NCC", "NMI"),
    *,
    invert: bool = False,
    nsad_mode: NsadMode = "abs",
    nsad_offset: float | None = None,
    nmi_bins: int = 2048,
    fsc_threshold: float = 0.143,
    reference: bool = False,
    backend: Backend = "auto",
) -> dict[str, float]:
    """Measure how alike two crops are.

    Parameters
    ----------
    previous, current : array-like, (y, x)
        Any real type, equal shapes. Pixels that are not finite in both are left out (for FSC:
        count as the mean).
    metrics : sequence of str
        Any of

        * ``"NSAD"``: normalized sum of absolute differences, `nsad`;
        * ``"NCC"``: normalized cross-correlation, means subtracted, `ncc`;
        * ``"SNR"``: signal-to-noise ratio that follows from it, `snr_from_ncc`;
        * ``"NMI"``: normalized mutual information, compatible bins, `nmi`;
        * ``"MI"``: mutual information in nats with robust bins and Grassberger's correction, which
          may be compared between boxes of different size, `mutual_information`;
        * ``"FSC"``: bandwidth of the Fourier ring correlation in cycles per pixel, `fsc`.
    invert : bool, default False
        Multiply both crops by -1 before anything else. Only NSAD and, through the edges of the
        bins, NMI in its last digits, depend on it.
    nsad_mode, nsad_offset
        See `nsad`. The offset is compared with the data after `invert`.
    nmi_bins : int, default 2048
    fsc_threshold : float, default 0.143
    reference : bool, default False
        Reproduce the bandwidth and the negative ratio of old reports: FSC of the centred square
        without taper, SNR also for negative correlation. NSAD, NCC and NMI are the same anyway.
    backend : {"numpy", "cupy", "auto"}

    Returns
    -------
    dict of str to float
        In the order of `metrics`. NaN where a measure is not defined (constant images); no
        warnings are given.

    Raises
    ------
    ParameterError
        For different shapes or an unknown metric.
    """
    unknown = [name for name in metrics if name not in METRICS]
    if unknown:
        raise ParameterError("Unknown metric", expected=" or ".join(METRICS), found=unknown)
    first, second = as_pair(previous, current)
    xp = array_module(backend, first, second)
    first, second = xp.asarray(first), xp.asarray(second)
    if invert:
        first, second = _negative(first), _negative(second)
    valid = finite_pair(xp, first, second)
    values: dict[str, float] = {}
    if {"NCC", "SNR"} & set(metrics):
        values["NCC"] = ncc_of_sums(product_sums(xp, *valid))
        values["SNR"] = snr_from_ncc(values["NCC"], reference)
    work: dict[str, Callable[[], float]] = {
        "NSAD": lambda: nsad_of_sums(absolute_sums(xp, *valid), nsad_mode, nsad_offset),
        "NMI": lambda: nmi(*valid, bins=nmi_bins) if valid[0].size else np.nan,
        "MI": lambda: _corrected_information(*valid) if valid[0].size else np.nan,
        "FSC": lambda: _bandwidth(first, second, fsc_threshold, reference),
    }
    return {name: float(values[name] if name in values else work[name]()) for name in metrics}


def centred_square(image: Any) -> Any:
    """Centred square of side ``2 * min(y // 2, x // 2)``; the image itself where it is square."""
    height, width = image.shape
    if height == width:
        return image
    half = min(height // 2, width // 2)
    if half == 0:
        return image
    top, left = height // 2 - half, width // 2 - half
    return image[top : top + 2 * half, left : left + 2 * half]


def _negative(image: Any) -> Any:
    """Image times -1, in the narrowest type that holds the result."""
    if image.dtype.kind == "f":
        return -image
    if image.dtype.itemsize == 1:
        return -image.astype(np.int16)
    # The negative of the least int16 does not fit into int16, nor does that of most uint16.
    if image.dtype == np.int16 and int(image.min()) > np.iinfo(np.int16).min:
        return -image
    return -image.astype(np.float64)


def _corrected_information(first: Any, second: Any) -> float:
    return mutual_information(first, second, "robust", bias_correction="grassberger")


def _bandwidth(first: Any, second: Any, threshold: float, reference: bool) -> float:
    if reference:
        first, second = centred_square(first), centred_square(second)
    return fsc(first, second, threshold, reference=reference).bandwidth
