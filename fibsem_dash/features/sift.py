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
        Octave, layer and sub-layer as OpenCV packs them, of the reduced image where it was reduced.
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
        Parameters of SIFT; `kp_max_num` keeps the key points of largest response, and `reduction`
        finds them on a smaller image, in pixels of this one all the same.

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
    factor = s.reduction if min(image.shape) >= s.reduction else 1
    keypoints, descriptors = sift.detectAndCompute(_reduced(image, factor), None)
    if not keypoints:
        return _empty()
    table = np.array(
        [(*p.pt, p.size, p.angle, p.response, p.octave) for p in keypoints], np.float64
    )
    if 0 <= s.kp_max_num < len(table):
        strongest = np.argsort(-table[:, 4], kind="stable")[: s.kp_max_num]
        table, descriptors = table[strongest], descriptors[strongest]
    # Pixel centres lie at integers: the first reduced pixel has its centre between the first ones.
    table[:, :2] = (table[:, :2] + 0.5) * factor - 0.5
    table[:, 2] *= factor
    return KeyPoints(
        xy=table[:, :2].astype(np.float32),
        size=table[:, 2].astype(np.float32),
        angle=table[:, 3].astype(np.float32),
        response=table[:, 4].astype(np.float32),
        octave=table[:, 5].astype(np.int32),
        descriptors=descriptors.astype(np.uint8),
    )


def _reduced(image: npt.NDArray[np.uint8], factor: int) -> npt.NDArray[np.uint8]:
    """Average squares of pixels; rows and columns that fill none are left out."""
    height, width = (n // factor * factor for n in image.shape)
    if factor == 1:
        return np.ascontiguousarray(image)
    size = (width // factor, height // factor)
    small = cv2.resize(image[:height, :width], size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


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
