"""Functions on two images, with the names, arguments and numbers of old notebooks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.compare import fsc, mutual_information, ncc, snr_from_ncc
from fibsem_dash.compat.keywords import take
from fibsem_dash.compat.output import output_file, show_and_save
from fibsem_dash.compat.single_image import current_folder
from fibsem_dash.figures import draw_fsc

Array = npt.NDArray[np.float64]


def mutual_information_2d(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    sigma: float = 1.0,
    bin: int = 256,
    normalized: bool = False,
) -> float:
    """Return the mutual information of two series of grey levels, in nats.

    Parameters
    ----------
    x, y : array-like, (n,)
    sigma : float
        Never had an effect.
    bin : int, default 256
        Bins of the histogram along each axis.
    normalized : bool, default False
        0 to 1 in place of nats.
    """
    return _information(x, y, bin, normalized, "numpy")


def mutual_information_2d_cp(
    x: Any, y: Any, sigma: float = 1.0, bin: int = 256, normalized: bool = False
) -> float:
    """Return what `mutual_information_2d` does, on the GPU where CuPy and one are there.

    A number of the host is returned, not an array of CuPy as in 2022.
    """
    return _information(x, y, bin, normalized, "auto")


def _information(x: Any, y: Any, bins: int, normalized: bool, backend: Any) -> float:
    first, second = (
        v.reshape(1, -1) if hasattr(v, "reshape") else np.ravel(v)[None] for v in (x, y)
    )
    return mutual_information(first, second, bins, normalized, backend=backend)


def Two_Image_NCC_SNR(
    img1: npt.ArrayLike, img2: npt.ArrayLike, **kwargs: Any
) -> tuple[float, float]:
    """Return the normalized cross-correlation of two images and ``NCC / (1 - NCC)``.

    Parameters
    ----------
    img1, img2 : array-like, (y, x)
    **kwargs : object
        ``zero_mean``, default True.

    Returns
    -------
    (NCC, SNR)
        (0, 0) with a message for images of different shape, as it was.
    """
    options = take("Two_Image_NCC_SNR", kwargs, {"zero_mean": True})
    first, second = np.asarray(img1), np.asarray(img2)
    if first.shape != second.shape:
        print(f"The images differ in shape: {first.shape} and {second.shape}")
        return 0.0, 0.0
    value = ncc(first, second, options.zero_mean)
    return value, snr_from_ncc(value)


def Two_Image_FSC(
    img1: npt.ArrayLike, img2: npt.ArrayLike, **kwargs: Any
) -> tuple[Array, Array, Array, Array, float]:
    """Correlate two images ring by ring in Fourier space.

    Parameters
    ----------
    img1, img2 : array-like, (y, x)
    **kwargs : object
        ``SNRt`` 0.1, ``astart`` 0, ``astop`` 90, ``symm`` 4, ``disp_res`` False, ``ax`` (one axis
        of Matplotlib to draw the curve on), ``save_res_png`` False, ``res_fname``
        'FSC_results.png', ``img_labels``, ``dpi`` 300, ``pixel`` 0 (nm), ``xrange``; of 2025
        ``smooth_aperture`` 20, ``fit_data`` False, ``fit_power`` 3, ``fr_cutoff`` 0.9,
        ``verbose``, ``cmap``.

    Returns
    -------
    (FSC_sp_frequencies, FSC_data, x2, T, FSC_bw)
        Frequencies in cycles per pixel.
    """
    later = {
        "smooth_aperture": 20,
        "fit_data": False,
        "fit_power": 3,
        "fr_cutoff": 0.9,
        "verbose": False,
        "cmap": "Greys_r",
    }
    accepted = {
        "SNRt": 0.1,
        "astart": 0,
        "astop": 90,
        "symm": 4,
        "disp_res": False,
        "ax": None,
        "save_res_png": False,
        "res_fname": "FSC_results.png",
        "img_labels": ["Image 1", "Image 2"],
        "dpi": 300,
        "pixel": 0.0,
        "xrange": [0, 0.5],
        **later,
    }
    options = take("Two_Image_FSC", kwargs, accepted, later)
    images = np.asarray(img1), np.asarray(img2)
    settings: dict[str, Any] = {}
    if options.generation == "2025":
        settings = {"smooth_window": options.smooth_aperture, "cutoff": options.fr_cutoff}
        if options.fit_data:
            settings["fit_power"] = options.fit_power
    result = fsc(
        *images,
        options.SNRt,
        sectors=(options.astart, options.astop),
        symmetry=options.symm,
        pixel_size_nm=options.pixel,
        reference=options.generation,
        **settings,
    )
    if options.ax:
        options.ax.plot(result.frequencies, result.correlation, "r", label="FSC")
        options.ax.plot(result.frequencies, result.smoothed, "b", label="smoothed")
        options.ax.set_xlim(*options.xrange)
    show_and_save(
        lambda: draw_fsc(result, images, options.img_labels, title="FSC"),
        options,
        lambda: output_file(options.res_fname, "", current_folder),
    )
    x2 = np.arange(result.criterion.size) / images[0].shape[0]
    return result.frequencies, result.correlation, x2, result.criterion, result.bandwidth
