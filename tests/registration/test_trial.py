from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from fibsem_dash.errors import FibsemDashError, ParameterError, RunError
from fibsem_dash.features import extract_keypoints
from fibsem_dash.registration.trial import try_pair
from fibsem_dash.registration.trial_alignment import aligned_ncc, aligned_pair
from fibsem_dash.registration.trial_cache import TrialCache
from fibsem_dash.registration.trial_region import trial_region
from fibsem_dash.registration.trial_result import PARTS
from fibsem_dash.registration.trial_table import (
    TrialPair,
    compare_trials,
    mean_rows,
    spread_pairs,
    variants_of,
)
from fibsem_dash.settings import RunSettings, update

SETTINGS = update(RunSettings(), {"solver.transform": "shift"})


@pytest.fixture
def paths(phantom):
    return [str(path) for path in phantom.files]


def test_a_pair_gives_all_its_parts(paths, phantom):
    trial = try_pair(paths[0], paths[1], SETTINGS, cache=TrialCache())
    assert trial
    assert set(trial.seconds) == set(PARTS)
    assert trial.n_inliers == trial.inliers.sum() == len(trial.residual_vectors)
    lengths = np.hypot(*trial.residual_vectors.T)
    assert lengths.mean() == pytest.approx(trial.estimate.error_abs_mean)
    true = phantom.matrices[1] @ np.linalg.inv(phantom.matrices[0])
    centre = np.array([96, 96, 1.0])
    assert (trial.matrix @ centre)[:2] == pytest.approx((true @ centre)[:2], abs=0.5)
    assert trial.note == ""
    assert trial.first.image.dtype == np.uint8


def test_what_does_not_depend_on_a_change_is_kept(paths):
    cache = TrialCache()
    assert try_pair(paths[0], paths[1], SETTINGS, cache=cache).kept == frozenset()
    solver = update(SETTINGS, {"drmax": 2.0, "lowe_ratio": 0.6})
    assert try_pair(paths[0], paths[1], solver, cache=cache).kept == set(PARTS[:4])
    matcher = update(SETTINGS, {"matcher": "flann"})
    assert try_pair(paths[0], paths[1], matcher, cache=cache).kept == set(PARTS[:3])
    sift = update(SETTINGS, {"contrast_threshold": 0.03})
    assert try_pair(paths[0], paths[1], sift, cache=cache).kept == {"read", "range"}
    levels = update(SETTINGS, {"data_range.thr_min": 0.01})
    assert try_pair(paths[0], paths[1], levels, cache=cache).kept == frozenset()


def test_the_cache_stays_below_its_limit(paths):
    cache = TrialCache(max_bytes=200_000)
    for first, second in itertools.pairwise(paths):
        try_pair(first, second, SETTINGS, cache=cache)
        assert cache.n_bytes <= 200_000 or len(cache) == 1


def test_fewer_key_points_are_chosen_from_those_that_are_kept(paths):
    cache = TrialCache()
    fewer = update(SETTINGS, {"sift.kp_max_num": 60})
    try_pair(paths[0], paths[1], SETTINGS, cache=cache)
    chosen = try_pair(paths[0], paths[1], fewer, cache=cache)
    fresh = extract_keypoints(chosen.first.image, fewer.sift)
    assert chosen.kept == set(PARTS[:3])
    for name, array in fresh.to_arrays().items():
        assert np.array_equal(array, getattr(chosen.first_points, name)), name


def test_going_back_costs_nothing(paths):
    cache = TrialCache()
    first = try_pair(paths[0], paths[1], SETTINGS, cache=cache)
    try_pair(paths[0], paths[1], update(SETTINGS, {"drmax": 2.0}), cache=cache)
    again = try_pair(paths[0], paths[1], SETTINGS, cache=cache)
    assert again.kept == set(PARTS)
    assert again.estimate is first.estimate


@pytest.mark.parametrize("asked", range(1, 7))
def test_a_stopped_trial_ends_before_its_next_part_and_keeps_the_others(paths, asked):
    answers = iter([False] * (asked - 1) + [True])
    cache = TrialCache()
    with pytest.raises(RunError, match="stopped"):
        try_pair(paths[0], paths[1], SETTINGS, cache=cache, stop=lambda: next(answers))
    assert len(cache) == asked - 1


