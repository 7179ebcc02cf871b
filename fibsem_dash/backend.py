"""Which array library computes: NumPy on the processor or CuPy on a graphics card.

One switch for every function that can run on both. CuPy is imported only when it was asked for by
name or when an argument already is a CuPy array; everything else works without it.
"""

from __future__ import annotations

import os
import sys
import threading
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.errors import ParameterError

Backend = Literal["numpy", "cupy", "auto"]
BACKENDS: tuple[Backend, ...] = ("numpy", "cupy", "auto")

WORKER_NUMBER = "FIBSEM_DASH_WORKER_NUMBER"
"""Environment variable of a worker process: its number, by which it chooses its card."""

_chosen = threading.local()


def is_device_array(array: object) -> bool:
    """Whether an object is a CuPy array, found out without importing CuPy."""
    cupy = sys.modules.get("cupy")
    return cupy is not None and isinstance(array, cupy.ndarray)


def cupy_available() -> bool:
    """Whether CuPy is installed and sees at least one CUDA device.

    Imports CuPy where it is installed, so call it only to decide whether to ask for ``"cupy"``.
    """
    if find_spec("cupy") is None:
        return False
    try:
        return int(import_module("cupy").cuda.runtime.getDeviceCount()) > 0
    except Exception:  # noqa: BLE001 - a broken driver raises classes of CuPy's own
        return False


def array_module(backend: Backend = "auto", *arrays: object) -> Any:
    """Return the module, ``numpy`` or ``cupy``, that is to compute on some arrays.

    Parameters
    ----------
    backend : {"numpy", "cupy", "auto"}, default "auto"
        ``"auto"`` computes where the data lies: on the card where an array is a CuPy array, else
        on the processor.
    *arrays : array-like
        The arguments of the computation.

    Returns
    -------
    module
        ``numpy`` or ``cupy``; every function used by this package exists in both.

    Raises
    ------
    ParameterError
        For an unknown backend, or ``"cupy"`` where CuPy cannot be imported or sees no card.
    """
    if backend not in BACKENDS:
        raise ParameterError("Unknown backend", expected=" or ".join(BACKENDS), found=backend)
    wanted = backend == "cupy" or (backend == "auto" and any(map(is_device_array, arrays)))
    if not wanted:
        return np
    try:
        cupy = import_module("cupy")
    except ImportError as error:
        raise ParameterError(
            "The backend 'cupy' needs CuPy, which cannot be imported",
            found=str(error),
            remedy="Install fibsem-dash[gpu] on a machine with a CUDA device, "
            "or choose backend='numpy'.",
        ) from error
    _choose_device(cupy)
    return cupy


def _choose_device(cupy: Any) -> None:
    """Let this thread compute on the card of its worker: number n on card n, in turn."""
    if getattr(_chosen, "module", None) is cupy:
        return
    try:
        count = int(cupy.cuda.runtime.getDeviceCount())
    except Exception as error:
        raise _no_device(str(error)) from error
    if count < 1:
        raise _no_device("none")
    cupy.cuda.Device(int(os.environ.get(WORKER_NUMBER, "0")) % count).use()
    _chosen.module = cupy


def _no_device(found: str) -> ParameterError:
    return ParameterError(
        "The backend 'cupy' needs a CUDA device",
        found=found,
        remedy="Run on a machine with an NVIDIA card and its driver, or choose backend='numpy'.",
    )


def device_count() -> int:
    """Return the number of cards that CuPy sees; 0 without CuPy."""
    if not cupy_available():
        return 0
    return int(import_module("cupy").cuda.runtime.getDeviceCount())


def strided_view(xp: Any, array: Any, shape: tuple[int, ...], strides: tuple[int, ...]) -> Any:
    """Return a view of an array with other axes; it must not be written to.

    Parameters
    ----------
    xp : module
        What `array_module` returned.
    array : array
        Holds the numbers.
    shape : tuple of int
        Of the view.
    strides : tuple of int
        Bytes from one entry to the next along each axis.
    """
    if xp is np:
        return np.lib.stride_tricks.as_strided(array, shape, strides, writeable=False)
    return xp.lib.stride_tricks.as_strided(array, shape, strides)


def to_host(array: Any) -> NDArray[Any]:
    """Return an array in the memory of the processor: CuPy arrays are copied, others are passed."""
    return np.asarray(array.get() if is_device_array(array) else array)


def rfft2(xp: Any, image: Any) -> Any:
    """Two-dimensional Fourier transform of a real image, half plane, in its own precision.

    Parameters
    ----------
    xp : module
        What `array_module` returned.
    image : array, (y, x), float32 or float64

    Returns
    -------
    array, (y, x // 2 + 1), complex64 or complex128
    """
    if xp is np:
        import scipy.fft

        return scipy.fft.rfft2(image)
    return xp.fft.rfft2(image)


def fft2(xp: Any, image: Any) -> Any:
    """Two-dimensional Fourier transform, whole plane, complex128 of shape (y, x)."""
    if xp is np:
        import scipy.fft

        return scipy.fft.fft2(image)
    return xp.fft.fft2(image)


def irfft2(xp: Any, spectrum: Any, shape: tuple[int, int]) -> Any:
    """Inverse of `rfft2` for an image of the given (y, x) shape, float64."""
    if xp is np:
        import scipy.fft

        return scipy.fft.irfft2(spectrum, s=shape)
    return xp.fft.irfft2(spectrum, s=shape)
