"""Opening a frame for the Header page: pictures, histograms, fitted backgrounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from components.pages.header_frame import Picture, Surface, fit_surface, picture_of
from fibsem_dash.frame import FIBSEMFrame
from fibsem_dash.image.thresholds import (
    HistogramCdf,
    IntensityRange,
    histogram_and_cdf,
    intensity_range,
)

FUSED, BESIDE = "Fused", "A beside B"
"""Views of both detectors; the other views are letters of one."""

NO_BOX = (0, 0, 0, 0)


@dataclass(frozen=True)
class Wanted:
    """What is to be shown.

    Attributes
    ----------
    path : str
        The frame.
    view : str
        Letter of a detector, `FUSED` or `BESIDE`.
    kind : str
        "raw", "scaled" or "flattened".
    fraction : float
        Share of detector B in the fused image.
    flatten : dict
        Settings of `fit_surface`.
    """

    path: str
    view: str
    kind: str = "raw"
    fraction: float = 0.5
    flatten: tuple[tuple[str, Any], ...] = ()
    box: tuple[int, int, int, int] = NO_BOX
    thresholds: tuple[float, float] = (1e-3, 1e-3)
    nbins: int = 256


@dataclass(frozen=True)
class Levels:
    """Histogram of what a view shows, and the grey levels that suit it."""

    histogram: HistogramCdf
    range: IntensityRange


@dataclass(frozen=True)
class Loaded:
    """A frame with the pictures of the views and their histograms, by key of the picture."""

    wanted: Wanted
    frame: FIBSEMFrame
    pictures: tuple[Picture, ...]
    levels: dict[tuple[str, str], Levels]


def weights_of(view: str, detectors: tuple[str, ...], fraction: float) -> list[dict[str, float]]:
    """Return the detectors of each image view with their shares; what a frame lacks is replaced."""
    both = len(detectors) > 1
    if view == BESIDE and both:
        return [{detectors[0]: 1.0}, {detectors[1]: 1.0}]
    if view == FUSED and both:
        return [{detectors[0]: 1.0 - fraction, detectors[1]: fraction}]
    return [{view if view in detectors else detectors[0]: 1.0}]


def load(wanted: Wanted) -> Loaded:
    """Open a frame and prepare what is shown of it."""
    frame = FIBSEMFrame(wanted.path)
    views = weights_of(wanted.view, frame.detectors, wanted.fraction)
    surfaces: dict[str, Surface] = {}
    if wanted.kind == "flattened":
        letters = {letter for view in views for letter in view}
        surfaces = {d: fit_surface(frame, d, **dict(wanted.flatten)) for d in letters}
    pictures = tuple(picture_of(frame, view, wanted.kind, surfaces) for view in views)
    # Mapping the pixels here shows what is wrong with a file before anything is drawn.
    levels = levels_of(pictures, wanted.box, wanted.thresholds, wanted.nbins)
    return Loaded(wanted, frame, pictures, levels)


def levels_of(
    pictures: tuple[Picture, ...],
    box: tuple[int, int, int, int],
    thresholds: tuple[float, float],
    nbins: int,
) -> dict[tuple[str, str], Levels]:
    """Return histograms and grey levels of what is shown, of the box where there is one."""
    result = {}
    for picture in pictures:
        sample = picture.sample(box)
        result[picture.key] = Levels(
            histogram_and_cdf(sample, nbins), intensity_range(sample, *thresholds)
        )
    return result
