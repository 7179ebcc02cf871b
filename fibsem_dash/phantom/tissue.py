"""The tissue of the phantom: one section at a given depth, as seen through a given view."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fibsem_dash.phantom.cells import CellMap, Cells
from fibsem_dash.phantom.lattice import GrainField, Image, SplineField, View
from fibsem_dash.phantom.organelles import Mitochondria, MitochondriaMap, Vesicles

# Width of the strip that is drawn around a view so that no filter meets an edge inside it.
_MARGIN = 18
# Standard deviation of the beam's point spread, pixels.
_SPREAD = 0.8
# Stain of the cytoplasm of each family of cells.
_CYTOPLASM = np.array([0.24, 0.16, 0.20, 0.30, 0.13, 0.23, 0.17], np.float32)


@dataclass(frozen=True)
class Section:
    """What two detectors can tell apart in a section, each float32 (y, x).

    Parameters
    ----------
    stain : ndarray
        Heavy-metal stain: about 0.1 in pale cytoplasm, 0.8 on a membrane.
    relief : ndarray
        Fine grain of the surface, mean 0, standard deviation about 1.
    """

    stain: Image
    relief: Image


class Tissue:
    """A volume of neural tissue without borders, a pure function of its seed.

    Parameters
    ----------
    seed : int
        Volumes with different seeds have nothing in common.
    """

    def __init__(self, seed: int) -> None:
        key = int(np.random.SeedSequence([seed, 0xF1B5E3]).generate_state(1)[0])
        self._cells = Cells(key)
        self._mitochondria = Mitochondria(key + 2003, self._cells)
        self._vesicles = Vesicles(key + 3001)
        self._ruffle = SplineField(key + 4001, (8, 8, 8))
        self._reticulum = SplineField(key + 4002, (30, 26, 26))
        self._patch = SplineField(key + 4003, (70, 70, 70))
        self._shade = SplineField(key + 4004, (160, 160, 160))
        self._clump = SplineField(key + 4005, (20, 18, 18))
        self._grain = GrainField(key + 5001, 1.1, 8.0)
        self._granule = GrainField(key + 5002, 1.9, 14.0)

    def draw(self, view: View) -> Section:
        """Section of the tissue in `view`."""
        wide = _widened(view)
        cells = self._cells.draw(wide)
        ruffle = self._ruffle.draw(wide)
        patch = self._patch.draw(wide)
        grain, granule = self._grain.draw(wide), self._granule.draw(wide)

        stain = _CYTOPLASM[cells.label]
        stain += np.float32(0.035) * self._shade.draw(wide)
        stain += np.float32(0.010) * granule + np.float32(0.025) * np.maximum(granule - 1.0, 0)
        interior = _step(cells.depth, 3.0, 6.0)
        clump = self._clump.draw(wide)
        nuclear_depth = _nuclear_depth(cells)
        self._add_nuclei(stain, nuclear_depth, clump, granule)
        free = interior * (1 - _step(nuclear_depth, -4.0, -1.0))
        room = np.minimum(cells.depth, -nuclear_depth)
        found = self._mitochondria.draw(wide, cells.label, room, ruffle)
        self._add_mitochondria(stain, found, ruffle)
        free *= 1 - _step(found.depth, -4.0, -1.0)
        self._add_reticulum(stain, wide, free, clump)
        amount = _step(patch, 0.9, 1.3) * free
        stain += np.float32(0.23) * self._vesicles.draw(wide, amount)
        self._add_membranes(stain, cells, patch, ruffle)
        stain = cv2.GaussianBlur(stain, (0, 0), _SPREAD)
        inner = (slice(_MARGIN, -_MARGIN), slice(_MARGIN, -_MARGIN))
        return Section(np.ascontiguousarray(stain[inner]), np.ascontiguousarray(grain[inner]))

    @staticmethod
    def _add_nuclei(stain: Image, depth: Image, clump: Image, granule: Image) -> None:
        """Nuclei with clumped chromatin and a double envelope; `depth` is positive inside."""
        nucleus = _step(depth, -1.0, 1.0)
        if not nucleus.any():
            return
        edge = np.exp(-np.clip(depth, 0, None) / np.float32(7.0))
        chromatin = _step(clump + np.float32(1.3) * edge, 0.75, 1.1) * nucleus
        stain += nucleus * (np.float32(0.03) + np.float32(0.02) * granule)
        stain += np.float32(0.16) * chromatin
        for offset in (0.0, 3.8):
            stain += np.float32(0.34) * np.exp(-(((depth - offset) / np.float32(1.1)) ** 2))

    @staticmethod
    def _add_mitochondria(stain: Image, found: MitochondriaMap, ruffle: Image) -> None:
        """Mitochondria: dark matrix, cristae across the long axis, a membrane around."""
        inside = _step(found.depth, -0.8, 0.8)
        phase = (found.along + np.float32(2.2) * ruffle) * np.float32(2 * np.pi / 8.5)
        cristae = np.clip(np.cos(phase), 0, None) ** 2 * _step(found.depth, 2.0, 4.0)
        stain += inside * (np.float32(0.44) - np.float32(0.55) * stain)
        stain += np.float32(0.13) * cristae
        stain += np.float32(0.28) * np.exp(-(((found.depth - 0.6) / np.float32(1.3)) ** 2))

    def _add_reticulum(self, stain: Image, view: View, free: Image, clump: Image) -> None:
        """Endoplasmic reticulum: short thin sheets in the free cytoplasm."""
        field = self._reticulum.draw(view)
        sheet = np.exp(-((field / np.float32(0.085)) ** 2))
        sheet *= _step(clump, 0.35, 0.8) * free
        stain += np.float32(0.26) * sheet

    @staticmethod
    def _add_membranes(stain: Image, cells: CellMap, patch: Image, ruffle: Image) -> None:
        """Membranes of the cells, here and there thickened by a density."""
        density = _step(patch + np.float32(0.5) * ruffle, 1.1, 1.5)
        width = np.float32(1.7) + np.float32(1.5) * density
        membrane = np.exp(-((cells.depth / width) ** 2))
        stain += membrane * (
            np.float32(0.66) + np.float32(0.12) * density - np.float32(0.5) * stain
        )


def _nuclear_depth(cells: CellMap) -> Image:
    """Distance to the nuclear envelope in pixels, positive inside; nuclei lie in cell bodies."""
    depth = (cells.soma - np.float32(1.35)) * np.float32(120.0)
    limit = np.where(cells.label == 0, cells.depth - np.float32(24), np.float32(-99))
    nuclear: Image = np.minimum(depth, limit)
    return nuclear


def _widened(view: View) -> View:
    x, y = view.to_volume(np.array(-float(_MARGIN)), np.array(-float(_MARGIN)))
    matrix = view.matrix.copy()
    matrix[:, 2] = x, y
    return View(matrix, (view.shape[0] + 2 * _MARGIN, view.shape[1] + 2 * _MARGIN), view.z)


def _step(value: Image, low: float, high: float) -> Image:
    """Smooth step from 0 at `low` to 1 at `high`."""
    t = np.clip((value - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    step: Image = t * t * (3 - 2 * t)
    return step
