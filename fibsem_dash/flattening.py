"""Field flattening of frames: one correction per detector, found once and applied to a stack."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.errors import ParameterError
from fibsem_dash.image.flatten import BackgroundFit, fit_background
from fibsem_dash.io.flatten_file import write_flatten
from fibsem_dash.io.raw_frame import RawFrame


@dataclass(frozen=True)
class FieldFlattening:
    """Background of each detector and the correction that follows from it.

    Attributes
    ----------
    fits : mapping of str to BackgroundFit
        By detector letter, of counts above the dark count.
    files : tuple of str
        Names of the frames that were fitted.
    """

    fits: Mapping[str, BackgroundFit]
    files: tuple[str, ...]

    @property
    def detectors(self) -> tuple[str, ...]:
        """Letters of the detectors."""
        return tuple(self.fits)

    def correction(self, detector: str = "A") -> NDArray[np.float64]:
        """Return the factor of each pixel, (y, x) float64, about the dark count.

        Raises
        ------
        ParameterError
            For a detector that was not fitted.
        """
        if detector not in self.fits:
            raise ParameterError(
                "The background of this detector was not fitted",
                expected=" or ".join(self.fits),
                found=detector,
            )
        return self.fits[detector].correction()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the corrections as the NPZ file that a run takes as ``output.flatten_file``.

        Raises
        ------
        AccessError
            When it cannot be written.
        """
        write_flatten(path, {letter: self.correction(letter) for letter in self.fits})
        return Path(path)


def fit_field(
    frames: Sequence[RawFrame],
    detectors: Sequence[str] | None = None,
    degree: int | Sequence[int] = 2,
    bins: int = 10,
    **options: Any,
) -> FieldFlattening:
    """Fit the background of each detector to the mean of one frame or several.

    Structure averages out over frames far apart; the shading of the detector stays.

    Parameters
    ----------
    frames : sequence of RawFrame
        Of equal shape.
    detectors : sequence of str, optional
        Letters; those that all frames store by default.
    degree : int or sequence of int, default 2
        Greatest sum of the powers of x and y; one for all detectors, or one for each.
    bins : int, default 10
        Side of a block, px.
    **options : object
        ``rois``, ``ignore_y``, ``linear_y``, ``estimator`` and ``reference`` of
        `fibsem_dash.image.fit_background`.

    Returns
    -------
    FieldFlattening

    Raises
    ------
    ParameterError
        Without a frame, for frames of different shapes, for a detector that is not stored, or not
        one degree per detector.
    """
    if not frames:
        raise ParameterError("At least one frame is needed")
    first = frames[0]
    for frame in frames[1:]:
        if frame.shape != first.shape:
            raise ParameterError(
                "The frames have different shapes",
                path=frame.path,
                expected=first.shape,
                found=frame.shape,
            )
    common = tuple(letter for letter in first.detectors if _all_store(frames, letter))
    letters = common if detectors is None else tuple(dict.fromkeys(detectors))
    degrees = [degree] * len(letters) if isinstance(degree, int) else list(degree)
    if not letters:
        raise ParameterError("The frames have no detector in common", path=first.path)
    if len(degrees) != len(letters):
        raise ParameterError(
            "One degree per detector is needed", expected=len(letters), found=len(degrees)
        )
    fits = {}
    for letter, one in zip(letters, degrees, strict=True):
        image, dark = _mean_above_dark(frames, letter)
        fits[letter] = fit_background(image, one, bins, dark_count=dark, **options)
    return FieldFlattening(fits, tuple(frame.path.name for frame in frames))


def _all_store(frames: Sequence[RawFrame], letter: str) -> bool:
    return all(letter in frame.detectors for frame in frames)


def _mean_above_dark(frames: Sequence[RawFrame], letter: str) -> tuple[NDArray[Any], float]:
    """Image to fit and the dark count that is still in it."""
    if len(frames) == 1:
        return frames[0].raw(letter), frames[0].dark_counts.get(letter, 0.0)
    total = np.zeros(frames[0].shape)
    for frame in frames:
        total += frame.raw(letter)
        total -= frame.dark_counts.get(letter, 0.0)
    total /= len(frames)
    return total, 0.0
