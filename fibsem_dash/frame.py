"""FIBSEMFrame: one raw frame with its header, its detectors, its analyses and its exports."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fibsem_dash import frame_export
from fibsem_dash.compare.halves import even_and_odd_rows, in_pixels_of_the_frame
from fibsem_dash.compare.resolution import FscResult, fsc
from fibsem_dash.errors import ParameterError
from fibsem_dash.figures import draw_box, save_figure
from fibsem_dash.figures.save import check_figure_path
from fibsem_dash.flattening import FieldFlattening, fit_field
from fibsem_dash.frame_images import Box, FrameImages, Kind
from fibsem_dash.image.flatten import flatten_image
from fibsem_dash.image.noise import NoiseStatistics, noise_statistics
from fibsem_dash.image.noise_rois import NoiseRois, noise_roi_statistics
from fibsem_dash.image.snr import Extrapolation, SnrResult, autocorrelation_snr
from fibsem_dash.io.flatten_file import read_flatten
from fibsem_dash.numerics.arguments import region_of_box

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class FIBSEMFrame(FrameImages):
    """One raw frame with its analyses; pixels are read when they are asked for.

    Parameters
    ----------
    path : path-like
        A .dat or TIFF frame.
    strict : bool
        Refuse damaged files; otherwise read what is there and warn.

    Attributes
    ----------
    flattening : FieldFlattening or None
        What `fit_background` found last.

    Raises
    ------
    FormatError
        When the file is not a frame that can be read.
    AccessError
        When it is missing or may not be read.
    """

    def __init__(self, path: str | os.PathLike[str], strict: bool = True) -> None:
        super().__init__(path, strict)
        self.flattening: FieldFlattening | None = None

    # -- analyses --------------------------------------------------------------------------------

    def snr(
        self,
        detector: str = "A",
        box: Box = (0, 0, 0, 0),
        extrapolation: Extrapolation = "parabolic",
        *,
        kind: Kind = "raw",
        **options: Any,
    ) -> SnrResult:
        """Estimate signal power over noise power from the autocorrelation.

        Parameters
        ----------
        detector, kind
            See `image`.
        box : (top, height, left, width)
            Part of the frame, px; all of it by default.
        extrapolation : str, default "parabolic"
            See `fibsem_dash.image.autocorrelation_snr`.
        **options : object
            Further options of that function: ``detrend``, ``reference`` ...
        """
        return autocorrelation_snr(self.crop(detector, box, kind), extrapolation, **options)

    def noise(
        self,
        detector: str = "A",
        box: Box = (0, 0, 0, 0),
        dark_count: float | None = None,
        **options: Any,
    ) -> NoiseStatistics:
        """Measure the variance of the noise against the signal, in raw counts.

        Parameters
        ----------
        detector, box
            See `snr`.
        dark_count : float, optional
            Zero level, counts; that of the header by default.
        **options : object
            Further options of `fibsem_dash.image.noise_statistics`: ``mask``, ``reference`` ...
        """
        dark = self._dark(detector, dark_count)
        return noise_statistics(self.image(detector), dark, box=box, **options)

    def noise_rois(
        self,
        rois: Sequence[Sequence[int]],
        histogram_roi: Sequence[int] | None = None,
        detector: str = "A",
        dark_count: float | None = None,
        **options: Any,
    ) -> NoiseRois:
        """Measure the noise in regions of uniform signal, in raw counts.

        Parameters
        ----------
        rois : sequence of (left, right, top, bottom)
            Half-open bounds, px.
        histogram_roi : (left, right, top, bottom), optional
            Region of the levels that the ratios are about; all by default.
        detector, dark_count
            See `noise`.
        **options : object
            Further options of `fibsem_dash.image.noise_roi_statistics`.
        """
        dark = self._dark(detector, dark_count)
        return noise_roi_statistics(self.image(detector), rois, histogram_roi, dark, **options)

    def fsc(
        self,
        other: FIBSEMFrame | None = None,
        detector: str = "A",
        box: Box = (0, 0, 0, 0),
        *,
        other_detector: str | None = None,
        **options: Any,
    ) -> FscResult:
        """Correlate two images ring by ring in Fourier space.

        Parameters
        ----------
        other : FIBSEMFrame, optional
            Frame to compare with. Without it two detectors of this frame are compared, or, where
            no second one is named either, its even rows with its odd ones.
        detector, box
            See `snr`.
        other_detector : str, optional
            Detector of the second image; that of the first by default.
        **options : object
            Further options of `fibsem_dash.compare.fsc`: ``threshold``, ``reference`` ...

        Returns
        -------
        FscResult
            Frequencies in cycles per pixel of the frame.
        """
        first, second = self.fsc_pair(other, detector, box, other_detector)
        options = {"pixel_size_nm": self.pixel_size_nm} | options
        if other is None and other_detector is None:
            options["pixel_size_nm"] *= 2
            return in_pixels_of_the_frame(fsc(first, second, **options))
        return fsc(first, second, **options)

    def fsc_pair(
        self,
        other: FIBSEMFrame | None = None,
        detector: str = "A",
        box: Box = (0, 0, 0, 0),
        other_detector: str | None = None,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return the two images that `fsc` compares."""
        image = self.crop(detector, box)
        if other is None and other_detector is None:
            return even_and_odd_rows(image)
        return image, (other or self).crop(other_detector or detector, box)

    def fit_background(
        self,
        detectors: Sequence[str] | None = None,
        degree: int | Sequence[int] = 2,
        bins: int = 10,
        **options: Any,
    ) -> FieldFlattening:
        """Fit the slow variation of brightness and keep it for `flatten` and `save_flatten`.

        Parameters
        ----------
        detectors : sequence of str, optional
            Letters; all stored ones by default.
        degree : int or sequence of int, default 2
            Of the polynomial; one for all detectors, or one for each.
        bins : int, default 10
            Side of the blocks whose means are fitted, px.
        **options : object
            ``rois`` [(left, right, top, bottom), ...], ``ignore_y``, ``linear_y``, ``estimator``
            and ``reference`` of `fibsem_dash.image.fit_background`.
        """
        self.flattening = fit_field([self.source], detectors, degree, bins, **options)
        return self.flattening

    def flatten(
        self,
        detector: str = "A",
        kind: Kind = "raw",
        correction: FieldFlattening | str | os.PathLike[str] | None = None,
    ) -> npt.NDArray[np.float64]:
        """Return an image with its background made even, (y, x) float64.

        Parameters
        ----------
        detector, kind
            See `image`.
        correction : FieldFlattening or path-like, optional
            What `fit_background` of this or another frame returned, or a file that `save_flatten`
            wrote; the last fit of this frame by default.

        Raises
        ------
        ParameterError
            Where there is no correction for the detector, or a smaller one than the frame.
        """
        found = self._fitted() if correction is None else correction
        if isinstance(found, FieldFlattening):
            factor: npt.NDArray[Any] = found.correction(detector)
        else:
            factors = read_flatten(found)
            if detector not in factors:
                raise ParameterError(
                    "The file holds no correction for this detector",
                    path=found,
                    expected=" or ".join(factors),
                    found=detector,
                )
            factor = factors[detector]
        image = flatten_image(self.image(detector), factor, self.dark_counts.get(detector, 0.0))
        if kind == "raw":
            return image
        calibration = self.source.calibration
        convert = calibration.electrons if kind == "electrons" else calibration.scaled
        return convert(image, detector)

    def save_flatten(self, path: str | os.PathLike[str]) -> Path:
        """Write the corrections of `fit_background` as NPZ; a run takes it as output.flatten_file.

        Raises
        ------
        ParameterError
            Where nothing was fitted yet.
        AccessError
            When the file cannot be written.
        """
        return self._fitted().save(path)

    def _fitted(self) -> FieldFlattening:
        if self.flattening is None:
            raise ParameterError(
                "No background was fitted", path=self.path, remedy="Call fit_background first"
            )
        return self.flattening

    def _dark(self, detector: str, given: float | None) -> float:
        return self.dark_counts.get(detector, 0.0) if given is None else float(given)

    # -- files -----------------------------------------------------------------------------------

    def snapshot(self, path: str | os.PathLike[str], dpi: int = 200, **options: Any) -> Path:
        """Save all detectors with the table of parameters and the notes as one picture.

        Parameters
        ----------
        path : path-like
            .png, .jpg or .svg file to make or replace.
        dpi : int, default 200
        **options : object
            ``thr_min``, ``thr_max``: shares of the pixels outside the grey levels, 1e-3 each;
            ``high_is_dark``, default True.
        """
        check_figure_path(path)
        return save_figure(frame_export.draw_frame_snapshot(self.source, **options), path, dpi)

    def save_jpeg(
        self,
        folder: str | os.PathLike[str],
        detectors: Sequence[str] | None = None,
        invert: bool = False,
        **options: Any,
    ) -> list[Path]:
        """Write 8-bit images, one JPEG per detector; see `fibsem_dash.frame_export.export_jpeg`."""
        return frame_export.export_jpeg(self.source, folder, detectors, invert=invert, **options)

    def save_tif(
        self, folder: str | os.PathLike[str], detectors: Sequence[str] | None = None
    ) -> list[Path]:
        """Write raw pixels, one TIFF per detector; see `fibsem_dash.frame_export.export_tif`."""
        return frame_export.export_tif(self.source, folder, detectors)

    def draw_box(self, box: Box, detector: str = "A", **options: Any) -> Figure:
        """Draw the frame with an evaluation box, in the contrast of that box.

        Parameters
        ----------
        box : (top, height, left, width)
            Px; a height or width of 0 reaches to the edge.
        detector : str, default "A"
        **options : object
            ``colour``, ``line_width``, ``high_is_dark`` of `fibsem_dash.figures.draw_box`.

        Returns
        -------
        matplotlib.figure.Figure
            For `fibsem_dash.figures.save_figure`.
        """
        yi, ya, xi, xa = region_of_box(box, self.shape)
        return draw_box(
            [self.source.view(detector)],
            (xi, xa, yi, ya),
            title=self.path.name,
            pixel_size_nm=self.pixel_size_nm,
            **options,
        )
