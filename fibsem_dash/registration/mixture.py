"""Two detectors of a frame added with weights, a part at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.io import open_frame

ROWS = 512
"""Rows that are added at once: an intermediate of the whole frame would double the memory."""


@dataclass(frozen=True, eq=False)
class DetectorMixture:
    """The sum (1 - fraction) * first + fraction * second, made where it is looked at.

    Indexing gives (y, x) arrays of the frames' type, integers rounded; `numpy.asarray` gives all.

    Attributes
    ----------
    first, second : (y, x) array
        The detectors.
    fraction : float
        Share of the second, 0 to 1.
    """

    first: npt.NDArray[Any]
    second: npt.NDArray[Any]
    fraction: float

    @property
    def shape(self) -> tuple[int, int]:
        """Size (y, x), px."""
        return self.first.shape[0], self.first.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel."""
        return self.first.dtype

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.first.size

    def __getitem__(self, place: Any) -> npt.NDArray[Any]:
        weight = np.float32(self.fraction)
        total = self.first[place].astype(np.float32) * (1 - weight)
        total += self.second[place].astype(np.float32) * weight
        if np.issubdtype(self.dtype, np.integer):
            np.rint(total, out=total)
        return np.asarray(total, self.dtype.newbyteorder("="))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        whole = np.empty(self.shape, self.dtype.newbyteorder("="))
        for top in range(0, self.shape[0], ROWS):
            whole[top : top + ROWS] = self[top : top + ROWS]
        return whole if dtype is None else whole.astype(dtype)


def open_mixture(path: str, detector: str, fraction_b: float = 0.0) -> Any:
    """Open a detector of a frame, or its mixture with detector B.

    Parameters
    ----------
    path : str
        The frame.
    detector : str
        Letter of the detector.
    fraction_b : float
        Share of detector B, 0 to 1; 0 opens the detector alone.

    Returns
    -------
    (y, x) array or DetectorMixture
        Pixels are read when they are asked for.

    Raises
    ------
    FormatError, AccessError
        When the frame cannot be read.
    ParameterError
        When it lacks a detector.
    """
    frame = open_frame(path)
    first = frame.view(detector)
    return DetectorMixture(first, frame.view("B"), fraction_b) if fraction_b > 0 else first
