"""Organelles of the phantom: mitochondria and vesicles, scattered over an unbounded volume."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.phantom.cells import Cells
from fibsem_dash.phantom.lattice import Image, Points, View, hash_lattice, uniform


def _scatter(key: int, view: View, pitch: int, reach: float, numbers: int) -> Points:
    """Random seeds near a section, one per cube of a lattice.

    Returns
    -------
    ndarray, float64, shape (n, 3 + numbers)
        Columns z, y, x in pixels, then `numbers` independent values in [0, 1).
    """
    x0, x1, y0, y1 = view.bounds()
    columns = np.arange(math.floor((x0 - reach) / pitch), math.floor((x1 + reach) / pitch) + 1)
    rows = np.arange(math.floor((y0 - reach) / pitch), math.floor((y1 + reach) / pitch) + 1)
    grid_y, grid_x = (g.ravel() for g in np.meshgrid(rows, columns, indexing="ij"))
    first = math.floor((view.z - reach) / pitch)
    last = math.floor((view.z + reach) / pitch)
    seeds = []
    for plane in range(first, last + 1):
        random = [
            uniform(hash_lattice(key + 7919 * (k + 1), plane, grid_y, grid_x)).astype(np.float64)
            for k in range(3 + numbers)
        ]
        corner = (np.full(len(grid_y), plane), grid_y, grid_x)
        seeds.append(
            np.stack(
                [(c + r) * pitch for c, r in zip(corner, random, strict=False)] + random[3:], 1
            )
        )
    every = np.concatenate(seeds)
    return every[np.abs(every[:, 0] - view.z) < reach]


@dataclass(frozen=True)
class MitochondriaMap:
    """Mitochondria of one section, each array float32 (y, x).

    Parameters
    ----------
    depth : ndarray
        Distance to the outer membrane in pixels, positive inside.
    along : ndarray
        Position along the organelle's axis, pixels; cristae lie across it.
    """

    depth: Image
    along: Image


class Mitochondria:
    """Long, slightly bent ellipsoids, each confined to the cell that holds its centre.

    Parameters
    ----------
    key : int
        Names the volume.
    cells : Cells
        Cells that confine them.
    """

    _PITCH = 84
    _LONGEST = 85.0
    _GAP = 5.0  # cytoplasm left between a mitochondrion and the membrane of its cell

    def __init__(self, key: int, cells: Cells) -> None:
        self._key = key
        self._cells = cells

    def draw(
        self, view: View, label: NDArray[np.uint8], room: Image, ruffle: Image
    ) -> MitochondriaMap:
        """Mitochondria in a section.

        Parameters
        ----------
        view : View
            The section.
        label : ndarray, uint8, shape (y, x)
            Family of cells that owns each pixel.
        room : ndarray, float32, shape (y, x)
            Distance to the nearest thing that a mitochondrion keeps away from, pixels.
        ruffle : ndarray, float32, shape (y, x)
            Smooth noise of unit variance that makes the outlines uneven.
        """
        depth = np.full(view.shape, -99.0, np.float32)
        along = np.zeros(view.shape, np.float32)
        seeds = _scatter(self._key, view, self._PITCH, self._LONGEST, 5)
        owner, margin = self._cells.owner(seeds[:, 0], seeds[:, 1], seeds[:, 2])
        kept = margin > 0.45
        for seed, family in zip(seeds[kept], owner[kept], strict=True):
            shape = _shape(seed, view)
            if shape is None:
                continue
            window, inside, axial = shape
            inside += np.float32(1.2) * ruffle[window]
            own = np.where(label[window] == family, room[window], np.float32(-9))
            np.minimum(inside, own - np.float32(self._GAP), out=inside)
            above = inside > depth[window]
            depth[window][above] = inside[above]
            along[window][above] = axial[above]
        return MitochondriaMap(depth, along)


def _shape(seed: Points, view: View) -> tuple[tuple[slice, slice], Image, Image] | None:
    """One mitochondrion: its window in the view, the depth inside it and the place along it."""
    z, y, x = seed[:3]
    azimuth, polar = 2 * math.pi * seed[3], 2 * seed[4] - 1
    flat = math.sqrt(1 - polar**2)
    length = 26.0 + 54.0 * seed[5] ** 2
    radius = 12.0 + 11.0 * seed[6]
    if abs(view.z - z) > math.hypot(length * polar, radius * flat) + 4:
        return None
    window = _window(view, x, y, math.hypot(length, radius) + 6)
    if window is None:
        return None
    rows, columns = window
    px, py = view.to_volume(
        np.arange(columns.start, columns.stop)[None, :].astype(float),
        np.arange(rows.start, rows.stop)[:, None].astype(float),
    )
    dx, dy, dz = px - x, py - y, view.z - z
    axial = (dx * math.cos(azimuth) + dy * math.sin(azimuth)) * flat + dz * polar
    sideways = dy * math.cos(azimuth) - dx * math.sin(azimuth)
    rest = dx**2 + dy**2 + dz**2 - axial**2 - sideways**2
    bent = sideways - (seed[7] - 0.5) * 0.5 * axial**2 / length
    # The fourth power gives the ends of a sausage rather than of an egg.
    scaled = np.sqrt((axial / length) ** 4 + (bent**2 + np.maximum(rest, 0)) / radius**2)
    inside = ((1.0 - scaled) * radius).astype(np.float32)
    return window, inside, axial.astype(np.float32)


def _window(view: View, x: float, y: float, reach: float) -> tuple[slice, slice] | None:
    """Pixels within `reach` of volume point (x, y); None outside the view."""
    column, row = view.to_image(np.array(x), np.array(y))
    # Scale and shear of a view are a few per cent, which the margin covers.
    reach *= 1.15
    left, right = max(math.floor(column - reach), 0), min(math.ceil(column + reach), view.shape[1])
    top, bottom = max(math.floor(row - reach), 0), min(math.ceil(row + reach), view.shape[0])
    if left >= right or top >= bottom:
        return None
    return slice(top, bottom), slice(left, right)


class Vesicles:
    """Small spheres with a stained membrane, some of them with a dense core.

    Parameters
    ----------
    key : int
        Names the volume.
    """

    _PITCH = 10
    _LARGEST = 4.6
    _WALL = 0.95

    def __init__(self, key: int) -> None:
        self._key = key

    def draw(self, view: View, amount: Image) -> Image:
        """Stain that the vesicles add to a section.

        Parameters
        ----------
        view : View
            The section.
        amount : ndarray, float32, shape (y, x)
            How strongly vesicles show at each place, 0 to 1.

        Returns
        -------
        ndarray, float32, shape (y, x)
            1 on a wall or a core, slightly negative in an empty lumen, 0 elsewhere.
        """
        seeds = _scatter(self._key, view, self._PITCH, self._LARGEST + 1.0, 2)
        column, row = view.to_image(seeds[:, 2], seeds[:, 1])
        column_px, row_px = np.rint(column).astype(np.intp), np.rint(row).astype(np.intp)
        height, width = view.shape
        near = (column_px >= 0) & (column_px < width) & (row_px >= 0) & (row_px < height)
        near[near] = amount[row_px[near], column_px[near]] > 0.02
        picture = np.zeros((height + 16, width + 16), np.float32)
        if near.any():
            self._stamp(picture, seeds[near], column_px[near], row_px[near], view)
        result: Image = picture[8:-8, 8:-8] * amount
        return result

    def _stamp(
        self,
        picture: Image,
        seeds: Points,
        column: NDArray[np.intp],
        row: NDArray[np.intp],
        view: View,
    ) -> None:
        offset = np.arange(-7, 8)
        columns = column[:, None, None] + offset[None, None, :]
        rows = row[:, None, None] + offset[None, :, None]
        x, y = view.to_volume(columns.astype(np.float64), rows.astype(np.float64))
        flat = (x - seeds[:, 2, None, None]) ** 2 + (y - seeds[:, 1, None, None]) ** 2
        distance = np.sqrt(flat + ((view.z - seeds[:, 0]) ** 2)[:, None, None]).astype(np.float32)
        radius = (2.6 + (self._LARGEST - 2.6) * seeds[:, 3] ** 2).astype(np.float32)[:, None, None]
        outside = distance - radius
        stain = np.exp(-((outside / self._WALL) ** 2))
        core = (seeds[:, 4] > 0.9).astype(np.float32)[:, None, None]
        lumen = np.clip(-outside, 0, 1)
        stain += lumen * (core * 1.4 - (1 - core) * 0.35)
        np.add.at(picture, (rows + 8, columns + 8), stain)
