"""Where the registered frames lie in the output slices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fibsem_dash.transforms.matrices import Array, apply


def corners_of(shape: tuple[int, int]) -> Array:
    """Return the corners (0, 0), (W, 0), (0, H), (W, H) of a (y, x) frame as (4, 2) points."""
    height, width = shape
    return np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)


@dataclass(frozen=True)
class Canvas:
    """Where the frames lie in the output slices.

    Attributes
    ----------
    shape : (int, int)
        Size (y, x) of an output slice, px.
    offset : (int, int)
        Position (x, y) of reference coordinate (0, 0) in the slice, px.
    """

    shape: tuple[int, int]
    offset: tuple[int, int] = (0, 0)


def fit_canvas(matrices: Array, frame_shape: tuple[int, int], mode: str = "exact") -> Canvas:
    """Find the smallest canvas that holds every frame.

    Parameters
    ----------
    matrices : (n, 3, 3) array
        ``C_j``, reference coordinates to frame j.
    frame_shape : (int, int)
        Size (y, x) of a frame, px.
    mode : {"exact", "forward"}
        "exact" maps the frames' corners back by the inverse matrices; "forward" maps them by the
        matrices as older results did, which cuts frames whose scale is below one.
    """
    height, width = frame_shape
    corners = corners_of(frame_shape)
    size = np.array([width, height])
    if mode == "forward":
        points = apply(matrices, corners)
        low = np.rint(np.minimum(points.min((0, 1)), 0)).astype(int)
        high = np.rint(points.max((0, 1)) - size).astype(int)
        offset = np.maximum(high, 0)
        pad = np.maximum(high - low, offset)
    else:
        inverse = np.linalg.inv(matrices)
        points = apply(inverse, corners)
        # A turned pixel reaches less far than a whole one from its centre, but needs its own place.
        centres = apply(inverse, corners_of((height - 1, width - 1)))
        end = np.maximum(points.max((0, 1)), centres.max((0, 1)) + 1)
        # A hair of tolerance: rounding noise must not add a row.
        offset = np.ceil(np.maximum(-points.min((0, 1)), 0) - 1e-6).astype(int)
        pad = offset + np.ceil(np.maximum(end - size, 0) - 1e-6).astype(int)
    return Canvas((height + int(pad[1]), width + int(pad[0])), (int(offset[0]), int(offset[1])))
