"""Functions on one image and on curves, with the names, arguments and numbers of old notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem_dash import image as library
from fibsem_dash.compat.keywords import take
from fibsem_dash.compat.output import output_file, results_folder, show_and_save
from fibsem_dash.figures import (
    draw_background,
    draw_noise,
    draw_noise_rois,
    draw_snr,
    draw_thresholds,
)
from fibsem_dash.numerics.arguments import region_of_box

Array = npt.NDArray[np.float64]


def current_folder() -> Path:
    """Return the current folder, where these functions write, as they did."""
    return results_folder(Path.cwd(), ())


def get_spread(
    data: npt.ArrayLike, window: int | None = None, porder: int = 3, **kwargs: Any
) -> float:
    """Return the scatter of a series about its smooth course; see `fibsem_dash.image.spread`.

    Parameters
    ----------
    data : array-like, (n,)
    window : int, optional
        Length of the Savitzky-Golay window; 501, or with ``generation="2025"`` one that fits.
    porder : int, default 3
    **kwargs : object
        ``generation``: "2022" (default) or "2025".

    Returns
    -------
    float
        0 where the series is shorter than the window, as it was.
    """
    options = take("get_spread", kwargs, {})
    return library.spread(data, window, porder, reference=options.generation)


def get_min_max_thresholds(
    image: npt.ArrayLike,
    thr_min: float = 1e-3,
    thr_max: float = 1e-3,
    nbins: int = 256,
    disp_res: bool | None = None,
    **kwargs: Any,
) -> Array:
    """Return the grey levels ``[data_min, data_max]`` that leave given shares of pixels outside.

    Parameters
    ----------
    image : array-like, (y, x)
    thr_min, thr_max : float, default 1e-3
    nbins : int, default 256
    disp_res : bool, optional
        Show histogram and distribution; off, or with ``generation="2025"`` on.
    **kwargs : object
        Of 2025: ``log``, ``save_res``, ``dpi``, ``save_filename``.
    """
    later = {
        "log": False,
        "save_res": False,
        "dpi": 300,
        "save_filename": "min_max_thresholds.png",
    }
    options = take("get_min_max_thresholds", kwargs, later, later)
    pixels = np.asarray(image)
    found = library.intensity_range(pixels, thr_min, thr_max, nbins, "reference")
    options.disp_res = options.generation == "2025" if disp_res is None else disp_res
    options.save_res_png = options.save_res
    show_and_save(
        lambda: draw_thresholds(
            library.histogram_and_cdf(pixels, nbins), found, (thr_min, thr_max), log=options.log
        ),
        options,
        lambda: output_file(options.save_filename, "", current_folder),
    )
    return np.array([found.minimum, found.maximum])


def radial_profile(data: npt.ArrayLike, center: Any) -> Array:
    """Return the mean over rings about ``[xc, yc]``; see `fibsem_dash.image.radial_profile`."""
    return library.radial_profile(data, tuple(center), reference="2022").values


def radial_profile_select_angles(
    data: npt.ArrayLike,
    center: Any,
    astart: float | None = None,
    astop: float | None = None,
    symm: int = 4,
    **kwargs: Any,
) -> Array:
    """Return the mean over rings inside sectors of angles.

    Parameters
    ----------
    data : array-like, (y, x)
    center : (xc, yc)
    astart, astop : float, optional
        Degrees; 89 and 91, or with ``generation="2025"`` -1 and 1.
    symm : int, default 4
        Sectors on the circle.
    **kwargs : object
        Of 2025: ``rstart``, ``rstop``, which never had an effect.
    """
    later = {"rstart": 0.0, "rstop": 1.0}
    options = take("radial_profile_select_angles", kwargs, later, later)
    usual = (89.0, 91.0) if options.generation == "2022" else (-1.0, 1.0)
    sectors = (usual[0] if astart is None else astart, usual[1] if astop is None else astop)
    return library.radial_profile(
        data, tuple(center), sectors, symm, reference=options.generation
    ).values


def smooth(x: npt.ArrayLike, window_len: int = 11, window: str = "hanning") -> Array:
    """Smooth a curve; odd windows give one value more, as they did."""
    shape: Any = "hann" if window == "hanning" else window
    return library.smooth_curve(x, window_len, shape, reference=True)


_SHOWN = {"disp_res": True, "save_res_png": True, "dpi": 300}
_CONTRAST = {"nbins_disp": 256, "thresholds_disp": [1e-3, 1e-3]}
_NOISE = {
    "kernel": None,
    "DarkCount": 0.0,
    **_CONTRAST,
    "nbins_analysis": 100,
    "thresholds_analysis": [2e-2, 1e-2],
    "img_label": "",
    "Notes": "",
    **_SHOWN,
}


def Single_Image_SNR(img: npt.ArrayLike, **kwargs: Any) -> tuple[float, float, float]:
    """Estimate the signal-to-noise ratio from the autocorrelation.

    Parameters
    ----------
    img : array-like, (y, x)
    **kwargs : object
        ``edge_fraction`` 0.10, ``disp_res`` True, ``nbins_disp``, ``thresholds_disp``,
        ``save_res_png`` True, ``res_fname`` 'SNR_results.png', ``img_label``, ``dpi`` 300; of 2025
        ``extrapolate_signal`` 'parabolic', ``aperture`` 6, ``zero_mean`` True, ``nlags``,
        ``verbose``.

    Returns
    -------
    (xSNR, ySNR, rSNR)
        Without arguments of 2025 by the linear extrapolation of 2022.
    """
    later = {
        "extrapolate_signal": "parabolic",
        "aperture": 6,
        "zero_mean": True,
        "nlags": None,
        "verbose": False,
    }
    accepted = {
        "edge_fraction": 0.10,
        **_CONTRAST,
        **_SHOWN,
        "res_fname": "SNR_results.png",
        "img_label": "Orig. Image",
        **later,
    }
    options = take("Single_Image_SNR", kwargs, accepted, later)
    pixels = np.asarray(img)
    how: Any = _EXTRAPOLATIONS.get(options.extrapolate_signal, "nearest")
    if options.generation == "2022":
        result = library.autocorrelation_snr(
            pixels, edge_fraction=options.edge_fraction, reference="2022"
        )
    else:
        result = library.autocorrelation_snr(
            pixels,
            how,
            zero_mean=options.zero_mean,
            aperture=options.aperture,
            order=options.nlags or (min(pixels.shape) // 4 if how == "levinson-durbin" else None),
            edge_fraction=options.edge_fraction,
            reference="2025",
        )
    show_and_save(
        lambda: draw_snr(result, pixels, title=options.img_label),
        options,
        lambda: output_file(options.res_fname, "", current_folder),
    )
    return result.values


_EXTRAPOLATIONS = {
    "nearest": "nearest",
    "linear": "linear",
    "parabolic": "parabolic",
    "gaussian": "gaussian",
    "LDR": "levinson-durbin",
}


def Single_Image_Noise_ROIs(
    img: npt.ArrayLike, Noise_ROIs: Any, Hist_ROI: Any, **kwargs: Any
) -> tuple[Array, Array, float, float, float, float]:
    """Measure the noise in regions ``[left, right, top, bottom]``.

    Parameters
    ----------
    img : array-like, (y, x)
    Noise_ROIs : list of (left, right, top, bottom)
    Hist_ROI : (left, right, top, bottom)
    **kwargs : object
        ``kernel``, ``DarkCount`` 0, ``nbins_disp`` 256, ``thresholds_disp`` [1e-3, 1e-3],
        ``nbins_analysis`` 100, ``thresholds_analysis`` [2e-2, 1e-2], ``disp_res``,
        ``save_res_png``, ``res_fname`` 'Noise_Analysis_ROIs.png', ``img_label``, ``Notes``,
        ``dpi``.

    Returns
    -------
    (mean_vals, var_vals, NF_slope, PSNR, MSNR, DSNR)
        The first point of both series is the dark count with variance 0.
    """
    accepted = {**_NOISE, "res_fname": "Noise_Analysis_ROIs.png"}
    options = take("Single_Image_Noise_ROIs", kwargs, accepted)
    pixels = np.asarray(img)
    result = library.noise_roi_statistics(
        pixels, Noise_ROIs, Hist_ROI, options.DarkCount, **_noise_options(options)
    )
    show_and_save(
        lambda: draw_noise_rois(
            result, pixels, histogram_roi=tuple(Hist_ROI), title=options.img_label or options.Notes
        ),
        options,
        lambda: output_file(options.res_fname, "", current_folder),
    )
    means = np.array([options.DarkCount, *result.means], dtype=np.float64)
    variances = np.array([0.0, *result.variances])
    return means, variances, result.slope, result.peak_snr, result.mean_snr, result.dynamic_snr


def Single_Image_Noise_Statistics(
    img: npt.ArrayLike, **kwargs: Any
) -> tuple[Array, Array, float, float, float, Array, Array]:
    """Measure the variance of the noise against the signal.

    Parameters
    ----------
    img : array-like, (y, x)
    **kwargs : object
        Those of `Single_Image_Noise_ROIs` with ``res_fname`` 'Noise_Analysis.png',
        ``evaluation_box`` [top, height, left, width] and ``image_name``; of 2025 ``filter_array``,
        ``disp_res_SNR0``, ``disp_res_SNR1``.

    Returns
    -------
    (mean_vals, var_vals, I0, PSNR, DSNR, popt, result)
        Amplitude ratios; with ``generation="2025"`` or an argument of 2025 items 3 and 4 are the
        power ratios SNR0 and SNR1.
    """
    later = {"filter_array": None, "disp_res_SNR0": True, "disp_res_SNR1": True}
    accepted = {
        **_NOISE,
        "res_fname": "Noise_Analysis.png",
        "evaluation_box": [0, 0, 0, 0],
        "image_name": "",
        **later,
    }
    options = take("Single_Image_Noise_Statistics", kwargs, accepted, later)
    pixels = np.asarray(img)
    region_of_box(tuple(options.evaluation_box), pixels.shape)
    result = library.noise_statistics(
        pixels,
        options.DarkCount,
        box=tuple(options.evaluation_box),
        mask=options.filter_array,
        **_noise_options(options),
    )
    show_and_save(
        lambda: draw_noise(result, title=options.image_name or options.img_label),
        options,
        lambda: output_file(options.res_fname, "", current_folder),
    )
    old = options.generation == "2022"
    first, second = (result.peak_snr, result.dynamic_snr) if old else (result.snr0, result.snr1)
    line = np.array([result.slope, result.intercept])
    rows = np.column_stack([result.all_means, result.all_variances])
    return result.means, result.variances, result.fitted_dark_count, first, second, line, rows


def _noise_options(options: Any) -> dict[str, Any]:
    return {
        "kernel": options.kernel,
        "nbins": options.nbins_analysis,
        "thresholds": tuple(options.thresholds_analysis),
        "peak_bins": options.nbins_disp,
        "peak_thresholds": tuple(options.thresholds_disp),
        "reference": True,
    }


def Perform_2D_fit(
    img: npt.ArrayLike, estimator: Any = None, **kwargs: Any
) -> tuple[float, Array, float, Array]:
    """Fit a polynomial to the background of an image.

    Parameters
    ----------
    img : array-like, (y, x)
    estimator : object, optional
        Object with scikit-learn's ``fit`` and ``predict``; LinearRegression and None are the
        library's own least squares.
    **kwargs : object
        ``calc_corr`` False, ``ignore_Y`` False, ``bins`` 10, ``Xsect``, ``Ysect``, ``disp_res``,
        ``save_res_png`` False, ``dpi``, ``label``, ``res_fname``; of 2025 ``image_name``,
        ``degree`` 2, ``linear_Y`` False, ``Analysis_ROIs``.

    Returns
    -------
    (intercept, coefs, mse, img_correction_array)
        The array holds zeros without ``calc_corr``.
    """
    later = {"image_name": "", "degree": 2, "linear_Y": False, "Analysis_ROIs": ()}
    accepted = {
        "calc_corr": False,
        "ignore_Y": False,
        "bins": 10,
        "Xsect": None,
        "Ysect": None,
        **_SHOWN,
        "save_res_png": False,
        "label": "",
        "res_fname": None,
        **later,
    }
    options = take("Perform_2D_fit", kwargs, accepted, later)
    pixels = np.asarray(img)
    fit = library.fit_background(
        pixels,
        options.degree,
        options.bins,
        rois=options.Analysis_ROIs,
        ignore_y=options.ignore_Y,
        linear_y=options.linear_Y,
        estimator=plain_estimator(estimator),
        reference=options.generation,
    )
    default = "2D_Parabolic_Fit.png" if options.generation == "2022" else "Image_Flattening.png"
    show_and_save(
        lambda: draw_background(
            fit,
            x_section=options.Xsect,
            y_section=options.Ysect,
            title=options.label or options.image_name,
        ),
        options,
        lambda: output_file(options.res_fname, default, current_folder),
    )
    factor = fit.correction() if options.calc_corr else np.zeros(pixels.shape)
    return fit.intercept, fit.coefficients, fit.mse, factor


def plain_estimator(estimator: Any) -> Any:
    """Return the estimator, None for ordinary least squares, which the library does itself."""
    return None if type(estimator).__name__ == "LinearRegression" else estimator
