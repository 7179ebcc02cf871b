"""Error of the pair transforms on real tissue with known drift."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fibsem_dash.registration.frames import find_frames

LIMITS = {"regularized_affine": (0.225, 0.36), "shift": (0.225, 0.225)}


@pytest.fixture(scope="module")
def drift_case(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default case: 60 frames of 400 x 400."""
    folder = tmp_path_factory.mktemp("drift")
    subprocess.run(
        [sys.executable, str(shared / "tools" / "drift_case.py"), str(folder)], check=True
    )
    return folder


@pytest.fixture(scope="module")
def noisy_case(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with four times the noise, another drift and another size."""
    folder = tmp_path_factory.mktemp("noisy")
    options = ["--noise", "160", "--seed", "34", "--size", "300", "--frames", "40"]
    subprocess.run(
        [sys.executable, str(shared / "tools" / "drift_case.py"), str(folder), *options], check=True
    )
    return folder


def score_of(run: Any, case: Path, shared: Path, size: int) -> dict[str, float]:
    command = [sys.executable, str(shared / "tools" / "score_transforms.py")]
    command += [str(run.folder / "pairs.csv"), str(case / "truth.json"), "--size", str(size)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    score: dict[str, float] = json.loads(output.splitlines()[-1])
    return score


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize(("name", "size", "pairs"), [("drift", 400, 59), ("noisy", 300, 39)])
def test_blocks_are_as_accurate_as_key_points(
    name: str,
    size: int,
    pairs: int,
    request: pytest.FixtureRequest,
    shared: Path,
    new_run: Callable[..., Any],
) -> None:
    case = request.getfixturevalue(f"{name}_case")
    scores = []
    for estimator in ("blocks", "sift"):
        run = new_run(find_frames(case))
        assert run.start(estimation__estimator=estimator).n_problems == 0
        scores.append(score_of(run, case, shared, size))
    blocks, sift = scores
    assert blocks["pairs"] == sift["pairs"] == pairs
    assert blocks["centre_rms_px"] <= sift["centre_rms_px"]
    assert blocks["corner_rms_px"] <= 0.8 * sift["corner_rms_px"]


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("transform", LIMITS)
def test_pairs_are_as_accurate_as_the_tissue_allows(
    transform: str, drift_case: Path, shared: Path, new_run: Callable[..., Any]
) -> None:
    run = new_run(find_frames(drift_case))
    summary = run.start(solver__transform=transform)
    assert summary.n_problems == 0
    score = score_of(run, drift_case, shared, 400)
    centre, corner = LIMITS[transform]
    assert score["pairs"] == 59
    assert score["centre_rms_px"] <= centre
    assert score["corner_rms_px"] <= corner
