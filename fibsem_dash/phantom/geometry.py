"""The known geometry of a phantom: where the tissue lies in each frame."""

from __future__ import annotations

import numpy as np

from fibsem_dash.phantom.lattice import Points, View
from fibsem_dash.phantom.options import PhantomSettings

_DRIFT_STREAM = 1


def frame_matrices(settings: PhantomSettings) -> Points:
    """Return the true matrices of all frames.

    Parameters
    ----------
    settings : PhantomSettings
        Drift, trends, jump and size are used.

    Returns
    -------
    ndarray, float64, shape (frames, 3, 3)
        Matrix i maps (x, y, 1) of frame 0 to frame i in pixels; the first is the identity. Scale
        and shear act about the centre of the frame. A shorter phantom with the same seed has the
        same first matrices.
    """
    height, width = settings.shape
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    index = np.arange(settings.frames)
    rng = np.random.default_rng([settings.seed, _DRIFT_STREAM])
    steps = rng.normal(0.0, settings.drift_px, (settings.frames, 2))
    steps[0] = 0.0
    shift = np.cumsum(steps, axis=0)
    if settings.jump is not None:
        shift[settings.jump[0] :, 0] += settings.jump[1]
    matrices = np.tile(np.eye(3), (settings.frames, 1, 1))
    matrices[:, 0, 0] += settings.scale_trend * index
    matrices[:, 1, 1] -= settings.scale_trend * index
    matrices[:, 0, 1] = settings.shear_trend * index
    matrices[:, :2, 2] = shift + centre - matrices[:, :2, :2] @ centre
    return matrices


def frame_view(settings: PhantomSettings, matrix: Points, depth_px: float) -> View:
    """View of the volume that a frame shows.

    Parameters
    ----------
    settings : PhantomSettings
        The size is used.
    matrix : ndarray, float64, shape (3, 3)
        True matrix of the frame.
    depth_px : float
        Depth of the frame in the volume, in pixels.

    Returns
    -------
    View
        Coordinates of the volume are those of frame 0.
    """
    inverse = np.linalg.inv(matrix).astype(np.float64)
    return View(inverse[:2], settings.shape, depth_px)
