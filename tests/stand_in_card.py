"""A stand-in for CuPy, so that the way of the graphics card runs on any machine.

Its arrays refuse NumPy's functions and arrays as the real ones do; it computes with NumPy and
SciPy. It cannot show how fast a card is, or what CuPy itself does.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np

_FUNCTIONS = (
    *("abs", "add", "arange", "asarray", "ascontiguousarray", "bincount", "clip", "concatenate"),
    *("dot", "empty", "floor", "isfinite", "isnan", "matmul", "power", "rint", "sort", "subtract"),
    *("unique", "where", "zeros"),
)


class DeviceArray(np.ndarray):
    """Array that must be asked for with get() and computed with by its own module."""

    def get(self) -> np.ndarray:
        return np.array(self.view(np.ndarray))

    def __array_function__(self, function: Any, *_others: Any) -> Any:
        raise TypeError(f"numpy.{function.__name__} was called with an array on the card")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        for value in inputs:
            if isinstance(value, np.ndarray) and not isinstance(value, DeviceArray) and value.ndim:
                raise TypeError(f"{ufunc.__name__} mixes an array on the card with one of NumPy")
        result = getattr(ufunc, method)(*map(_on_host, inputs), **_host_keywords(keywords))
        (out,) = keywords.get("out", (None,))
        return _on_card(result) if out is None else out


def _on_host(value: Any) -> Any:
    if isinstance(value, DeviceArray):
        return value.view(np.ndarray)
    if isinstance(value, (list, tuple)):
        return type(value)(_on_host(part) for part in value)
    return value


def _host_keywords(keywords: dict[str, Any]) -> dict[str, Any]:
    return {key: _on_host(value) for key, value in keywords.items()}


def _on_card(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return np.asarray(value).view(DeviceArray)
    if isinstance(value, tuple):
        return tuple(_on_card(part) for part in value)
    return value


def _wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **keywords: Any) -> Any:
        return _on_card(function(*map(_on_host, arguments), **_host_keywords(keywords)))

    return call


class Devices:
    """Cards that the stand-in claims to have, and those that were chosen, in order."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.chosen: list[int] = []
        self.runtime = types.SimpleNamespace(getDeviceCount=lambda: self.count)

    def Device(self, number: int) -> Any:
        return types.SimpleNamespace(use=lambda: self.chosen.append(number))


def make_modules(n_devices: int = 2) -> dict[str, types.ModuleType]:
    """Return what stands for `cupy` and the parts of `cupyx`, by name."""
    import scipy.ndimage

    cupy = types.ModuleType("cupy")
    for name in _FUNCTIONS:
        setattr(cupy, name, _wrapped(getattr(np, name)))
    cupy.ndarray, cupy.nan = DeviceArray, np.nan  # type: ignore[attr-defined]
    transforms = ("fft2", "rfft2", "irfft2", "fftshift")
    cupy.fft = types.SimpleNamespace(  # type: ignore[attr-defined]
        **{name: _wrapped(getattr(np.fft, name)) for name in transforms}
    )
    tricks = types.SimpleNamespace(as_strided=_wrapped(np.lib.stride_tricks.as_strided))
    cupy.lib = types.SimpleNamespace(stride_tricks=tricks)  # type: ignore[attr-defined]
    cupy.cuda = Devices(n_devices)  # type: ignore[attr-defined]
    ndimage = types.ModuleType("cupyx.scipy.ndimage")

    def affine_transform(*arguments: Any, float64_coords: bool, **keywords: Any) -> Any:
        # Always in double precision here.
        return _wrapped(scipy.ndimage.affine_transform)(*arguments, **keywords)

    ndimage.affine_transform = affine_transform  # type: ignore[attr-defined]
    return {"cupy": cupy, "cupyx.scipy.ndimage": ndimage}
