"""Frames of a phantom as arrays: each a pure function of the settings and its number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.phantom.detector import DETECTORS, raw_counts
from fibsem_dash.phantom.geometry import frame_matrices, frame_view
from fibsem_dash.phantom.lattice import Image
from fibsem_dash.phantom.options import PhantomSettings
from fibsem_dash.phantom.tissue import Tissue


class FrameRenderer:
    """Draws the frames of a phantom in any order; memory does not depend on their number.

    Parameters
    ----------
    settings : PhantomSettings
        What to draw.

    Attributes
    ----------
    settings : PhantomSettings
        As given.
    matrices : ndarray, float64, shape (frames, 3, 3)
        True matrices, frame 0 to frame i.
    """

    def __init__(self, settings: PhantomSettings) -> None:
        self.settings = settings
        self.matrices = frame_matrices(settings)
        self._tissue = Tissue(settings.seed)

    def signal(self, index: int, depth_px: float | None = None) -> dict[str, Image]:
        """Tissue alone: no noise, no shading, no artefacts.

        Parameters
        ----------
        index : int
            Frame number, for its geometry.
        depth_px : float, optional
            Depth in the volume in pixels instead of the frame's own. Frames drawn at one depth
            differ in nothing but the geometry.

        Returns
        -------
        dict of str to ndarray, float32, shape (y, x)
            Detector letter to counts above the dark count.
        """
        settings = self.settings
        if depth_px is None:
            depth_px = index * settings.slice_nm / settings.pixel_size_nm
        section = self._tissue.draw(frame_view(settings, self.matrices[index], depth_px))
        return {detector.letter: detector.signal(section) for detector in DETECTORS}

    def frame(self, index: int) -> dict[str, NDArray[np.int16]]:
        """Raw counts of a frame.

        Parameters
        ----------
        index : int
            Frame number.

        Returns
        -------
        dict of str to ndarray, int16, shape (y, x)
            Detector letter to raw counts.
        """
        images = {}
        signals = self.signal(index)
        for detector in DETECTORS:
            signal = signals[detector.letter]
            if index in self.settings.blank:
                signal = np.full_like(signal, signal.mean(dtype=np.float64))
            images[detector.letter] = raw_counts(detector, signal, self.settings, index)
        return images
