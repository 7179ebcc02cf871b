"""Frames that fit neither neighbour: which they are, and the pairs across the gaps they leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from fibsem_dash.registration.pairs import PairResult

MIN_KEYPOINTS = 3
"""A frame with fewer key points cannot be placed by any model."""

Estimate = Callable[[Sequence[tuple[int, int]]], Mapping[tuple[int, int], PairResult]]
"""Estimates the transforms of some pairs of frames."""


def bridge_gaps(
    kept: Sequence[int], n_keypoints: Mapping[int, int], estimate: Estimate
) -> tuple[list[int], dict[tuple[int, int], PairResult], dict[int, str]]:
    """Estimate neighbouring pairs, and take out the frames that no neighbour matches.

    A frame without texture is taken out. So is a run of frames whose pairs all fail, when the
    frames on both sides of it do match each other: then the run, not the specimen, is the trouble.
    Where they do not match either, the frames stay and their pairs are reported as failed. A failed
    pair that somebody accepted takes no frame out.

    Parameters
    ----------
    kept : sequence of int
        Frames in order.
    n_keypoints : mapping of int to int
        Key points of each; frames that are not listed count as textured.
    estimate : callable
        Gives the `PairResult` of each of some (first, second).

    Returns
    -------
    kept : list of int
        Frames that stay.
    pairs : dict
        Results by (first, second): the neighbours among the frames that stay.
    excluded : dict
        Frames that were taken out, with the reason.
    """
    excluded = {
        k: f"featureless: {n_keypoints[k]} key points"
        for k in kept
        if n_keypoints.get(k, MIN_KEYPOINTS) < MIN_KEYPOINTS
    }
    remaining = [k for k in kept if k not in excluded]
    known = dict(estimate(list(pairwise(remaining))))
    runs = _suspicious_runs(remaining, known)
    bridges = {(run[0] - 1, run[-1] + 1): run for run in runs}
    wanted = [(remaining[a], remaining[b]) for a, b in bridges]
    known.update(estimate(wanted))
    for (a, b), run in bridges.items():
        if known[remaining[a], remaining[b]]:
            for position in run:
                excluded[remaining[position]] = "matches neither neighbour"
    remaining = [k for k in remaining if k not in excluded]
    return remaining, {pair: known[pair] for pair in pairwise(remaining)}, excluded


def _suspicious_runs(
    frames: Sequence[int], pairs: Mapping[tuple[int, int], PairResult]
) -> list[list[int]]:
    """Find runs of positions, not touching the ends, whose pairs on both sides all fail."""
    bad = [pairs[pair].is_problem for pair in pairwise(frames)]
    runs: list[list[int]] = []
    for position in range(1, len(frames) - 1):
        if bad[position - 1] and bad[position]:
            if runs and runs[-1][-1] == position - 1:
                runs[-1].append(position)
            else:
                runs.append([position])
    return runs
