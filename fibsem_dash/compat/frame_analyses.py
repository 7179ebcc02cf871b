"""Analyses of a frame with the arguments, defaults and numbers of old notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fibsem_dash.compat.frame_file import IMAGE_NAMES, Array, FrameFile
from fibsem_dash.compat.keywords import take
from fibsem_dash.compat.output import show_and_save
from fibsem_dash.compat.single_image import (
    Single_Image_Noise_ROIs,
    Single_Image_Noise_Statistics,
    Single_Image_SNR,
    plain_estimator,
)
from fibsem_dash.figures import draw_background
from fibsem_dash.image import fit_background, flatten_image
from fibsem_dash.io.flatten_file import read_flatten, write_flatten
from fibsem_dash.numerics.arguments import region_of_box

_SHOWN = {"disp_res": True, "save_res_png": True, "dpi": 300}


class FrameAnalyses(FrameFile):
    """Noise, signal-to-noise ratio and background of one frame."""

    def _analysis(self, kwargs: dict[str, Any], suffix: str) -> tuple[Array, str, dict[str, Any]]:
        """Image, its name and the arguments of a function on images, with the file to write."""
        rest = {key.strip(): value for key, value in kwargs.items()}
        name = rest.pop("image_name", "RawImageA")
        image = self._image(name)
        if rest.get("save_res_png", True):
            rest["res_fname"] = self._output(rest.get("res_fname"), suffix.format(name))()
        return image, name, rest

    def analyze_noise_ROIs(self, Noise_ROIs: Any, Hist_ROI: Any, **kwargs: Any) -> Any:
        """Measure the noise in regions; see `Single_Image_Noise_ROIs`."""
        image, name, rest = self._analysis(kwargs, "_{}_Noise_Analysis_ROIs.png")
        rest.setdefault("DarkCount", self._dark_count(name))
        rest.setdefault("Notes", str(self._fields.get("Notes", "")))
        return Single_Image_Noise_ROIs(image, Noise_ROIs, Hist_ROI, **rest)

    def analyze_noise_statistics(self, **kwargs: Any) -> Any:
        """Measure the noise against the signal; see `Single_Image_Noise_Statistics`."""
        image, name, rest = self._analysis(kwargs, "_Noise_Analysis_{}.png")
        rest.setdefault("DarkCount", self._dark_count(name))
        return Single_Image_Noise_Statistics(image, image_name=name, **rest)

    def analyze_SNR_autocorr(self, **kwargs: Any) -> tuple[float, float, float]:
        """Estimate (xSNR, ySNR, rSNR) inside ``evaluation_box``; see `Single_Image_SNR`."""
        image, name, rest = self._analysis(kwargs, "_AutoCorr_Noise_Analysis_{}.png")
        box = tuple(rest.pop("evaluation_box", (0, 0, 0, 0)))
        yi, ya, xi, xa = region_of_box(box, self.source.shape)
        rest.setdefault("img_label", name)
        return Single_Image_SNR(image[yi:ya, xi:xa], **rest)

    # -- background ------------------------------------------------------------------------------

    def determine_field_fattening_parameters(self, **kwargs: Any) -> Any:
        """Fit the background of one image or several.

        ``image_name`` 'RawImageA', or of 2025 ``image_names`` with ``linear_Y``,
        ``Analysis_ROIs``, ``save_correction_binary`` (an NPZ file, never a pickle) and ``degree``,
        one for all images or one each; ``estimator``, ``calc_corr`` False, ``ignore_Y`` False,
        ``bins`` 10, ``Xsect``, ``Ysect``, ``label``, ``res_fname``, ``disp_res``,
        ``save_res_png`` False, ``dpi``.

        Returns
        -------
        (intercept, coefs, mse, correction), or with ``image_names``
        (intercepts, coefs, corrections)
        """
        later: dict[str, Any] = {
            "image_names": ["RawImageA"],
            "linear_Y": False,
            "Analysis_ROIs": (),
            "save_correction_binary": False,
            "degree": 2,
        }
        accepted = {
            "image_name": "RawImageA",
            "estimator": None,
            "calc_corr": False,
            "ignore_Y": False,
            "bins": 10,
            "Xsect": None,
            "Ysect": None,
            "label": "",
            **_SHOWN,
            "save_res_png": False,
            "res_fname": None,
            **later,
        }
        options = take("determine_field_fattening_parameters", kwargs, accepted, later)
        several = options.generation == "2025"
        self._several = several
        names = list(options.image_names if several else [options.image_name])
        degree = options.degree
        degrees = [degree] * len(names) if isinstance(degree, int) else list(degree)
        fits = [self._fit(name, d, options) for name, d in zip(names, degrees, strict=True)]
        for name, fit in zip(names, fits, strict=True):
            suffix = f"_Image_Flattening_{name}.png" if several else "_2D_Parabolic_Fit.png"
            self._show_fit(fit, name, options, suffix)
        self._keep(names, fits, options)
        factors = [f.correction() if options.calc_corr else np.zeros(f.shape) for f in fits]
        if several:
            return [f.intercept for f in fits], [f.coefficients for f in fits], factors
        return fits[0].intercept, fits[0].coefficients, fits[0].mse, factors[0]

    def _fit(self, name: str, degree: int, options: Any) -> Any:
        return fit_background(
            self._image(name),
            degree,
            options.bins,
            dark_count=self._dark_count(name) if name.startswith("Raw") else 0.0,
            rois=options.Analysis_ROIs,
            ignore_y=options.ignore_Y,
            linear_y=options.linear_Y,
            estimator=plain_estimator(options.estimator),
            reference=options.generation,
        )

    def _show_fit(self, fit: Any, name: str, options: Any, suffix: str) -> None:
        def draw() -> Any:
            return draw_background(
                fit,
                x_section=options.Xsect,
                y_section=options.Ysect,
                title=options.label or name,
            )

        show_and_save(draw, options, self._output(options.res_fname, suffix))

    def _keep(self, names: Sequence[str], fits: Sequence[Any], options: Any) -> None:
        self.image_correction_source = names[0]
        self.image_correction_sources = list(names)
        self.intercept, self.coefs = fits[0].intercept, fits[0].coefficients
        self.img_correction_coeffs = [fit.coefficients for fit in fits]
        if not options.calc_corr:
            return
        self.img_correction_arrays = [fit.correction() for fit in fits]
        self.img_full_correction = self.img_correction_arrays[0]
        if options.save_correction_binary:
            path = self._output(None, "_Image_Flattening.npz")()
            factors = {
                IMAGE_NAMES[n]: a for n, a in zip(names, self.img_correction_arrays, strict=True)
            }
            write_flatten(path, factors)
            self.image_correction_file = str(path)

    def flatten_image(self, **kwargs: Any) -> Any:
        """Return images with an even background, float64.

        ``image_name`` of 2022: one image; ``image_correction_file`` (NPZ),
        ``image_correction_sources``, ``img_correction_arrays`` of 2025: a list of images. What
        `determine_field_fattening_parameters` found last is used where nothing is given; an image
        without correction is returned as it is, with a message.
        """
        later = {
            "image_correction_file": None,
            "image_correction_sources": None,
            "img_correction_arrays": None,
        }
        options = take("flatten_image", kwargs, {"image_name": None, **later}, later)
        names, arrays = self._corrections(options)
        several = options.generation == "2025" or self.__dict__.get("_several", False)
        if several and options.image_name is None:
            return [self._flat(n, a) for n, a in zip(names, arrays, strict=True)]
        wanted = options.image_name or "RawImageA"
        known = dict(zip(names, arrays, strict=True))
        if wanted not in known:
            print(f"There is no correction for {wanted}; it is returned as it is")
        return self._flat(wanted, known.get(wanted))

    def _corrections(self, options: Any) -> tuple[list[str], list[Any]]:
        if options.image_correction_file:
            stored = read_flatten(options.image_correction_file)
            return [f"RawImage{letter}" for letter in stored], list(stored.values())
        names = options.image_correction_sources
        arrays = options.img_correction_arrays
        names = self.__dict__.get("image_correction_sources", []) if names is None else names
        arrays = self.__dict__.get("img_correction_arrays", []) if arrays is None else arrays
        return list(names)[: len(arrays)], list(arrays)[: len(names)]

    def _flat(self, name: str, factor: Any) -> Array:
        image = self._image(name)
        if factor is None or factor is False:
            return image
        dark = self._dark_count(name) if name.startswith("Raw") else 0.0
        return flatten_image(image, factor, dark)
