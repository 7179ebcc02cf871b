"""The pixels of a frame as the Header page shows them: raw, scaled, flattened, fused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import param

from components.widgets.image_view import Image, ImageView, visible_part
from fibsem_dash.errors import FibsemDashError, FormatError
from fibsem_dash.frame import FIBSEMFrame
from fibsem_dash.image.flatten import BackgroundFit, fit_background
from fibsem_dash.image.polynomial import evaluate_grid

MOST_PIXELS = 4_000_000
"""Analyses take at most this many pixels, so that they answer within about two seconds."""

MOST_CORRECTION = 10.0
"""Limit of the flattening factor, as `BackgroundFit.correction` has it."""

KINDS = {"Raw": "raw", "Scaled": "scaled", "Flattened": "flattened"}
"""What the pixels can be shown as."""

Place = tuple[int, int, int, int]
"""(xi, xa, yi, ya) in pixels of the frame."""


@dataclass(frozen=True)
class Surface:
    """Background of one detector, fitted to every n-th pixel of the frame.

    Attributes
    ----------
    fit : BackgroundFit
        In pixels of the sample.
    step : int
        Pixels of the frame per pixel of the sample.
    dark_count : float
        Zero level that the factor leaves alone.
    frame_shape : (int, int)
        Size (y, x) of the frame, px.
    """

    fit: BackgroundFit
    step: int
    dark_count: float
    frame_shape: tuple[int, int]

    def factor(self, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return the flattening factor at the columns x and rows y of the frame, (y, x)."""
        fit = self.fit
        terms = fit.coefficients.copy()
        terms[0] += fit.intercept
        centre = (fit.bins - 1) / 2
        values = evaluate_grid(
            terms,
            fit.powers,
            (np.asarray(x, np.float64) / self.step - centre) / fit.bins,
            (np.asarray(y, np.float64) / self.step - centre) / fit.bins,
        )
        relative = values * (1.0 if fit.fitted_mean >= 0 else -1.0)
        relative /= max(abs(fit.fitted_mean), 1e-300)
        return np.asarray(1.0 / np.clip(relative, 1.0 / MOST_CORRECTION, MOST_CORRECTION))


