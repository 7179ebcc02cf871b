"""Several models and solvers tried on several pairs, to be compared."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fibsem_dash.compute.executor import describe_error
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.registration.block_trial import try_blocks
from fibsem_dash.registration.trial import read_pair, try_pair
from fibsem_dash.registration.trial_alignment import aligned_ncc, laid_ncc
from fibsem_dash.registration.trial_cache import TrialCache
from fibsem_dash.registration.trial_result import PairTrial
from fibsem_dash.settings import RunSettings, update

OF_KEY_POINTS = ("sift", "matching")
"""Groups of settings that blocks do without."""


@dataclass(frozen=True)
class Variant:
    """Settings that are compared with others, and what they are called by.

    Attributes
    ----------
    transform, solver, matcher : str
        Model, solver and matcher.
    settings : RunSettings
        All settings.
    changed : str
        The further setting that differs, with its value, in words; empty where none does.
    varied : str
        Its name as ``group.setting``.
    estimator : {"sift", "blocks"}
        Blocks have neither solver nor matcher: both are empty.
    """

    transform: str
    solver: str
    matcher: str
    settings: RunSettings
    changed: str = ""
    varied: str = ""
    estimator: str = "sift"

    @property
    def name(self) -> str:
        """What tells it from the others."""
        return variant_name(self.transform, self.solver, self.matcher, self.changed, self.estimator)


@dataclass(frozen=True)
class TrialPair:
    """Two frames by number and file."""

    first: int
    second: int
    first_path: str
    second_path: str


@dataclass(frozen=True)
class TrialRow:
    """One variant on one pair, or the mean of a variant over its pairs.

    Attributes
    ----------
    pair : str
        Numbers of the frames; of a mean, how many pairs it is of.
    transform, solver, matcher, changed, estimator : str
        The variant; `changed` is the further setting that is varied, with its value.
    n_matches, n_inliers : float
        Matches that passed Lowe's test, and those that the matrix rests on.
    error_px, fwhm_x_px, fwhm_y_px : float
        Residuals of the inliers; NaN when failed.
    ncc : float
        Correlation of the 8-bit images after alignment, where both have pixels.
    seconds : float
        Time that one pair adds to a run, on one core.
    stack_seconds : float
        Time that the key points and transforms of the whole stack will take.
    failed : int
        Pairs without a transform.
    reason : str
        Why; empty on success.
    """

    pair: str
    transform: str
    solver: str
    matcher: str
    n_matches: float
    n_inliers: float
    error_px: float
    fwhm_x_px: float
    fwhm_y_px: float
    ncc: float
    seconds: float
    stack_seconds: float
    failed: int = 0
    reason: str = ""
    changed: str = ""
    estimator: str = "sift"


def variant_name(
    transform: str, solver: str, matcher: str, changed: str = "", estimator: str = "sift"
) -> str:
    """Return what tells a variant or a row from the others; see `Variant` for the parts."""
    blocks = "blocks" if estimator == "blocks" else ""
    return ", ".join(filter(None, (blocks, transform, solver, matcher, changed)))


def variants_of(
    settings: RunSettings,
    transforms: Sequence[str],
    solvers: Sequence[str],
    matchers: Sequence[str] = (),
    varied: str = "",
    values: Sequence[Any] = (),
    estimators: Sequence[str] = ("sift",),
) -> list[Variant]:
    """Combine models, solvers, matchers and values; what is not varied is that of the settings.

    Parameters
    ----------
    settings : RunSettings
        What to start from.
    transforms, solvers, matchers : sequence of str
        What is combined; no matcher takes that of the settings.
    varied : str
        One more setting by ``group.setting``, such as "sift.sigma"; empty varies none.
    values : sequence
        Its values; text is converted.
    estimators : sequence of {"sift", "blocks"}
        Blocks are combined with the models alone, and with the values where those matter to them.

    Raises
    ------
    ParameterError
        For a setting or a value that does not exist.
    """
    changes = [{varied: value} for value in values] if varied else [{}]
    found = []
    for change, transform, solver, matcher in itertools.product(
        changes, transforms, solvers, matchers or (settings.matching.matcher,)
    ):
        if "sift" not in estimators:
            break
        chosen = dataclasses.replace(
            settings,
            solver=dataclasses.replace(settings.solver, transform=transform, solver=solver),
            matching=dataclasses.replace(settings.matching, matcher=matcher),
        )
        found.append(
            Variant(transform, solver, matcher, update(chosen, change), _words(change), varied)
        )
    if "blocks" in estimators:
        found += _block_variants(settings, transforms, varied, changes)
    return found


def _words(change: dict[str, Any]) -> str:
    return ", ".join(f"{name.split('.')[-1]} {value}" for name, value in change.items())


def _block_variants(
    settings: RunSettings, transforms: Sequence[str], varied: str, changes: list[dict[str, Any]]
) -> list[Variant]:
    if varied.split(".")[0] in OF_KEY_POINTS:
        varied, changes = "", [{}]
    found = []
    for change, transform in itertools.product(changes, transforms):
        chosen = dataclasses.replace(
            settings,
            estimation=dataclasses.replace(settings.estimation, estimator="blocks"),
            solver=dataclasses.replace(settings.solver, transform=transform),
        )
        full = update(chosen, change)
        found.append(Variant(transform, "", "", full, _words(change), varied, "blocks"))
    return found


def spread_pairs(paths: Sequence[tuple[int, str]], n_pairs: int, step: int = 1) -> list[TrialPair]:
    """Choose pairs that lie evenly along the stack.

    Parameters
    ----------
    paths : sequence of (int, str)
        Number and file of the frames that can be used, in order.
    n_pairs : int
        How many; fewer where the stack has fewer.
    step : int
        Frames from the first to the second of a pair.
    """
    starts = len(paths) - step
    if starts < 1 or n_pairs < 1:
        return []
    places = np.unique(np.linspace(0, starts - 1, min(n_pairs, starts)).round().astype(int))
    return [
        TrialPair(paths[i][0], paths[i + step][0], paths[i][1], paths[i + step][1])
        for i in map(int, places)
    ]


def compare_trials(
    pairs: Sequence[TrialPair],
    variants: Sequence[Variant],
    *,
    n_frames: int = 0,
    n_workers: int = 1,
    max_side: int = 0,
    cache: TrialCache | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[TrialRow]:
    """Try every variant on every pair; yield each result when it is there.

    A pair that cannot be tried gives a row with the reason, and the others go on.

    Parameters
    ----------
    pairs, variants : sequence
        What is tried.
    n_frames, n_workers : int
        Length of the stack and workers of the run, for the predicted time.
    max_side : int
        See `try_pair`.
    cache : TrialCache, optional
        See `try_pair`.
    stop : callable
        Asked before every costly part of a trial; True ends the comparison.
    """
    for pair, variant in itertools.product(pairs, variants):
        if stop():
            return
        try:
            if variant.estimator == "blocks":
                yield _block_row(pair, variant, n_frames / max(n_workers, 1), max_side, cache, stop)
                continue
            trial = try_pair(
                pair.first_path,
                pair.second_path,
                variant.settings,
                max_side=max_side,
                cache=cache,
                stop=stop,
            )
        except (FibsemDashError, OSError) as error:
            if stop():
                return
            yield _failed_row(pair, variant, describe_error(error))
        else:
            yield _row(pair, variant, trial, n_frames / max(n_workers, 1))


def _row(pair: TrialPair, variant: Variant, trial: PairTrial, pairs_per_worker: float) -> TrialRow:
    return TrialRow(
        pair=_pair_name(pair),
        transform=variant.transform,
        solver=variant.solver,
        matcher=variant.matcher,
        n_matches=trial.n_matches,
        n_inliers=trial.n_inliers,
        error_px=trial.estimate.error_abs_mean,
        fwhm_x_px=trial.estimate.fwhm_x,
        fwhm_y_px=trial.estimate.fwhm_y,
        ncc=aligned_ncc(trial),
        seconds=trial.pair_seconds,
        stack_seconds=trial.pair_seconds * pairs_per_worker,
        failed=0 if trial else 1,
        reason=trial.estimate.reason,
        changed=variant.changed,
    )


def _block_row(
    pair: TrialPair, variant: Variant, pairs_per_worker: float, max_side: int,
    cache: TrialCache | None, stop: Callable[[], bool],
) -> TrialRow:  # fmt: skip
    settings = variant.settings
    paths = pair.first_path, pair.second_path
    first, second, reading = read_pair(*paths, settings, max_side=max_side, cache=cache, stop=stop)
    blocks = try_blocks(first.image, second.image, settings)
    found, spent = blocks.estimate, blocks.seconds
    corner = np.eye(3)
    corner[:2, 2] = first.region[2], first.region[0]
    matrix = corner @ found.matrix @ np.linalg.inv(corner)
    # Frames are read and prepared once for both of their pairs, and whole in a run.
    share = first.shape[0] * first.shape[1] / first.image.size
    seconds = reading / 2 + share * (spent["spectra"] / 2 + spent["correlation"]) + spent["solving"]
    return TrialRow(
        pair=_pair_name(pair),
        transform=variant.transform,
        solver="",
        matcher="",
        n_matches=int(blocks.confident.sum()),
        n_inliers=int(blocks.used.sum()),
        error_px=found.error_abs_mean,
        fwhm_x_px=found.fwhm_x,
        fwhm_y_px=found.fwhm_y,
        ncc=laid_ncc(first, second, matrix) if found else float("nan"),
        seconds=seconds,
        stack_seconds=seconds * pairs_per_worker,
        failed=0 if found else 1,
        reason=found.reason,
        changed=variant.changed,
        estimator="blocks",
    )


def _failed_row(pair: TrialPair, variant: Variant, reason: str) -> TrialRow:
    nan = float("nan")
    names = _pair_name(pair), variant.transform, variant.solver, variant.matcher
    numbers = (0, 0, nan, nan, nan, nan, nan, nan)
    return TrialRow(*names, *numbers, 1, reason, variant.changed, variant.estimator)


def _pair_name(pair: TrialPair) -> str:
    return f"{pair.first} → {pair.second}"


def mean_rows(rows: Sequence[TrialRow]) -> list[TrialRow]:
    """Return one row per variant: means over the pairs that have a transform."""
    groups: dict[tuple[str, str, str, str, str], list[TrialRow]] = {}
    for row in rows:
        names = row.transform, row.solver, row.matcher, row.changed, row.estimator
        groups.setdefault(names, []).append(row)
    return [_mean(names, group) for names, group in groups.items()]


def _mean(names: tuple[str, str, str, str, str], rows: list[TrialRow]) -> TrialRow:
    good = [row for row in rows if not row.reason]
    means: dict[str, Any] = {
        name: float(np.mean([getattr(row, name) for row in good])) if good else float("nan")
        for name in (
            "n_matches", "n_inliers", "error_px", "fwhm_x_px", "fwhm_y_px", "ncc", "seconds",
            "stack_seconds",
        )
    }  # fmt: skip
    reasons = [row.reason for row in rows if row.reason]
    return TrialRow(
        f"mean of {len(rows)}",
        *names[:3],
        **means,
        failed=len(reasons),
        reason=reasons[0] if reasons else "",
        changed=names[3],
        estimator=names[4],
    )
