"""Runs with the estimators blocks and auto."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fibsem_dash.compute.cluster import open_executor
from fibsem_dash.compute.progress import Cancelled
from fibsem_dash.errors import ParameterError
from fibsem_dash.io import open_frame
from fibsem_dash.phantom import PhantomResult
from fibsem_dash.registration import fusion
from fibsem_dash.registration.block_trial import try_blocks
from fibsem_dash.registration.cache import ResultCache
from fibsem_dash.registration.pairs import PairResult, load_pair_points
from fibsem_dash.registration.pipeline import Registration
from fibsem_dash.settings import RunSettings, update
from fibsem_dash.transforms import translation

CHOICE = {"estimation__estimator": "blocks", "estimation__neighbours": 2}


def rows(run: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(run.contents["pairs.csv"].decode())))


@pytest.fixture(scope="module")
def block_reference(phantom: PhantomResult, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An uninterrupted run by blocks with two neighbours: its files' bytes."""
    folder = tmp_path_factory.mktemp("blocks") / "run"
    named = {name.replace("__", "."): value for name, value in CHOICE.items()}
    Registration(phantom.files, folder, update(RunSettings(), named)).run()
    return {
        path.name: path.read_bytes()
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != "run.json"
    }


def test_blocks_find_the_drift_of_the_phantom(
    phantom: PhantomResult, block_reference: dict[str, bytes]
) -> None:
    truth = np.array(json.loads((phantom.folder / "truth.json").read_text())["T"])
    table = list(csv.DictReader(io.StringIO(block_reference["pairs.csv"].decode())))
    assert {(row["estimator"], row["source"]) for row in table} == {("blocks", "blocks")}
    centre = np.array([96, 96, 1.0])
    for row in table:
        k = int(row["frame"])
        matrix = np.array([[float(row[f"T{i}{j}"]) for j in range(3)] for i in range(2)])
        wanted = truth[k] @ np.linalg.inv(truth[k - 1])
        assert np.abs(matrix @ centre - (wanted @ centre)[:2]).max() < 0.4
        assert row["estimator"] == "blocks"
        assert int(row["npts"]) <= int(row["n_matches"])
        assert 0 < float(row["error_abs_mean"]) < 1.5


@pytest.mark.parametrize(("stage", "n_items"), [("pairs", 0), ("pairs", 6), ("stack", 1)])
def test_a_cancelled_run_by_blocks_resumes_to_the_same_bytes(
    stage: str,
    n_items: int,
    phantom: PhantomResult,
    block_reference: dict[str, bytes],
    new_run: Callable[..., Any],
    cancel_after: Callable[..., Any],
) -> None:
    run = new_run(phantom.files)
    with pytest.raises(Cancelled):
        run.start(monitor=cancel_after(stage, n_items), **CHOICE)
    run.start(**CHOICE)
    assert run.contents == block_reference
    if n_items:
        assert run.counts["pairs"][0] >= 1
    run.start(**CHOICE)
    assert run.counts["pairs"][1] == 0


def test_workers_give_the_same_bytes_as_this_process(
    phantom: PhantomResult, block_reference: dict[str, bytes], new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files)
    with open_executor(2) as executor:
        run.start(executor=executor, **CHOICE)
    assert run.contents == block_reference


def test_a_blank_frame_is_taken_out_and_bridged(
    copied_phantom: list[Path], new_run: Callable[..., Any], write_frame: Callable[..., str]
) -> None:
    rng = np.random.default_rng(0)
    shape = open_frame(copied_phantom[5]).shape
    blank = rng.normal(0, 40, shape).astype(np.int16)
    copied_phantom[5].write_bytes(Path(write_frame(blank, blank)).read_bytes())
    for estimator in ("blocks", "auto"):
        run = new_run(copied_phantom)
        summary = run.start(estimation__estimator=estimator)
        assert list(summary.excluded) == [5]
        assert not summary.failed
        table = {row["frame"]: row for row in rows(run)}
        assert table["5"]["status"] == "excluded"
        assert table["6"]["previous_frame"] == "4"


def test_auto_uses_sift_where_blocks_fail(
    phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files)
    # No block can be this certain, so every pair falls back.
    run.start(estimation__estimator="auto", blocks__confidence=1.0)
    assert {row["estimator"] for row in rows(run)} == {"sift"}
    run.start(estimation__estimator="auto")
    assert {row["estimator"] for row in rows(run)} == {"blocks"}


def test_blocks_alone_tell_why_pairs_failed(
    phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files[:3])
    summary = run.start(estimation__estimator="blocks", blocks__confidence=1.0)
    assert len(summary.failed) == 2
    assert all("clear peak" in pair.reason for pair in summary.failed)


