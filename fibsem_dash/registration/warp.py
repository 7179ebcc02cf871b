"""One output slice from raw frames: fuse, flatten, correct, warp, bin, scale, flip, cast."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fibsem_dash.backend import Backend, array_module, is_device_array
from fibsem_dash.errors import ParameterError
from fibsem_dash.io import open_frame
from fibsem_dash.io.atomic import access_error
from fibsem_dash.io.flatten_file import read_flatten
from fibsem_dash.io.raw_frame import Region
from fibsem_dash.registration.canvas import Canvas
from fibsem_dash.transforms.matrices import Array, translation

Image = npt.NDArray[Any]


@dataclass(frozen=True)
class SourceFrame:
    """One raw frame and its place.

    Attributes
    ----------
    path : str
        The file.
    matrix : (3, 3) float64 array
        ``C_j``: reference coordinates to this frame.
    scale, offset : float
        Brightness: ``(v - offset) * scale + offset``, counts.
    size_and_time : (int, int), optional
        Bytes and modification time, ns, of the file when it was inspected.
    """

    path: str
    matrix: Array
    scale: float = 1.0
    offset: float = 0.0
    size_and_time: tuple[int, int] | None = None


@dataclass(frozen=True)
class RenderSettings:
    """How pixels become output voxels.

    Attributes
    ----------
    canvas : Canvas
        Size of a slice and place of the frames in it.
    dtype : str
        Type of a voxel: uint8, int16, uint16 or float32.
    detector : str
        Detector that is written.
    detector_b_fraction : float
        Share of detector B in the sum.
    order : int
        Interpolation, 0 to 5.
    fill_value : float
        Output grey level outside the frames.
    invert, flip_y, transform : bool
        Invert the grey levels, turn the slice upside down, apply the matrices.
    grey_range : (float, float), optional
        Counts that become 0 and 255; None casts without scaling.
    flatten_file : str
        NPZ file with the multiplicative factors, one (y, x) array per detector letter; empty for
        none. Workers read it themselves: pixels do not travel.
    dark_counts : mapping of str to float
        Zero level per detector, the fixed point of the flattening.
    backend : {"numpy", "cupy"}
        Where slices are made and left.
    """

    canvas: Canvas
    dtype: str
    detector: str = "A"
    detector_b_fraction: float = 0.0
    order: int = 1
    fill_value: float = 0.0
    invert: bool = False
    flip_y: bool = False
    transform: bool = True
    grey_range: tuple[float, float] | None = None
    flatten_file: str = ""
    dark_counts: Mapping[str, float] = field(default_factory=dict)
    backend: Backend = "numpy"


def render_slice(sources: tuple[SourceFrame, ...], settings: RenderSettings) -> Image:
    """Make one output slice, the mean of one or several registered frames.

    Parameters
    ----------
    sources : tuple of SourceFrame
        Frames of this slice; several with z binning.
    settings : RenderSettings
        See there.

    Returns
    -------
    (y, x) array
        The slice, of `settings.dtype`: rounded to the nearest integer and clipped, never wrapped.
        A CuPy array with the backend "cupy".
    """
    total: Image | None = None
    for source in sources:
        image = warp_image(read_fused(source, settings), source.matrix, settings)
        if total is None:
            total = image
        else:
            total += image
    assert total is not None
    if len(sources) > 1:
        total *= np.float32(1 / len(sources))
    if settings.flip_y:
        total = total[::-1]
    return cast(total, settings)


def read_fused(
    source: SourceFrame, settings: RenderSettings, region: Region | None = None
) -> Image:
    """Read a frame as (y, x) float32: flattened, fused, corrected in brightness, inverted.

    Parameters
    ----------
    source : SourceFrame
        The frame; its matrix is not used.
    settings : RenderSettings
        See there.
    region : Region, optional
        The part (yi, ya, xi, xa) that is wanted, half open; the whole frame by default.
    """
    frame = open_frame(source.path)
    yi, ya, xi, xa = (0, frame.shape[0], 0, frame.shape[1]) if region is None else region
    fraction = settings.detector_b_fraction
    letters = [settings.detector] if fraction < 1e-5 else [settings.detector, "B"]
    weights = [1.0] if len(letters) == 1 else [1.0 - fraction, fraction]
    xp = array_module(settings.backend)
    image: Image | None = None
    for letter, weight in zip(letters, weights, strict=True):
        pixels = frame.view(letter) if region is None else frame.raw(letter, region)
        part = xp.asarray(pixels.astype(np.float32))
        factors = load_flatten(settings.flatten_file).get(letter)
        if factors is not None:
            _check_factors(factors, frame.shape)
            own = xp.asarray(factors[yi:ya, xi:xa])
            _flatten(part, own, settings.dark_counts.get(letter, 0.0))
        if weight != 1.0:
            part *= np.float32(weight)
        if image is None:
            image = part
        else:
            image += part
    assert image is not None
    if source.scale != 1.0:
        image -= np.float32(source.offset)
        image *= np.float32(source.scale)
        image += np.float32(source.offset)
    return _inverted(image, frame.dtype) if settings.invert else image


def load_flatten(path: str) -> dict[str, npt.NDArray[np.float32]]:
    """Read the flattening factors of a file, (y, x) float32 by detector letter.

    Raises
    ------
    FormatError
        When it is not an NPZ file with arrays named by detector letters.
    AccessError
        When it cannot be read.
    """
    if not path:
        return {}
    try:
        status = os.stat(path)
    except OSError as error:
        raise access_error(error, path) from error
    return _flatten_factors(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=2)
def _flatten_factors(path: str, _mtime_ns: int, _size: int) -> dict[str, npt.NDArray[np.float32]]:
    # Time and size are there for the cache: long-lived workers must see a file that was replaced.
    return read_flatten(path)


def _check_factors(factors: npt.NDArray[np.float32], shape: tuple[int, int]) -> None:
    height, width = shape
    if factors.shape[0] < height or factors.shape[1] < width:
        raise ParameterError(
            "the flattening factors are smaller than the frames",
            expected=f"at least {height} x {width}",
            found=f"{factors.shape[0]} x {factors.shape[1]}",
        )


def _flatten(image: Image, factors: npt.NDArray[np.float32], dark: float) -> None:
    image -= np.float32(dark)
    image *= factors
    image += np.float32(dark)


def _inverted(image: Image, dtype: np.dtype[Any]) -> Image:
    """Unsigned values count down from their largest, others change sign."""
    image *= np.float32(-1)
    if dtype.kind == "u":
        image += np.float32(np.iinfo(dtype).max)
    return image


def warp_image(image: Image, matrix: Array, settings: RenderSettings) -> Image:
    """Resample a frame onto the canvas: ``output(p) = image(C (p - offset))``.

    Orders 0 and 1 are OpenCV's on float32 (its kernels for integers round positions to 1/32 px),
    orders 2 to 5 are scikit-image's. A frame on the graphics card is resampled there by CuPy, whose
    order 3 is a cubic spline; that of scikit-image is a cubic convolution, a little softer.

    Parameters
    ----------
    image : (y, x) float32 array
        One frame.
    matrix : (3, 3) array
        Reference coordinates to this frame.
    settings : RenderSettings
        Uses canvas, order, fill_value and transform.

    Returns
    -------
    (y, x) float32 array
        Of the canvas' size; `fill_value` outside the frame.
    """
    canvas = settings.canvas
    height, width = canvas.shape
    x, y = canvas.offset
    whole = matrix if settings.transform else np.eye(3)
    inverse_map = whole @ translation(-x, -y)
    if is_device_array(image):
        return _warp_on_card(image, inverse_map, settings)
    if settings.order > 1:
        from skimage.transform import warp

        with warnings.catch_warnings():
            # For order 2 it tells, slice by slice, that SciPy does the work.
            warnings.filterwarnings("ignore", "Bi-quadratic interpolation", UserWarning)
            result: Image = warp(
                image,
                inverse_map,
                order=settings.order,
                output_shape=canvas.shape,
                mode="constant",
                cval=settings.fill_value,
                preserve_range=True,
                clip=False,
            )
        return result.astype(np.float32, copy=False)
    interpolation = cv2.INTER_LINEAR if settings.order == 1 else cv2.INTER_NEAREST
    warped: Image = cv2.warpAffine(
        image,
        inverse_map[:2],
        (width, height),
        flags=interpolation | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=settings.fill_value,
    )
    return warped


def _warp_on_card(image: Image, inverse_map: Array, settings: RenderSettings) -> Image:
    # Rows come first there.
    matrix = inverse_map[1::-1, 1::-1]
    offset = inverse_map[1::-1, 2]
    resample = import_module("cupyx.scipy.ndimage").affine_transform
    warped: Image = resample(
        image,
        array_module("auto", image).asarray(np.ascontiguousarray(matrix)),
        offset=tuple(offset.tolist()),
        output_shape=settings.canvas.shape,
        order=settings.order,
        # As OpenCV does, pixels at the edge are mixed with what lies outside.
        mode="grid-constant",
        cval=settings.fill_value,
        float64_coords=True,
    )
    return warped


def cast(image: Image, settings: RenderSettings) -> Image:
    """Scale where an 8-bit range is given, round, clip and cast."""
    dtype = np.dtype(settings.dtype)
    xp = array_module("auto", image)
    if settings.grey_range is not None:
        low, high = settings.grey_range
        image = image - np.float32(low)
        image *= np.float32(255.0 / (high - low) if high > low else 0.0)
    if dtype.kind == "f":
        result: Image = xp.ascontiguousarray(image, dtype)
        return result
    with np.errstate(invalid="ignore"):
        whole = bool(np.isfinite(float(image.sum(dtype=np.float64))))
    if not whole:
        image = xp.where(xp.isfinite(image), image, np.float32(settings.fill_value))
    limits = np.iinfo(dtype)
    rounded = xp.rint(image)
    xp.clip(rounded, limits.min, limits.max, out=rounded)
    result = xp.ascontiguousarray(rounded.astype(dtype))
    return result


def output_range(
    low: float, high: float, invert: bool, source: np.dtype[Any]
) -> tuple[float, float]:
    """Return the grey-level range after an inversion."""
    if not invert:
        return low, high
    top = float(np.iinfo(source).max) if source.kind == "u" else 0.0
    return top - high, top - low


def output_dtype(wanted: str, source: np.dtype[Any]) -> tuple[np.dtype[Any], bool]:
    """Choose the type of a voxel.

    Parameters
    ----------
    wanted : {"auto", "uint8", "int16", "uint16", "float32"}
        "auto" is the type of the frames.
    source : numpy.dtype
        Type of a raw pixel.

    Returns
    -------
    dtype : numpy.dtype
        Type of a voxel.
    scaled : bool
        Whether the grey-level range must be scaled to 0 to 255.

    Raises
    ------
    ParameterError
        When the type cannot hold the frames' values.
    """
    allowed = {
        "uint8": ("uint8", "int16", "uint16", "float32"),
        "int16": ("int16", "uint8", "float32"),
        "uint16": ("uint16", "uint8", "float32"),
    }
    choices = allowed.get(source.name, ("float32", "uint8", "int16"))
    name = choices[0] if wanted == "auto" else wanted
    if name not in choices:
        raise ParameterError(
            f"output.dtype {wanted} cannot hold the values of {source.name} frames",
            expected=f"one of {', '.join(choices)}",
        )
    return np.dtype(name), name == "uint8" and source != np.uint8
