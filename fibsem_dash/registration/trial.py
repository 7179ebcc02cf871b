"""One pair of frames tried with some settings: every intermediate result, kept where it is costly.

Changing the solver does not search key points again: 8-bit images, key points, candidate matches
and transforms are kept in memory under what they depend on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.errors import RunError
from fibsem_dash.features import KeyPoints, Matches, extract_keypoints, match_keypoints
from fibsem_dash.image.contrast import to_8bit
from fibsem_dash.image.thresholds import intensity_range
from fibsem_dash.io import open_frame
from fibsem_dash.registration.cache import content_key, file_identity
from fibsem_dash.registration.pairs import solve_matches
from fibsem_dash.registration.trial_cache import SHARED, TrialCache
from fibsem_dash.registration.trial_region import Region, check_region, region_note, trial_region
from fibsem_dash.registration.trial_result import PARTS, PairTrial, TrialFrame
from fibsem_dash.settings import RunSettings, SiftSettings
from fibsem_dash.transforms import TransformEstimate


def try_pair(
    first_path: str,
    second_path: str,
    settings: RunSettings,
    *,
    max_side: int = 0,
    region: Region | None = None,
    cache: TrialCache | None = None,
    stop: Callable[[], bool] = lambda: False,
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
    stop : callable
        Asked before every costly part; True ends the trial. What was made until then is kept.

    Raises
    ------
    FormatError, AccessError
        When a frame cannot be read.
    ParameterError
        When a frame lacks the detector, or the region lies outside.
    RunError
        When the frames differ in size, or the trial was stopped.
    """
    cache = SHARED if cache is None else cache
    detector = settings.input.detector
    sources, part = _opened(first_path, second_path, max_side, region)
    seconds = dict.fromkeys(PARTS, 0.0)
    made: set[str] = set()
    frames, points, keys = [], [], []
    for source in sources:
        _go_on(stop)
        image, levels, took, new = _prepared(source, detector, settings, part, cache)
        seconds["read"] += took[0]
        seconds["range"] += took[1]
        made |= {"read", "range"} if new else set()
        _go_on(stop)
        key = content_key("trial points", _file_key(source), detector, levels, part)
        found, spent, kept = _points(image, key, settings.sift, part, cache)
        seconds["key points"] += spent
        made |= set() if kept else {"key points"}
        frames.append(
            TrialFrame(str(source.path), image, *levels, part, source.pixel_size_nm, source.shape)
        )
        points.append(found)
        keys.append(content_key(key, settings.sift))
    _go_on(stop)
    matches, match_key, seconds["matching"], kept = _matched(points, keys, settings, cache)
    made |= set() if kept else {"matching"}
    _go_on(stop)
    (estimate, used), seconds["solving"], kept = _solved(matches, match_key, settings, cache)
    made |= set() if kept else {"solving"}
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
        frozenset(PARTS) - made,
        region_note(part, sources[0].shape),
    )


def read_pair(
    first_path: str,
    second_path: str,
    settings: RunSettings,
    *,
    max_side: int = 0,
    cache: TrialCache | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[TrialFrame, TrialFrame, float]:
    """Read the 8-bit images of a pair as `try_pair` does, without key points.

    Parameters
    ----------
    first_path, second_path, settings, max_side, cache, stop
        See `try_pair`, also for the errors.

    Returns
    -------
    first, second : TrialFrame
        The frames.
    seconds : float
        Time that reading and scaling took for both; that of the first time where they were kept.
    """
    cache = SHARED if cache is None else cache
    sources, part = _opened(first_path, second_path, max_side, None)
    frames, seconds = [], 0.0
    for source in sources:
        _go_on(stop)
        image, levels, took, _new = _prepared(
            source, settings.input.detector, settings, part, cache
        )
        seconds += sum(took)
        frames.append(
            TrialFrame(str(source.path), image, *levels, part, source.pixel_size_nm, source.shape)
        )
    return frames[0], frames[1], seconds


def _opened(
    first_path: str, second_path: str, max_side: int, region: Region | None
) -> tuple[tuple[Any, Any], Region]:
    sources = open_frame(first_path), open_frame(second_path)
    if sources[0].shape != sources[1].shape:
        raise RunError(
            "the frames differ in size",
            path=second_path,
            expected="{1} x {0} pixels".format(*sources[0].shape),
            found="{1} x {0} pixels".format(*sources[1].shape),
        )
    part = region or trial_region(sources[0].shape, max_side=max_side)
    check_region(part, sources[0].shape)
    return sources, part


def _go_on(stop: Callable[[], bool]) -> None:
    if stop():
        raise RunError("the trial was stopped")


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


def _points(
    image: npt.NDArray[np.uint8], key: str, sift: SiftSettings, part: Region, cache: TrialCache
) -> tuple[KeyPoints, float, bool]:
    """Return key points, seconds, and whether they were kept; all of them are kept, not a choice.

    The number of key points is cut after the search, as `extract_keypoints` does it: a change of
    `kp_max_num` costs nothing.
    """
    every = replace(sift, kp_max_num=-1)
    shift = np.array([part[2], part[0]], np.float32)

    def make() -> KeyPoints:
        found = extract_keypoints(image, every)
        return replace(found, xy=found.xy + shift)

    found, spent, kept = cache.get(content_key(key, every), make, _size_of_points)
    if 0 <= sift.kp_max_num < len(found):
        strongest = np.argsort(-found.response, kind="stable")[: sift.kp_max_num]
        found = KeyPoints(**{name: a[strongest] for name, a in found.to_arrays().items()})
    return found, spent, kept


def _size_of_points(points: KeyPoints) -> int:
    return sum(array.nbytes for array in points.to_arrays().values())


def _matched(
    points: list[KeyPoints], keys: list[str], settings: RunSettings, cache: TrialCache
) -> tuple[Matches, str, float, bool]:
    m = settings.matching
    seed = settings.solver.seed
    key = content_key("trial matches", keys, m.matcher, m.flann_trees, m.flann_checks, seed)
    found, spent, kept = cache.get(
        key,
        lambda: match_keypoints(points[0], points[1], m, seed),
        lambda found: 28 * len(found),
    )
    return found, key, spent, kept


def _solved(
    matches: Matches, match_key: str, settings: RunSettings, cache: TrialCache
) -> tuple[tuple[TransformEstimate, npt.NDArray[np.bool_]], float, bool]:
    m, s = settings.matching, settings.solver
    return cache.get(
        content_key("trial transform", match_key, m.lowe_ratio, m.grow_ratio, s),
        partial(solve_matches, matches, m, s, s.seed),
        lambda _found: 2 * len(matches) + 1000,
    )
