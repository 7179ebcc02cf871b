"""The same region of the sample in two aligned stacks, for a fair comparison of their quality."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem_dash.compare import ncc
from fibsem_dash.errors import ParameterError
from fibsem_dash.io import Stack, open_stack
from fibsem_dash.quality.pair_view import Box, clip_box, reduce_image

Image = npt.NDArray[np.float32]

SEARCH_SIZE = 1024
"""Slices are averaged down to about this size for the search over the whole slice, px."""

FINE_SIZE = 768
"""Size of the part that settles the offset to a pixel and gives the correlation, px."""

LEAST_TEMPLATE = 12
"""A region that becomes smaller than this in the search cannot be told from another, px."""

LEAST_NCC = 0.3
"""Correlation below which a match is not trusted."""


@dataclass(frozen=True)
class RegionMatch:
    """Where a region of stack a lies in stack b.

    Attributes
    ----------
    box_a, box_b : (xi, xa, yi, ya)
        The same region of the sample in both, px, half open, of equal size. Smaller than what was
        asked for where b does not hold all of it.
    offset : (int, int)
        (x, y) that leads from a position in a to that in b, px: median over the slices.
    z_offset : int
        Slice of b less slice of a.
    inverted : bool
        Whether the grey levels of b count the other way.
    ncc : float
        Mean normalized cross-correlation of the region over the slices, after inversion.
    slices : tuple of int
        Slices of a that were looked at.
    slice_offsets : tuple of (int, int)
        (x, y) in each of them: they differ where the two alignments drift apart.
    slice_ncc : tuple of float
        Correlation of each.
    reliable : bool
        Whether the correlation is at least `LEAST_NCC` and most slices agree.
    notes : tuple of str
        What to look at before the comparison is believed.
    """

    box_a: Box
    box_b: Box
    offset: tuple[int, int]
    z_offset: int
    inverted: bool
    ncc: float
    slices: tuple[int, ...]
    slice_offsets: tuple[tuple[int, int], ...]
    slice_ncc: tuple[float, ...]
    reliable: bool
    notes: tuple[str, ...]

    @property
    def evaluation_box(self) -> tuple[int, int, int, int]:
        """Box in b as settings have it: [top, height, left, width]."""
        xi, xa, yi, ya = self.box_b
        return yi, ya - yi, xi, xa - xi


def match_sample_region(
    stack_a: Stack | str | os.PathLike[str],
    box: Box,
    stack_b: Stack | str | os.PathLike[str],
    *,
    inverted: bool | None = None,
    z_search: int = 2,
    n_slices: int = 3,
) -> RegionMatch:
    """Find the region of the sample inside a box of one stack in another stack.

    The middle of the region is searched in slices of b by normalized cross-correlation (Lewis,
    Vision Interface 1995, 120), first averaged down over the whole slice, then at full resolution
    around the place found. Inverted grey levels show as a negative peak.

    Parameters
    ----------
    stack_a, stack_b : Stack or path-like
        Open stacks, or MRC or TIFF files, of the same pixel size.
    box : (xi, xa, yi, ya)
        Region in a, px, half open.
    inverted : bool, optional
        Whether grey levels of b count the other way; found out by default.
    z_search : int, default 2
        Slices of b up to this far from the same number are tried, too.
    n_slices : int, default 3
        Slices spread over the stack that are looked at.

    Returns
    -------
    RegionMatch
        Look at `reliable` and `notes` before using it.

    Raises
    ------
    ParameterError
        For a box outside of a, one too small to be found, or settings out of range.
    FormatError, AccessError
        For files that cannot be read.
    """
    if z_search < 0 or n_slices < 1:
        raise ParameterError(
            "settings of the search", expected="z_search >= 0, n_slices >= 1",
            found=(z_search, n_slices),
        )  # fmt: skip
    with ExitStack() as files:
        a, b = (files.enter_context(_opened(stack)) for stack in (stack_a, stack_b))
        region = clip_box(box, a.shape[1:])
        core = _core(region, b.shape[1:])
        step = _search_step(core, b.shape[1:])
        numbers = _slice_numbers(min(len(a), len(b)), n_slices)
        z_offset, peaks = _search(a, b, core, step, numbers, z_search, inverted)
        fine = [
            _refine(a[k], b[k + z_offset], core, peak, step, inverted) for k, peak in peaks.items()
        ]
        notes = _size_notes(a, b)
    return _result(region, b.shape[1:], z_offset, tuple(peaks), fine, inverted, notes)


def _opened(stack: Stack | str | os.PathLike[str]) -> AbstractContextManager[Stack]:
    return open_stack(stack) if isinstance(stack, str | os.PathLike) else nullcontext(stack)


def _slice_numbers(n: int, n_slices: int) -> list[int]:
    places = (np.arange(n_slices) + 0.5) / n_slices * n
    return sorted({min(int(place), n - 1) for place in places})


def _core(region: Box, shape: tuple[int, int]) -> Box:
    """Return the middle of the region, so small that b holds it where it is cropped otherwise."""
    xi, xa, yi, ya = region
    width, height = min(xa - xi, int(0.7 * shape[1])), min(ya - yi, int(0.7 * shape[0]))
    left, top = (xi + xa - width) // 2, (yi + ya - height) // 2
    return left, left + width, top, top + height


def _search_step(core: Box, shape: tuple[int, int]) -> int:
    least = min(core[1] - core[0], core[3] - core[2])
    if least < LEAST_TEMPLATE:
        raise ParameterError(
            "the region is too small to be found in the other stack",
            expected=f"at least {LEAST_TEMPLATE} px each way",
            found=f"{core[1] - core[0]} x {core[3] - core[2]} px",
        )
    wanted = -(-max(shape) // SEARCH_SIZE)
    return max(1, min(wanted, least // (2 * LEAST_TEMPLATE)))


Peak = tuple[float, int, int]
"""(signed correlation, x, y): the place in b of the corner of the core."""


def _search(
    a: Stack, b: Stack, core: Box, step: int, numbers: list[int], z_search: int,
    inverted: bool | None,
) -> tuple[int, dict[int, Peak]]:  # fmt: skip
    """Return the best offset in z and the coarse peak of each slice of a."""
    xi, xa, yi, ya = core
    templates = {k: reduce_image(a[k][yi:ya, xi:xa], step) for k in numbers}
    reduced: dict[int, Image] = {}
    best: tuple[float, int, dict[int, Peak]] = (-1.0, 0, {})
    # The same number comes first, so that equal slices of a uniform stack keep it.
    for dz in sorted(range(-z_search, z_search + 1), key=abs):
        peaks: dict[int, Peak] = {}
        for k, template in templates.items():
            if not 0 <= k + dz < len(b):
                continue
            if k + dz not in reduced:
                reduced[k + dz] = reduce_image(b[k + dz], step)
            value, x, y = _peak(reduced[k + dz], template, inverted)
            peaks[k] = (value, x * step, y * step)
        score = float(np.mean([abs(p[0]) for p in peaks.values()])) if peaks else -1.0
        if score > best[0]:
            best = score, dz, peaks
    return best[1], best[2]


def _peak(image: Image, template: Image, inverted: bool | None) -> Peak:
    import cv2

    # Large mean levels would cost digits in single precision.
    image, template = _centred(image), _centred(template)
    if image.shape[0] < template.shape[0] or image.shape[1] < template.shape[1]:
        return 0.0, 0, 0
    if not template.any():
        return 0.0, 0, 0
    response = np.nan_to_num(cv2.matchTemplate(image, template, cv2.TM_CCOEFF_NORMED))
    # Flat parts of the image give values beyond 1 by rounding.
    response[np.abs(response) > 1.0001] = 0
    low, high, low_at, high_at = cv2.minMaxLoc(response)
    negative = -low > high if inverted is None else inverted
    value, (x, y) = (low, low_at) if negative else (high, high_at)
    return float(value), int(x), int(y)


def _centred(image: Image) -> Image:
    finite = np.nan_to_num(image)
    centred: Image = (finite - finite.mean(dtype=np.float64)).astype(np.float32)
    return centred


def _refine(
    slice_a: npt.NDArray[np.generic], slice_b: npt.NDArray[np.generic], core: Box, peak: Peak,
    step: int, inverted: bool | None,
) -> tuple[float, int, int]:  # fmt: skip
    """Return (signed correlation, offset in x, offset in y) at full resolution."""
    xi, xa, yi, ya = core
    dx, dy = peak[1] - xi, peak[2] - yi
    width, height = min(xa - xi, FINE_SIZE), min(ya - yi, FINE_SIZE)
    left, top = (xi + xa - width) // 2, (yi + ya - height) // 2
    template = np.asarray(slice_a[top : top + height, left : left + width], np.float32)
    reach = 2 * step + 1
    y0, x0 = max(top + dy - reach, 0), max(left + dx - reach, 0)
    area = slice_b[y0 : top + dy + height + reach, x0 : left + dx + width + reach]
    value, x, y = _peak(np.asarray(area, np.float32), template, inverted)
    found = np.asarray(area[y : y + height, x : x + width], np.float32)
    if found.shape == template.shape:
        value = ncc(template, found)
    return (0.0 if np.isnan(value) else value), x0 + x - left, y0 + y - top


def _size_notes(a: Stack, b: Stack) -> list[str]:
    sizes = [float(stack.voxel_size_nm[2]) for stack in (a, b)]
    if all(np.isfinite(sizes)) and min(sizes) > 0 and max(sizes) > 1.02 * min(sizes):
        return [f"the pixel sizes differ: {sizes[0]:.4g} and {sizes[1]:.4g} nm"]
    return []


def _result(
    region: Box, shape: tuple[int, int], z_offset: int, slices: tuple[int, ...],
    fine: list[tuple[float, int, int]], inverted: bool | None, notes: list[str],
) -> RegionMatch:  # fmt: skip
    values = np.array([item[0] for item in fine])
    offsets = np.array([item[1:] for item in fine])
    negative = bool(values.sum() < 0) if inverted is None else inverted
    signed = -values if negative else values
    trusted = signed >= LEAST_NCC
    middle = np.median(offsets[trusted] if trusted.any() else offsets, axis=0)
    dx, dy = (int(v) for v in np.rint(middle))
    agree = trusted & (np.abs(offsets - middle).max(1) <= 3)
    if trusted.any() and not agree[trusted].all():
        notes = [*notes, "the two alignments drift apart: the offset differs between slices"]
    box_a, box_b = _overlap(region, dx, dy, shape)
    if box_a != region:
        notes = [*notes, "the other stack holds a part of the region only"]
    reliable = bool(agree.sum() * 2 > len(fine)) and box_b[0] < box_b[1] and box_b[2] < box_b[3]
    if not reliable:
        notes = [*notes, "no common region was found with certainty"]
    return RegionMatch(
        box_a, box_b, (dx, dy), z_offset, negative, float(signed.mean()), slices,
        tuple((int(x), int(y)) for x, y in offsets), tuple(signed.tolist()), reliable,
        tuple(notes),
    )  # fmt: skip


def _overlap(region: Box, dx: int, dy: int, shape: tuple[int, int]) -> tuple[Box, Box]:
    xi, xa, yi, ya = region
    left, right = max(xi + dx, 0), min(xa + dx, shape[1])
    top, bottom = max(yi + dy, 0), min(ya + dy, shape[0])
    right, bottom = max(right, left), max(bottom, top)
    return (left - dx, right - dx, top - dy, bottom - dy), (left, right, top, bottom)
