"""What every frame reader returns: header values and lazily mapped pixels."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.errors import FormatError, ParameterError
from fibsem_dash.io.atomic import reading
from fibsem_dash.io.calibration import Calibration

Region = tuple[int, int, int, int]
"""Part of an image, half open: (yi, ya, xi, xa)."""

Value = TypeVar("Value")


class FrozenMapping(Mapping[str, Value]):
    """Mapping that cannot be changed and, unlike a mapping proxy, can be pickled."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = dict(values)

    def __getitem__(self, key: str) -> Value:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)


class PixelSource(Protocol):
    """Where the pixels of a frame come from."""

    def load(self) -> NDArray[Any]:
        """Pixels as (y, x, samples, channels), mapped where possible."""


@dataclass(frozen=True)
class MappedPixels:
    """Uncompressed pixels at a fixed place of a file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    offset : int
        First byte.
    dtype : str
        NumPy type with byte order, for example ``">i2"``.
    shape : tuple of int
        (y, x, samples, channels).
    fill : bool, default False
        Put zeros where the file ends early, instead of refusing.
    """

    path: Path
    offset: int
    dtype: str
    shape: tuple[int, int, int, int]
    fill: bool = False

    def load(self) -> NDArray[Any]:
        """Map the file read-only; raise ``FormatError`` or ``AccessError`` where impossible."""
        dtype = np.dtype(self.dtype)
        wanted = int(np.prod([int(side) for side in self.shape], dtype=object)) * dtype.itemsize
        with reading(self.path):
            present = os.stat(self.path).st_size - self.offset
            if present >= wanted:
                # np.asarray keeps the map alive but drops the subclass with its slow indexing.
                return np.asarray(np.memmap(self.path, dtype, "r", self.offset, self.shape))
            if self.fill:
                return self._filled(dtype, max(present, 0))
        raise FormatError(
            "The file ends before its pixels do",
            path=self.path,
            expected=f"{wanted} bytes of pixels",
            found=max(present, 0),
            remedy="Copy the file again, or read it with strict=False to fill the rest with zeros",
        )

    def _filled(self, dtype: np.dtype[Any], present: int) -> NDArray[Any]:
        pixels = np.zeros(self.shape, dtype)
        with self.path.open("rb") as file:
            file.seek(self.offset)
            part = np.frombuffer(file.read(present // dtype.itemsize * dtype.itemsize), dtype)
        pixels.reshape(-1)[: part.size] = part
        pixels.flags.writeable = False
        return pixels


@dataclass(frozen=True, eq=False)
class RawFrame:
    """One frame: header, detectors and pixels that are read when asked for.

    Frames can be pickled; the memory map is opened again at the other end.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    format : str
        "dat" or "tif".
    header : mapping of str to object
        Field name to value, text stripped of NULs.
    detectors : tuple of str
        Letters of the stored detectors, for example ("A", "B").
    detector_names : mapping of str to str
        Letter to name, for example {"A": "InLens"}.
    shape : tuple of int
        (y, x).
    dtype : numpy.dtype
        Native type of a raw pixel: uint8, int16, uint16, float32; float64 where every sample is
        stored and a raw pixel is their mean.
    pixel_size_nm : float
        Edge of a pixel in nm.
    dark_counts : mapping of str to float
        Raw count of each detector at zero signal, 0.0 where unknown.
    source : PixelSource
        Where the pixels come from.
    calibration : Calibration
        How counts become scaled values.
    trailer_offset : int or None
        First byte after the pixels, None where the format has no trailer.
    """

    path: Path
    format: str
    header: Mapping[str, object] = field(repr=False)
    detectors: tuple[str, ...]
    detector_names: Mapping[str, str]
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    pixel_size_nm: float
    dark_counts: Mapping[str, float]
    source: PixelSource = field(repr=False)
    calibration: Calibration = field(default_factory=Calibration, repr=False)
    trailer_offset: int | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "_pixels"}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)

    @property
    def trailer(self) -> bytes:
        """Bytes after the pixels, empty where there are none; read from the file when asked."""
        if self.trailer_offset is None:
            return b""
        with reading(self.path), self.path.open("rb") as file:
            file.seek(self.trailer_offset)
            return file.read()

    @property
    def oversampling(self) -> int:
        """Stored samples per pixel, 1 where only their mean is stored."""
        return int(self._all().shape[2])

    def raw(self, detector: str = "A", region: Region | None = None) -> NDArray[Any]:
        """Raw counts.

        Parameters
        ----------
        detector : str, default "A"
            Letter of a stored detector.
        region : tuple of int, optional
            (yi, ya, xi, xa), half open; the whole frame by default.

        Returns
        -------
        ndarray (y, x)
            A contiguous copy in native byte order, of type `dtype`.

        Raises
        ------
        ParameterError
            The detector is not stored or the region is empty or leaves the frame.
        FormatError, AccessError
            The file has been shortened or removed since it was opened.
        """
        part = self._part(detector, region)
        if part.shape[2] > 1:
            return np.asarray(part.mean(axis=2, dtype=np.float64))
        return np.array(part[:, :, 0], dtype=self.dtype, order="C")

    def view(self, detector: str = "A") -> NDArray[Any]:
        """Raw counts (y, x) without a copy: read-only, strided, perhaps big-endian.

        Where every sample is stored there is nothing to map and the mean is computed.
        """
        part = self._part(detector, None)
        result = part[:, :, 0] if part.shape[2] == 1 else part.mean(axis=2, dtype=np.float64)
        result.flags.writeable = False
        return result

    def scaled(
        self, detector: str = "A", region: Region | None = None, *, reference: bool = False
    ) -> NDArray[Any]:
        """Scaled values by the formula of the file version; see `Calibration` for units.

        Parameters
        ----------
        detector, region
            As in `raw`.
        reference : bool, default False
            Reproduce the int32 truncation of 8-bit data by the reference software.

        Returns
        -------
        ndarray (y, x) float64
            (int32 for 8-bit data with ``reference=True``.)

        Raises
        ------
        ParameterError
            As in `raw`.
        FormatError
            The header holds no usable scaling for the detector.
        """
        return self.calibration.scaled(self.raw(detector, region), detector, reference=reference)

    def electrons(self, detector: str = "A", region: Region | None = None) -> NDArray[np.float64]:
        """Compute detected electrons per pixel, (y, x) float64; parameters as in `raw`.

        Raises
        ------
        ParameterError
            As in `raw`.
        FormatError
            The file has no calibration in electrons (TIFF, .dat before version 7).
        """
        return self.calibration.electrons(self.raw(detector, region), detector)

    def samples(self, detector: str = "A", *, scaled: bool = False) -> NDArray[Any]:
        """Every stored sample of every pixel.

        Parameters
        ----------
        detector : str, default "A"
            Letter of a stored detector.
        scaled : bool, default False
            Give scaled values (float64) in place of raw counts.

        Returns
        -------
        ndarray (y, x, oversampling)
            A contiguous copy in native byte order.

        Raises
        ------
        FormatError
            The file stores only the mean of the samples.
        """
        part = self._part(detector, None)
        if not self.header.get("SaveOversamples"):
            raise FormatError(
                "The file does not store the single samples of a pixel",
                path=self.path,
                remedy="Use the raw values, which are their mean",
            )
        samples = np.array(part, dtype=part.dtype.newbyteorder("="), order="C")
        return self.calibration.scaled(samples, detector) if scaled else samples

    def _all(self) -> NDArray[Any]:
        pixels: NDArray[Any] | None = self.__dict__.get("_pixels")
        if pixels is None:
            pixels = self.source.load()
            self.__dict__["_pixels"] = pixels
        return pixels

    def _part(self, detector: str, region: Region | None) -> NDArray[Any]:
        if detector not in self.detectors:
            raise ParameterError(
                "The frame does not hold this detector",
                path=self.path,
                expected=" or ".join(self.detectors),
                found=repr(detector),
                remedy="Choose a stored detector",
            )
        yi, ya, xi, xa = (0, self.shape[0], 0, self.shape[1]) if region is None else region
        if not (0 <= yi < ya <= self.shape[0] and 0 <= xi < xa <= self.shape[1]):
            raise ParameterError(
                "The region is empty or leaves the frame",
                path=self.path,
                expected=f"0 <= yi < ya <= {self.shape[0]}, 0 <= xi < xa <= {self.shape[1]}",
                found=(yi, ya, xi, xa),
                remedy="Give the region as (yi, ya, xi, xa)",
            )
        return self._all()[yi:ya, xi:xa, :, self.detectors.index(detector)]
