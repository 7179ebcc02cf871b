"""What a phantom is made of: its settings, their defaults and their bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, get_args

from fibsem_dash.errors import ParameterError

PhantomFormat = Literal["dat9", "dat8", "tif"]

_LARGEST_SIDE = 16384
_LARGEST_TREND = 0.25


@dataclass(frozen=True)
class BrightnessChange:
    """A change of detector gain and offset part way through the stack.

    Parameters
    ----------
    frame : int
        First frame that is changed.
    gain : float, default 1
        Factor on the counts above the dark count, above 0.
    offset : float, default 0
        Added to every pixel, raw counts.
    ramp : int, default 0
        Number of frames over which the change builds up; 0 is a step.
    """

    frame: int
    gain: float = 1.0
    offset: float = 0.0
    ramp: int = 0

    def at(self, frame: int) -> tuple[float, float]:
        """Gain and offset of one frame."""
        part = min(max((frame - self.frame + 1) / (self.ramp + 1), 0.0), 1.0)
        return 1.0 + part * (self.gain - 1.0), part * self.offset


@dataclass(frozen=True)
class PhantomSettings:
    """Everything that determines the content of a phantom.

    Parameters
    ----------
    frames : int, default 200
        Number of frames, 1 or more.
    size : int or (int, int), default 1024
        Side of a square frame, or (y, x), 16 to 16384 pixels.
    seed : int, default 0
        Names the tissue, the drift and the noise, 0 or more.
    format : {"dat9", "dat8", "tif"}, default "dat9"
        .dat version 9 or 8 with two 16-bit detectors, or 16-bit TIFF with detector A.
    drift_px : float, default 1.0
        Standard deviation of the random step per frame and axis, pixels, 0 or more.
    scale_trend : float, default 5e-5
        The scale in x grows and that in y shrinks by this much per frame.
    shear_trend : float, default 2e-5
        x shear (pixels in x per pixel in y) grows by this much per frame.
    noise : float, default 1.0
        Factor on the standard deviation of the shot noise, 0 or more.
    blank : sequence of int, default ()
        Frames without tissue: noise about the mean level.
    jump : (int, float), optional
        Frame (1 or later) from which everything is displaced in x, and by how many pixels.
    curtain : float, default 0.0
        Standard deviation of the vertical streaks as a fraction of the signal, 0 to 1.
    curtain_frames : sequence of int, optional
        Frames with streaks; all of them when not given.
    brightness_change : BrightnessChange, or tuple of its arguments, optional
        Change of gain and offset from a frame on.
    pixel_size_nm : float, default 8.0
        Size of a pixel, nm, above 0.
    slice_nm : float, default 8.0
        Thickness removed between two frames, nm, 0 or more.

    Raises
    ------
    ParameterError
        A value is outside its bounds.
    """

    frames: int = 200
    size: int | tuple[int, int] = 1024
    seed: int = 0
    format: PhantomFormat = "dat9"
    drift_px: float = 1.0
    scale_trend: float = 5e-5
    shear_trend: float = 2e-5
    noise: float = 1.0
    blank: Sequence[int] = ()
    jump: tuple[int, float] | None = None
    curtain: float = 0.0
    curtain_frames: Sequence[int] | None = None
    brightness_change: BrightnessChange | tuple[float, ...] | None = None
    pixel_size_nm: float = 8.0
    slice_nm: float = 8.0

    def __post_init__(self) -> None:
        _integer("frames", self.frames, 1)
        _integer("seed", self.seed, 0)
        if self.format not in get_args(PhantomFormat):
            raise _refusal("format", " or ".join(get_args(PhantomFormat)), self.format)
        for name in ("drift_px", "noise", "slice_nm"):
            _number(name, getattr(self, name), 0.0)
        _number("curtain", self.curtain, 0.0, 1.0)
        if not _number("pixel_size_nm", self.pixel_size_nm, 0.0) > 0:
            raise _refusal("pixel_size_nm", "more than 0", self.pixel_size_nm)
        for name in ("scale_trend", "shear_trend"):
            limit = _LARGEST_TREND / self.frames
            _number(name, getattr(self, name), -limit, limit)
        self._fix("size", _shape(self.size))
        self._fix("blank", self._frame_list("blank", self.blank))
        if self.curtain_frames is not None:
            self._fix("curtain_frames", self._frame_list("curtain_frames", self.curtain_frames))
        if self.jump is not None:
            self._fix("jump", self._checked_jump(self.jump))
        if self.brightness_change is not None:
            self._fix("brightness_change", self._checked_change(self.brightness_change))

    @property
    def shape(self) -> tuple[int, int]:
        """Size (y, x) of a frame in pixels."""
        return _shape(self.size)

    @property
    def change(self) -> BrightnessChange | None:
        """The change of brightness, if there is one."""
        change = self.brightness_change
        return change if change is None or isinstance(change, BrightnessChange) else None

    def _fix(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _frame_list(self, name: str, values: object) -> tuple[int, ...]:
        if not isinstance(values, Sequence) or isinstance(values, str):
            raise _refusal(name, "a sequence of frame numbers", values)
        return tuple(_integer(name, value, 0, self.frames - 1) for value in values)

    def _checked_jump(self, jump: object) -> tuple[int, float]:
        if not isinstance(jump, Sequence) or len(jump) != 2:
            raise _refusal("jump", "a frame and a number of pixels", jump)
        frame = _integer("jump", jump[0], 1, self.frames - 1)
        return frame, _number("jump", jump[1], -1e6, 1e6)

    def _checked_change(self, given: BrightnessChange | tuple[float, ...]) -> BrightnessChange:
        change: Any = given
        if not isinstance(change, BrightnessChange):
            try:
                change = BrightnessChange(*change)
            except TypeError as error:
                expected = "a frame and, if wanted, gain, offset and ramp"
                raise _refusal("brightness_change", expected, change) from error
        _integer("brightness_change.frame", change.frame, 0, self.frames - 1)
        _integer("brightness_change.ramp", change.ramp, 0)
        _number("brightness_change.offset", change.offset, -65536, 65536)
        if not _number("brightness_change.gain", change.gain, 0.0) > 0:
            raise _refusal("brightness_change.gain", "more than 0", change.gain)
        checked: BrightnessChange = change
        return checked


def _refusal(name: str, expected: str, found: object) -> ParameterError:
    return ParameterError(
        f"The phantom cannot be made with this {name}",
        expected=expected,
        found=repr(found),
        remedy=f"Change {name.split('.')[0]}",
    )


def _integer(name: str, value: object, low: int, high: int | None = None) -> int:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or int(value) < low or (high is not None and int(value) > high):  # type: ignore[call-overload]
        span = f"{low} or more" if high is None else f"{low} to {high}"
        raise _refusal(name, f"a whole number, {span}", value)
    return int(value)  # type: ignore[call-overload, no-any-return]


def _number(name: str, value: object, low: float, high: float = math.inf) -> float:
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not real or not math.isfinite(value) or not low <= value <= high:  # type: ignore[arg-type,operator]
        span = f"{low:g} or more" if high == math.inf else f"{low:g} to {high:g}"
        raise _refusal(name, f"a number, {span}", value)
    return float(value)  # type: ignore[arg-type]


def _shape(size: object) -> tuple[int, int]:
    sides = (
        tuple(size) if isinstance(size, Sequence) and not isinstance(size, str) else (size, size)
    )
    if len(sides) != 2:
        raise _refusal("size", "one side, or (y, x)", size)
    return tuple(_integer("size", side, 16, _LARGEST_SIDE) for side in sides)  # type: ignore[return-value]
