"""Where slices are measured: valid areas and evaluation boxes, fixed and sliding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fibsem_dash.errors import ParameterError
from fibsem_dash.registration.canvas import Canvas
from fibsem_dash.transforms.matrices import Array, apply

Bounds = npt.NDArray[np.int64]
"""(n, 4) array of half-open bounds (xi, xa, yi, ya) in output slices, px."""


def valid_bounds(matrices: Array, frame_shape: tuple[int, int], canvas: Canvas) -> Bounds:
    """Return the rectangle of each output slice that its frame fills completely.

    Parameters
    ----------
    matrices : (n, 3, 3) array
        ``C_j``, reference coordinates to frame j.
    frame_shape : (int, int)
        Size (y, x) of a frame, px.
    canvas : Canvas
        Size of a slice and place of the frames in it.

    Returns
    -------
    (n, 4) int array
        (xi, xa, yi, ya); xa <= xi where nothing is left.
    """
    height, width = frame_shape
    corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], float)
    placed = apply(np.linalg.inv(matrices), corners) + np.array(canvas.offset)
    x, y = placed[..., 0], placed[..., 1]
    # The tolerance keeps rounding noise of an exact fit from costing a row.
    low = [np.maximum(x[:, 0], x[:, 2]), np.maximum(y[:, 0], y[:, 1])]
    high = [np.minimum(x[:, 1], x[:, 3]), np.minimum(y[:, 2], y[:, 3])]
    xi, yi = (np.ceil(v - 1e-6) for v in low)
    xa, ya = (np.floor(v + 1e-6) + 1 for v in high)
    size_y, size_x = canvas.shape
    bounds = np.column_stack(
        [xi.clip(0, size_x), xa.clip(0, size_x), yi.clip(0, size_y), ya.clip(0, size_y)]
    )
    return bounds.astype(np.int64)


def intersect(bounds: Bounds) -> npt.NDArray[np.int64]:
    """Return the common part (xi, xa, yi, ya) of several bounds, (k, 4)."""
    common: npt.NDArray[np.int64] = np.array(
        [bounds[:, 0].max(), bounds[:, 1].min(), bounds[:, 2].max(), bounds[:, 3].min()]
    )
    return common


def box_bounds(
    n: int,
    shape: tuple[int, int],
    box: Sequence[int],
    *,
    stop_box: Sequence[int] | None = None,
    origin: tuple[int, int] = (0, 0),
) -> Bounds:
    """Return the bounds of an evaluation box in each of n slices.

    Parameters
    ----------
    n : int
        Number of slices.
    shape : (int, int)
        Size (y, x) of the area that the box is given in, px.
    box : sequence of int
        [top, height, left, width], px; a height or width of 0 reaches to the edge.
    stop_box : sequence of int, optional
        Where the box arrives in the last slice; its size is that of `box`.
    origin : (int, int)
        Position (x, y) of that area in the slices, px.

    Returns
    -------
    (n, 4) int array
        (xi, xa, yi, ya), clipped to the area.

    Raises
    ------
    ParameterError
        For a box with negative numbers or one that lies outside the area.
    """
    top, height, left, width = (int(v) for v in box)
    size_y, size_x = shape
    for name, values in (("box", box), ("stop_box", stop_box or (0, 0, 0, 0))):
        if min(values) < 0 or values[0] >= size_y or values[2] >= size_x:
            raise ParameterError(
                f"evaluation {name} [top, height, left, width]",
                expected=f"inside {size_y} rows and {size_x} columns",
                found=list(map(int, values)),
            )
    step = np.linspace(0, 1, n) if n > 1 else np.zeros(n)
    end_top, end_left = (top, left) if stop_box is None else (int(stop_box[0]), int(stop_box[2]))
    xi = np.rint(left + (end_left - left) * step).astype(np.int64)
    yi = np.rint(top + (end_top - top) * step).astype(np.int64)
    xa = np.minimum(xi + (width or size_x), size_x)
    ya = np.minimum(yi + (height or size_y), size_y)
    x, y = origin
    return np.column_stack([xi + x, xa + x, yi + y, ya + y])


def pair_bounds(boxes: Bounds, valid: Bounds) -> Bounds:
    """Return the bounds that both slices of each pair fill, (n-1, 4).

    A pair is measured at one place in both of its slices: that of the box of its second slice.
    """
    return np.array(
        [intersect(np.stack([boxes[k], valid[k - 1], valid[k]])) for k in range(1, len(boxes))]
    ).reshape(-1, 4)


def flip_bounds(bounds: Bounds, height: int) -> Bounds:
    """Return the bounds in slices that are turned upside down."""
    flipped = bounds.copy()
    flipped[:, 2], flipped[:, 3] = height - bounds[:, 3], height - bounds[:, 2]
    return flipped