def test_a_region_gives_points_of_the_whole_frame(paths):
    whole = try_pair(paths[0], paths[1], SETTINGS, cache=TrialCache())
    part = try_pair(paths[0], paths[1], SETTINGS, max_side=128, cache=TrialCache())
    assert part.first.region == (32, 160, 32, 160)
    assert "128 x 128 of 192 x 192 px" in part.note
    assert part.matrix[:2, 2] == pytest.approx(whole.matrix[:2, 2], abs=0.3)
    assert part.first_points.xy.min() >= 31.5
    assert part.whole_over_part == pytest.approx(2.25)


@pytest.mark.parametrize(
    ("shape", "region"),
    [
        ((1000, 2000), (0, 1000, 0, 2000)),
        ((4000, 4000), (1293, 2707, 1293, 2707)),
        ((500, 20000), (0, 500, 8000, 12000)),
    ],
)
def test_large_frames_are_tried_in_their_middle(shape, region):
    assert trial_region(shape) == region


def test_the_aligned_pair_correlates_better_than_the_raw_one(paths):
    trial = try_pair(paths[0], paths[4], SETTINGS, cache=TrialCache())
    raw = replace(trial, estimate=replace(trial.estimate, matrix=np.eye(3)))
    assert aligned_ncc(trial) > aligned_ncc(raw)
    _, second, (yi, ya, xi, xa) = aligned_pair(trial, (50, 90, 60, 100))
    assert (yi, ya, xi, xa) == (50, 90, 60, 100)
    assert second.shape == (192, 192)
    apart = replace(trial.estimate, matrix=np.array([[1.0, 0, 500], [0, 1, 0], [0, 0, 1]]))
    assert np.isnan(aligned_ncc(replace(trial, estimate=apart)))


def test_a_frame_without_texture_fails_with_words(paths, write_frame):
    blank = write_frame(np.full((192, 192), 7, np.int16))
    trial = try_pair(paths[0], blank, SETTINGS, cache=TrialCache())
    assert not trial
    assert trial.estimate.reason
    assert len(trial.residual_vectors) == 0
    assert np.isnan(aligned_ncc(trial))


def test_frames_that_do_not_go_together_are_refused(paths, write_frame, tmp_path):
    small = write_frame(np.zeros((64, 64), np.int16))
    with pytest.raises(RunError, match="differ in size"):
        try_pair(paths[0], small, SETTINGS, cache=TrialCache())
    with pytest.raises(ParameterError, match="region"):
        try_pair(paths[0], paths[1], SETTINGS, region=(0, 999, 0, 10), cache=TrialCache())
    with pytest.raises(FibsemDashError):
        try_pair(paths[0], str(tmp_path / "none.dat"), SETTINGS, cache=TrialCache())


def test_variants_are_compared_row_by_row(paths, tmp_path):
    variants = variants_of(RunSettings(), ("shift", "affine"), ("RANSAC", "LinReg"))
    pairs = spread_pairs(list(enumerate(paths)), 2)
    assert [(p.first, p.second) for p in pairs] == [(0, 1), (10, 11)]
    rows = list(compare_trials(pairs, variants, n_frames=100, n_workers=4, cache=TrialCache()))
    assert len(rows) == 8
    assert all(row.ncc > 0.2 and row.error_px < 1.5 for row in rows)
    assert rows[0].stack_seconds == pytest.approx(25 * rows[0].seconds)
    means = mean_rows(rows)
    assert [row.pair for row in means] == ["mean of 2"] * 4
    assert means[0].error_px == pytest.approx((rows[0].error_px + rows[4].error_px) / 2)


def test_a_bad_pair_gives_a_row_and_stop_ends_the_comparison(paths, tmp_path):
    variants = variants_of(RunSettings(), ("shift",), ("RANSAC",), ("flann", "brute_force"))
    pairs = [
        TrialPair(0, 1, paths[0], str(tmp_path / "none.dat")),
        TrialPair(0, 1, paths[0], paths[1]),
    ]
    rows = list(compare_trials(pairs, variants, cache=TrialCache()))
    assert [bool(row.reason) for row in rows] == [True, True, False, False]
    assert mean_rows(rows)[0].failed == 1
    stopped: list[bool] = []
    some = []
    for row in compare_trials(pairs, variants, stop=lambda: bool(stopped)):
        some.append(row)
        stopped.append(True)
    assert len(some) == 1


def test_short_stacks_have_no_pairs(paths):
    assert spread_pairs([(0, paths[0])], 3) == []
    assert len(spread_pairs(list(enumerate(paths)), 99)) == len(paths) - 1
