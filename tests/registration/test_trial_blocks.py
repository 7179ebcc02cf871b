"""Blocks beside key points in the comparison of trials."""

from __future__ import annotations

import pytest

from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.frames import find_frames
from fibsem_dash.registration.trial_cache import TrialCache
from fibsem_dash.registration.trial_table import (
    compare_trials,
    mean_rows,
    spread_pairs,
    variants_of,
)
from fibsem_dash.settings import RunSettings


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, str]]:
    folder = write_phantom(tmp_path_factory.mktemp("blocks"), frames=3, size=384, seed=3).folder
    return [(k, str(path)) for k, path in enumerate(find_frames(folder))]


def test_blocks_are_combined_with_models_alone() -> None:
    transforms, solvers = ["shift", "affine"], ["RANSAC", "LinReg"]
    both = variants_of(RunSettings(), transforms, solvers, estimators=["sift", "blocks"])
    assert [v.name for v in both[4:]] == ["blocks, shift", "blocks, affine"]
    assert [v.settings.estimation.estimator for v in both[4:]] == ["blocks", "blocks"]
    assert len(variants_of(RunSettings(), transforms, [], estimators=["blocks"])) == 2
    # What only key points have does not make several rows of the same blocks.
    sigmas = ("sift.sigma", [1.2, 1.6])
    assert len(variants_of(RunSettings(), ["shift"], [], (), *sigmas, ["blocks"])) == 1
    residuals = ("solver.drmax", [1, 2])
    assert len(variants_of(RunSettings(), ["shift"], [], (), *residuals, ["blocks"])) == 2


def test_blocks_and_key_points_agree_on_a_pair(frames: list[tuple[int, str]]) -> None:
    pairs = spread_pairs(frames, 2)
    variants = variants_of(RunSettings(), ["shift"], ["RANSAC"], estimators=["sift", "blocks"])
    rows = list(compare_trials(pairs, variants, n_frames=10, cache=TrialCache(), max_side=300))
    assert [row.estimator for row in rows] == ["sift", "blocks"] * 2
    assert all(not row.reason for row in rows), [row.reason for row in rows]
    for points, blocks in zip(rows[::2], rows[1::2], strict=True):
        # A wrong place of the part in the frame, or a wrong sign, would correlate far less.
        assert blocks.ncc == pytest.approx(points.ncc, abs=0.02)
        assert blocks.n_inliers > 3
        assert blocks.seconds > 0
        assert blocks.stack_seconds == pytest.approx(10 * blocks.seconds)
        assert (blocks.solver, blocks.matcher) == ("", "")
    assert [row.estimator for row in mean_rows(rows)] == ["sift", "blocks"]


def test_a_part_smaller_than_a_block_is_a_row_with_the_reason(
    frames: list[tuple[int, str]],
) -> None:
    variants = variants_of(RunSettings(), ["shift"], [], estimators=["blocks"])
    rows = list(compare_trials(spread_pairs(frames, 1), variants, cache=TrialCache(), max_side=16))
    assert rows[0].estimator == "blocks"
    assert rows[0].failed == 1
    assert rows[0].reason