def test_frames_below_one_block_fail_with_the_remedy(
    phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files[:2])
    summary = run.start(estimation__estimator="blocks", blocks__block_size=256)
    assert "smaller than one block" in summary.failed[0].reason


def test_block_vectors_are_kept_for_pictures(
    phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files[:2])
    named = update(RunSettings(), {"estimation.estimator": "blocks"})
    registration = Registration(phantom.files[:2], run.folder, named)
    registration.run()
    pair = registration.pairs[0]
    points = load_pair_points(ResultCache(registration.store.cache.folder), pair.key)
    assert points is not None
    assert len(points["src"]) == len(points["confidence"]) == pair.n_inliers


def test_a_trial_shows_every_block(phantom: PhantomResult) -> None:
    images = [open_frame(path).raw("A") for path in phantom.files[:2]]
    trial = try_blocks(images[0], images[1], RunSettings())
    assert trial.estimate
    n = len(trial.matches)
    assert trial.vectors.shape == trial.residuals.shape == (n, 2)
    assert trial.used.shape == trial.confident.shape == (n,)
    assert np.hypot(*trial.residuals[trial.used].T).max() < 1.5
    with pytest.raises(ParameterError):
        try_blocks(images[0], images[1][:-1], RunSettings())


def pair(first: int, second: int, x: float, error: float = 0.2, reason: str = "") -> PairResult:
    centre = np.array([50.0, 60.0])
    matrix = translation(x, 0.0)
    moved = centre + np.array([x, 0.0])
    return PairResult(
        first, second, matrix, 100, 90, error, 0.3, 0.3, centre, moved, reason, f"{first}-{second}"
    )


def test_spans_reach_the_asked_number_of_neighbours() -> None:
    wanted = [(0, 1), (1, 2), (2, 4), (7, 8)]
    assert fusion.with_neighbours(wanted, 1) == wanted
    assert fusion.with_neighbours(wanted, 2) == [
        *((0, 1), (0, 2), (1, 2)),
        *((1, 4), (2, 4), (7, 8)),
    ]


def test_consistent_pairs_stay_as_they_are() -> None:
    chain = [pair(k, k + 1, 1.0) for k in range(6)]
    spans = {(k, k + 2): pair(k, k + 2, 2.0) for k in range(5)}
    for old, new in zip(chain, fusion.fuse_pairs(chain, spans), strict=True):
        np.testing.assert_allclose(new.matrix, old.matrix, atol=1e-9)
        np.testing.assert_allclose(new.mean_dst, old.mean_dst, atol=1e-9)


def test_without_further_pairs_nothing_changes() -> None:
    chain = [pair(k, k + 1, 1.0) for k in range(3)]
    fused = fusion.fuse_pairs(chain, {(p.first, p.second): p for p in chain})
    assert all(new is old for old, new in zip(chain, fused, strict=True))


def test_a_single_wrong_pair_loses_its_influence() -> None:
    chain = [pair(k, k + 1, 1.0) for k in range(12)]
    chain[5] = replace(chain[5], matrix=translation(9.0, 0.0))
    spans = {(k, k + n): pair(k, k + n, float(n)) for n in (2, 3) for k in range(13 - n)}
    fused = fusion.fuse_pairs(chain, spans)
    assert abs(fused[5].matrix[0, 2] - 1.0) < 0.05
    assert abs(fused[4].matrix[0, 2] - 1.0) < 0.05


def test_independent_errors_shrink() -> None:
    rng = np.random.default_rng(0)
    single, fused_sum = [], []
    for _ in range(40):
        chain = [pair(k, k + 1, 1.0 + rng.normal(0, 0.2)) for k in range(30)]
        spans = {
            (k, k + n): pair(k, k + n, n + rng.normal(0, 0.2))
            for n in (2, 3)
            for k in range(31 - n)
        }
        single.append(sum(p.matrix[0, 2] for p in chain) - 30)
        fused_sum.append(sum(p.matrix[0, 2] for p in fusion.fuse_pairs(chain, spans)) - 30)
    assert np.std(fused_sum) < 0.6 * np.std(single)


def test_a_failed_pair_splits_the_chain() -> None:
    chain = [pair(k, k + 1, 1.0) for k in range(6)]
    chain[3] = pair(3, 4, np.nan, reason="no")
    spans = {(k, k + 2): pair(k, k + 2, 2.03) for k in range(5)}
    fused = fusion.fuse_pairs(chain, spans)
    assert fused[3] is chain[3]
    assert fused[0].matrix[0, 2] == pytest.approx(1.01, abs=0.006)
