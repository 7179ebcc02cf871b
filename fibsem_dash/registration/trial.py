"""One pair of frames tried with some settings: every intermediate result, kept where it is costly.

Changing the solver does not search key points again: key points and candidate matches are kept in
memory under what they depend on.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fibsem_dash.errors import ParameterError, RunError
from fibsem_dash.features import KeyPoints, Matches, extract_keypoints, match_keypoints
from fibsem_dash.image.contrast import to_8bit
from fibsem_dash.image.thresholds import intensity_range
from fibsem_dash.io import open_frame
from fibsem_dash.registration.cache import content_key, file_identity
from fibsem_dash.registration.pairs import solve_matches
from fibsem_dash.settings import RunSettings
from fibsem_dash.transforms import TransformEstimate, residuals
from fibsem_dash.transforms.matrices import Array

Region = tuple[int, int, int, int]
"""Part of a frame as (yi, ya, xi, xa), px, half open."""

FULL_FRAME_PIXELS = 4_000_000
"""Frames up to this size are tried whole, larger ones in their middle: key points of 4 Mpx take a
few seconds a frame, which is the most that live tuning bears."""

PARTS = ("read", "range", "key points", "matching", "solving")
"""Names of the timed parts, in order."""


class TrialCache:
    """Keeps the results used last, up to some bytes.

    Parameters
    ----------
    max_bytes : int
        What all kept results may take; the one stored last is kept in any case.
    """

    def __init__(self, max_bytes: int = 400_000_000) -> None:
        self.max_bytes = max_bytes
        self.n_bytes = 0
        self._lock = Lock()
        self._kept: OrderedDict[str, tuple[Any, float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(
        self, key: str, make: Callable[[], Any], size: Callable[[Any], int]
    ) -> tuple[Any, float, bool]:
        """Return a result, the seconds that making it took, and whether it was kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                value, seconds, _ = self._kept[key]
                return value, seconds, True
        started = time.perf_counter()
        value = make()
        seconds = time.perf_counter() - started
        with self._lock:
            self._drop(key)
            self._kept[key] = value, seconds, size(value)
            self.n_bytes += self._kept[key][2]
            while self.n_bytes > self.max_bytes and len(self._kept) > 1:
                self._drop(next(iter(self._kept)))
        return value, seconds, False

    def _drop(self, key: str) -> None:
        if key in self._kept:
            self.n_bytes -= self._kept.pop(key)[2]


SHARED = TrialCache()
"""What all trials of this process keep."""


@dataclass(frozen=True, eq=False)
class TrialFrame:
    """One frame of a trial.

    Attributes
    ----------
    path : str
        The file.
    image : (y, x) uint8 array
        What key points are taken from: the region in 8 bits.
    minimum, maximum : float
        Grey levels of the whole frame that became 0 and 255, counts.
    region : Region
        Place of the image in the frame.
    pixel_size_nm : float
        From the header.
    shape : (int, int)
        Size (y, x) of the whole frame, px.
    """

    path: str
    image: npt.NDArray[np.uint8]
    minimum: float
    maximum: float
    region: Region
    pixel_size_nm: float
    shape: tuple[int, int] = (0, 0)


@dataclass(frozen=True, eq=False)
class PairTrial:
    """All that a trial of one pair found; falsy where no transform was found.

    Points and matrix are in the pixels of whole frames, also where a region was tried.

    Attributes
    ----------
    first, second : TrialFrame
        The frames.
    first_points, second_points : KeyPoints
        Their key points.
    matches : Matches
        All candidates.
    used : (n,) bool array
        Candidates that the estimate chose from.
    estimate : TransformEstimate
        Its `inliers` refer to the used matches.
    n_matches : int
        Candidates that passed Lowe's test.
    seconds : dict
        Time by part, see `PARTS`; of a part that was kept, the time when it was made.
    kept : frozenset of str
        Parts that were not made anew.
    note : str
        What was left out, in words; empty when whole frames were tried.
    """

    first: TrialFrame
    second: TrialFrame
    first_points: KeyPoints
    second_points: KeyPoints
    matches: Matches
    used: npt.NDArray[np.bool_]
    estimate: TransformEstimate
    n_matches: int
    seconds: dict[str, float] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    note: str = ""

    def __bool__(self) -> bool:
        return bool(self.estimate)

    @property
    def matrix(self) -> Array:
        """First frame's coordinates to the second's, (3, 3); NaN when failed."""
        return self.estimate.matrix

    @property
    def n_inliers(self) -> int:
        """Matches that the matrix rests on."""
        return self.estimate.n_inliers

    @property
    def inliers(self) -> npt.NDArray[np.bool_]:
        """Which of all candidates the matrix rests on, (n,) bool."""
        mask = np.zeros(len(self.matches), bool)
        mask[np.flatnonzero(self.used)] = self.estimate.inliers
        return mask

    @property
    def residual_vectors(self) -> Array:
        """Where the matrix puts a point minus where its match lies, of the inliers, (n, 2) px."""
        chosen = self.inliers
        if not self:
            return np.zeros((0, 2))
        src = self.matches.src[chosen].astype(np.float64)
        return residuals(self.matrix, src, self.matches.dst[chosen].astype(np.float64))

    @property
    def whole_over_part(self) -> float:
        """Pixels of a frame over those that were tried."""
        return float(np.prod(self.first.shape) / self.first.image.size)

    @property
    def pair_seconds(self) -> float:
        """Time that this pair adds to a run, where every frame is read and searched once.

        Where a part was tried, what grows with the pixels is scaled to the whole frame.
        """
        s = self.seconds
        per_pixel = s["key points"] / 2 + s["matching"] + s["solving"]
        return (s["read"] + s["range"]) / 2 + per_pixel * self.whole_over_part


