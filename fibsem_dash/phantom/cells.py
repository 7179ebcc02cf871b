"""Cells of the phantom: bodies and processes that fill the volume, parted by membranes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fibsem_dash.phantom.lattice import Image, Points, SplineField, View

# Knot spacing (z, y, x) of each family of cells: their processes run in different directions.
_FAMILIES = (
    (60, 60, 60),
    (140, 52, 52),
    (44, 44, 150),
    (44, 130, 44),
    (80, 40, 80),
    (90, 60, 36),
    (36, 36, 36),
)
_SOMA_SPACING = (280, 300, 300)
_SOMA_RISE = 4.5


@dataclass(frozen=True)
class CellMap:
    """Cells of one section, each array (y, x).

    Parameters
    ----------
    label : ndarray of uint8
        Family that the cell belongs to.
    depth : ndarray of float32
        Distance to the nearest membrane of the cell, pixels, approximate far from it.
    soma : ndarray of float32
        Rises from below 0 to above 2 towards the middle of a cell body.
    """

    label: NDArray[np.uint8]
    depth: Image
    soma: Image


class Cells:
    """Cells that fill the volume.

    At each point the family whose random field is the highest owns the point; membranes run where
    the two highest fields are equal. Being level sets in three dimensions they go on smoothly
    from section to section, and look wide and pale where they are cut at a slant.

    Parameters
    ----------
    key : int
        Names the volume.
    """

    def __init__(self, key: int) -> None:
        self._families = [SplineField(key + 11 * k, s) for k, s in enumerate(_FAMILIES)]
        self._ruffle = SplineField(key + 1001, (14, 14, 14))
        self._soma = SplineField(key + 1002, _SOMA_SPACING)

    def draw(self, view: View) -> CellMap:
        """Cells seen in `view`."""
        soma = self._soma.draw(view)
        ruffle = self._ruffle.draw(view) * np.float32(0.07)
        first = self._families[0].draw(view) + self._lift(soma)
        second = np.full_like(first, -np.inf)
        label = np.zeros(first.shape, np.uint8)
        for k, family in enumerate(self._families[1:], start=1):
            value = family.draw(view)
            value += ruffle * np.float32(1 if k % 2 else -1)
            label[value > first] = k
            np.maximum(second, np.minimum(first, value), out=second)
            np.maximum(first, value, out=first)
        first -= second
        return CellMap(label, _distance(first), soma)

    def owner(self, z: Points, y: Points, x: Points) -> tuple[NDArray[np.intp], Points]:
        """Family that owns each point, and by how much; points are float64 arrays (n,)."""
        soma = self._soma.at(z, y, x)
        values = np.stack([family.at(z, y, x) for family in self._families])
        values[0] += self._lift(soma)
        order = np.sort(values, axis=0)
        return values.argmax(axis=0), order[-1] - order[-2]

    @staticmethod
    def _lift(soma: NDArray[np.floating]) -> NDArray[np.floating]:
        # The first family becomes the cell bodies where this field is high.
        rise: NDArray[np.floating] = np.clip(soma - 0.45, 0, 1) * _SOMA_RISE
        return rise


def _distance(margin: Image) -> Image:
    """Distance in pixels to the zero level of `margin`, from its local slope."""
    slope = cv2.Sobel(margin, cv2.CV_32F, 1, 0, ksize=1) ** 2
    slope += cv2.Sobel(margin, cv2.CV_32F, 0, 1, ksize=1) ** 2
    slope = cv2.GaussianBlur(slope, (0, 0), 3.0) * np.float32(0.25)
    # The constant stands for the slope along z, which one section does not show.
    slope += np.float32(0.018**2)
    distance: Image = margin / np.sqrt(slope)
    return distance