def fit_surface(
    frame: FIBSEMFrame,
    detector: str,
    degree: int = 2,
    bins: int = 32,
    box: tuple[int, int, int, int] = (0, 0, 0, 0),
    ignore_y: bool = False,
    linear_y: bool = False,
) -> Surface:
    """Fit the slow variation of brightness of one detector.

    Large frames are sampled: every n-th pixel of every n-th row, at most 4 Mpx, tells as much
    about a slow variation as all of them.

    Parameters
    ----------
    frame : FIBSEMFrame
        The frame.
    detector : str
        Letter of the detector.
    degree : int
        Greatest sum of the powers of x and y.
    bins : int
        Side of a block, px of the frame.
    box : (top, height, left, width)
        Part that is fitted; zeros take all of the frame.
    ignore_y, linear_y : bool
        Leave out terms with y, or with powers of y above 1.
    """
    height, width = frame.shape
    step = max(1, int(np.ceil(np.sqrt(height * width / MOST_PIXELS))))
    sample = frame.source.view(detector)[::step, ::step]
    top, tall, left, wide = box
    rois: list[tuple[int, int, int, int]] = []
    if tall and wide:
        right = min((left + wide) // step, sample.shape[1])
        bottom = min((top + tall) // step, sample.shape[0])
        rois = [(left // step, right, top // step, bottom)]
    dark = float(frame.source.dark_counts.get(detector, 0.0))
    side = max(1, min(round(bins / step), *sample.shape))
    fit = fit_background(
        sample, degree, side, dark_count=dark, rois=rois, ignore_y=ignore_y, linear_y=linear_y
    )
    return Surface(fit, step, dark, frame.shape)


@dataclass(frozen=True)
class Channel:
    """One detector of what is shown: counts are reduced first, then calibrated."""

    detector: str
    weight: float = 1.0
    gain: float = 1.0
    offset: float = 0.0
    surface: Surface | None = None


@dataclass(frozen=True)
class Picture:
    """Pixels of one image view, read from the frame when they are asked for.

    Attributes
    ----------
    frame : FIBSEMFrame
        The frame.
    channels : tuple of Channel
        One, or those that are fused.
    kind : str
        "raw", "scaled" or "flattened".
    unit : str
        Unit of the values.
    """

    frame: FIBSEMFrame
    channels: tuple[Channel, ...]
    kind: str
    unit: str

    @property
    def key(self) -> tuple[str, str]:
        """What the contrast is remembered under."""
        return "+".join(c.detector for c in self.channels), self.kind

    def __call__(self, rows: slice, columns: slice) -> Image:
        """Return raw counts, (y, x), or (y, x, detectors) where several are fused."""
        parts = [self.frame.source.view(c.detector)[rows, columns] for c in self.channels]
        return parts[0] if len(parts) == 1 else np.stack(parts, axis=-1)

    def finish(self, part: Image, place: Place) -> Image:
        """Calibrate, flatten and fuse counts that cover a part of the frame."""
        if not part.size or (len(self.channels) == 1 and self.kind == "raw"):
            return part
        planes = part[..., None] if part.ndim == 2 else part
        total = np.zeros(planes.shape[:2], np.float32)
        for index, channel in enumerate(self.channels):
            plane = planes[..., index].astype(np.float32)
            if channel.surface is not None:
                dark = np.float32(channel.surface.dark_count)
                factor = channel.surface.factor(*_centres(plane.shape, place))
                plane = (plane - dark) * factor.astype(np.float32) + dark
            plane = plane * np.float32(channel.gain) + np.float32(channel.offset)
            total += np.float32(channel.weight) * plane
        return total

    def sample(self, box: tuple[int, int, int, int] = (0, 0, 0, 0)) -> Image:
        """Return every n-th pixel of the frame or of a box, at most 4 Mpx, as they are shown."""
        height, width = self.frame.shape
        top, tall, left, wide = box
        if not (tall and wide):
            top, tall, left, wide = 0, height, 0, width
        bottom, right = min(top + tall, height), min(left + wide, width)
        step = max(1, int(np.ceil(np.sqrt(tall * wide / MOST_PIXELS))))
        part = np.ascontiguousarray(self(slice(top, bottom, step), slice(left, right, step)))
        part = part.astype(part.dtype.newbyteorder("="), copy=False)
        return self.finish(part, (left, right, top, bottom))


def _centres(
    shape: tuple[int, ...], place: Place
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return columns and rows of the frame at the centres of reduced pixels."""
    xi, xa, yi, ya = place
    x = xi + (np.arange(shape[1]) + 0.5) * (xa - xi) / shape[1] - 0.5
    y = yi + (np.arange(shape[0]) + 0.5) * (ya - yi) / shape[0] - 0.5
    return x, y


def linear_scale(frame: FIBSEMFrame, detector: str) -> tuple[float, float]:
    """Return gain and offset from raw counts to scaled values, which are linear in every version.

    Raises
    ------
    FormatError
        When the file holds no scaling of the detector.
    """
    offset, at_one = frame.source.calibration.scaled(np.array([0.0, 1.0]), detector)
    return float(at_one - offset), float(offset)


def electron_scale(frame: FIBSEMFrame, detector: str) -> tuple[float, float] | None:
    """Return gain and offset from raw counts to electrons per pixel; None where not known."""
    try:
        values = frame.source.calibration.electrons(np.array([0.0, 1.0]), detector)
    except FibsemDashError:
        return None
    return float(values[1] - values[0]), float(values[0])


def scaled_unit(frame: FIBSEMFrame) -> str:
    """Return the unit of the scaled values by the version of the file."""
    calibration = frame.source.calibration
    if calibration.version < 0:
        return "counts"
    if calibration.eight_bit:
        return "16-bit counts"
    if calibration.version <= 6:
        return "V"
    return "electrons" if calibration.version == 7 else "0.1 electrons"


def picture_of(
    frame: FIBSEMFrame,
    weights: dict[str, float],
    kind: str,
    surfaces: dict[str, Surface] | None = None,
) -> Picture:
    """Put together what one image view shows.

    Parameters
    ----------
    frame : FIBSEMFrame
        The frame.
    weights : dict
        Detector letter to its share.
    kind : str
        "raw", "scaled" or "flattened".
    surfaces : dict
        Fitted background of each detector, for "flattened".
    """
    channels = []
    for detector, weight in weights.items():
        if detector not in frame.detectors:
            raise FormatError(
                f"this frame has no detector {detector}",
                path=frame.path,
                found=", ".join(frame.detectors),
                remedy="Choose another detector",
            )
        gain, offset = linear_scale(frame, detector) if kind == "scaled" else (1.0, 0.0)
        surface = (surfaces or {}).get(detector) if kind == "flattened" else None
        channels.append(Channel(detector, weight, gain, offset, surface))
    unit = scaled_unit(frame) if kind == "scaled" else "counts"
    return Picture(frame, tuple(channels), kind, unit)


class FrameView(ImageView):
    """An image view whose pixels are calibrated after they were reduced to the screen."""

    follower = param.Boolean(False, doc="Another view, which shares the ranges, sets them")

    def _on_resized(self, name: str, old: Any, new: Any) -> None:
        if not self.follower:
            super()._on_resized(name, old, new)

    def _set_ranges(self, x_centre: float, y_centre: float, scale: float) -> None:
        if not self.follower:
            super()._set_ranges(x_centre, y_centre, scale)

    def _load(self, shape: tuple[int, int], read: Any, bounds: Any) -> Any:
        part, place = visible_part(shape, read, bounds, self.most_pixels)
        return (read.finish(part, place) if isinstance(read, Picture) else part), place