def trial_region(
    shape: tuple[int, int], max_pixels: int = FULL_FRAME_PIXELS, max_side: int = 0
) -> Region:
    """Choose what part of a frame is tried: all of it, or its middle where it is large.

    Parameters
    ----------
    shape : (int, int)
        Size (y, x), px.
    max_pixels : int
        Most pixels of the part, unless `max_side` is given.
    max_side : int
        Longest side of the part, px; 0 lets `max_pixels` decide.
    """
    height, width = shape
    if max_side <= 0:
        if height * width <= max_pixels:
            return 0, height, 0, width
        max_side = int(max_pixels**0.5)
        # A flat frame gives its whole height, and a longer side for it.
        if min(shape) < max_side:
            max_side = max_pixels // min(shape)
    h, w = min(height, max_side), min(width, max_side)
    top, left = (height - h) // 2, (width - w) // 2
    return top, top + h, left, left + w


def try_pair(
    first_path: str,
    second_path: str,
    settings: RunSettings,
    *,
    max_side: int = 0,
    region: Region | None = None,
    cache: TrialCache | None = None,
) -> PairTrial:
    """Estimate the transform of two frames and keep every intermediate result.

    The grey range is measured on each frame alone; a run may smooth it along the stack.

    Parameters
    ----------
    first_path, second_path : str
        The frames.
    settings : RunSettings
        Uses the detector, the fractions of the data range, and SIFT, matching and solver.
    max_side : int
        Longest side of the part that is tried, px; 0 tries whole frames up to
        `FULL_FRAME_PIXELS` and the middle of larger ones.
    region : Region, optional
        Part that is tried in place of that.
    cache : TrialCache, optional
        Where costly results are kept; one for the process by default.

    Raises
    ------
    FormatError, AccessError
        When a frame cannot be read.
    ParameterError
        When a frame lacks the detector, or the region lies outside.
    RunError
        When the frames differ in size.
    """
    cache = SHARED if cache is None else cache
    detector = settings.input.detector
    sources = open_frame(first_path), open_frame(second_path)
    if sources[0].shape != sources[1].shape:
        raise RunError(
            "the frames differ in size",
            path=second_path,
            expected="{1} x {0} pixels".format(*sources[0].shape),
            found="{1} x {0} pixels".format(*sources[1].shape),
        )
    part = region or trial_region(sources[0].shape, max_side=max_side)
    _check_region(part, sources[0].shape)
    seconds = dict.fromkeys(PARTS, 0.0)
    made: set[str] = set()
    frames, points, keys = [], [], []
    for source in sources:
        image, levels, took, new = _prepared(source, detector, settings, part, cache)
        seconds["read"] += took[0]
        seconds["range"] += took[1]
        made |= {"read", "range"} if new else set()
        key = content_key("trial points", _file_key(source), detector, levels, part, settings.sift)
        found, spent, kept = cache.get(
            key, partial(_points, image, settings, part), _size_of_points
        )
        seconds["key points"] += spent
        made |= set() if kept else {"key points"}
        frames.append(
            TrialFrame(str(source.path), image, *levels, part, source.pixel_size_nm, source.shape)
        )
        points.append(found)
        keys.append(key)
    matches, spent, kept = _matched(points, keys, settings, cache)
    seconds["matching"] = spent
    made |= set() if kept else {"matching"}
    started = time.perf_counter()
    estimate, used = solve_matches(
        matches, settings.matching, settings.solver, settings.solver.seed
    )
    seconds["solving"] = time.perf_counter() - started
    return PairTrial(
        frames[0],
        frames[1],
        points[0],
        points[1],
        matches,
        used,
        estimate,
        int(matches.below(settings.matching.lowe_ratio).sum()),
        seconds,
        frozenset(PARTS[:4]) - made,
        region_note(part, sources[0].shape),
    )


