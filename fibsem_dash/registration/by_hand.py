"""Setting the transform of a pair by hand: moving it, turning it, and seeing what it does."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fibsem_dash.errors import ParameterError
from fibsem_dash.numerics.arguments import as_image
from fibsem_dash.transforms.matrices import Array, translation


def nudge(matrix: npt.ArrayLike, dx: float, dy: float) -> Array:
    """Move the place of the second frame's content by (dx, dy) pixels: a new (3, 3) matrix.

    The aligned second frame, ``second(matrix @ p)``, moves by (dx, dy) on the screen.

    Examples
    --------
    >>> nudge(np.eye(3), 0.1, 0.0)[0].tolist()
    [1.0, 0.0, -0.1]
    """
    result = np.array(matrix, np.float64)
    result[:2, 2] -= result[:2, :2] @ (dx, dy)
    return result


def turn(matrix: npt.ArrayLike, degrees: float, centre: npt.ArrayLike) -> Array:
    """Turn the second frame's content on the screen: a new (3, 3) matrix.

    Parameters
    ----------
    matrix : (3, 3) array
        First frame's coordinates to the second's, px.
    degrees : float
        Clockwise where y points down.
    centre : (x, y)
        Point of the first frame that stays in place, px.

    Examples
    --------
    >>> turn(np.eye(3), 90.0, (10.0, 0.0)).round(6)[:2].tolist()
    [[0.0, 1.0, 10.0], [-1.0, 0.0, 10.0]]
    """
    x, y = np.asarray(centre, np.float64)
    angle = np.deg2rad(degrees)
    # The screen's point p shows what lay at the point that the turn takes to p.
    back = np.eye(3)
    back[:2, :2] = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    turned: Array = np.asarray(matrix, np.float64) @ translation(x, y) @ back @ translation(-x, -y)
    return turned


def turned_by(matrix: npt.ArrayLike) -> float:
    """Return by how many degrees a matrix turns the second frame's content on the screen.

    Clockwise where y points down, in (-180, 180]; the undoing of `turn`.
    """
    (xx, _, _), (yx, _, _) = np.asarray(matrix, np.float64)[:2]
    return float(np.rad2deg(np.arctan2(-yx, xx)))


def align_pair_preview(
    first: npt.NDArray[Any],
    second: npt.NDArray[Any],
    matrix: npt.ArrayLike,
    box: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Cut a box out of the first frame, and the same place out of the aligned second.

    Only the box is warped, so that dragging stays fluid on large frames; `trial.aligned_pair` does
    the same for a pair that was tried with all its intermediate results.

    Parameters
    ----------
    first, second : (y, x) array
        Both frames, same type.
    matrix : (3, 3) array
        First frame's coordinates to the second's, px.
    box : (int, int, int, int)
        [top, height, left, width] in the first frame, px; a size of 0 = to the edge.

    Returns
    -------
    first, second : (height, width) array
        The crops, of the frames' type; the second is interpolated linearly and 0 where it has no
        pixels.

    Raises
    ------
    ParameterError
        When the box leaves the first frame.
    """
    a, b = as_image(first), as_image(second)
    top, height, left, width = box
    bottom = top + height if height else a.shape[0]
    right = left + width if width else a.shape[1]
    if not (0 <= top < bottom <= a.shape[0] and 0 <= left < right <= a.shape[1]):
        raise ParameterError(
            "the box leaves the frame",
            expected=f"[top, height, left, width] within {a.shape[0]} x {a.shape[1]} (y, x)",
            found=list(box),
        )
    inverse_map = np.asarray(matrix, np.float64) @ translation(left, top)
    # OpenCV rounds positions to 1/32 px on integers, not on floats.
    warped = cv2.warpAffine(
        b.astype(np.float32),
        inverse_map[:2],
        (right - left, bottom - top),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
    rounded = warped if a.dtype.kind == "f" else np.rint(warped)
    return a[top:bottom, left:right], rounded.astype(a.dtype)
