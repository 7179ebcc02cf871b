"""What FIBSEM_frame knows of its file: attributes, images, and where results go."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.compat.frame_header import frame_attributes
from fibsem_dash.compat.keywords import take
from fibsem_dash.compat.output import beside_raw, output_file, results_folder
from fibsem_dash.errors import ParameterError
from fibsem_dash.io import open_frame

Array = npt.NDArray[Any]
IMAGE_NAMES = {f"{kind}Image{letter}": letter for kind in ("Raw", "") for letter in "ABCD"}
"""Detector letters by the names of images."""


class FrameFile:
    """One frame; its header fields and images are attributes.

    Parameters
    ----------
    fname : path-like
        A .dat or TIFF frame.
    **kwargs : object
        ``ftype`` (0 .dat, 1 TIFF; that of the suffix by default), ``use_dask_arrays`` (no effect),
        ``PixelSize`` 8.0 nm and ``Sample_ID`` for TIFF, ``calculate_scaled_images``,
        ``memory_profiling`` (no effect); new: ``out_dir``, where files go that old versions wrote
        beside the frame, ``fibsem_dash_results`` in the current folder by default.

    Attributes
    ----------
    RawImageA, RawImageB, RawImageC, RawImageD : ndarray, (y, x)
        Stored detectors, in native byte order, read when they are first asked for.
    ImageA, ImageB, ImageC, ImageD : ndarray, (y, x)
        Scaled values; the raw ones for TIFF.
    RawSamplesA, RawSamplesB : ndarray, (y, x, oversampling)
        Where stored.
    header : bytes or mapping
        First 1024 bytes of a .dat file; tags of a TIFF file.
    """

    def __init__(self, fname: str | os.PathLike[str], **kwargs: Any) -> None:
        accepted = {
            "ftype": None,
            "use_dask_arrays": False,
            "PixelSize": 8.0,
            "Sample_ID": "",
            "calculate_scaled_images": False,
            "memory_profiling": False,
            "out_dir": None,
        }
        options = take("FIBSEM_frame", kwargs, accepted)
        self.source = open_frame(fname)
        self.fname = os.fspath(fname)
        self.use_dask_arrays = options.use_dask_arrays
        tif = self.source.format != "dat"
        if options.ftype is not None and bool(options.ftype) != tif:
            raise ParameterError(
                "ftype is not that of the file",
                path=fname,
                expected=int(tif),
                found=options.ftype,
            )
        self.ftype = int(tif)
        self.out_dir = options.out_dir
        self._fields = frame_attributes(self.source, options.PixelSize, options.Sample_ID)
        self.__dict__.update(self._fields)
        if tif:
            self.header: Any = dict(self.source.header)
        else:
            with open(fname, "rb") as file:
                self.header = file.read(1024)
        if options.calculate_scaled_images:
            self.calculate_scaled_images()

    def __getattr__(self, name: str) -> Array:
        source = self.__dict__.get("source")
        for start in ("RawImage", "RawSamples", "Image"):
            letter = name.removeprefix(start)
            if source is not None and name.startswith(start) and letter in source.detectors:
                pixels = self._read(start, letter)
                setattr(self, name, pixels)
                return pixels
        raise AttributeError(f"this frame has no {name!r}")

    def _read(self, kind: str, letter: str) -> Array:
        if kind == "RawSamples":
            return self.source.samples(letter)
        if kind == "RawImage" or self.ftype:
            return self.source.raw(letter)
        return self.source.scaled(letter, reference=True)

    def calculate_scaled_images(self) -> None:
        """Compute the scaled images now; they are also computed when asked for."""
        for letter in self.source.detectors:
            getattr(self, f"Image{letter}")

    # -- places and names ------------------------------------------------------------------------

    def _folder(self) -> Path:
        return results_folder(self.out_dir, [self.source.path.parent])

    def _output(self, given: Any, default: str) -> Callable[[], Path]:
        def path() -> Path:
            if given and beside_raw(Path(os.path.abspath(given)).parent, [self.source.path.parent]):
                raise ParameterError(
                    "Nothing is written beside raw frames",
                    path=given,
                    remedy="Give a file in another folder",
                )
            return output_file(given, f"{self.source.path.stem}{default}", self._folder)

        return path

    def _letters(self, wanted: str) -> list[str]:
        letters = "AB" if wanted == "Both" else wanted
        if wanted not in ("A", "B", "Both"):
            raise ParameterError("images_to_save", expected="'A', 'B' or 'Both'", found=wanted)
        missing = [letter for letter in letters if letter not in self.source.detectors]
        for letter in missing:
            print(f"No Detector {letter} image to save")
        return [letter for letter in letters if letter not in missing]

    def _image(self, image_name: str) -> Array:
        letter = IMAGE_NAMES.get(image_name, "")
        if letter not in self.source.detectors:
            stored = self.source.detectors
            names = [f"{kind}Image{k}" for kind in ("Raw", "") for k in stored]
            raise ParameterError("image_name", expected=" or ".join(names), found=image_name)
        return np.asarray(getattr(self, image_name))

    def _dark_count(self, image_name: str) -> float:
        column = "AB".find(IMAGE_NAMES.get(image_name, "A"))
        scaling = np.asarray(self._fields["Scaling"])
        return float(scaling[1, column]) if 0 <= column < scaling.shape[1] else 0.0
