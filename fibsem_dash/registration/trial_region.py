"""The part of a frame that a trial uses."""

from __future__ import annotations

from fibsem_dash.errors import ParameterError

Region = tuple[int, int, int, int]
"""Part of a frame as (yi, ya, xi, xa), px, half open."""

FULL_FRAME_PIXELS = 2_000_000
"""Frames up to this size are tried whole, larger ones in their middle: key points of 2 Mpx take
most of a second a frame, and an answer within two seconds still feels live."""


def trial_region(
    shape: tuple[int, int], max_pixels: int = FULL_FRAME_PIXELS, max_side: int = 0
) -> Region:
    """Choose what part of a frame is tried: all of it, or its middle where it is large.

    Parameters
    ----------
    shape : (int, int)
        Size (y, x), px.
    max_pixels : int
        Most pixels of the part, unless `max_side` is given.
    max_side : int
        Longest side of the part, px; 0 lets `max_pixels` decide.
    """
    height, width = shape
    if max_side <= 0:
        if height * width <= max_pixels:
            return 0, height, 0, width
        max_side = int(max_pixels**0.5)
        # A flat frame gives its whole height, and a longer side for it.
        if min(shape) < max_side:
            max_side = max_pixels // min(shape)
    h, w = min(height, max_side), min(width, max_side)
    top, left = (height - h) // 2, (width - w) // 2
    return top, top + h, left, left + w


def region_note(part: Region, shape: tuple[int, int]) -> str:
    """Say in words what part of a frame was tried; empty for all of it."""
    top, bottom, left, right = part
    if (bottom - top, right - left) == tuple(shape):
        return ""
    return (
        f"Tried: the middle, {right - left} x {bottom - top} of {shape[1]} x {shape[0]} px. "
        "The run takes whole frames."
    )


def check_region(part: Region, shape: tuple[int, int]) -> None:
    """Raise ParameterError where a part is empty or leaves the frame."""
    top, bottom, left, right = part
    if not (0 <= top < bottom <= shape[0] and 0 <= left < right <= shape[1]):
        raise ParameterError(
            "region", expected="a part (yi, ya, xi, xa) of the frame", found=str(part)
        )
