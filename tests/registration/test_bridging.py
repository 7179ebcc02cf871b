"""Frames that fit neither neighbour, with an estimate that fails where it is told to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from fibsem_dash.registration.bridging import bridge_gaps
from fibsem_dash.registration.pairs import PairResult

Pair = tuple[int, int]


class FakeEstimate:
    """Fails for pairs that touch a bad frame, and for the pairs given."""

    def __init__(self, bad_frames: Sequence[int] = (), bad_pairs: Sequence[Pair] = ()) -> None:
        self.bad_frames, self.bad_pairs = set(bad_frames), set(bad_pairs)
        self.asked: list[Pair] = []

    def __call__(self, pairs: Sequence[Pair]) -> Mapping[Pair, PairResult]:
        self.asked += pairs
        return {pair: self._result(pair) for pair in pairs}

    def _result(self, pair: Pair) -> PairResult:
        bad = pair in self.bad_pairs or bool(self.bad_frames & set(pair))
        nan = np.full(2, np.nan)
        reason = "made to fail" if bad else ""
        return PairResult(*pair, np.eye(3), 50, 40, 0.5, 1.0, 1.0, nan, nan, reason, "key")


def bridge(
    n: int, estimate: FakeEstimate, featureless: Sequence[int] = ()
) -> tuple[list[int], dict[Pair, PairResult], dict[int, str]]:
    return bridge_gaps(range(n), {k: 0 if k in featureless else 100 for k in range(n)}, estimate)


def test_good_frames_stay_with_their_neighbours() -> None:
    estimate = FakeEstimate()
    kept, pairs, excluded = bridge(4, estimate)
    assert kept == [0, 1, 2, 3]
    assert list(pairs) == [(0, 1), (1, 2), (2, 3)]
    assert excluded == {}
    assert estimate.asked == [(0, 1), (1, 2), (2, 3)]


def test_a_featureless_frame_is_bridged_without_trying_its_pairs() -> None:
    estimate = FakeEstimate()
    kept, pairs, excluded = bridge(5, estimate, featureless=[2])
    assert kept == [0, 1, 3, 4]
    assert list(pairs) == [(0, 1), (1, 3), (3, 4)]
    assert excluded == {2: "featureless: 0 key points"}
    assert all(2 not in pair for pair in estimate.asked)


@pytest.mark.parametrize("featureless", [[0], [4], [0, 1], [3, 4], [0, 4]])
def test_featureless_ends_are_taken_out(featureless: list[int]) -> None:
    kept, pairs, excluded = bridge(5, FakeEstimate(), featureless)
    assert kept == [k for k in range(5) if k not in featureless]
    assert sorted(excluded) == featureless
    assert len(pairs) == len(kept) - 1


def test_a_frame_that_matches_neither_neighbour_is_bridged() -> None:
    estimate = FakeEstimate(bad_frames=[2])
    kept, pairs, excluded = bridge(5, estimate)
    assert kept == [0, 1, 3, 4]
    assert list(pairs) == [(0, 1), (1, 3), (3, 4)]
    assert all(pairs.values())
    assert excluded == {2: "matches neither neighbour"}
    assert estimate.asked[4:] == [(1, 3)]


def test_two_consecutive_bad_frames_are_bridged_at_once() -> None:
    estimate = FakeEstimate(bad_frames=[2, 3])
    kept, _, excluded = bridge(6, estimate)
    assert kept == [0, 1, 4, 5]
    assert sorted(excluded) == [2, 3]
    assert estimate.asked[5:] == [(1, 4)]


def test_two_separate_bad_frames_are_bridged_each() -> None:
    kept, pairs, _ = bridge(9, FakeEstimate(bad_frames=[2, 6]))
    assert kept == [0, 1, 3, 4, 5, 7, 8]
    assert list(pairs)[1] == (1, 3)
    assert all(pairs.values())


def test_frames_stay_where_the_bridge_fails_too() -> None:
    estimate = FakeEstimate(bad_frames=[2, 3], bad_pairs=[(1, 4)])
    kept, pairs, excluded = bridge(6, estimate)
    assert kept == [0, 1, 2, 3, 4, 5]
    assert excluded == {}
    assert [pair for pair, result in pairs.items() if not result] == [(1, 2), (2, 3), (3, 4)]


def test_a_single_failed_pair_is_a_jump_and_takes_nothing_out() -> None:
    kept, pairs, excluded = bridge(5, FakeEstimate(bad_pairs=[(2, 3)]))
    assert kept == [0, 1, 2, 3, 4]
    assert excluded == {}
    assert [pair for pair, result in pairs.items() if not result] == [(2, 3)]


@pytest.mark.parametrize("end", [0, 4])
def test_an_end_that_matches_nothing_stays_and_is_reported(end: int) -> None:
    kept, pairs, excluded = bridge(5, FakeEstimate(bad_frames=[end]))
    assert kept == [0, 1, 2, 3, 4]
    assert excluded == {}
    assert sum(not result for result in pairs.values()) == 1


def test_everything_failing_takes_nothing_out() -> None:
    kept, pairs, excluded = bridge(5, FakeEstimate(bad_frames=range(5)))
    assert kept == [0, 1, 2, 3, 4]
    assert len(pairs) == 4
    assert excluded == {}


def test_nothing_is_left_of_featureless_frames() -> None:
    kept, pairs, excluded = bridge(3, FakeEstimate(), featureless=[0, 1, 2])
    assert (kept, pairs) == ([], {})
    assert len(excluded) == 3


@pytest.mark.parametrize("n", [1, 2])
def test_short_stacks_need_no_bridge(n: int) -> None:
    kept, pairs, _ = bridge(n, FakeEstimate())
    assert kept == list(range(n))
    assert len(pairs) == n - 1
