"""SIFT key points (Lowe, IJCV 60, 91, 2004) by OpenCV."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fibsem_dash.errors import ParameterError
from fibsem_dash.settings import SiftSettings


@dataclass(frozen=True)
class KeyPoints:
    """Key points of one image, strongest first where a number was asked for.

    Attributes
    ----------
    xy : (n, 2) float32 array
        Positions (x, y), px.
    size, angle, response : (n,) float32 array
        Diameter in px, orientation in degrees, contrast.
    octave : (n,) int32 array
        Octave, layer and sub-layer as OpenCV packs them.
    descriptors : (n, 128) uint8 array
        Gradient histograms. OpenCV returns integers from 0 to 255 as float32, so nothing is lost.
    """

    xy: npt.NDArray[np.float32]
    size: npt.NDArray[np.float32]
    angle: npt.NDArray[np.float32]
    response: npt.NDArray[np.float32]
    octave: npt.NDArray[np.int32]
    descriptors: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.xy)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name, as they are stored."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def extract_keypoints(
    image: npt.NDArray[np.uint8], settings: SiftSettings | None = None
) -> KeyPoints:
    """Detect and describe the key points of an 8-bit image.

    Parameters
    ----------
    image : (y, x) uint8 array
        See `fibsem_dash.image.contrast.to_8bit`.
    settings : SiftSettings, optional
        Parameters of SIFT; `kp_max_num` keeps the key points of largest response.

    Returns
    -------
    KeyPoints
        Empty for an image without texture.

    Raises
    ------
    ParameterError
        When the image is not two-dimensional uint8.
    """
    if image.ndim != 2 or image.dtype != np.uint8:
        raise ParameterError(
            "image for SIFT", expected="(y, x) uint8", found=f"{image.shape} {image.dtype}"
        )
    s = settings or SiftSettings()
    sift = cv2.SIFT.create(
        s.n_features,
        s.n_octave_layers,
        s.contrast_threshold,
        s.edge_threshold,
        s.sigma,
        s.precise_upscale,
    )
    keypoints, descriptors = sift.detectAndCompute(np.ascontiguousarray(image), None)
    if not keypoints:
        return _empty()
    table = np.array(
        [(*p.pt, p.size, p.angle, p.response, p.octave) for p in keypoints], np.float64
    )
    if 0 <= s.kp_max_num < len(table):
        strongest = np.argsort(-table[:, 4], kind="stable")[: s.kp_max_num]
        table, descriptors = table[strongest], descriptors[strongest]
    return KeyPoints(
        xy=table[:, :2].astype(np.float32),
        size=table[:, 2].astype(np.float32),
        angle=table[:, 3].astype(np.float32),
        response=table[:, 4].astype(np.float32),
        octave=table[:, 5].astype(np.int32),
        descriptors=descriptors.astype(np.uint8),
    )


def _empty() -> KeyPoints:
    none = np.zeros(0, np.float32)
    return KeyPoints(
        np.zeros((0, 2), np.float32),
        none,
        none,
        none,
        none.astype(np.int32),
        np.zeros((0, 128), np.uint8),
    )
