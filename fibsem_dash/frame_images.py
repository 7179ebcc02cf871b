"""What a frame holds: header, detectors, and their pixels in any form."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fibsem_dash.errors import ParameterError
from fibsem_dash.facts import facts_html
from fibsem_dash.features import KeyPoints, extract_keypoints
from fibsem_dash.image.contrast import to_8bit
from fibsem_dash.image.thresholds import IntensityRange, intensity_range
from fibsem_dash.io import open_frame
from fibsem_dash.io.describe import describe, render_description
from fibsem_dash.numerics.arguments import region_of_box
from fibsem_dash.settings import SiftSettings

Kind = Literal["raw", "scaled", "electrons"]
Box = tuple[int, int, int, int]
"""[top, height, left, width], px; a height or width of 0 reaches to the edge."""


class FrameImages:
    """Header and detectors of one raw frame; pixels are read when they are asked for.

    Parameters
    ----------
    path : path-like
        A .dat or TIFF frame.
    strict : bool
        Refuse damaged files; otherwise read what is there and warn.

    Raises
    ------
    FormatError
        When the file is not a frame that can be read.
    AccessError
        When it is missing or may not be read.
    """

    def __init__(self, path: str | os.PathLike[str], strict: bool = True) -> None:
        self.source = open_frame(path, strict)

    def __repr__(self) -> str:
        height, width = self.shape
        detectors = "".join(self.detectors)
        return f"<{type(self).__name__} {self.path.name}: {width} x {height}, {detectors}>"

    @property
    def path(self) -> Path:
        """The file."""
        return self.source.path

    @property
    def header(self) -> Mapping[str, object]:
        """Header fields by name."""
        return self.source.header

    @property
    def detectors(self) -> tuple[str, ...]:
        """Letters of the stored detectors."""
        return self.source.detectors

    @property
    def shape(self) -> tuple[int, int]:
        """Size (y, x), px."""
        return self.source.shape

    @property
    def pixel_size_nm(self) -> float:
        """Edge of a pixel, nm."""
        return self.source.pixel_size_nm

    @property
    def known_pixel_size_nm(self) -> float:
        """Edge of a pixel, nm, where the file says it; 0 where it does not."""
        size = self.pixel_size_nm
        told = self.header.get("PixelSizeSource") != "default"
        return float(size) if told and math.isfinite(size) and size > 0 else 0.0

    @property
    def detector_names(self) -> Mapping[str, str]:
        """Names of the stored detectors by letter."""
        return self.source.detector_names

    @property
    def dark_counts(self) -> Mapping[str, float]:
        """Raw count at zero signal by letter; 0 where the file does not say."""
        return self.source.dark_counts

    def _repr_html_(self) -> str:
        rows = [
            ("Size (y, x)", " × ".join(map(str, self.shape))),
            ("Pixel size (nm)", f"{self.pixel_size_nm:g}"),
            *((f"Detector {k}", self.detector_names.get(k, "")) for k in self.detectors),
        ]
        return facts_html(self.path.name, rows)

    def header_text(self) -> str:
        """Return the header as text: groups of fields with units."""
        return render_description(describe(self.path))

    def image(
        self,
        detector: str = "A",
        kind: Kind = "raw",
        region: tuple[int, int, int, int] | None = None,
    ) -> npt.NDArray[Any]:
        """Return pixels of one detector.

        Parameters
        ----------
        detector : str
            Letter of a stored detector.
        kind : {"raw", "scaled", "electrons"}
            Raw counts in native byte order; the scaled values of the file version, float64;
            electrons per pixel, float64.
        region : (yi, ya, xi, xa), optional
            Half-open part of the image; all of it by default.

        Returns
        -------
        (y, x) array
            A contiguous copy.
        """
        readers = {
            "raw": self.source.raw,
            "scaled": self.source.scaled,
            "electrons": self.source.electrons,
        }
        if kind not in readers:
            raise ParameterError("kind of pixels", expected=", ".join(readers), found=kind)
        return readers[kind](detector, region)

    def intensity_range(
        self, detector: str = "A", thr_min: float = 1e-3, thr_max: float = 1e-3
    ) -> IntensityRange:
        """Return the grey levels that leave the given shares of raw pixels outside, counts."""
        return intensity_range(self.source.view(detector), thr_min, thr_max)

    def to_8bit(
        self, detector: str = "A", minimum: float | None = None, maximum: float | None = None
    ) -> npt.NDArray[np.uint8]:
        """Return the 8-bit image that key points are taken from.

        Parameters
        ----------
        detector : str
            Letter of a stored detector.
        minimum, maximum : float, optional
            Counts that become 0 and 255; by default those of `intensity_range`.
        """
        image = self.image(detector)
        if image.dtype == np.uint8:
            return image
        if minimum is None or maximum is None:
            found = self.intensity_range(detector)
            minimum = found.minimum if minimum is None else minimum
            maximum = found.maximum if maximum is None else maximum
        return to_8bit(image, minimum, maximum)

    def keypoints(self, detector: str = "A", settings: SiftSettings | None = None) -> KeyPoints:
        """Return the SIFT key points of the 8-bit image."""
        return extract_keypoints(self.to_8bit(detector), settings)

    def crop(
        self, detector: str = "A", box: Box = (0, 0, 0, 0), kind: Kind = "raw"
    ) -> npt.NDArray[Any]:
        """Return the pixels inside a box [top, height, left, width], see `image`.

        Raises
        ------
        ParameterError
            For a box that is empty or leaves the frame, or a detector that is not stored.
        """
        return self.image(detector, kind, region_of_box(box, self.shape))
