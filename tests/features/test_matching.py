"""Matches between the key points of two images."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from fibsem_dash.errors import ParameterError
from fibsem_dash.features import KeyPoints, Matches, exhaustive, extract_keypoints, match_keypoints
from fibsem_dash.features import matching as module
from fibsem_dash.settings import MatchingSettings

MakeKeyPoints = Callable[..., KeyPoints]
EXACT = MatchingSettings(matcher="brute_force")
TREES = MatchingSettings(matcher="flann")
GUIDED = MatchingSettings(matcher="guided")


@pytest.fixture(scope="module")
def noisy(texture: np.ndarray) -> KeyPoints:
    """Key points of the texture with noise."""
    noise = np.random.default_rng(8).normal(0, 6, texture.shape)
    return extract_keypoints(np.clip(texture + noise, 0, 255).astype(np.uint8))


def assert_equal(first: Matches, second: Matches) -> None:
    for item in dataclasses.fields(Matches):
        np.testing.assert_array_equal(getattr(first, item.name), getattr(second, item.name))


def test_brute_force_equals_opencv(keypoints: KeyPoints, noisy: KeyPoints) -> None:
    index, distances = exhaustive.search_exhaustive(keypoints.descriptors, noisy.descriptors)
    known = cv2.BFMatcher(cv2.NORM_L2).knnMatch(
        keypoints.descriptors.astype(np.float32), noisy.descriptors.astype(np.float32), k=2
    )
    np.testing.assert_array_equal(index, [best.trainIdx for best, _ in known])
    np.testing.assert_allclose(
        distances, [[best.distance, second.distance] for best, second in known], rtol=1e-6
    )


def test_brute_force_is_the_same_in_any_number_of_blocks(
    keypoints: KeyPoints, noisy: KeyPoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = match_keypoints(keypoints, noisy, EXACT)
    monkeypatch.setattr(exhaustive, "BRUTE_FORCE_ROWS", 37)
    assert_equal(match_keypoints(keypoints, noisy, EXACT), whole)


def test_the_ratio_is_that_of_the_best_two_distances(make_keypoints: MakeKeyPoints) -> None:
    first, second = make_keypoints(1), make_keypoints(3, seed=1)
    base = np.full(128, 100, np.uint8)
    first.descriptors[0] = base
    second.descriptors[:] = base
    second.descriptors[0, 0], second.descriptors[1, 0], second.descriptors[2, 0] = 106, 103, 112
    found = match_keypoints(first, second, EXACT)
    assert found.dst_index.tolist() == [1]
    assert found.ratio.tolist() == [0.5]
    assert found.below(0.51).tolist() == [True]
    assert found.below(0.5).tolist() == [False]


@pytest.mark.parametrize("settings", [EXACT, TREES], ids=["brute_force", "flann"])
@pytest.mark.parametrize(("n_first", "n_second"), [(0, 0), (0, 5), (5, 0), (5, 1), (1, 1), (0, 1)])
def test_without_two_candidates_there_are_no_matches(
    n_first: int, n_second: int, settings: MatchingSettings, make_keypoints: MakeKeyPoints
) -> None:
    found = match_keypoints(make_keypoints(n_first), make_keypoints(n_second), settings)
    assert len(found) == 0
    assert found.src.shape == found.dst.shape == (0, 2)
    assert found.below(0.7).shape == (0,)


@pytest.mark.parametrize("settings", [EXACT, TREES], ids=["brute_force", "flann"])
@pytest.mark.parametrize("n", [2, 3, 6])
def test_few_candidates_are_enough(
    n: int, settings: MatchingSettings, make_keypoints: MakeKeyPoints
) -> None:
    points = make_keypoints(n)
    found = match_keypoints(points, points, settings)
    np.testing.assert_array_equal(found.dst_index, found.src_index)
    assert (found.ratio == 0).all()


@pytest.mark.parametrize("settings", [EXACT, TREES], ids=["brute_force", "flann"])
def test_a_blank_image_matches_nothing(settings: MatchingSettings, keypoints: KeyPoints) -> None:
    blank = extract_keypoints(np.zeros((50, 50), np.uint8))
    assert len(match_keypoints(keypoints, blank, settings)) == 0
    assert len(match_keypoints(blank, keypoints, settings)) == 0


@pytest.mark.parametrize("settings", [EXACT, TREES], ids=["brute_force", "flann"])
def test_candidates_that_are_all_alike_are_not_distinctive(
    settings: MatchingSettings, make_keypoints: MakeKeyPoints
) -> None:
    points = make_keypoints(12)
    points.descriptors[:] = 9
    found = match_keypoints(make_keypoints(4, seed=1), points, settings)
    assert len(found) == 4
    assert not found.below(0.99).any()


def test_flann_finds_almost_what_brute_force_finds(keypoints: KeyPoints, noisy: KeyPoints) -> None:
    exact, trees = (match_keypoints(keypoints, noisy, s) for s in (EXACT, TREES))
    pairs = [
        set(
            zip(m.src_index[m.below(0.7)].tolist(), m.dst_index[m.below(0.7)].tolist(), strict=True)
        )
        for m in (exact, trees)
    ]
    assert len(pairs[0] & pairs[1]) > 0.9 * len(pairs[0])


def test_flann_depends_on_its_seed_alone(
    keypoints: KeyPoints, noisy: KeyPoints, make_keypoints: MakeKeyPoints
) -> None:
    first = match_keypoints(keypoints, noisy, TREES, seed=5)
    match_keypoints(make_keypoints(100), make_keypoints(70, seed=1), TREES, seed=1)
    cv2.setRNGSeed(99)
    assert_equal(match_keypoints(keypoints, noisy, TREES, seed=5), first)


def test_auto_is_exact_for_few_key_points_and_guided_for_many(
    keypoints: KeyPoints, noisy: KeyPoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_equal(match_keypoints(keypoints, noisy), match_keypoints(keypoints, noisy, EXACT))
    monkeypatch.setattr(module, "GUIDED_PAIRS", 10)
    assert_equal(match_keypoints(keypoints, noisy), match_keypoints(keypoints, noisy, GUIDED))


def test_guided_matching_finds_what_the_exact_search_finds(
    keypoints: KeyPoints, noisy: KeyPoints
) -> None:
    def distinctive(matches: Matches) -> set[tuple[int, int]]:
        good = matches.below(0.7)
        return set(zip(matches.src_index[good], matches.dst_index[good], strict=True))

    exact = match_keypoints(keypoints, noisy, EXACT)
    guided = match_keypoints(keypoints, noisy, GUIDED)
    assert len(distinctive(exact) & distinctive(guided)) > 0.9 * len(distinctive(exact))
    # The texture was not moved: every partner lies near its own place.
    assert np.abs(guided.dst - guided.src).max() < 8


def test_guided_matching_follows_a_large_jump(texture: np.ndarray) -> None:
    jump = 60
    first = extract_keypoints(texture[:, :-jump].copy())
    second = extract_keypoints(texture[:, jump:].copy())
    found = match_keypoints(first, second, GUIDED)
    good = found.below(0.7)
    assert good.sum() > 50
    moved = (found.dst - found.src)[good]
    np.testing.assert_allclose(np.median(moved, axis=0), [-jump, 0], atol=0.05)


@pytest.mark.parametrize(("pairs", "other"), [(10**9, "brute_force"), (1, "flann")])
def test_guided_matching_compares_all_where_no_rough_transform_is_found(
    make_keypoints: MakeKeyPoints, monkeypatch: pytest.MonkeyPatch, pairs: int, other: str
) -> None:
    monkeypatch.setattr(module, "BRUTE_FORCE_PAIRS", pairs)
    first, second = make_keypoints(40), make_keypoints(40, seed=1)
    assert_equal(
        match_keypoints(first, second, GUIDED, seed=3),
        match_keypoints(first, second, MatchingSettings(matcher=other), seed=3),
    )


def test_a_pair_of_places_counts_once(make_keypoints: MakeKeyPoints) -> None:
    first, second = make_keypoints(6), make_keypoints(6)
    # Two orientations of one place, the second one with the better descriptor.
    first.xy[1], second.xy[1] = first.xy[0], second.xy[0]
    first.descriptors[0, 0] ^= 8
    found = match_keypoints(first, second, EXACT)
    assert found.src_index.tolist() == [1, 2, 3, 4, 5]
    assert found.dst_index.tolist() == [1, 2, 3, 4, 5]


def test_matches_carry_the_positions_of_their_key_points(
    keypoints: KeyPoints, noisy: KeyPoints
) -> None:
    found = match_keypoints(keypoints, noisy)
    np.testing.assert_array_equal(found.src, keypoints.xy[found.src_index])
    np.testing.assert_array_equal(found.dst, noisy.xy[found.dst_index])
    assert (np.diff(found.src_index) > 0).all()
    assert (found.ratio >= 0).all()
    assert (found.ratio <= 1).all()


def test_an_unknown_matcher_is_refused(keypoints: KeyPoints) -> None:
    with pytest.raises(ParameterError, match="auto, guided, flann or brute_force"):
        match_keypoints(keypoints, keypoints, MatchingSettings(matcher="cuda"))