def region_note(part: Region, shape: tuple[int, int]) -> str:
    """Say in words what part of a frame was tried; empty for all of it."""
    top, bottom, left, right = part
    if (bottom - top, right - left) == tuple(shape):
        return ""
    return (
        f"Only x {left}-{right}, y {top}-{bottom} px of {shape[1]} x {shape[0]} px was tried, so "
        "that settings can be tuned quickly; the run takes whole frames."
    )


def _check_region(part: Region, shape: tuple[int, int]) -> None:
    top, bottom, left, right = part
    if not (0 <= top < bottom <= shape[0] and 0 <= left < right <= shape[1]):
        raise ParameterError(
            "region", expected="a part (yi, ya, xi, xa) of the frame", found=str(part)
        )


def _file_key(source: Any) -> tuple[Any, ...]:
    return str(source.path), *file_identity(source.path)


def _prepared(
    source: Any, detector: str, settings: RunSettings, part: Region, cache: TrialCache
) -> tuple[npt.NDArray[np.uint8], tuple[float, float], tuple[float, float], bool]:
    """Return the 8-bit region, its grey levels, seconds of reading and of the range, if new."""
    s = settings.data_range
    used = (detector, part, s.thr_min, s.thr_max, s.nbins, s.method)
    key = content_key("trial image", _file_key(source), used)

    def make() -> Any:
        started = time.perf_counter()
        raw = source.raw(detector)
        read = time.perf_counter() - started
        rows, columns = slice(*part[:2]), slice(*part[2:])
        if raw.dtype == np.uint8:
            return raw[rows, columns].copy(), (0.0, 255.0), (read, 0.0)
        started = time.perf_counter()
        found = intensity_range(raw, s.thr_min, s.thr_max, s.nbins, s.method)  # type: ignore[arg-type]
        image = to_8bit(raw[rows, columns], found.minimum, found.maximum)
        took = read, time.perf_counter() - started
        return image, (found.minimum, found.maximum), took

    (image, levels, took), _, kept = cache.get(key, make, lambda made: int(made[0].nbytes))
    return image, levels, took, not kept


def _points(image: npt.NDArray[np.uint8], settings: RunSettings, part: Region) -> KeyPoints:
    found = extract_keypoints(image, settings.sift)
    return replace(found, xy=found.xy + np.array([part[2], part[0]], np.float32))


def _size_of_points(points: KeyPoints) -> int:
    return sum(array.nbytes for array in points.to_arrays().values())


def _matched(
    points: list[KeyPoints], keys: list[str], settings: RunSettings, cache: TrialCache
) -> tuple[Matches, float, bool]:
    m = settings.matching
    seed = settings.solver.seed
    key = content_key("trial matches", keys, m.matcher, m.flann_trees, m.flann_checks, seed)
    return cache.get(
        key,
        lambda: match_keypoints(points[0], points[1], m, seed),
        lambda found: 28 * len(found),
    )


def aligned_pair(
    trial: PairTrial, region: Region | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], Region]:
    """Return the first 8-bit image, the second one laid over it, and where both are whole.

    Parameters
    ----------
    trial : PairTrial
        One that found a transform.
    region : Region, optional
        Limits the place where both are looked at, in pixels of the frame.

    Returns
    -------
    first, second : (y, x) uint8 array
        The tried region; the second is interpolated linearly and 0 where it has no pixels.
    inner : Region
        Where both have pixels, in pixels of the frame; empty (yi == ya) where they do not meet.
    """
    yi, ya, xi, xa = trial.first.region
    shift = np.array([[1.0, 0, xi], [0, 1, yi], [0, 0, 1]])
    local = np.linalg.inv(shift) @ trial.matrix @ shift
    size = trial.first.image.shape[1], trial.first.image.shape[0]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    second = cv2.warpAffine(trial.second.image, local[:2], size, flags=flags)
    corners = np.array([[xi, yi], [xa - 1, yi], [xi, ya - 1], [xa - 1, ya - 1]], np.float64)
    back = np.linalg.inv(trial.matrix)
    placed = corners @ back[:2, :2].T + back[:2, 2]
    left = max(xi, int(np.ceil(placed[[0, 2], 0].max())))
    right = min(xa, int(np.floor(placed[[1, 3], 0].min())) + 1)
    top = max(yi, int(np.ceil(placed[[0, 1], 1].max())))
    bottom = min(ya, int(np.floor(placed[[2, 3], 1].min())) + 1)
    if region is not None:
        top, bottom = max(top, region[0]), min(bottom, region[1])
        left, right = max(left, region[2]), min(right, region[3])
    if bottom <= top or right <= left:
        top, bottom, left, right = yi, yi, xi, xi
    return trial.first.image, np.asarray(second, np.uint8), (top, bottom, left, right)
